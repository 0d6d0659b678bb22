//go:build linux

// Chaos runs a mesh of real server processes, each in a network namespace of its own,
// does to them what happens to servers, and checks what they have sent and received
// against the promises of docs/reliability.md.
//
//	go run ./e2e/chaos -seed 7 -duration 3m
//
// A seed fixes which faults happen to whom, in which order and for how long. It does not
// fix what else the machine does meanwhile.
//
//   - network.go: the namespaces, and the faults of what lies between them.
//   - nemesis.go: the faults that a seed draws, one after the other.
//   - failpoint.go: the moments at which servers kill themselves.
//   - server.go: a server process; log.go: what it writes down.
//   - check.go: the checker over all these logs.
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

// processVariable tells this binary to be one of the processes, and which.
const processVariable = "MESH_CHAOS_PROCESS"

func main() {
	if order := os.Getenv(processVariable); order != "" {
		if err := serve(order); err != nil {
			log.Fatal(err)
		}
		return
	}
	o := options{Seed: rand.Uint64N(1 << 20)}
	flag.Uint64Var(&o.Seed, "seed", o.Seed, "what the faults are drawn from")
	flag.DurationVar(&o.Duration, "duration", 3*time.Minute, "how long faults happen")
	flag.IntVar(&o.Servers, "servers", 5, "number of servers, at most 9")
	flag.IntVar(&o.Rate, "rate", 100, "messages per second of each server")
	flag.StringVar(&o.Transport, "transport", "", "ws or quic; else the seed chooses")
	flag.StringVar(&o.Only, "only", "", "draw this kind of fault only")
	flag.StringVar(&o.Dir, "dir", "", "keep the logs in this folder")
	flag.Parse()
	if why := o.missing(); why != "" {
		log.Fatal(why)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	report, err := run(ctx, o, func(format string, args ...any) { fmt.Printf(format+"\n", args...) })
	if err != nil {
		cancel()
		log.Fatal(err)
	}
	fmt.Print(report)
	if len(report.Violations) > 0 {
		fmt.Println("again:", o.again())
		os.Exit(1)
	}
}
