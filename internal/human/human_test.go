package human

import (
	"testing"
	"time"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]int{
		"0": 0, "1000": 1000, "-1": -1, "16MiB": 16 << 20, "16 mib": 16 << 20, "64k": 64 << 10, "10MB": 10e6, "1.5GiB": 3 << 29,
		"1_000_000": 1e6, "1,000,000": 1e6, " 1g ": 1 << 30, "7b": 7,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "MiB", "1.5", "16 MiBs", "1,5", "NaN", "inf", "1e99TiB", "16MiB16"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
	for size, want := range map[Size]string{0: "0B", 1023: "1023B", 1024: "1KiB", 64 << 20: "64MiB", 1536: "1.5KiB", 256<<20 + 1: "256MiB", -2048: "-2KiB"} {
		if got := size.String(); got != want {
			t.Errorf("%d: %s, want %s", size, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]int{"262144": 262144, "262,144": 262144, "262_144": 262144, "-1": -1, "10k": 1e4, "-1,000 K": -1e6, "2M": 2e6, "0m": 0} {
		if got, err := ParseNumber(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1,5", "1,,000", "x", "1.5", "k", "1kk", "1kM", "1k0", "9223372036854775807k", "-9223372036854775807M"} {
		if got, err := ParseNumber(text); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5s": 5 * time.Second, "250 ms": 250 * time.Millisecond, "2d": 48 * time.Hour, "1d12h": 36 * time.Hour, "-1m": -time.Minute,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "5", "d", "1x", "99999999d", "1dd"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
