package wsframe

import (
	"errors"
	"testing"
)

// TestReadHeader: what was written is read, as soon as all of it is there and not
// before.
func TestReadHeader(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 0xffff, 0x10000, 1 << 40} {
		for name, c := range map[string]struct {
			header []byte
			want   Header
		}{
			"server":   {AppendHeader(nil, Binary, size), Header{Op: Binary, Final: true, Length: int64(size)}},
			"deflated": {AppendDeflatedHeader(nil, Text, size), Header{Op: Text, Final: true, Deflated: true, Length: int64(size)}},
			"client":   {AppendMaskedHeader(nil, Text, size, 0x01020304), Header{Op: Text, Final: true, Length: int64(size), Key: 0x01020304}},
		} {
			if got, n, err := ReadHeader(append(c.header, "payload"...), name == "client"); err != nil || n != len(c.header) || got != c.want {
				t.Errorf("%s, %d: %+v, %d bytes, %v", name, size, got, n, err)
			}
			for short := range c.header {
				if _, n, err := ReadHeader(c.header[:short], name == "client"); n != 0 || err != nil {
					t.Errorf("%s, %d, %d of %d bytes: %d, %v", name, size, short, len(c.header), n, err)
				}
			}
		}
	}
}

// TestBadHeaders: what is forbidden is refused as soon as it is there.
func TestBadHeaders(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		masked bool
	}{
		"client without a mask": {"\x82\x01", true},
		"server with a mask":    {"\x82\x81", false},
		"second reserved bit":   {"\xa2\x01", false},
		"third reserved bit":    {"\x92\x01", false},
		"deflated continuation": {"\xc0\x01", false},
		"deflated ping":         {"\xc9\x01", false},
		"opcode 3":              {"\x83\x01", false},
		"opcode 7":              {"\x87\x01", false},
		"opcode 11":             {"\x8b\x01", false},
		"opcode 15":             {"\x8f\x01", false},
		"ping in pieces":        {"\x09\x01", false},
		"long ping":             {"\x89\x7e", false},
		"negative length":       {"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", false},
	} {
		if h, n, err := ReadHeader([]byte(c.header), c.masked); n != 0 || !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %+v, %d bytes, %v", name, h, n, err)
		}
	}
}

func TestReadClose(t *testing.T) {
	for payload, want := range map[string]struct {
		code uint16
		text string
	}{
		"":             {CodeNone, ""},
		"\x03\xe8":     {1000, ""},
		"\x03\xe8bye":  {1000, "bye"},
		"\x03\xf6":     {1014, ""},
		"\x11\x31oh €": {4401, "oh €"},
	} {
		if code, text, err := ReadClose([]byte(payload)); err != nil || code != want.code || text != want.text {
			t.Errorf("% x: %d %q, %v", payload, code, text, err)
		}
	}
	for name, payload := range map[string]string{
		"half a code": "\x03", "0": "\x00\x00", "999": "\x03\xe7", "1004": "\x03\xec", "1005": "\x03\xed", "1006": "\x03\xee",
		"1015": "\x03\xf7", "2999": "\x0b\xb7", "5000": "\x13\x88", "999 and text": "\x03\xe7\xff",
	} {
		if code, _, err := ReadClose([]byte(payload)); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %d, %v", name, code, err)
		}
	}
	if code, _, err := ReadClose([]byte("\x03\xe8\xff")); !errors.Is(err, ErrNotUTF8) {
		t.Errorf("text: %d, %v", code, err)
	}
}
