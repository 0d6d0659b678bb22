package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/socketmesh/mesh/core"
)

// rounds are results of two configurations.
func rounds() *Comparison {
	c := &Comparison{}
	for i, rate := range []float64{300, 100, 200} {
		c.Results = append(c.Results,
			Result{Config: "ours", Round: i + 1, Nodes: 3, Settings: Settings{Mode: Throughput, Nodes: 3}, Messages: rate, Lost: 1},
			Result{Config: "theirs", Round: i + 1, Nodes: 3, Settings: Settings{Mode: Throughput, Nodes: 5}, Messages: rate / 4})
	}
	c.Results[5].Error = "a client was unhappy"
	c.summarise([]string{"ours", "theirs", "never"}, columns(Throughput))
	return c
}

// TestSummaries: medians, sums of what must not happen, ratios of the first.
func TestSummaries(t *testing.T) {
	c := rounds()
	if len(c.Summaries) != 2 {
		t.Fatalf("%d summaries", len(c.Summaries))
	}
	ours, theirs := c.Summaries[0], c.Summaries[1]
	if ours.Values["msg/s"] != 200 || ours.Values["lost"] != 3 || theirs.Values["msg/s"] != 50 || theirs.Rounds != 3 {
		t.Errorf("%+v\n%+v", ours, theirs)
	}
	if ours.Ratios != nil || theirs.Ratios["msg/s"] != 4 {
		t.Errorf("ratios %v, %v", ours.Ratios, theirs.Ratios)
	}
	if _, ok := theirs.Ratios["lost"]; ok {
		t.Error("there is a ratio of what was lost")
	}
	if m := median([]float64{4, 1}); m != 2.5 {
		t.Errorf("median %v", m)
	}
	if m := median(nil); m != 0 {
		t.Errorf("median of nothing %v", m)
	}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	if err := rounds().WriteTable(&b, false); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	lines = slices.DeleteFunc(lines, func(line string) bool { return line == "" })
	for i, want := range [][]string{{"throughput", "msg/s", "lost"}, {"ours", "200", "3"}, {"theirs", "50", "0"}, {"ours ÷ theirs", "4.00x"}, {"theirs, round 3", "a client was unhappy"}} {
		for _, w := range want {
			if i >= len(lines) || !strings.Contains(lines[i], w) {
				t.Errorf("line %d of\n%s\nhas no %q", i, b.String(), w)
			}
		}
	}
	if strings.Contains(b.String(), "broker") {
		t.Error("there is a column for what nobody has")
	}
	if err := (&Comparison{}).WriteTable(&b, true); err != nil {
		t.Error(err)
	}
}

// TestTableFits: with every column there is, and the longest names, no line of a table or
// its legend is wider than a terminal, no value is left out, and all columns are explained.
func TestTableFits(t *testing.T) {
	for _, mode := range Modes {
		c := &Comparison{Results: []Result{{Settings: Settings{Mode: mode}}}}
		ours := Summary{Config: "mesh:quic/proto/interest", Nodes: 1000, Values: map[string]float64{}}
		theirs := Summary{Config: "zishang-redis", Nodes: 1000, Values: map[string]float64{}, Ratios: map[string]float64{}}
		for i, column := range columns(mode) {
			ours.Values[column.title], theirs.Values[column.title], theirs.Ratios[column.title] = 1_000_000+float64(i), 1, float64(100+i)
			if meanings[column.title] == "" {
				t.Errorf("%s: nothing explains %q", mode, column.title)
			}
		}
		c.Summaries = []Summary{ours, theirs}
		var b strings.Builder
		if err := c.WriteTable(&b, true); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%s: a line of %d characters: %s", mode, n, line)
			}
		}
		for i := range columns(mode) {
			if value := short(1_000_000 + float64(i)); !strings.Contains(b.String(), value) || !strings.Contains(b.String(), fmt.Sprintf(" %dx", 100+i)) {
				t.Errorf("%s: column %d is not in\n%s", mode, i, b.String())
			}
		}
	}
}

// TestInterrupted: what was not measured is said, and what was is shown.
func TestInterrupted(t *testing.T) {
	kinds := []string{"ours", "theirs", "never"}
	c := rounds()
	c.Results = c.Results[:5] // of three rounds of two
	c.Undone = undone(kinds, 3, c.Results)
	var b strings.Builder
	if err := c.WriteTable(&b, false); err != nil || !strings.Contains(b.String(), "4.00x") || !strings.Contains(b.String(), "not measured: theirs (1 of 3 rounds), never (3 of 3 rounds)\n") {
		t.Errorf("%v\n%s", err, b.String())
	}
	if left := undone(kinds[:1], 3, c.Results); left != nil {
		t.Errorf("undone: %q", left)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c, err := Compare(ctx, []string{"mesh"}, 1, Settings{Mode: Throughput, Nodes: 1, Clients: 1}, &Setup{})
	if err == nil || !slices.Equal(c.Undone, []string{"mesh"}) {
		t.Errorf("undone: %q, %v", c.Undone, err)
	}
}

// TestJSON: results come back as they were.
func TestJSON(t *testing.T) {
	c := rounds()
	c.Results[0].Latency = &Percentiles{Count: 1, P50: 0.5}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var again Comparison
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if again.Results[0].Latency.P50 != 0.5 || again.Results[0].Messages != 300 || again.Summaries[1].Ratios["msg/s"] != 4 {
		t.Errorf("%s", text)
	}
}

func TestArrange(t *testing.T) {
	series, err := Arrange(rounds().Results, "nodes", "msg/s")
	if err != nil {
		t.Fatal(err)
	}
	if len(series) != 2 || series[0].Config != "ours" || len(series[1].Points) != 1 || series[1].Points[0] != (Point{3, 50}) {
		t.Errorf("%+v", series)
	}
}

func TestValidate(t *testing.T) {
	if err := few(Idle).Validate(); err != nil {
		t.Error(err)
	}
	for field, change := range map[string]func(*Settings){
		"mode":               func(s *Settings) { s.Mode = "dance" },
		"--nodes":            func(s *Settings) { s.Nodes = 0 },
		"--clients":          func(s *Settings) { s.Clients = 0 },
		"--rooms":            func(s *Settings) { s.Rooms = 21 },
		"--rooms-per-client": func(s *Settings) { s.RoomsPerClient = 2 },
		"--publishers":       func(s *Settings) { s.Publishers = 21 },
		"--size":             func(s *Settings) { s.Size = 10 },
		"--window":           func(s *Settings) { s.Window = 1 << 17 },
		"--rate":             func(s *Settings) { s.Rate = 0 },
		"--connect-rate":     func(s *Settings) { s.ConnectRate = -1 },
		"--duration":         func(s *Settings) { s.Duration = 0 },
		"--warmup":           func(s *Settings) { s.Warmup = time.Hour },
	} {
		s := few(Throughput)
		change(&s)
		err := s.Validate()
		bad, ok := errors.AsType[*core.ConfigError](err)
		if !ok || bad.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// TestCompareStops where it is told to, with what it has.
func TestCompareStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c, err := Compare(ctx, []string{"urls"}, 3, few(Throughput), &Setup{URLs: baselineServer(t), Descriptors: 1000})
	if err == nil || len(c.Results) != 0 {
		t.Errorf("%d results, %v", len(c.Results), err)
	}
}

// TestDefaults: as many workers as can hold the clients, and as many addresses as
// have ports enough.
func TestDefaults(t *testing.T) {
	s := Settings{Clients: 300_000, Size: 100, RoomsPerClient: 1}.withDefaults(&Setup{Descriptors: 20_000}, 5)
	if s.Workers != 16 || s.Sources != 3 {
		t.Errorf("%d workers, %d sources; want 16, 3", s.Workers, s.Sources)
	}
	s = Settings{Clients: 300, Size: 100, RoomsPerClient: 1}.withDefaults(&Setup{Descriptors: 20_000}, 3)
	if s.Workers != 1 || s.Sources != 1 {
		t.Errorf("%d workers, %d sources; want 1, 1", s.Workers, s.Sources)
	}
	for want, s := range map[int]Settings{
		512: {Clients: 300, RoomsPerClient: 1, Rooms: 1, Size: 100},
		54:  {Clients: 300, RoomsPerClient: 1, Rooms: 1, Size: 4096},
		223: {Clients: 6000, RoomsPerClient: 2, Rooms: 4, Size: 100},
		8:   {Clients: 3000, RoomsPerClient: 1, Rooms: 1, Size: 1 << 20},
		7:   {Clients: 3000, RoomsPerClient: 1, Rooms: 1, Size: 1 << 20, Window: 7},
	} {
		if got := s.withDefaults(&Setup{Descriptors: 20_000}, 1).Window; got != want {
			t.Errorf("%+v: window %d, want %d", s, got, want)
		}
	}
}

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, true)
	p.set("counting")
	p.Clear()
	if got := b.String(); !strings.HasPrefix(got, "\r\x1b[Kcounting") || !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("%q", got)
	}
	b.Reset()
	NewProgress(&b, false).set("counting")
	if b.String() != "counting\n" {
		t.Errorf("%q", b.String())
	}
	var nobody *Progress
	nobody.set("counting")
	nobody.Clear()
}
