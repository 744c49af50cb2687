// A Go client and a Go server of Socket.IO, for the tests.
package main

import "os"

func main() {
	if os.Args[1] == "server" {
		serve()
	} else {
		converse(os.Args[2], os.Args[3], os.Args[4])
	}
}
