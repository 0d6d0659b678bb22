package server

import (
	"net/http"
	"testing"
)

// TestShutdown: that the web server is told to close a listener that is closed already, so
// that nobody comes meanwhile, is no error.
func TestShutdown(t *testing.T) {
	for range 200 {
		s, err := Start(t.Context(), Options{Listen: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.Get(s.URL() + TrafficPath)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		http.DefaultClient.CloseIdleConnections()
	}
}
