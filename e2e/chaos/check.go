//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// resumeWindow is what the documents promise, written once more: if the code forgot it, a
// constant of the code would not tell.
const resumeWindow = 30 * time.Second

// history is the log of one life of a server.
type history struct {
	life
	sent     [][]sending // by namespace; number n is at n-1
	received []map[string][]int
	links    map[string][][2]int64 // by peer: from and to; to is 0 while it lasts
	gapsIn   map[string]int        // messages that were lost, by peer
	gapsOut  map[string]int
	downs    []downed
	asked    map[int]*asking
	ended    int64 // time of the last line, in µs
}

type sending struct {
	at    int64
	class string
}

type downed struct {
	at   int64
	peer string
}

// asking is a request.
type asking struct {
	at, done                int64
	members                 []string // just before
	result                  string
	left, missing, answered []string
}

// maxViolations bounds those of one kind that are shown.
const maxViolations = 5

// report is what came of a run.
type report struct {
	Seed       uint64
	Transport  string
	Took       time.Duration
	Violations []string
	counts     map[string]int

	Faults    map[string]int // by kind
	LostBy    map[string]int // by kind of the last fault before they were sent
	Servers   int            // lives
	Sent      int
	Received  int // copies
	Lost      int // copies that did not reach a live server
	Unlinked  int // of them, those that were sent while there was no link
	Reported  int // copies, as receivers report
	Requests  int
	Slowest   time.Duration   // request
	Detected  []time.Duration // from a kill until another server has lost the peer
	Converged time.Duration   // after the last fault
	// failpoints is how often servers died at each, and tried how often they should have.
	failpoints, tried map[string]int
	Memory            int // the most that a server has taken at the end, in bytes
}

func (r *report) violate(kind, format string, args ...any) {
	if r.counts == nil {
		r.counts = map[string]int{}
	}
	if r.counts[kind]++; r.counts[kind] <= maxViolations {
		r.Violations = append(r.Violations, kind+": "+fmt.Sprintf(format, args...))
	}
}

// String is the report as text.
func (r *report) String() string {
	var b strings.Builder
	faults := 0
	for _, n := range r.Faults {
		faults += n
	}
	fmt.Fprintf(&b, "seed %d over %s, %v: %d faults, %d lives of servers, %d messages, %d copies received, %d requests (slowest %v), converged in %v, at most %d MiB\n",
		r.Seed, r.Transport, r.Took.Round(time.Second), faults, r.Servers, r.Sent, r.Received, r.Requests, r.Slowest.Round(time.Millisecond), r.Converged.Round(10*time.Millisecond), r.Memory>>20)
	fmt.Fprintf(&b, "lost between servers that lived: %d copies, %d of them sent without a link; %d were reported\n", r.Lost, r.Unlinked, r.Reported)
	for _, name := range append([]string{"(start)"}, kindNames()...) {
		if n := r.Faults[name]; n > 0 || r.LostBy[name] > 0 {
			fmt.Fprintf(&b, "  %-18s %3d times, %6d copies lost\n", name, n, r.LostBy[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.tried)) {
		fmt.Fprintf(&b, "  died when %-40s %d of %d times\n", name, r.failpoints[name], r.tried[name])
	}
	if n := len(r.Detected); n > 0 {
		fmt.Fprintf(&b, "a killed server was missed after %v (median), %v (slowest of %d)\n", r.Detected[n/2].Round(time.Millisecond), r.Detected[n-1].Round(time.Millisecond), n)
	}
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "VIOLATED %s\n", v)
	}
	return b.String()
}

// check reads all logs, and compares them. What was sent from quiet to stop, in peace,
// has to have arrived; what was sent later does not count.
func (c *arena) check(faults []happened, quiet, stop time.Time) (*report, error) {
	r := &report{Faults: map[string]int{}, LostBy: map[string]int{}, Servers: len(c.lives)}
	for _, f := range faults {
		r.Faults[f.kind.name]++
	}
	var all []*history
	for _, l := range c.lives {
		h, err := r.read(l)
		if err != nil {
			return nil, err
		}
		all = append(all, h)
		r.crashed(l)
	}
	for _, h := range all {
		r.checkRequests(h, stop)
		for ns := range namespaces {
			r.Sent += len(h.sent[ns])
			for _, numbers := range h.received[ns] {
				r.Received += len(numbers)
			}
		}
		for _, other := range all {
			if other != h && h.killed.IsZero() && c.lived(other) {
				r.checkLosses(h, other, faults, quiet, stop)
			}
			r.checkSource(h, other)
		}
		r.detect(h, all)
	}
	slices.Sort(r.Detected)
	return r, nil
}

// lived tells whether a server was there in the end.
func (c *arena) lived(h *history) bool {
	return h.id == c.lives[c.lastLife(h.host)].id && h.killed.IsZero()
}

func (c *arena) lastLife(host int) int {
	last := -1
	for i, l := range c.lives {
		if l.host == host {
			last = i
		}
	}
	return last
}

// read reads a log. It checks the order of what was received on the way.
func (r *report) read(l life) (*history, error) {
	text, err := os.ReadFile(l.log)
	if err != nil && (l.killed.IsZero() || !errors.Is(err, fs.ErrNotExist)) { // it may be killed before it has begun
		return nil, err
	}
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		text = text[:i+1] // a line may be cut short
	}
	h := &history{life: l, links: map[string][][2]int64{}, gapsIn: map[string]int{}, gapsOut: map[string]int{}, asked: map[int]*asking{}}
	for range namespaces {
		h.sent = append(h.sent, nil)
		h.received = append(h.received, map[string][]int{})
	}
	var members [][]string
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 3 {
			return nil, fmt.Errorf("%s: line %q", l.log, line)
		}
		at := int64(number(words[1]))
		h.ended = at
		args := words[2:]
		switch words[0] {
		case "S":
			ns := number(args[0])
			h.sent[ns] = append(h.sent[ns], sending{at, args[2]})
		case "R":
			r.receive(h, number(args[0]), args[1], number(args[2]))
		case "U":
			h.links[args[0]] = append(h.links[args[0]], [2]int64{at, 0})
		case "D":
			if links := h.links[args[0]]; len(links) > 0 {
				links[len(links)-1][1] = at
			}
			h.downs = append(h.downs, downed{at, args[0]})
		case "G":
			gaps := h.gapsIn
			if args[1] == "out" {
				gaps = h.gapsOut
			}
			gaps[args[0]] += number(args[2])
		case "L":
			members = nil
			for _, word := range args[1:] {
				_, ids, _ := strings.Cut(word, "=")
				members = append(members, idsOf(ids))
			}
		case "B":
			id := number(args[0])
			a := &asking{at: at}
			if ns := id % len(namespaces); ns < len(members) {
				a.members = members[ns]
			}
			h.asked[id] = a
		case "Q":
			if a := h.asked[number(args[0])]; a == nil || a.done != 0 {
				r.violate("requests", "%s has an answer that it did not ask for, or a second one: %q", l.id, line)
			} else {
				a.done, a.result, a.left, a.missing, a.answered = at, args[1], idsOf(args[2]), idsOf(args[3]), idsOf(args[4])
			}
		}
	}
	return h, nil
}

func number(word string) int {
	n, err := strconv.Atoi(word)
	if err != nil {
		return -1
	}
	return n
}

// idsOf reads a list of ids.
func idsOf(word string) []string {
	if word == "-" || word == "" {
		return nil
	}
	return strings.Split(word, ",")
}

func (r *report) receive(h *history, ns int, origin string, n int) {
	numbers := h.received[ns][origin]
	if len(numbers) > 0 && n <= numbers[len(numbers)-1] {
		_, before := slices.BinarySearch(numbers, n)
		what := "order"
		if before {
			what = "at most once"
		}
		r.violate(what, "%s received %d of %s in %s after %d", h.id, n, origin, namespaces[ns], numbers[len(numbers)-1])
		return
	}
	h.received[ns][origin] = append(numbers, n)
}

// checkSource: nothing is received that was not sent. The last lines of a killed server
// may be missing.
func (r *report) checkSource(h, from *history) {
	for ns := range namespaces {
		numbers := h.received[ns][from.id]
		if len(numbers) > 0 && from.killed.IsZero() && numbers[len(numbers)-1] > len(from.sent[ns]) {
			r.violate("source", "%s received %d of %s in %s, which has sent %d", h.id, numbers[len(numbers)-1], from.id, namespaces[ns], len(from.sent[ns]))
		}
	}
}

// near is how far the clocks of a log line and of what it tells of may be apart.
const near = int64(100 * time.Millisecond / time.Microsecond)

// linked tells whether there was a link to a peer around a time.
func (h *history) linked(peer string, at int64) bool {
	return slices.ContainsFunc(h.links[peer], func(l [2]int64) bool { return l[0]+near < at && (l[1] == 0 || at+near < l[1]) })
}

// met is when a server first had a link to a peer; 0 if it never had.
func (h *history) met(peer string) int64 {
	if links := h.links[peer]; len(links) > 0 {
		return links[0][0]
	}
	return 0
}

// apart is for how long a server had no link to a peer that it had met, at most.
func (h *history) apart(peer string) (longest time.Duration) {
	links := h.links[peer]
	for i, l := range links[1:] {
		longest = max(longest, time.Duration(l[0]-links[i][1])*time.Microsecond)
	}
	return longest
}

// checkLosses compares what one server sent and another one received, since they met,
// with what both report. A link that is back within the window loses nothing, and what
// is lost otherwise is reported exactly; of volatile messages that were dropped, nothing
// is said.
func (r *report) checkLosses(from, to *history, faults []happened, quiet, stop time.Time) {
	met := max(from.met(to.id), to.met(from.id))
	if min(from.met(to.id), to.met(from.id)) == 0 {
		return
	}
	least, most := 0, 0
	for ns := range namespaces {
		got := to.received[ns][from.id]
		for i, s := range from.sent[ns] {
			if s.at < met-near || s.at > stop.UnixMicro() {
				continue
			}
			if _, ok := slices.BinarySearch(got, i+1); ok {
				continue
			}
			if most++; s.class == "volatile" || s.at < met+near {
				continue
			}
			least++
			r.Lost++
			r.LostBy[cause(faults, s.at)]++
			if !from.linked(to.id, s.at) {
				r.Unlinked++
			}
			if s.at >= quiet.UnixMicro() {
				r.violate("peace", "%s did not receive %d of %s in %s, which was sent when all faults were over", to.id, i+1, from.id, namespaces[ns])
			}
		}
	}
	in, out := to.gapsIn[from.id], from.gapsOut[to.id]
	r.Reported += in
	apart := max(from.apart(to.id), to.apart(from.id))
	switch {
	case from.ended < stop.UnixMicro():
		// It has left, and whom it could not reach then will hear nothing of it.
	case least > 0 && apart < resumeWindow-time.Second:
		r.violate("resumed links lose nothing", "%s did not receive %d of %s, though they were apart for %v at most; reported: %d and %d", to.id, least, from.id, apart, out, in)
	case in < least || in > most || out < least || out > most:
		r.violate("losses are reported", "%s did not receive %d to %d of %s; they report %d and %d", to.id, least, most, from.id, in, out)
	}
}

// cause is the kind of the last fault that had begun.
func cause(faults []happened, at int64) string {
	name := "(start)"
	for _, f := range faults {
		if f.from.UnixMicro() <= at {
			name = f.kind.name
		}
	}
	return name
}

// slack is how much later than its deadline a request may end on a busy machine.
const slack = 2 * time.Second

func (r *report) checkRequests(h *history, stop time.Time) {
	for _, id := range slices.Sorted(maps.Keys(h.asked)) {
		a := h.asked[id]
		limit := requestTimeout + slack
		for _, p := range h.pauses {
			if until := p[1]; until.IsZero() || until.UnixMicro() > a.at && p[0].UnixMicro() < a.at+int64(limit/time.Microsecond) {
				limit += until.Sub(p[0])
			}
		}
		r.Requests++
		switch took := time.Duration(a.done-a.at) * time.Microsecond; {
		case a.done == 0:
			if h.killed.IsZero() && h.ended > a.at+int64(limit/time.Microsecond) {
				r.violate("requests", "request %d of %s has not ended", id, h.id)
			}
			continue
		case took > limit:
			r.violate("requests", "request %d of %s has taken %v", id, h.id, took)
		case limit == requestTimeout+slack:
			r.Slowest = max(r.Slowest, took)
		}
		switch a.result {
		case "closed":
			continue
		case "ok", "incomplete":
		default:
			r.violate("requests", "request %d of %s: %s", id, h.id, a.result)
		}
		if twice := slices.Compact(slices.Clone(a.answered)); len(twice) != len(a.answered) {
			r.violate("requests", "request %d of %s was answered twice: %v", id, h.id, a.answered)
		}
		for _, member := range a.members {
			came := slices.ContainsFunc(h.downs, func(d downed) bool { return d.peer == member && d.at > a.at-near && d.at < a.done+near })
			if !came && !slices.Contains(a.answered, member) && !slices.Contains(a.left, member) && !slices.Contains(a.missing, member) {
				r.violate("requests", "request %d of %s: %s has not answered, and is not named", id, h.id, member)
			}
		}
	}
}

// detect notes how long others had a link to a server that was killed.
func (r *report) detect(h *history, all []*history) {
	if h.killed.IsZero() {
		return
	}
	for _, other := range all {
		for _, d := range other.downs {
			if d.peer == h.id && d.at > h.killed.UnixMicro() {
				r.Detected = append(r.Detected, time.Duration(d.at-h.killed.UnixMicro())*time.Microsecond)
				break
			}
		}
	}
}

// crashed looks for panics.
func (r *report) crashed(l life) {
	text, _ := os.ReadFile(l.stderr)
	for _, sign := range []string{"panic:", "fatal error:", "DATA RACE"} {
		if i := bytes.Index(text, []byte(sign)); i >= 0 {
			r.violate("crash", "%s: %.2000s", l.id, text[i:])
		}
	}
}

// state is what a server said last of whom it is linked to and sees.
type state []string

// lastState reads the last one of a log, if it is not older than that.
func lastState(path string, after time.Time) state {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	const tail = 64 << 10
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		f.Seek(max(0, size-tail), io.SeekStart)
	}
	text, _ := io.ReadAll(f)
	lines := strings.Split(string(text), "\n")
	for _, line := range slices.Backward(lines[:len(lines)-1]) {
		words := strings.Fields(line)
		if len(words) == 3+len(namespaces) && words[0] == "L" {
			if int64(number(words[1])) < after.UnixMicro() {
				return nil
			}
			return words[2:]
		}
	}
	return nil
}

// sees tells whether it is linked to all others, and sees them in all namespaces.
func (s state) sees(all []string, self string) bool {
	if len(s) == 0 {
		return false
	}
	for _, word := range s {
		_, ids, ok := strings.Cut(word, "=")
		if !ok {
			ids = word
		}
		got := append(idsOf(ids), self)
		slices.Sort(got)
		if !slices.Equal(got, slices.Sorted(slices.Values(all))) {
			return false
		}
	}
	return true
}
