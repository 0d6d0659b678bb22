package msgpack

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every width is read, not only the smallest.
func TestEveryWidth(t *testing.T) {
	for src, want := range map[string]float64{
		"05": 5, "cc05": 5, "cd0005": 5, "ce00000005": 5, "cf0000000000000005": 5,
		"d005": 5, "d10005": 5, "d200000005": 5, "d30000000000000005": 5,
		"fb": -5, "d0fb": -5, "d1fffb": -5, "d2fffffffb": -5, "d3fffffffffffffffb": -5,
		"cfffffffffffffffff": math.MaxUint64, "d38000000000000000": math.MinInt64,
		"ca3fc00000": 1.5, "cb3ff8000000000000": 1.5, "ca7f800000": math.Inf(1),
	} {
		r := NewReader(unhex(t, src))
		have, exact, isInt, err := r.Number()
		if have != want || err != nil || r.Len() != 0 {
			t.Errorf("%s: have %v, %v, %d bytes left", src, have, err, r.Len())
		}
		if isInt && float64(exact) != want {
			t.Errorf("%s: exactly %d", src, exact)
		}
		if wantInt := !strings.HasPrefix(src, "ca") && !strings.HasPrefix(src, "cb") && want != math.MaxUint64; isInt != wantInt {
			t.Errorf("%s: isInt is %v", src, isInt)
		}
		v, err := NewReader(unhex(t, src)).Int()
		if isInt != (err == nil) || isInt && v != exact {
			t.Errorf("%s: as an integer %d, %v", src, v, err)
		}
	}
	for src, want := range map[string]string{"a161": "a", "d90161": "a", "da000161": "a", "db0000000161": "a"} {
		if have, err := NewReader(unhex(t, src)).String(); string(have) != want || err != nil {
			t.Errorf("%s: %q, %v", src, have, err)
		}
	}
	for _, src := range []string{"c40107", "c5000107", "c60000000107"} {
		if have, err := NewReader(unhex(t, src)).Bytes(); string(have) != "\x07" || err != nil {
			t.Errorf("%s: %x, %v", src, have, err)
		}
	}
	for _, src := range []string{"91c0", "dc0001c0", "dd00000001c0"} {
		if n, err := NewReader(unhex(t, src)).Array(); n != 1 || err != nil {
			t.Errorf("%s: %d, %v", src, n, err)
		}
	}
	for _, src := range []string{"81c0c0", "de0001c0c0", "df00000001c0c0"} {
		if n, err := NewReader(unhex(t, src)).Map(); n != 1 || err != nil {
			t.Errorf("%s: %d, %v", src, n, err)
		}
	}
	for src, size := range map[string]int{
		"d405 01": 1, "d505 0102": 2, "d605 01020304": 4, "d705 0102030405060708": 8, "d805 000102030405060708090a0b0c0d0e0f": 16,
		"c70005": 0, "c70305 010203": 3, "c8000105 01": 1, "c90000000105 01": 1,
	} {
		r := NewReader(unhex(t, src))
		kind, data, err := r.Ext()
		if kind != 5 || len(data) != size || err != nil || r.Len() != 0 {
			t.Errorf("%s: %d, %x, %v", src, kind, data, err)
		}
	}
	if kind, _, err := NewReader(unhex(t, "d4ff00")).Ext(); kind != -1 || err != nil {
		t.Errorf("extension type %d, %v", kind, err)
	}
}

// samples hold one value of each form.
var samples = []string{
	"c0", "c2", "c3", "05", "fb", "cc80", "cd8000", "ce80000000", "cf8000000000000000", "d080", "d18000", "d280000000", "d38000000000000000",
	"ca3fc00000", "cb3ff8000000000000", "a0", "a161", "d90161", "da000161", "db0000000161", "c400", "c40107", "c5000107", "c60000000107",
	"90", "91c0", "dc0001c0", "dd00000001c0", "80", "81a161c0", "de0001a161c0", "df00000001a161c0", "8105c0",
	"d40501", "d5050102", "d60501020304", "d7ff0102030405060708", "d805000102030405060708090a0b0c0d0e0f", "c70005", "c8000105aa", "c90000000105aa",
	"92 81a161 93010203 82a16201a163 9190",
}

func TestTruncatedValues(t *testing.T) {
	for _, sample := range samples {
		src := unhex(t, sample)
		r := NewReader(append(src, 0x2a))
		if err := r.Skip(); err != nil || len(r.Rest()) != 1 || r.Rest()[0] != 0x2a {
			t.Errorf("%s: %v, %x is left", sample, err, r.Rest())
		}
		for n := range src {
			if err := NewReader(src[:n]).Skip(); !errors.Is(err, ErrShort) {
				t.Errorf("first %d bytes of %s: %v, want ErrShort", n, sample, err)
			}
		}
	}
}

// Every method refuses every other type, and the end.
func TestWrongTypes(t *testing.T) {
	read := map[Type]func(*Reader) error{
		Nil:    (*Reader).Nil,
		Bool:   func(r *Reader) error { _, err := r.Bool(); return err },
		Int:    func(r *Reader) error { _, err := r.Int(); return err },
		String: func(r *Reader) error { _, err := r.String(); return err },
		Bytes:  func(r *Reader) error { _, err := r.Bytes(); return err },
		Array:  func(r *Reader) error { _, err := r.Array(); return err },
		Map:    func(r *Reader) error { return r.Fields(func([]byte) error { return r.Skip() }) },
		Ext:    func(r *Reader) error { _, _, err := r.Ext(); return err },
	}
	values := map[Type]string{Nil: "c0", Bool: "c2", Int: "05", Float: "ca3fc00000", String: "a161", Bytes: "c400", Array: "90", Map: "80", Ext: "d40501", Invalid: "c1"}
	for want, read := range read {
		for have, src := range values {
			r := NewReader(unhex(t, src))
			if next := r.Next(); next != have {
				t.Errorf("%s: next is %s, want %s", src, next, have)
			}
			if err := read(r); (err == nil) != (want == have) || err != nil && !errors.Is(err, ErrType) {
				t.Errorf("%s read as %s: %v", have, want, err)
			}
		}
		if err := read(NewReader(nil)); !errors.Is(err, ErrShort) {
			t.Errorf("%s at the end: %v, want ErrShort", want, err)
		}
	}
	for have, src := range values {
		_, _, _, err := NewReader(unhex(t, src)).Number()
		if (err == nil) != (have == Int || have == Float) {
			t.Errorf("%s read as a number: %v", have, err)
		}
	}
	if err := NewReader([]byte{0xc1}).Skip(); !errors.Is(err, ErrType) {
		t.Errorf("0xc1 skipped: %v", err)
	}
}

func TestCountsBeyondTheInput(t *testing.T) {
	for _, src := range []string{"9f", "dcffff", "ddffffffff", "dd7fffffff 00", "8f", "81 00", "deffff", "dfffffffff", "df80000000 0000"} {
		for name, read := range map[string]func(*Reader) (int, error){"array": (*Reader).Array, "map": (*Reader).Map} {
			r := NewReader(unhex(t, src))
			if strings.HasPrefix(r.Next().String(), name) {
				if n, err := read(r); !errors.Is(err, ErrShort) {
					t.Errorf("%s: %d, %v, want ErrShort", src, n, err)
				}
			}
		}
	}
	for _, src := range []string{"dbffffffff61", "c6ffffffff61", "c9ffffffff0561"} {
		if err := NewReader(unhex(t, src)).Skip(); !errors.Is(err, ErrShort) {
			t.Errorf("%s: %v, want ErrShort", src, err)
		}
	}
}

func TestSkipIsNotRecursive(t *testing.T) {
	deep := strings.Repeat("\x91", 1<<20) + "\xc0"
	r := NewReader([]byte(deep + "\x07"))
	if err := r.Skip(); err != nil || r.Len() != 1 {
		t.Errorf("%v, %d bytes left", err, r.Len())
	}
}

func TestFields(t *testing.T) {
	r := NewReader(unhex(t, "83 a161 01 a162 92c0c0 a163 a178"))
	var keys []string
	err := r.Fields(func(key []byte) error {
		keys = append(keys, string(key))
		return r.Skip()
	})
	if err != nil || strings.Join(keys, "") != "abc" || r.Len() != 0 {
		t.Errorf("%q, %v, %d bytes left", keys, err, r.Len())
	}
	r = NewReader(unhex(t, "81 05 c0"))
	if err := r.Fields(func([]byte) error { return r.Skip() }); !errors.Is(err, ErrType) {
		t.Errorf("a key that is no string: %v", err)
	}
	r = NewReader(unhex(t, "81 a161 c0"))
	if err := r.Fields(func([]byte) error { _, err := r.Int(); return err }); !errors.Is(err, ErrType) || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("an error in a field: %v", err)
	}
}

func FuzzReader(f *testing.F) {
	for _, sample := range append(samples, "ddffffffff", "dfffffffff00", "c1", "d9", strings.Repeat("91", 300)) {
		f.Add(unhex(f, sample))
	}
	for _, frame := range captured(f) {
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		r := NewReader(src)
		err := r.Skip()
		if err != nil && !errors.Is(err, ErrShort) && !errors.Is(err, ErrType) {
			t.Fatal(err)
		}
		if err == nil {
			used := len(src) - r.Len()
			if again := NewReader(src[:used]); again.Skip() != nil || again.Len() != 0 {
				t.Fatalf("%x: a value of %d bytes is none by itself", src, used)
			}
		}
		whole := NewReader(src)
		if errFields := whole.Fields(func([]byte) error { return whole.Skip() }); errFields == nil && (err != nil || whole.Len() != r.Len()) {
			t.Fatalf("%x: Fields reads up to %d, Skip up to %d (%v)", src, whole.Len(), r.Len(), err)
		}
	})
}

// captured are the MESH payloads of the reference, without their kind byte.
func captured(t testing.TB) (frames [][]byte) {
	t.Helper()
	src, err := os.ReadFile("testdata/v2-cluster.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Vectors []struct{ Hex string } }
	if err := json.Unmarshal(src, &doc); err != nil {
		t.Fatal(err)
	}
	for _, v := range doc.Vectors {
		frames = append(frames, unhex(t, v.Hex)[1:])
	}
	return frames
}

func TestCapturedFramesAreOneValue(t *testing.T) {
	for _, frame := range captured(t) {
		r := NewReader(frame)
		if err := r.Skip(); err != nil || r.Len() != 0 {
			t.Errorf("%x: %v, %d bytes left", frame, err, r.Len())
		}
	}
}
