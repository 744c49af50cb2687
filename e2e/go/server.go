// A Go server for the clients' tests: prints {"port": N}, then one JSON line for each disconnect.
//
//	foreign server
package main

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

var journal sync.Mutex

func say(entry map[string]any) {
	journal.Lock()
	defer journal.Unlock()
	must(json.NewEncoder(os.Stdout).Encode(entry))
}

func serve() {
	io := socket.NewServer(nil, nil)
	must(io.On("connection", func(clients ...any) { behave(clients[0].(*socket.Socket)) }))
	must(io.Of("/chat", nil).On("connection", func(clients ...any) {
		behave(clients[0].(*socket.Socket))
	}))
	io.Of("/refusing", nil).Use(func(_ *socket.Socket, next func(*socket.ExtendedError)) {
		next(socket.NewExtendedError("nobody may in", map[string]any{"code": 42}))
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	say(map[string]any{"port": listener.Addr().(*net.TCPAddr).Port})
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io.ServeHandler(nil))
	must(http.Serve(listener, mux))
}

func behave(client *socket.Socket) {
	must(client.On("echo", func(values ...any) { must(client.Emit("echo", values...)) }))
	must(client.On("ack", func(values ...any) {
		last := len(values) - 1
		values[last].(socket.Ack)(values[:last], nil)
	}))
	must(client.On("ask", func(values ...any) {
		client.Timeout(20*time.Second).EmitWithAck("question", values...)(
			func(answers []any, err error) {
				if err != nil {
					answers = []any{err.Error()}
				}
				must(client.Emit("answered", answers...))
			})
	}))
	must(client.On("auth", func(values ...any) {
		values[0].(socket.Ack)([]any{client.Handshake().Auth, client.Conn().Transport().Name()}, nil)
	}))
	must(client.On("burst", func(values ...any) {
		for number := range int(values[0].(float64)) {
			must(client.Emit("number", number))
		}
	}))
	must(client.On("kick", func(...any) { client.Disconnect(false) }))
	must(client.On("disconnect", func(reasons ...any) {
		say(map[string]any{"event": "disconnect", "sid": client.Id(), "reason": reasons[0]})
	}))
}
