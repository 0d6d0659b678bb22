package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// control speaks the control protocol: one JSON object per line. A request
// {id, op, …} is answered with {id, ok, result|error}.
type control struct {
	in *bufio.Reader

	mu  sync.Mutex
	out io.Writer
}

// request holds the members of all operations; see the operations for theirs.
type request struct {
	ID   int    `json:"id"`
	Op   string `json:"op"`
	Nsp  string `json:"nsp"`
	Sid  string `json:"sid"`
	To   []string
	Args []any

	Parent  *string  `json:"parent"`
	Except  []string `json:"except"`
	Flags   flags    `json:"flags"`
	Rooms   []string `json:"rooms"`
	Close   bool     `json:"close"`
	Data    any      `json:"data"`
	Timeout int      `json:"timeout"` // ms
	Event   string   `json:"event"`
	Nsps    []string `json:"nsps"`
	Count   int      `json:"count"`
	Every   int      `json:"every"` // ms
	Rate    int      `json:"rate"`  // per second
	Size    int      `json:"size"`  // bytes of padding
}

type flags struct {
	Volatile bool  `json:"volatile"`
	Compress *bool `json:"compress"`
	Timeout  *int  `json:"timeout"` // ms
	Local    bool  `json:"local"`
}

type operation func(*request) (any, error)

func newControl(in io.Reader, out io.Writer) *control {
	return &control{in: bufio.NewReader(in), out: out}
}

// serve answers requests, each in its own goroutine once it has begun: an
// operation that returns a func is finished by it later. So what is asked first
// is done first, and waiting holds up nobody. It returns when the driver has
// gone, or when ctx ends.
func (c *control) serve(ctx context.Context, operations map[string]operation) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for {
			line, err := c.in.ReadBytes('\n')
			if err != nil {
				return
			}
			c.handle(line, operations)
		}
	}()
	select {
	case <-gone:
	case <-ctx.Done():
	}
}

func (c *control) handle(line []byte, operations map[string]operation) {
	r := &request{Nsp: "/"}
	if err := json.Unmarshal(line, r); err != nil {
		panic(err) // the driver is wrong
	}
	r.Args, r.Data = fromJSON(r.Args).([]any), fromJSON(r.Data)
	op := operations[r.Op]
	if op == nil {
		c.answer(r, nil, fmt.Errorf("unknown operation %s", r.Op))
		return
	}
	result, err := op(r)
	if wait, ok := result.(func() (any, error)); ok {
		go func() {
			result, err := wait()
			c.answer(r, result, err)
		}()
		return
	}
	c.answer(r, result, err)
}

func (c *control) answer(r *request, result any, err error) {
	answer := map[string]any{"id": r.ID, "ok": err == nil, "result": toJSON(result)}
	if err != nil {
		answer["error"] = err.Error()
	}
	c.say(answer)
}

// say writes one line; the first one of a process is {ready: true, …}.
func (c *control) say(value map[string]any) {
	line, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.Write(append(line, '\n'))
}
