// What a Go client does with a server, and what it saw.
//
//	foreign client URL PATH TRANSPORTS
//
// Prints one JSON object of facts and ends when its standard input is closed; the judgement is in
// the Python test. Bytes are {"$binary": "hex"}. Over long-polling it sends nothing while a poll waits
// for its answer.
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	engine "github.com/zishang520/socket.io/clients/engine/v3/transports"
	"github.com/zishang520/socket.io/clients/socket/v3"
	protocol "github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

const deadline = 20 * time.Second

type facts map[string]any

func converse(url, path, transports string) {
	options := socket.DefaultOptions()
	options.SetPath(path)
	set := types.NewSet[engine.TransportCtor]()
	for _, name := range strings.Split(transports, ",") {
		if name == "polling" {
			set.Add(engine.Polling)
		} else {
			set.Add(engine.WebSocket)
		}
	}
	options.SetTransports(set)
	options.SetReconnection(false)
	options.SetTimeout(2 * time.Second)
	options.SetAutoConnect(false)
	options.SetAuth(map[string]any{"tag": "go"})
	last := transports[strings.LastIndex(transports, ",")+1:]
	client, who := connect(url, last, options)
	seen := facts{"sid": client.Id()}
	seen["transport"], seen["auth"] = who["transport"], who["auth"]

	blob := make([]byte, 1000)
	for i := range blob {
		blob[i] = byte(i)
	}
	values := []any{
		"Grüße 🚀", 1.5, true, blob, []byte{}, map[string]any{"deep": []any{"er", blob}},
	}
	echo := next(client, "echo")
	must(client.Emit("echo", values...))
	seen["echo"] = plain(wait(echo))
	seen["ack"] = plain(ask(client, "ack", values...))

	must(client.On("question", func(asked ...any) {
		answer := asked[len(asked)-1].(protocol.Ack)
		answer(asked[:len(asked)-1], nil)
	}))
	seen["answer"] = plain(ask(client, "ask", "question", "why", blob))

	kinds := next(client, "binary kinds")
	must(client.Emit("binary kinds"))
	seen["kinds"] = plain(wait(kinds))

	numbers := make(chan any, 1000)
	must(client.On("number", func(number ...any) { numbers <- number[0] }))
	must(client.Emit("count", 200))
	var counted []any
	for len(counted) < 200 {
		select {
		case number := <-numbers:
			counted = append(counted, number)
		case <-time.After(deadline):
			fail("only these numbers came: ", counted)
		}
	}
	seen["numbers"] = counted

	gone := next(client, "disconnect")
	must(client.Emit("bye"))
	seen["reason"] = plain(wait(gone)[:1])

	// Another one, to leave by itself.
	client, _ = connect(url, last, options)
	seen["second sid"] = client.Id()
	left := next(client, "disconnect")
	client.Disconnect()
	seen["own reason"] = plain(wait(left)[:1])

	must(json.NewEncoder(os.Stdout).Encode(seen))
	// Not before the last packets have left, which the other side of this pipe knows.
	_, err := io.Copy(io.Discard, os.Stdin)
	must(err)
}

// connect returns a client, and what the server knows of it, once its last transport is in use.
//
// The connection is opened first: a socket that opens it itself may send its CONNECT twice, and a
// connection that opens before anybody listens for that takes its time to fail.
func connect(url, last string, options *socket.Options) (*socket.Socket, map[string]any) {
	var manager *socket.Manager
	for open := false; !open; {
		opened := make(chan error, 1)
		manager = socket.NewManager(url, options)
		manager.Open(func(err error) { opened <- err })
		open = <-opened == nil
	}
	client := manager.Socket("/", options)
	connected := next(client, "connect")
	must(client.On("connect_error", func(reasons ...any) { fail("refused: ", reasons) }))
	client.Connect()
	wait(connected)
	// The upgrade is over when the server says that the other transport carries the session.
	var who map[string]any
	for end := time.Now().Add(deadline); time.Now().Before(end); {
		who = ask(client, "whoami")[0].(map[string]any)
		if who["transport"] == last {
			break
		}
	}
	return client, who
}

func next(client *socket.Socket, event string) chan []any {
	seen := make(chan []any, 1)
	must(client.Once(types.EventName(event), func(values ...any) { seen <- values }))
	return seen
}

func ask(client *socket.Socket, event string, values ...any) []any {
	answer := make(chan []any, 1)
	client.EmitWithAck(event, values...)(func(values []any, err error) {
		must(err)
		answer <- values
	})
	return wait(answer)
}

func wait(values chan []any) []any {
	select {
	case some := <-values:
		return some
	case <-time.After(deadline):
		panic("nothing came in time")
	}
}

func plain(value any) any {
	switch value := value.(type) {
	case []byte:
		return map[string]any{"$binary": hex.EncodeToString(value)}
	case types.BufferInterface:
		return map[string]any{"$binary": hex.EncodeToString(value.Bytes())}
	case []any:
		list := make([]any, len(value))
		for i, item := range value {
			list[i] = plain(item)
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for key, item := range value {
			object[key] = plain(item)
		}
		return object
	}
	return value
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func fail(words ...any) {
	fmt.Fprintln(os.Stderr, words...)
	os.Exit(1)
}
