package jsonscan

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzUnquotedAgreesWithEncodingJSON(f *testing.F) {
	for _, s := range []string{`a`, `é`, `\n\t\"\\\/\b\f\r`, `\u00e9\uD83D\uDE00`, `\ud83d`, `\ude00\ud83d`, `\ud83dx`, `\ud83d\n`, `\ud83d\u0041`, `\ud83d\ud83d\ude00`, "\xff\xc3", `\u0000`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		quoted := append(append([]byte{'"'}, text...), '"')
		s := NewScanner(quoted)
		tok, err := s.Next()
		if end, errEnd := s.Next(); err != nil || errEnd != nil || end.Kind != End {
			return
		}
		var want string
		if err := json.Unmarshal(quoted, &want); err != nil {
			t.Fatal(err)
		}
		if have := AppendUnquoted([]byte("-"), tok.Text); string(have) != "-"+want {
			t.Fatalf("%q: have %q, want %q", text, have[1:], want)
		}
		if ascii(want) && (!tok.Is(want) || tok.Is(want+"x") || want != "" && tok.Is(want[1:])) {
			t.Fatalf("Is %q", want)
		}
	})
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

func FuzzQuoted(f *testing.F) {
	for _, s := range []string{"", "a", "é漢👩", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "\xff\xc3(\xe2\x82", "<&>\u2028", "aaaaaaaaaaaaaaa\"aaaaaaaa\xffaaaaaaaa", "\ufffd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		have := AppendQuoted([]byte("-"), s)
		if other := AppendQuoted([]byte("-"), []byte(s)); string(other) != string(have) {
			t.Fatalf("as bytes %q, as string %q", other, have)
		}
		var back string
		if err := json.Unmarshal(have[1:], &back); err != nil || !utf8.Valid(have) {
			t.Fatalf("%q: %v", have, err)
		}
		if want := string([]rune(s)); back != want {
			t.Fatalf("%q came back as %q, want %q", s, back, want)
		}
	})
}

func TestQuotedAsJavaScriptDoes(t *testing.T) {
	for s, want := range map[string]string{
		"<&>\u2028\x7f":       "\"<&>\u2028\x7f\"",
		"\b\f\n\r\t\"\\/\x01": `"\b\f\n\r\t\"\\/\u0001"`,
		"\x1f":                `"\u001f"`,
	} {
		if have := AppendQuoted(nil, s); string(have) != want {
			t.Errorf("%q: have %s, want %s", s, have, want)
		}
	}
}

func TestSkipPlainLooksAtEveryByte(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			s := []byte(strings.Repeat("a", 20))
			s[at] = byte(c)
			want := 20
			if c < 0x20 || c >= 0x80 || c == '"' || c == '\\' {
				want = at
			}
			if have := skipPlain(s, 0); have != want {
				t.Fatalf("%q: have %d, want %d", s, have, want)
			}
			// A neighbour below must not hide it, nor make it up.
			s[max(at-1, 0)], s[at] = ' ', byte(c)
			if have := skipPlain(s, 0); have != want {
				t.Fatalf("%q: have %d, want %d", s, have, want)
			}
		}
	}
}
