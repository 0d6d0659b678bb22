package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestHealthCommand: the exit code is the answer, and what fails is named.
func TestHealthCommand(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			w.WriteHeader(http.StatusServiceUnavailable)
			w.Write([]byte(`{"status": "unavailable", "checks": [{"name": "links", "ok": false, "detail": "0 of 2"}, {"name": "listening", "ok": true}]}`))
		}
	}))
	defer server.Close()
	for _, c := range []struct {
		arguments []string
		code      int
		says      string
	}{
		{[]string{"--url", server.URL, "--live"}, exitOK, ""},
		{[]string{"--url", server.URL}, exitFailed, "503 Service Unavailable\n  links: 0 of 2\n"},
		{[]string{"--url", "http://127.0.0.1:1"}, exitFailed, ""},
		{[]string{"--url", "127.0.0.1:1"}, exitUsage, "--url"},
	} {
		var out, errOut bytes.Buffer
		if code := run(t.Context(), append([]string{"health"}, c.arguments...), &out, &errOut); code != c.code || !strings.Contains(errOut.String(), c.says) {
			t.Errorf("%q: exit code %d, %s", c.arguments, code, errOut.String())
		}
	}
}
