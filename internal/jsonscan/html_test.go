package jsonscan

import (
	"encoding/json"
	"testing"
)

func FuzzAppendQuotedHTML(f *testing.F) {
	for _, seed := range []string{
		"", "plain", "Mozilla/5.0 (X11; Linux x86_64) <b>&amp;</b>", "a=1&b=2", "<", ">", "&", "12345678<", "1234567>8", "&2345678",
		"\x00\x1f\x7f\b\f\n\r\t\"\\/", "\u2027\u2028\u2029\u202a", "\xff", "a\xe2\x80", "\uFFFD", "é👩‍👩‍👧", "=?:;%",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if have := AppendQuotedHTML([]byte("x"), s); string(have) != "x"+string(want) {
			t.Fatalf("have %s, want %s", have[1:], want)
		}
	})
}
