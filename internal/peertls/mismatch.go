package peertls

import "errors"

// Errors for when only one of two ends uses TLS. Each says which address to dial instead.
var (
	// ErrPlain is for a dialler without TLS at a port with TLS.
	ErrPlain = errors.New("this port speaks TLS: dial wss://")
	// ErrTLS is for a dialler with TLS at a port without TLS.
	ErrTLS = errors.New("a TLS handshake at a port without TLS: dial ws://")
)

// PlainResponse answers plain HTTP at a port with TLS.
var PlainResponse = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\nBad Request: " + ErrPlain.Error() + "\n"

// LooksLikeHTTP reports whether bytes received instead of a TLS handshake are the
// beginning of an HTTP request.
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

// LooksLikeTLS reports whether bytes received instead of an HTTP request are the
// beginning of a TLS handshake.
func LooksLikeTLS(first []byte) bool { return len(first) > 0 && first[0] == 0x16 }
