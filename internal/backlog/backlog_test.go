package backlog

import (
	"errors"
	"math"
	"testing"
	"time"
)

func TestDefaults(t *testing.T) {
	got := Limits{}.WithDefaults(16 << 20)
	want := Limits{Soft: 16 << 20, Hard: 64 << 20, Rate: 256 << 10, Grace: 10 * time.Second}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if set := (Limits{Soft: 1, Hard: 2, Rate: 3, Grace: 4}); set.WithDefaults(5) != set {
		t.Errorf("what was set has changed: %+v", set.WithDefaults(5))
	}
	if huge := (Limits{Soft: math.MaxInt/2 + 1}).WithDefaults(1); huge.Hard != math.MaxInt {
		t.Errorf("hard bound of a huge soft one: %d", huge.Hard)
	}
	if tiny := (Limits{Soft: 10}).WithDefaults(1); tiny.Rate != 1 {
		t.Errorf("rate of a tiny bound: %d", tiny.Rate)
	}
}

func TestFull(t *testing.T) {
	l := Limits{Hard: 100}
	for _, test := range []struct {
		waiting, giant int
		want           bool
	}{
		{100, 0, false},
		{101, 0, true},
		{1100, 1000, false},
		{1101, 1000, true},
	} {
		if got := l.Full(test.waiting, test.giant); got != test.want {
			t.Errorf("%d waiting, a giant of %d: %v", test.waiting, test.giant, got)
		}
	}
}

// TestWindow: each step says how long after the one before it is, what was taken
// meanwhile, what waits, and whether that is too slow.
func TestWindow(t *testing.T) {
	type step struct {
		after        time.Duration
		took         int
		waits, piece int
		slow         bool
	}
	l := Limits{Soft: 1000, Rate: 100, Grace: 10 * time.Second}
	for name, steps := range map[string][]step{
		"below the bound":          {{0, 0, 1000, 0, false}, {time.Hour, 0, 1000, 0, false}},
		"frozen":                   {{0, 0, 1001, 0, false}, {9 * time.Second, 0, 1001, 0, false}, {time.Second, 0, 1001, 0, true}},
		"a little too slow":        {{0, 0, 2000, 0, false}, {10 * time.Second, 999, 2000, 0, true}},
		"fast enough":              {{0, 0, 2000, 0, false}, {10 * time.Second, 1000, 2000, 0, false}, {10 * time.Second, 1000, 2000, 0, false}},
		"fast, then frozen":        {{0, 0, 9000, 0, false}, {10 * time.Second, 5000, 9000, 0, false}, {10 * time.Second, 0, 9000, 0, true}},
		"asked late":               {{0, 0, 9000, 0, false}, {20 * time.Second, 1000, 9000, 0, true}},
		"below it meanwhile":       {{0, 0, 2000, 0, false}, {5 * time.Second, 0, 10, 0, false}, {5 * time.Second, 0, 2000, 0, false}, {9 * time.Second, 0, 2000, 0, false}},
		"before counts for naught": {{0, 5000, 2000, 0, false}, {10 * time.Second, 0, 2000, 0, true}},
		"a large piece":            {{0, 0, 5000, 3000, false}, {29 * time.Second, 0, 5000, 3000, false}, {time.Second, 0, 5000, 3000, true}},
	} {
		var w Window
		now := time.Unix(0, 0)
		for i, s := range steps {
			now = now.Add(s.after)
			w.Took(s.took)
			if got := w.TooSlow(&l, s.waits, s.piece, now); got != s.slow {
				t.Errorf("%s: step %d: %v", name, i, got)
			}
		}
	}
}

func TestError(t *testing.T) {
	err := error(&Error{Reason: NoProgress, Bytes: 20_000_000, Messages: 310, Behind: 10_200 * time.Millisecond})
	if !errors.Is(err, ErrSlow) {
		t.Error("is not ErrSlow")
	}
	if want := "too slow: it takes too little: 310 messages of 20000000 bytes waited, behind for 10.2s"; err.Error() != want {
		t.Errorf("%s", err)
	}
	for r := range Reasons {
		if Reason(r).String() == "" || Reason(r).String()[:2] == "re" {
			t.Errorf("reason %d has no words", r)
		}
	}
}
