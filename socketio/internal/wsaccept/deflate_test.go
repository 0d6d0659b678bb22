package wsaccept

import (
	"net/http"
	"testing"
)

// TestNegotiate: an offer is agreed upon if it can be kept, else the next one is looked
// at (RFC 7692, sections 5 and 7.1).
func TestNegotiate(t *testing.T) {
	const plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"none", nil, ""},
		{"another extension", []string{"x-webkit-deflate-frame"}, ""},
		{"plain", []string{"permessage-deflate"}, plain},
		{"browser's", []string{"permessage-deflate; client_max_window_bits"}, plain},
		{"behind another extension", []string{`x-other; a="b", permessage-deflate`}, plain},
		{"in the second line", []string{"x-other", "permessage-deflate"}, plain},
		{"no takeover", []string{"permessage-deflate; server_no_context_takeover; client_no_context_takeover"}, plain},
		{"client's window", []string{"permessage-deflate; client_max_window_bits=8"}, plain},
		{"client's window, quoted", []string{`permessage-deflate; client_max_window_bits="10"`}, plain},
		{"client's window too small", []string{"permessage-deflate; client_max_window_bits=7"}, ""},
		{"client's window too large", []string{"permessage-deflate; client_max_window_bits=16"}, ""},
		{"client's window with a zero in front", []string{"permessage-deflate; client_max_window_bits=08"}, ""},
		{"client's window without a number", []string{"permessage-deflate; client_max_window_bits=x"}, ""},
		{"server's window, largest", []string{"permessage-deflate; server_max_window_bits=15"}, plain + "; server_max_window_bits=15"},
		{"server's window, smaller", []string{"permessage-deflate; server_max_window_bits=14"}, ""},
		{"server's window, smallest", []string{"permessage-deflate; server_max_window_bits=8"}, ""},
		{"server's window without a number", []string{"permessage-deflate; server_max_window_bits"}, ""},
		{"smaller window, and then without", []string{"permessage-deflate; server_max_window_bits=10, permessage-deflate"}, plain},
		{"smaller window, and then in another line", []string{"permessage-deflate; server_max_window_bits=10", "permessage-deflate; client_max_window_bits"}, plain},
		{"the first that can be kept", []string{"permessage-deflate; server_max_window_bits=9, permessage-deflate; server_max_window_bits=15, permessage-deflate"},
			plain + "; server_max_window_bits=15"},
		{"takeover with a value", []string{"permessage-deflate; server_no_context_takeover=1"}, ""},
		{"the other takeover with a value", []string{"permessage-deflate; client_no_context_takeover=true"}, ""},
		{"unknown parameter", []string{"permessage-deflate; wonder"}, ""},
		{"parameter twice", []string{"permessage-deflate; client_max_window_bits; client_max_window_bits=10"}, ""},
		{"the first value of one that comes twice", []string{"permessage-deflate; server_max_window_bits=15; server_max_window_bits=10"}, ""},
		{"no name of a parameter", []string{"permessage-deflate; =1, permessage-deflate"}, ""},
		{"no value", []string{"permessage-deflate; client_max_window_bits="}, ""},
		{"quotes that do not end", []string{`permessage-deflate; client_max_window_bits="10`}, ""},
		{"quotes with a space", []string{`permessage-deflate; client_max_window_bits="1 0"`}, ""},
		{"rubbish", []string{"permessage-deflate rubbish", ";;", ",", "permessage-deflate;"}, ""},
		{"spaces", []string{"  permessage-deflate ;\tclient_max_window_bits = 12 , x"}, plain},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, ok := negotiate(c.lines); got != c.want || ok != (c.want != "") {
				t.Errorf("%q: got %q, %v, want %q", c.lines, got, ok, c.want)
			}
		})
	}
}

// FuzzNegotiate: whatever a client offers, the answer is one of two.
func FuzzNegotiate(f *testing.F) {
	f.Add("permessage-deflate; client_max_window_bits")
	f.Add(`x; a="b\"c", permessage-deflate; server_max_window_bits="15"`)
	f.Fuzz(func(t *testing.T, line string) {
		const plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
		answer, ok := negotiate([]string{line})
		if ok != (answer != "") || ok && answer != plain && answer != plain+"; server_max_window_bits=15" {
			t.Errorf("%q: %q, %v", line, answer, ok)
		}
		if ok && !Deflates(http.Header{"Sec-Websocket-Extensions": {line}}) {
			t.Errorf("%q: agreed upon without an offer", line)
		}
	})
}
