package node_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/transport/mem"
)

// TestChaos causes random faults in a mesh under traffic. Meanwhile messages of one
// sender arrive in order, at most once. When the faults are over there is one link per
// pair again, and nothing is lost.
func TestChaos(t *testing.T) {
	for seed := range uint64(12) { // package sim runs many more, of more kinds
		for _, discovery := range []string{"roster", "static"} {
			t.Run(fmt.Sprint(discovery, seed), func(t *testing.T) {
				bubble(t, func(t *testing.T) { chaos(t, seed, discovery == "static", connections(seed)...) })
			})
		}
	}
}

// connections returns the network's options: every second run has connections with
// streams.
func connections(seed uint64) []mem.Option {
	if seed%2 == 0 {
		return nil
	}
	return []mem.Option{mem.WithStreams(int(1+seed%3), time.Duration(seed%40)*time.Millisecond)}
}

func chaos(t *testing.T, seed uint64, static bool, opts ...mem.Option) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t, opts...)
	hosts := []string{"a", "b", "c", "d"}
	lives := 0
	start := func(host string) *server {
		lives++
		return w.start(host, func(cfg *core.Config) {
			cfg.ID = fmt.Sprintf("%c-%s%d", 'a'+rnd.IntN(26), host, lives) // any order of ids
			cfg.RedialMax = 5 * time.Second
			if static {
				statically(hosts...)(cfg)
			}
		})
	}
	nodes := map[string]*server{}
	heard := []*server{} // everybody who ever lived
	for _, host := range hosts {
		nodes[host] = start(host)
		heard = append(heard, nodes[host])
	}
	sent := map[string]int{}
	talk := func() {
		for _, host := range hosts {
			s := nodes[host]
			for range rnd.IntN(5) {
				sent[s.ID()]++
				s.emit(strconv.Itoa(sent[s.ID()]))
			}
		}
	}
	pair := func() (string, string) {
		i, j := rnd.IntN(len(hosts)), rnd.IntN(len(hosts)-1)
		if j >= i {
			j++
		}
		return hosts[i], hosts[j]
	}
	for range 60 {
		a, b := pair()
		switch rnd.IntN(12) {
		case 0:
			w.net.Cut(a, b)
		case 1, 2:
			w.net.CutOneSide(a, b)
		case 3:
			w.net.Partition(a, b)
		case 4:
			w.net.Hold(a, b)
		case 5, 6:
			w.net.Heal(a, b)
		case 7:
			w.net.Delay(a, b, time.Duration(rnd.IntN(50))*time.Millisecond)
		case 8:
			w.net.Hang(a)
		case 9:
			w.net.Resume(a)
		case 10:
			if rnd.IntN(3) == 0 {
				w.net.Kill(a)
				nodes[a].stop()
				nodes[a] = start(a)
				heard = append(heard, nodes[a])
			}
		}
		for range 1 + rnd.IntN(20) {
			talk()
			time.Sleep(time.Duration(rnd.IntN(200)) * time.Millisecond)
		}
	}
	for i, a := range hosts {
		w.net.Resume(a)
		for _, b := range hosts[i+1:] {
			w.net.Heal(a, b)
			w.net.Delay(a, b, time.Millisecond)
			w.net.Delay(b, a, time.Millisecond)
		}
	}
	within(time.Minute)
	var living []*server
	for _, host := range hosts {
		living = append(living, nodes[host])
	}
	expectMembers(t, living...)
	before := map[*server]int{}
	for _, s := range living {
		before[s] = len(s.received())
		for _, other := range living {
			if other != s {
				expect(t, s.ID()+"'s links to "+other.ID(), s.Links(other.ID()), 1)
			}
		}
	}
	for range 10 {
		for _, s := range living {
			sent[s.ID()]++
			s.emit(strconv.Itoa(sent[s.ID()]))
		}
		time.Sleep(time.Millisecond)
	}
	within(time.Second)
	for _, s := range living {
		expect(t, s.ID()+" got of what was sent in peace", len(s.received())-before[s], 10*(len(living)-1))
	}
	for _, s := range heard {
		last := map[string]int{}
		for _, m := range s.received() {
			from, text, _ := strings.Cut(m, ": ")
			n, err := strconv.Atoi(text)
			if err != nil || n <= last[from] {
				t.Fatalf("%s heard %d of %s after %d", s.ID(), n, from, last[from])
			}
			last[from] = n
		}
	}
}
