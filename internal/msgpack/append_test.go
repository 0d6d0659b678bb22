package msgpack

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"testing"
)

// encoded are values and the bytes the reference writes for them (docs/reference-protocol.md,
// section 7).
var encoded = []struct {
	name string
	have []byte
	want string // hex, of long values the beginning
}{
	{"nil", AppendNil(nil), "c0"},
	{"true", AppendBool(nil, true), "c3"},
	{"false", AppendBool(nil, false), "c2"},
	{"0", AppendInt(nil, 0), "00"},
	{"127", AppendInt(nil, 127), "7f"},
	{"128", AppendInt(nil, 128), "cc80"},
	{"255", AppendInt(nil, 255), "ccff"},
	{"256", AppendInt(nil, 256), "cd0100"},
	{"65535", AppendInt(nil, 65535), "cdffff"},
	{"65536", AppendInt(nil, 65536), "ce00010000"},
	{"2^32-1", AppendInt(nil, 1<<32-1), "ceffffffff"},
	{"2^32", AppendInt(nil, 1<<32), "cf0000000100000000"},
	{"2^53-1", AppendInt(nil, 1<<53-1), "cf001fffffffffffff"},
	{"2^53", AppendInt(nil, 1<<53), "cb4340000000000000"},
	{"2^63-1", AppendInt(nil, math.MaxInt64), "cb43e0000000000000"},
	{"-1", AppendInt(nil, -1), "ff"},
	{"-32", AppendInt(nil, -32), "e0"},
	{"-33", AppendInt(nil, -33), "d0df"},
	{"-128", AppendInt(nil, -128), "d080"},
	{"-129", AppendInt(nil, -129), "d1ff7f"},
	{"-32768", AppendInt(nil, -32768), "d18000"},
	{"-32769", AppendInt(nil, -32769), "d2ffff7fff"},
	{"-2^31", AppendInt(nil, -1<<31), "d280000000"},
	{"-2^31-1", AppendInt(nil, -1<<31-1), "d3ffffffff7fffffff"},
	{"-2^53+1", AppendInt(nil, -1<<53+1), "d3ffe0000000000001"},
	{"-2^63", AppendInt(nil, math.MinInt64), "cbc3e0000000000000"},
	{"0.5", AppendNumber(nil, 0.5), "cb3fe0000000000000"},
	{"1e21", AppendNumber(nil, 1e21), "cb444b1ae4d6e2ef50"},
	{"whole float", AppendNumber(nil, 3), "03"},
	{"minus zero", AppendNumber(nil, math.Copysign(0, -1)), "00"},
	{"-2^53+1 as a float", AppendNumber(nil, -1<<53+1), "d3ffe0000000000001"},
	{"infinity", AppendNumber(nil, math.Inf(-1)), "cbfff0000000000000"},
	{"empty string", AppendString(nil, ""), "a0"},
	{"string of 31", AppendString(nil, strings.Repeat("a", 31)), "bf6161"},
	{"string of 32", AppendString(nil, strings.Repeat("a", 32)), "d9206161"},
	{"string of 255", AppendString(nil, strings.Repeat("a", 255)), "d9ff6161"},
	{"string of 256", AppendString(nil, strings.Repeat("a", 256)), "da01006161"},
	{"string of 65536", AppendString(nil, strings.Repeat("a", 65536)), "db000100006161"},
	{"no bytes", AppendBytes(nil, nil), "c400"},
	{"255 bytes", AppendBytes(nil, make([]byte, 255)), "c4ff0000"},
	{"256 bytes", AppendBytes(nil, make([]byte, 256)), "c501000000"},
	{"65536 bytes", AppendBytes(nil, make([]byte, 65536)), "c6000100000000"},
	{"array of 15", AppendArrayHeader(nil, 15), "9f"},
	{"array of 16", AppendArrayHeader(nil, 16), "dc0010"},
	{"array of 65536", AppendArrayHeader(nil, 65536), "dd00010000"},
	{"map of 15", AppendMapHeader(nil, 15), "8f"},
	{"map of 16", AppendMapHeader(nil, 16), "de0010"},
	{"map of 65536", AppendMapHeader(nil, 65536), "df00010000"},
}

func TestSmallestForm(t *testing.T) {
	for _, c := range encoded {
		have := hex.EncodeToString(c.have)
		if have != c.want && !(len(c.have) > 30 && strings.HasPrefix(have, c.want)) {
			t.Errorf("%s: have %.40s, want %s", c.name, have, c.want)
		}
	}
}

func TestAppendKeepsWhatStandsBefore(t *testing.T) {
	b := []byte("x")
	b = AppendNil(b)
	b = AppendInt(b, -5)
	b = AppendFloat(b, 1.5)
	b = AppendString(b, "s")
	b = AppendBytes(b, []byte{7})
	b = AppendMapHeader(AppendArrayHeader(AppendBool(b, true), 1), 0)
	if want := "x\xc0\xfb\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\xa1s\xc4\x01\x07\xc3\x91\x80"; string(b) != want {
		t.Errorf("have %x, want %x", b, want)
	}
}

func TestNumbersComeBack(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 31, -32, -33, 127, 128, 255, 256, 1 << 15, -1 << 15, -1<<15 - 1, 1<<31 - 1, 1 << 31, -1 << 31, 1<<32 - 1, 1 << 32, MaxSafeInteger, -MaxSafeInteger} {
		r := NewReader(AppendInt(nil, v))
		if have, err := r.Int(); have != v || err != nil || r.Len() != 0 {
			t.Errorf("%d: have %d, %v", v, have, err)
		}
		r = NewReader(AppendInt(nil, v))
		if f, exact, isInt, err := r.Number(); f != float64(v) || exact != v || !isInt || err != nil {
			t.Errorf("%d: have %v, %d, %v, %v", v, f, exact, isInt, err)
		}
	}
}

func TestBytesComeBack(t *testing.T) {
	for _, n := range []int{0, 1, 31, 32, 255, 256, 65535, 65536} {
		data := bytes.Repeat([]byte{0xc1}, n)
		if have, err := NewReader(AppendBytes(nil, data)).Bytes(); err != nil || !bytes.Equal(have, data) {
			t.Errorf("%d bytes: %v", n, err)
		}
		if have, err := NewReader(AppendString(nil, string(data))).String(); err != nil || !bytes.Equal(have, data) {
			t.Errorf("string of %d: %v", n, err)
		}
		elements := append(AppendArrayHeader(nil, n), data...)
		if have, err := NewReader(elements).Array(); err != nil || have != n {
			t.Errorf("array of %d: %d, %v", n, have, err)
		}
		pairs := append(append(AppendMapHeader(nil, n), data...), data...)
		if have, err := NewReader(pairs).Map(); err != nil || have != n {
			t.Errorf("map of %d: %d, %v", n, have, err)
		}
	}
}
