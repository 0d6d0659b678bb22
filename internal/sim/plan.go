package sim

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Plan is a list of events for a cluster, with their times.
type Plan struct {
	Settings
	Events []Event // by At
}

// Settings apply to a whole plan.
type Settings struct {
	Seed    uint64 // of which it was drawn
	Profile string // which kinds of faults it has
	Hosts   int    // that may run a server, 3 to 7
	Present int    // of them, those with a server from the start

	Interest []bool // by host: whether its servers route by interest
	Static   bool   // every server knows the addresses of all; otherwise a roster tells

	Streams int           `json:",omitempty"` // of each connection, beside its own
	Stagger time.Duration `json:",omitempty"` // by which each is slower than the one before
	Buffer  int           // bytes, of each direction of a connection

	Heartbeat      time.Duration
	Timeout        time.Duration // of heartbeats
	RedialMax      time.Duration
	RequestTimeout time.Duration
	QueueBytes     int // soft; the hard limit is four times that
	InboxBytes     int
}

// Event is one fault, or one piece of work.
type Event struct {
	At   time.Duration // since the start
	Do   Action
	A, B int           // hosts; of Emit and Ask, the server and the namespace
	For  time.Duration // until it is undone
	N    int           // how many, how much, or which: see the actions
	Size int           // bytes of padding in each message
}

// Action is the kind of an event.
type Action string

// Faults of links, between the hosts A and B.
const (
	Cut       Action = "cut"       // both ends see it, and may link again at once
	Reset     Action = "reset"     // cut, and dials hang For so long
	HalfOpen  Action = "half-open" // A alone sees the cut
	Partition Action = "partition" // what they send each other is lost
	OneWay    Action = "one-way"   // what A sends to B is lost
	Hold      Action = "hold"      // nothing arrives, and all of it later
	Island    Action = "island"    // the hosts in the bits of N, and the others, are partitioned
	Flap      Action = "flap"      // N cuts, one every 200 ms
	Delay     Action = "delay"     // N ms from A to B
)

// Faults of servers, on host A.
const (
	Kill  Action = "kill"  // without a word; another one starts there after For, if it is set
	Leave Action = "leave" // Shutdown; another one starts there after For, if it is set
	Start Action = "start" // unless one runs there
	Hang  Action = "hang"  // it reads and writes nothing
	Stall Action = "stall" // its listeners block
)

// Lie makes discovery report a wrong roster. N chooses: nobody, half of the servers, or
// all of them with wrong addresses.
const Lie Action = "lie"

// Work.
const (
	Emit  Action = "emit"  // N messages, of the class that Size is the number of: see class
	Burst Action = "burst" // N messages of Size bytes to everybody
	Ask   Action = "ask"   // a request: see question
	Join  Action = "join"  // a client of A, in namespace B, joins room N
	Quit  Action = "quit"  // it leaves the room
	Meet  Action = "meet"  // it joins the room, and then all other servers emit to it at once
)

// The parts of a run.
const (
	settleFor = 60 * time.Second // after the last fault, until all have found each other
	// MaxDuration bounds the time in which faults happen.
	MaxDuration = 70 * time.Second
)

// profiles are the kinds of faults that a plan may have, each as often as it is likely.
var profiles = []struct {
	name    string
	actions []Action
}{
	{"quiet", []Action{Delay, Lie, Lie, Start}},
	{"links", []Action{Cut, Reset, Reset, HalfOpen, Flap, Delay, Hold}},
	{"partitions", []Action{Partition, OneWay, Island, Hold, Delay, Cut}},
	{"deaths", []Action{Kill, Kill, Leave, Start, Cut}},
	{"overload", []Action{Stall, Stall, Burst, Burst, Burst, Hold, Hang, Cut}},
	{"discovery", []Action{Lie, Lie, Kill, Leave, Start, Cut, Reset}},
	{"all", []Action{Cut, Reset, HalfOpen, Flap, Partition, OneWay, Island, Hold, Delay, Kill, Leave, Start, Hang, Stall, Burst, Lie}},
}

// Draw draws a plan from a seed. The same seed gives the same plan, until this
// function changes.
func Draw(seed uint64) Plan {
	d := drawer{rand.New(rand.NewPCG(seed, 0x5e)), seed}
	p := Plan{Settings: d.settings()}
	profile := profiles[d.IntN(len(profiles))]
	p.Profile = profile.name
	if profile.name == "overload" || profile.name == "all" && d.IntN(2) == 0 {
		p.QueueBytes, p.InboxBytes, p.Buffer = 8<<10<<d.IntN(4), 4<<10<<d.IntN(4), 4<<10<<d.IntN(3)
	}
	if d.IntN(3) == 0 {
		p.Buffer = 1 << 10 << d.IntN(3) // what is held fills it, and waits in queues
	}
	length := 20*time.Second + d.upTo(40*time.Second)
	faults := 3 + d.IntN(18)
	for range faults {
		p.Events = append(p.Events, d.fault(profile.actions[d.IntN(len(profile.actions))], d.upTo(length), p.Hosts))
	}
	for at := time.Duration(0); at < length; at += d.upTo(time.Second) {
		p.Events = append(p.Events, d.work(at, p.Hosts))
	}
	slices.SortStableFunc(p.Events, func(a, b Event) int { return int(a.At - b.At) })
	return p
}

type drawer struct {
	*rand.Rand
	seed uint64
}

func (d drawer) upTo(limit time.Duration) time.Duration {
	return time.Duration(d.Int64N(int64(limit))).Round(time.Millisecond)
}

func (d drawer) settings() Settings {
	s := Settings{
		Seed: d.seed, Hosts: 3 + d.IntN(5), Static: d.IntN(3) == 0,
		Heartbeat: 5 * time.Second, Timeout: 10 * time.Second,
		RedialMax:      time.Duration(1+d.IntN(5)) * time.Second,
		RequestTimeout: time.Duration(1+d.IntN(6)) * time.Second,
		QueueBytes:     1 << 20, InboxBytes: 1 << 20, Buffer: 256 << 10,
	}
	s.Present = 2 + d.IntN(s.Hosts-1)
	if d.IntN(4) == 0 {
		s.Heartbeat, s.Timeout = time.Second, 3*time.Second
	}
	if d.IntN(2) == 0 {
		s.Streams, s.Stagger = 1+d.IntN(3), d.upTo(40*time.Millisecond)
	}
	interest := d.IntN(3) // nobody, everybody, some
	for range s.Hosts {
		s.Interest = append(s.Interest, interest == 1 || interest == 2 && d.IntN(2) == 0)
	}
	return s
}

// fault draws the remaining fields of a fault.
func (d drawer) fault(do Action, at time.Duration, hosts int) Event {
	e := Event{At: at, Do: do, A: d.IntN(hosts), B: d.IntN(hosts - 1)}
	if e.B >= e.A {
		e.B++
	}
	e.For = d.howLong()
	switch do {
	case Cut, HalfOpen:
		e.For = 0
	case Flap:
		e.For, e.N = 0, 2+d.IntN(9)
	case Delay:
		e.N = d.IntN(80)
	case Island:
		e.A, e.B, e.N = 0, 0, 1+d.IntN(1<<hosts-2)
	case Kill, Leave:
		e.B = 0
		if d.IntN(4) == 0 {
			e.For = 0
		}
	case Start:
		e.B, e.For = 0, 0
	case Hang:
		e.B = 0
	case Stall:
		e.B, e.For = 0, min(e.For, 20*time.Second)
	case Burst:
		e.B, e.For, e.N, e.Size = d.IntN(len(namespaces)), 0, 20+d.IntN(60), d.IntN(3<<10)
	case Lie:
		e.A, e.B, e.N = 0, 0, d.IntN(3)
	}
	return e
}

// howLong draws how long a fault lasts: most are short, some as long as 60 s.
func (d drawer) howLong() time.Duration {
	switch d.IntN(4) {
	case 0:
		return time.Millisecond + d.upTo(500*time.Millisecond)
	case 1:
		return time.Millisecond + d.upTo(5*time.Second)
	case 2:
		return time.Millisecond + d.upTo(20*time.Second)
	}
	return time.Millisecond + d.upTo(60*time.Second)
}

func (d drawer) work(at time.Duration, hosts int) Event {
	e := Event{At: at, A: d.IntN(hosts), B: d.IntN(len(namespaces))}
	switch n := d.IntN(14); {
	case n < 7:
		e.Do, e.N, e.Size = Emit, 1+d.IntN(6), d.IntN(int(classes))
	case n < 10:
		e.Do, e.N = Ask, d.IntN(len(questions))
	case n < 11:
		e.Do, e.N = Join, d.IntN(dynamicRooms)
	case n < 12:
		e.Do, e.N = Meet, d.IntN(dynamicRooms)
	default:
		e.Do, e.N = Quit, d.IntN(dynamicRooms)
	}
	return e
}

// String returns the plan as text, for [Parse].
func (p Plan) String() string {
	settings, err := json.Marshal(p.Settings)
	if err != nil {
		panic(err) // numbers and words
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", settings)
	for _, e := range p.Events {
		fmt.Fprintf(&b, "%v %s %d %d %v %d %d\n", e.At, e.Do, e.A, e.B, e.For, e.N, e.Size)
	}
	return b.String()
}

// Parse reads the text of String: the settings as JSON, then one event per line, such as
// "1.5s reset 0 2 3s 0 0": At, Do, A, B, For, N, Size.
func Parse(text string) (Plan, error) {
	settings, events, _ := strings.Cut(strings.TrimSpace(text), "\n")
	var p Plan
	if err := json.Unmarshal([]byte(settings), &p.Settings); err != nil {
		return p, fmt.Errorf("settings of a plan: %w", err)
	}
	for line := range strings.Lines(events) {
		var e Event
		var at, length string
		if _, err := fmt.Sscan(line, &at, &e.Do, &e.A, &e.B, &length, &e.N, &e.Size); err != nil {
			return p, fmt.Errorf("event %q of a plan: %w", strings.TrimSpace(line), err)
		}
		var err error
		if e.At, err = time.ParseDuration(at); err != nil {
			return p, fmt.Errorf("event %q of a plan: %w", strings.TrimSpace(line), err)
		}
		if e.For, err = time.ParseDuration(length); err != nil {
			return p, fmt.Errorf("event %q of a plan: %w", strings.TrimSpace(line), err)
		}
		p.Events = append(p.Events, e)
	}
	return p, nil
}
