//go:build linux

// Soak runs a mesh of real server processes for long, lets clients, namespaces, links and
// servers come and go, and watches whether the processes grow.
//
//	go run ./e2e/soak -duration 30m -csv soak.csv
//	go run -C tools ./plot --soak $PWD/soak.csv --out $PWD/soak.svg
//
// All servers but the last stay to the end, and so does the discovery service: what they
// take is judged. The last one is killed, or leaves, and starts again all the time.
//
//   - churn.go: the cluster, and what comes and goes; client.go: the clients.
//   - server.go: a server process, and discovery.
//   - sample.go: what a process takes, as rows of a CSV file.
//   - verdict.go: whether that grows.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// processArgument tells this binary to be one of the processes; the next argument says which.
const processArgument = "process"

func main() {
	if len(os.Args) == 3 && os.Args[1] == processArgument {
		if err := serve(os.Args[2]); err != nil {
			log.Fatal(err)
		}
		return
	}
	o := options{Seed: rand.Uint64N(1 << 20)}
	flag.Uint64Var(&o.Seed, "seed", o.Seed, "what comes and goes is drawn from it")
	flag.DurationVar(&o.Duration, "duration", 30*time.Minute, "how long it comes and goes, after a tenth of that to warm up")
	flag.DurationVar(&o.Every, "every", 10*time.Second, "time between two samples")
	flag.IntVar(&o.Servers, "servers", 4, "number of servers; the last one restarts again and again")
	flag.IntVar(&o.Clients, "clients", 60, "number of clients at one time")
	flag.StringVar(&o.Transport, "transport", "ws", "of the links: ws or quic")
	flag.StringVar(&o.Profiles, "profiles", "", "folder for profiles of the heap of a server that stays, at rest before and after")
	file := flag.String("csv", "soak.csv", "file for the samples")
	flag.Parse()
	if err := o.check(); err != nil {
		log.Fatal(err)
	}
	if o.Profiles != "" {
		if err := os.MkdirAll(o.Profiles, 0o755); err != nil {
			log.Fatal(err)
		}
	}
	out, err := os.Create(*file)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	r, err := run(ctx, o, out, func(format string, args ...any) { fmt.Printf(format+"\n", args...) })
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(r)
	if !r.Flat() {
		os.Exit(1)
	}
}
