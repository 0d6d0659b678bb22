package peertls

import "errors"

// Errors of ends of which one speaks TLS and the other does not. Each says what is to be
// dialled instead.
var (
	// ErrPlain is for who dials a port with TLS in the clear.
	ErrPlain = errors.New("this port speaks TLS: dial wss://")
	// ErrTLS is for who is asked for TLS at a port without.
	ErrTLS = errors.New("a TLS handshake at a port without TLS: dial ws://")
)

// PlainResponse answers HTTP at a port with TLS.
var PlainResponse = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\nBad Request: " + ErrPlain.Error() + "\n"

// LooksLikeHTTP reports whether what came in place of a TLS handshake is the beginning of
// an HTTP request.
func LooksLikeHTTP(first []byte) bool {
	if len(first) < 5 {
		return false
	}
	switch string(first[:5]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO":
		return true
	}
	return false
}

// LooksLikeTLS reports whether what came in place of an HTTP request is the beginning of a
// TLS handshake.
func LooksLikeTLS(first []byte) bool { return len(first) > 0 && first[0] == 0x16 }
