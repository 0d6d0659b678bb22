package jsonscan

import (
	"encoding/json"
	"math"
	"strconv"
	"testing"
)

func TestNumbersAsJavaScriptPrints(t *testing.T) {
	for _, c := range []struct {
		f    float64
		want string
	}{
		{0, "0"}, {math.Copysign(0, -1), "0"}, {1, "1"}, {-1, "-1"}, {0.1, "0.1"}, {-0.25, "-0.25"},
		{1e3, "1000"}, {1e20, "100000000000000000000"}, {1e21, "1e+21"}, {-1e21, "-1e+21"}, {1.5e300, "1.5e+300"},
		{1e-6, "0.000001"}, {1e-7, "1e-7"}, {1.5e-9, "1.5e-9"}, {1e-10, "1e-10"}, {5e-324, "5e-324"}, {math.MaxFloat64, "1.7976931348623157e+308"},
		{1<<53 - 1, "9007199254740991"}, {1 << 53, "9007199254740992"}, {-(1 << 53), "-9007199254740992"},
		{1 << 63, "9223372036854776000"}, {math.MaxUint64, "18446744073709552000"},
		{math.NaN(), "null"}, {math.Inf(1), "null"}, {math.Inf(-1), "null"},
	} {
		if have := AppendNumber([]byte("-"), c.f); string(have) != "-"+c.want {
			t.Errorf("%v: have %s, want %s", c.f, have[1:], c.want)
		}
	}
}

func FuzzNumbers(f *testing.F) {
	for _, seed := range []float64{0, 1, -1, 0.5, 1e21, 1e-7, 1e-10, 5e-324, math.MaxFloat64, 1 << 53} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, v float64) {
		text := AppendNumber(nil, v)
		want, err := json.Marshal(v)
		if err != nil {
			want = []byte("null")
		}
		if string(want) == "-0" {
			want = []byte("0")
		}
		if string(text) != string(want) {
			t.Fatalf("have %s, want %s", text, want)
		}
		if back := ParseNumber(text); err == nil && back != v {
			t.Fatalf("%v came back as %v", v, back)
		}
	})
}

func TestParseNumber(t *testing.T) {
	for _, text := range []string{"0", "-0", "12", "-12", "999999999999999", "-999999999999999", "1234567890123456", "9007199254740993", "1e3", "1.0", "1E-2", "123456789012345678901234567890", "0.1", "1e400", "-1e400", "1e-400"} {
		want, _ := strconv.ParseFloat(text, 64)
		if have := ParseNumber([]byte(text)); have != want {
			t.Errorf("%s: have %v, want %v", text, have, want)
		}
	}
}
