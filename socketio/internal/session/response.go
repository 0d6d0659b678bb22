package session

import (
	"bufio"
	"net"
	"net/http"
)

// response is the answer to a request whose connection has become a WebSocket. The
// library's own would keep what net/http lends for it, two buffers of 4 KiB among
// it, as long as somebody holds the request.
type response struct{ header http.Header }

var _ http.Hijacker = response{}

func (r response) Header() http.Header                        { return r.header }
func (response) WriteHeader(int)                              {}
func (response) Write([]byte) (int, error)                    { return 0, http.ErrHijacked }
func (response) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, http.ErrHijacked }
