package wsaccept

import (
	"net/http"
	"strings"
)

// extensionsHeader is not in the form of Go's canonical names: the library that does the
// handshake refuses the canonical name, because it negotiates itself, without regard to
// what a client wants.
const extensionsHeader = "Sec-WebSocket-Extensions"

// negotiate chooses the first of a client's offers of permessage-deflate that the server
// can accept (RFC 7692, section 7.1), and returns the answer to it. Each message is
// deflated separately, with the largest window: the server cannot promise a smaller one,
// while the client may use any size.
func negotiate(lines []string) (answer string, ok bool) {
	for offer := range offersOf(lines) {
		if answer, ok = answerOffer(offer); ok {
			return answer, true
		}
	}
	return "", false
}

// answerOffer answers an offer of permessage-deflate, unless it has a parameter that the
// server cannot accept, that is unknown, or that occurs twice.
func answerOffer(offer []parameter) (answer string, ok bool) {
	answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	seen := map[string]bool{}
	for _, p := range offer {
		if seen[p.name] {
			return "", false
		}
		seen[p.name] = true
		switch p.name {
		case "server_no_context_takeover", "client_no_context_takeover":
			ok = !p.valued
		case "client_max_window_bits":
			ok = !p.valued || isWindow(p.value)
		case "server_max_window_bits":
			ok = p.value == "15"
			answer += "; server_max_window_bits=15"
		default:
			ok = false
		}
		if !ok {
			return "", false
		}
	}
	return answer, true
}

// isWindow reports whether value is a window size: 8 to 15.
func isWindow(value string) bool {
	return len(value) == 1 && value >= "8" && value <= "9" || len(value) == 2 && value >= "10" && value <= "15"
}

// parameter is a parameter of an extension: a name, and perhaps a value.
type parameter struct {
	name, value string
	valued      bool
}

// offersOf yields the parameters of each offer of permessage-deflate in the lines of the
// header. It ignores the rest of a line after a syntax error.
func offersOf(lines []string) func(yield func([]parameter) bool) {
	return func(yield func([]parameter) bool) {
		for _, line := range lines {
			for rest, more := line, true; more; {
				var name string
				var parameters []parameter
				if name, parameters, rest, more = cutExtension(rest); name == "permessage-deflate" && !yield(parameters) {
					return
				}
			}
		}
	}
}

// cutExtension cuts the first extension off a line. name is "" after a syntax error, and
// more is false at the end of the line.
func cutExtension(line string) (name string, parameters []parameter, rest string, more bool) {
	name, rest = cutToken(line)
	if name == "" {
		return "", nil, "", false
	}
	for strings.HasPrefix(rest, ";") {
		var p parameter
		if p.name, rest = cutToken(rest[1:]); p.name == "" {
			return "", nil, "", false
		}
		if after, valued := strings.CutPrefix(rest, "="); valued {
			p.valued = true
			if p.value, rest = cutValue(after); p.value == "" {
				return "", nil, "", false
			}
		}
		parameters = append(parameters, p)
	}
	if rest == "" {
		return name, parameters, "", false
	}
	if rest[0] != ',' {
		return "", nil, "", false
	}
	return name, parameters, rest[1:], true
}

// cutToken cuts off a token, and the spaces around it.
func cutToken(s string) (token, rest string) {
	s = strings.TrimLeft(s, " \t")
	end := 0
	for end < len(s) && isToken(s[end]) {
		end++
	}
	return s[:end], strings.TrimLeft(s[end:], " \t")
}

// cutValue cuts off a value: a token, which may be in quotes.
func cutValue(s string) (value, rest string) {
	s = strings.TrimLeft(s, " \t")
	quoted, isQuoted := strings.CutPrefix(s, `"`)
	if !isQuoted {
		return cutToken(s)
	}
	value, rest = cutToken(quoted)
	if after, closed := strings.CutPrefix(rest, `"`); closed && strings.HasPrefix(quoted, value+`"`) {
		return value, strings.TrimLeft(after, " \t")
	}
	return "", ""
}

// isToken reports whether c may be in a token (RFC 9110, section 5.6.2).
func isToken(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// Deflates reports whether a client offers permessage-deflate at all. Where the library
// does the handshake, it accepts any offer.
func Deflates(header http.Header) bool {
	for range offersOf(header["Sec-Websocket-Extensions"]) {
		return true
	}
	return false
}
