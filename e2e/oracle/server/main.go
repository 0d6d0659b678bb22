// Command server runs worlds of one or three Socket.IO servers on the mesh, each as
// one scenario of the oracle wants it, and is steered over standard input.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
)

// request is a line of the driver.
type request struct {
	ID      int             `json:"id"`
	Op      string          `json:"op"`
	World   string          `json:"world"`
	Servers int             `json:"servers"`
	Server  int             `json:"server"`
	Options options         `json:"options"`
	Setup   *program        `json:"setup"`
	Program *program        `json:"program"`
	_       json.RawMessage // what else there is
}

type control struct {
	mu     sync.Mutex
	out    *json.Encoder
	worlds map[string]*world
}

func main() {
	c := &control{out: json.NewEncoder(os.Stdout), worlds: map[string]*world{}}
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			fmt.Fprintf(os.Stderr, "not a request: %v\n%s", err, line)
			os.Exit(1)
		}
		go c.answer(r)
	}
}

func (c *control) say(v any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.out.Encode(v); err != nil {
		fmt.Fprintln(os.Stderr, "cannot say:", err, fmt.Sprintf("%.300v", v))
	}
}

func (c *control) answer(r request) {
	c.perform(r, func(value any, err error) {
		reply := map[string]any{"id": r.ID, "value": encode(value)}
		if err != nil {
			reply["error"] = err.Error()
			reply["responses"] = encode(value)
		}
		c.say(reply)
	})
}

func (c *control) perform(r request, done func(any, error)) {
	if r.Op == "open" {
		w, err := open(r, func(actor string, entry any) { c.say(map[string]any{"log": []any{r.World, actor, entry}}) })
		if err != nil {
			done(nil, err)
			return
		}
		c.mu.Lock()
		c.worlds[r.World] = w
		c.mu.Unlock()
		done(w.urls(), nil)
		return
	}
	c.mu.Lock()
	w := c.worlds[r.World]
	c.mu.Unlock()
	if w == nil {
		done(nil, errors.New("this world could not be opened"))
		return
	}
	switch r.Op {
	case "ready":
		done(nil, w.ready())
	case "run":
		w.servers[r.Server%len(w.servers)].run(r.Program, done)
	case "close":
		c.mu.Lock()
		delete(c.worlds, r.World)
		c.mu.Unlock()
		done(nil, w.close())
	default:
		done(nil, fmt.Errorf("no operation %q", r.Op))
	}
}
