package sim

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/internal/race"
)

var (
	seeds  = flag.String("sim.seeds", seedsByDefault(), "the seeds to run, as from:to")
	file   = flag.String("sim.plan", "", "run the plan in this file instead of seeds")
	shrink = flag.Int("sim.shrink", 0, "look for a smaller plan that fails as well, with so many runs")
	twice  = flag.Bool("sim.twice", false, "run each seed twice, and tell how often the two are the same")
	logged = flag.Bool("sim.log", false, "show what the servers log")
)

// seedsByDefault are fewer with the race detector, which makes a seed ten times as dear.
func seedsByDefault() string {
	if race.Enabled {
		return "0:60"
	}
	return "0:500"
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// regressions are plans that have failed once: a seed, or what Shrink has left of its
// plan, which stays the same when Draw changes.
var regressions = []struct {
	name string
	seed uint64
	plan string // instead of a seed
}{
	{name: "a request waits for nobody but a peer that links again", plan: `
{"Seed":90,"Hosts":6,"Present":6,"Interest":[true,true,true,true,true,true],"Static":true,"Buffer":262144,"Heartbeat":5000000000,"Timeout":10000000000,"RedialMax":4000000000,"RequestTimeout":6000000000,"QueueBytes":1048576,"InboxBytes":1048576}
39.492s emit 5 0 0s 4 1
39.548s partition 2 5 7.539s 0 0
44.411s ask 2 2 0s 2 0`},
	{name: "a roster leaves out a server that is not heard", seed: 3229},
	{name: "a roster lies about an address at which another server is", plan: `
{"Seed":74,"Hosts":5,"Present":5,"Interest":[true,false,false,false,false],"Static":false,"Streams":2,"Stagger":12000000,"Buffer":262144,"Heartbeat":1000000000,"Timeout":3000000000,"RedialMax":3000000000,"RequestTimeout":3000000000,"QueueBytes":1048576,"InboxBytes":1048576}
1.8s kill 4 0 7.319s 0 0
8.866s lie 0 0 18.509s 2 0`},
	{name: "the message on which a queue overflows is lost as well", plan: `
{"Seed":14,"Hosts":5,"Present":5,"Interest":[false,false,false,false,false],"Static":true,"Streams":3,"Stagger":35000000,"Buffer":4096,"Heartbeat":5000000000,"Timeout":10000000000,"RedialMax":2000000000,"RequestTimeout":6000000000,"QueueBytes":65536,"InboxBytes":32768}
16.49s burst 4 2 0s 69 3058`},
	{name: "a killed server is started again at once", plan: `
{"Seed":831,"Hosts":7,"Present":3,"Interest":[false,false,false,false,false,false,false],"Static":false,"Buffer":262144,"Heartbeat":5000000000,"Timeout":10000000000,"RedialMax":1000000000,"RequestTimeout":3000000000,"QueueBytes":1048576,"InboxBytes":1048576}
11.142s leave 4 0 326ms 0 0
12.337s kill 4 0 109ms 0 0
29.677s ask 1 1 0s 2 0`},
	{name: "a link that tells of a gap is replaced before it is read", plan: `
{"Seed":143,"Hosts":7,"Present":4,"Interest":[true,true,true,true,true,true,true],"Static":true,"Buffer":1024,"Heartbeat":5000000000,"Timeout":10000000000,"RedialMax":5000000000,"RequestTimeout":5000000000,"QueueBytes":1048576,"InboxBytes":1048576}
2.048s reset 0 1 56.186s 0 0
9.046s emit 0 1 0s 4 5`},
	{name: "a peer that was cut is linked again before its old link has ended", plan: `
{"Seed":344,"Hosts":3,"Present":2,"Interest":[false,false,false],"Static":false,"Buffer":4096,"Heartbeat":5000000000,"Timeout":10000000000,"RedialMax":5000000000,"RequestTimeout":2000000000,"QueueBytes":32768,"InboxBytes":32768}
6.039s stall 0 0 12.497s 0 0
10.009s burst 1 2 0s 35 1037
12.889s burst 1 0 0s 41 2697
14.225s burst 0 1 0s 29 2077`},
}

// carryOut runs a plan in a bubble.
func carryOut(t *testing.T, p Plan) (r Result) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if *logged {
		log = slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	synctest.Test(t, func(*testing.T) { r = Run(p, log) })
	return r
}

// report fails the test if a run has violated an invariant, and says how to see it
// again.
func report(t *testing.T, p Plan, r Result) {
	t.Helper()
	if len(r.Violations) == 0 {
		return
	}
	var b strings.Builder
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "  %v\n", v)
	}
	t.Errorf("seed %d (%s, %d hosts) violates:\n%sto run it again: GOMAXPROCS=1 go test ./internal/sim -run TestSeeds -sim.seeds=%d:%d; or add it to the regressions: {name: %q, seed: %d},",
		p.Seed, p.Profile, p.Hosts, b.String(), p.Seed, p.Seed+1, r.Violations[0].Invariant, p.Seed)
	if *shrink > 0 {
		small := Shrink(p, *shrink, func(p Plan) bool {
			again := carryOut(t, p)
			return len(again.Violations) > 0 && again.Violations[0].Invariant == r.Violations[0].Invariant
		})
		t.Logf("of its %d events, these %d fail as well:\n%s", len(p.Events), len(small.Events), small)
	}
}

// TestSeeds runs clusters with faults drawn from seeds.
func TestSeeds(t *testing.T) {
	if *file != "" {
		text, err := os.ReadFile(*file)
		if err != nil {
			t.Fatal(err)
		}
		runText(t, string(text))
		return
	}
	var from, to uint64
	if _, err := fmt.Sscanf(*seeds, "%d:%d", &from, &to); err != nil || from >= to {
		t.Fatalf("-sim.seeds=%s: want from:to", *seeds)
	}
	began := time.Now()
	var sum Figures
	same := 0
	for seed := from; seed < to; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			p := Draw(seed)
			r := carryOut(t, p)
			sum.Add(r.Figures)
			if *twice && carryOut(t, p).Trace == r.Trace {
				same++
			}
			report(t, p, r)
		})
	}
	t.Logf("%d seeds in %v: %v", to-from, time.Since(began).Round(time.Millisecond), sum)
	if *twice {
		t.Logf("%d of %d seeds gave the same twice", same, to-from)
	}
}

// TestRegressions runs what has failed once.
func TestRegressions(t *testing.T) {
	for _, r := range regressions {
		t.Run(r.name, func(t *testing.T) {
			if r.plan != "" {
				runText(t, r.plan)
				return
			}
			p := Draw(r.seed)
			report(t, p, carryOut(t, p))
		})
	}
}

func runText(t *testing.T, text string) {
	t.Helper()
	p, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	report(t, p, carryOut(t, p))
}

// TestPlanText: a plan that is printed can be read again.
func TestPlanText(t *testing.T) {
	for seed := range uint64(100) {
		p := Draw(seed)
		again, err := Parse(p.String())
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(p, again) {
			t.Fatalf("seed %d: printed\n%v\nread\n%v", seed, p, again)
		}
	}
	for _, text := range []string{"", "{}\nx", "{}\n1s cut 0 1", "{}\n1 cut 0 1 0s 0 0", "{}\n1s cut 0 1 0 x 0"} {
		if p, err := Parse(text); err == nil {
			t.Errorf("%q is read as %v", text, p)
		}
	}
}

// TestShrink: what is left of a plan is what it fails for.
func TestShrink(t *testing.T) {
	p := Draw(1)
	fails := func(p Plan) bool {
		emits, asks := 0, 0
		for _, e := range p.Events {
			switch e.Do {
			case Emit:
				emits++
			case Ask:
				asks++
			}
		}
		return emits > 1 && asks > 0
	}
	if small := Shrink(p, 1000, fails); len(small.Events) != 3 || !fails(small) {
		t.Errorf("of %d events %d are left", len(p.Events), len(small.Events))
	}
}

// TestProfiles: every fault is drawn.
func TestProfiles(t *testing.T) {
	drawn := map[Action]int{}
	hosts := map[int]int{}
	for seed := range uint64(500) {
		p := Draw(seed)
		hosts[p.Hosts]++
		for _, e := range p.Events {
			drawn[e.Do]++
		}
	}
	for _, a := range []Action{Cut, Reset, HalfOpen, Partition, OneWay, Hold, Island, Flap, Delay, Kill, Leave, Start, Hang, Stall, Burst, Lie, Emit, Ask, Join, Quit, Meet} {
		if drawn[a] == 0 {
			t.Errorf("%s is not drawn", a)
		}
	}
	for n := 3; n <= 7; n++ {
		if hosts[n] == 0 {
			t.Errorf("no plan has %d hosts", n)
		}
	}
}
