// Package human parses and formats sizes, numbers and durations as people write them.
package human

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes. It is shown as 64MiB; as JSON it is the number.
type Size int64

var units = []struct {
	name  string
	bytes float64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
}

// String uses the largest unit of which there is at least one, with one digit behind the
// point if the size is not a whole number of it.
func (s Size) String() string {
	for _, u := range units {
		if n := float64(s) / u.bytes; math.Abs(n) >= 1 {
			return strconv.FormatFloat(math.Round(n*10)/10, 'f', -1, 64) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// factors are the units of a size: with an i, or as a single letter, powers of 1024;
// otherwise powers of 1000.
var factors = map[string]float64{
	"": 1, "b": 1,
	"k": 1 << 10, "kib": 1 << 10, "kb": 1e3,
	"m": 1 << 20, "mib": 1 << 20, "mb": 1e6,
	"g": 1 << 30, "gib": 1 << 30, "gb": 1e9,
	"t": 1 << 40, "tib": 1 << 40, "tb": 1e12,
}

// AllowedSize describes what [ParseSize] accepts.
const AllowedSize = "a size such as 16MiB, 64k or 1000000"

// ParseSize parses 16MiB, 1.5 GiB, 64k, 10MB or 1_000_000.
func ParseSize(text string) (int, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	end := strings.IndexFunc(text, func(r rune) bool { return r >= 'a' && r <= 'z' })
	if end < 0 {
		end = len(text)
	}
	factor, known := factors[text[end:]]
	number, err := strconv.ParseFloat(ungroup(strings.TrimSpace(text[:end])), 64)
	bytes := number * factor
	if !known || err != nil || bytes != math.Trunc(bytes) || math.Abs(bytes) > 1<<53 {
		return 0, fmt.Errorf("%q is no size", text)
	}
	return int(bytes), nil
}

// AllowedNumber describes what [ParseNumber] accepts.
const AllowedNumber = "a whole number such as 1024, 262,144 or 10k"

// ParseNumber parses 262144, 262,144, 262_144, 10k for ten thousand, or 2M for two
// million. A number counts things, so its k is a thousand, while the k of a size is 1,024
// bytes.
func ParseNumber(text string) (int, error) {
	digits, factor := strings.TrimSpace(text), 1
	for suffix, f := range map[string]int{"k": 1e3, "K": 1e3, "m": 1e6, "M": 1e6} {
		if before, found := strings.CutSuffix(digits, suffix); found {
			digits, factor = strings.TrimSpace(before), f
			break
		}
	}
	n, err := strconv.Atoi(ungroup(digits))
	if err == nil && (n > math.MaxInt/factor || n < math.MinInt/factor) {
		return 0, fmt.Errorf("%q is too large", text)
	}
	return n * factor, err
}

// ungroup removes commas and underscores from a number whose digits are in groups of
// three. Others are left, so that 1,5 is not read as 15.
func ungroup(number string) string {
	for _, separator := range []string{",", "_"} {
		groups := strings.Split(strings.TrimLeft(number, "+-"), separator)
		regular := len(groups) > 1 && len(groups[0]) >= 1 && len(groups[0]) <= 3
		for _, group := range groups[1:] {
			regular = regular && len(group) == 3
		}
		if regular {
			return strings.ReplaceAll(number, separator, "")
		}
	}
	return number
}

// AllowedDuration describes what [ParseDuration] accepts.
const AllowedDuration = "a duration such as 5s, 250ms, 1m30s or 2d"

// ParseDuration parses what [time.ParseDuration] does, and also spaces and days.
func ParseDuration(text string) (time.Duration, error) {
	text = strings.ReplaceAll(text, " ", "")
	days, rest, found := strings.Cut(text, "d")
	if !found {
		return time.ParseDuration(text)
	}
	n, err := strconv.Atoi(days)
	if err != nil || n > 36500 || n < -36500 {
		return 0, fmt.Errorf("%q is no duration", text)
	}
	if rest == "" {
		rest = "0s"
	}
	d, err := time.ParseDuration(rest)
	return time.Duration(n)*24*time.Hour + d, err
}
