package session

import (
	"bufio"
	"net"
	"net/http"
)

// response is the response to a request whose connection has become a WebSocket. The
// library's own would keep memory of net/http, among it two buffers of 4 KiB, as long as
// the application holds the request.
type response struct{ header http.Header }

var _ http.Hijacker = response{}

func (r response) Header() http.Header                        { return r.header }
func (response) WriteHeader(int)                              {}
func (response) Write([]byte) (int, error)                    { return 0, http.ErrHijacked }
func (response) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, http.ErrHijacked }
