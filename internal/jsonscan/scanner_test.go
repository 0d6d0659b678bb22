package jsonscan

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

// texts are JSON, and not quite.
var texts = []string{
	``, ` `, `null`, `nul`, `nulll`, `true`, `false`, `tru e`, `0`, `-0`, `01`, `-`, `1.`, `.1`, `1.5`, `1e`, `1e+`, `1E-5`, `+1`, `1 2`, `0x1`,
	`""`, `"`, `"a`, `"\`, `"\"`, `"\"",`, `"\x"`, `"\u12"`, `"\u12g4"`, `"\uD83D\uDE00"`, "\"\n\"", "\"\x00\"", "\"\xff\"", "\x00", "1\x00",
	`[]`, `[`, `]`, `[1,2]`, `[1,]`, `[,1]`, `[1 2]`, `[1}`, `[[[]]]`, ` [ 1 , [ ] ] `,
	`{}`, `{`, `}`, `{"a":1}`, `{"a":1,}`, `{"a"}`, `{"a":}`, `{a:1}`, `{1:1}`, `{"a":1 "b":2}`, `{"a":1]`, `{"a":{"b":[{}]},"c":2}`, `{,}`, `{"a"::1}`,
	`[1,2]]`, `{}{}`, "\u00a01", "\ufeff1", "\t\r\n1\v",
	`"aaaaaaaaaaaaaaaa\naaaaaaaa"`, "\"aaaaaaa\x1faaaaaaaa\"", `"aaaaaaa"aaaaaaaa"`,
}

func FuzzScannerAgreesWithEncodingJSON(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		err := scan(text)
		if (err == nil) != json.Valid(text) {
			t.Fatalf("%q: %v, encoding/json says %v", text, err, json.Valid(text))
		}
		if err != nil && !errors.Is(err, ErrSyntax) && !errors.Is(err, ErrDepth) {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func scan(text []byte) error {
	for s := NewScanner(text); ; {
		if t, err := s.Next(); err != nil || t.Kind == End {
			return err
		}
	}
}

func TestTokens(t *testing.T) {
	const text = ` {"a":[1,-2.5e3,"x\n"],"\u0062":{"c":null},"d":true,"e":false,"f":[],"g":{}} `
	want := strings.Fields(`{ K:a [ 1 -2.5e3 S:x\n ] K:\u0062 { K:c null } K:d true K:e false K:f [ ] K:g { } } end end`)
	var have []string
	s := NewScanner([]byte(text))
	for range want {
		tok, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		have = append(have, show(tok))
		if tok.Text != nil && text[tok.Start:tok.Start+len(tok.Text)] != string(tok.Text) {
			t.Errorf("%q does not start at %d", tok.Text, tok.Start)
		}
		if tok.Escaped != strings.Contains(string(tok.Text), `\`) {
			t.Errorf("%q: escaped is %v", tok.Text, tok.Escaped)
		}
	}
	if !slices.Equal(have, want) {
		t.Errorf("have %q,\nwant %q", have, want)
	}
}

func show(t Token) string {
	switch t.Kind {
	case Key:
		return "K:" + string(t.Text)
	case String:
		return "S:" + string(t.Text)
	case Number:
		return string(t.Text)
	}
	return [...]string{End: "end", Object: "{", ObjectEnd: "}", Array: "[", ArrayEnd: "]", True: "true", False: "false", Null: "null"}[t.Kind]
}

func TestDepth(t *testing.T) {
	for _, unit := range []struct{ open, close string }{{"[", "]"}, {`{"a":`, "}"}} {
		for _, depth := range []int{63, 64, 65, 128, 129, MaxDepth, MaxDepth + 1} {
			text := strings.Repeat(unit.open, depth) + "1" + strings.Repeat(unit.close, depth)
			err := scan([]byte(text))
			if depth <= MaxDepth && err != nil || depth > MaxDepth && !errors.Is(err, ErrDepth) {
				t.Errorf("%d levels of %s: %v", depth, unit.open, err)
			}
		}
	}
	// Levels are remembered one by one.
	mixed := strings.Repeat(`[{"a":`, 100) + `1` + strings.Repeat(`}]`, 100)
	if err := scan([]byte(mixed)); err != nil {
		t.Error(err)
	}
	if err := scan([]byte(strings.Replace(mixed, "}]}]", "}]]}", 1))); err == nil {
		t.Error("ends in the wrong order were taken")
	}
}

func TestSkip(t *testing.T) {
	for text, containers := range map[string]int{`1`: 0, `"a"`: 0, `[]`: 1, `{"a":[1,{"b":{}}],"c":[]}`: 5} {
		s := NewScanner([]byte(`[` + text + `,7]`))
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
		first, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		n, err := s.Skip(first)
		if n != containers || err != nil {
			t.Errorf("%s: %d containers, %v; want %d", text, n, err, containers)
		}
		if next, err := s.Next(); show(next) != "7" {
			t.Errorf("%s is followed by %s, %v", text, show(next), err)
		}
	}
	s := NewScanner([]byte(`[1`))
	first, _ := s.Next()
	if _, err := s.Skip(first); !errors.Is(err, ErrSyntax) {
		t.Errorf("an open array was skipped: %v", err)
	}
}

func TestTook(t *testing.T) {
	member := []byte(`"a" : "x"`)
	for _, c := range []struct {
		text string
		skip int // tokens before
		want bool
	}{
		{`{"a" : "x","b":1}`, 1, true},
		{`{"b":1,"a" : "x"}`, 3, true},
		{`{"b":[],"a" : "x"}`, 4, true},
		{`{"a":"x"}`, 1, false},       // written otherwise
		{`{"a" : "xy"}`, 1, false},    // longer
		{`{"a" : "x`, 1, false},       // cut off
		{`{"b":"a" : "x"}`, 2, false}, // not where a key is
		{`["b","a" : "x"]`, 2, false},
		{`"b","a" : "x"`, 1, false},
		{`"a" : "x"`, 0, false},
	} {
		s := NewScanner([]byte(c.text))
		for range c.skip {
			if _, err := s.Next(); err != nil {
				t.Fatal(err)
			}
		}
		if have := s.Took(member); have != c.want {
			t.Errorf("%s: have %v, want %v", c.text, have, c.want)
		}
		if s.Took(nil) {
			t.Errorf("%s: nothing was taken", c.text)
		}
		for c.want {
			tok, err := s.Next()
			if err != nil {
				t.Errorf("%s: %v behind the member", c.text, err)
			}
			if err != nil || tok.Kind == End {
				break
			}
		}
	}
}

func TestSince(t *testing.T) {
	s := NewScanner([]byte(`{"a" : "x\"y","b":1}`))
	_, _ = s.Next()
	key, _ := s.Next()
	_, _ = s.Next()
	if have := string(s.Since(key)); have != `"a" : "x\"y"` {
		t.Errorf("have %s", have)
	}
}
