//go:build linux

package main

import (
	"bytes"
	"encoding/csv"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == processArgument {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// TestSoak is a short run: everything comes and goes, samples are written, and when it is
// over the servers have no goroutine and no descriptor of it left. make soak runs longer.
func TestSoak(t *testing.T) {
	t.Parallel()
	o := options{Seed: 1, Duration: 6 * time.Second, Every: time.Second, Servers: 3, Clients: 15, Transport: "ws"}
	var out bytes.Buffer
	r, err := run(t.Context(), o, &out, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r)
	for m, n := range r.Came {
		if n == 0 {
			t.Errorf("no client of manner %d has come", m)
		}
	}
	if r.Opened == 0 || r.Asked == 0 || r.Cuts == 0 || r.Restarts == 0 {
		t.Errorf("%d namespaces opened, %d requests, %d cuts, %d restarts: want some of each", r.Opened, r.Asked, r.Cuts, r.Restarts)
	}
	for _, rest := range r.Rest { // memory says nothing after some seconds, and less with the race detector
		if (rest.metric == "goroutines" || rest.metric == "descriptors") && !rest.flat() {
			t.Errorf("%s has %v more %s than before", rest.process, rest.growth, rest.metric)
		}
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, row := range rows[1:] {
		seen[row[2]+" "+row[1]]++
	}
	for _, want := range []string{"discovery churn", "server 0 churn", "server 1 churn"} {
		if seen[want] == 0 || seen[strings.Replace(want, "churn", "rest", 1)] != 2 {
			t.Errorf("rows %v, want some of %s, and two at rest", seen, want)
		}
	}
}

// TestVerdict: growth is seen through noise, and noise is not taken for growth.
func TestVerdict(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 0))
	noise := func(int) int { return r.IntN(16) }
	for _, c := range []struct {
		name string
		at   func(i int) int
		flat bool
	}{
		{"noise", noise, true},
		{"a leak below the noise", func(i int) int { return i/6 + noise(i) }, false},
		{"as much as before, but for some peaks", func(i int) int {
			if i%10 == 0 {
				return 500
			}
			return noise(i)
		}, true},
		{"growth in the first third only", func(i int) int { return min(i, 50) + noise(i) }, true},
		{"shrinking", func(i int) int { return 200 - i + noise(i) }, true},
	} {
		var samples []sample
		for i := range 180 {
			s := sample{at: time.Duration(i) * 10 * time.Second, phase: churn, process: "server 0"}
			s.Goroutines = 40 + c.at(i)
			samples = append(samples, s, sample{at: s.at, phase: churn, process: "another", usage: usage{Goroutines: 9 * i}})
		}
		if trend := trendOf(samples, "server 0", metrics[0]); trend.flat() != c.flat {
			t.Errorf("%s: %+v", c.name, trend)
		}
	}
}

// TestVerdictAtRest: what is left when all have gone counts, too.
func TestVerdictAtRest(t *testing.T) {
	t.Parallel()
	var samples []sample
	for i := range 12 {
		samples = append(samples, sample{at: time.Duration(i) * time.Second, phase: churn, process: "server 0", usage: usage{Descriptors: 40}})
	}
	resting := func(n int) sample {
		return sample{phase: rest, process: "server 0", usage: usage{Descriptors: n}}
	}
	for left, flat := range map[int]bool{0: true, 3: true, 4: false} {
		r := &report{}
		r.judge(append([]sample{resting(20)}, append(samples, resting(20+left))...), []string{"server 0"})
		if r.Flat() != flat {
			t.Errorf("%d descriptors left: %v", left, r)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	good := options{Duration: time.Minute, Every: time.Second, Servers: 4, Clients: 1, Transport: "quic"}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*options){
		"servers: 2":       func(o *options) { o.Servers = 2 },
		"clients: 0":       func(o *options) { o.Clients = 0 },
		"every: 1m0s":      func(o *options) { o.Every = time.Minute },
		`transport: "tcp"`: func(o *options) { o.Transport = "tcp" },
	} {
		o := good
		change(&o)
		if err := o.check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s…", err, want)
		}
	}
}
