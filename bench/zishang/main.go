// This program is one server of zishang520's socket.io for mesh bench, set up as its own
// documentation says, with its in-memory adapter or its Redis adapter.
//
// It prints "listening URL", answers the benchmark's three events, and ends when its
// standard input ends.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	rds "github.com/redis/go-redis/v9"
	"github.com/zishang520/socket.io/adapters/redis/v3"
	"github.com/zishang520/socket.io/adapters/redis/v3/adapter"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

func main() {
	kind := flag.String("adapter", "memory", "memory or redis")
	address := flag.String("redis", "127.0.0.1:6379", "address of Redis")
	flag.Parse()
	options := socket.DefaultServerOptions()
	switch *kind {
	case "memory":
	case "redis":
		client := redis.NewRedisClient(context.Background(), rds.NewClient(&rds.Options{Addr: *address}))
		client.On("error", func(args ...any) { log.Println(args...) })
		options.SetAdapter(&adapter.RedisAdapterBuilder{Redis: client, Opts: &adapter.RedisAdapterOptions{}})
	default:
		log.Fatalf("--adapter %s: want memory or redis", *kind)
	}
	server := socket.NewServer(nil, options)
	server.On("connection", func(args ...any) { answer(server, args[0].(*socket.Socket)) })

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", server.ServeHandler(nil))
	go func() {
		log.Fatal(http.Serve(listener, mux))
	}()
	fmt.Printf("listening http://%s\n", listener.Addr())
	io.Copy(io.Discard, os.Stdin)
}

// answer handles the events of one client.
func answer(server *socket.Server, client *socket.Socket) {
	client.On("join", func(args ...any) {
		room, ok := args[0].(string)
		if !ok {
			return
		}
		client.Join(socket.Room(room))
		acknowledge(args)
	})
	client.On("pub", func(args ...any) {
		if room, ok := args[0].(string); ok && len(args) > 1 {
			server.To(socket.Room(room)).Emit("msg", args[1])
		}
	})
	client.On("fetch", func(args ...any) {
		server.FetchSockets()(func(sockets []*socket.RemoteSocket, err error) {
			if err != nil {
				log.Println(err)
			}
			acknowledge(args, len(sockets))
		})
	})
}

func acknowledge(args []any, values ...any) {
	if ack, ok := args[len(args)-1].(socket.Ack); ok {
		ack(append([]any{}, values...), nil)
	}
}
