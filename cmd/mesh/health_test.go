package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestHealthCommand: the exit code is the answer.
func TestHealthCommand(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			http.Error(w, "not linked", http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	for _, c := range []struct {
		url  string
		code int
		says string
	}{
		{server.URL + "/healthz", exitOK, ""},
		{server.URL + "/readyz", exitFailed, "503 Service Unavailable: not linked"},
		{"http://127.0.0.1:1/", exitFailed, "refused"},
		{"http://\x7f/", exitUsage, "--url"},
	} {
		var out, errOut bytes.Buffer
		if code := run(t.Context(), []string{"health", "--url", c.url}, &out, &errOut); code != c.code || !strings.Contains(errOut.String(), c.says) {
			t.Errorf("%q: exit code %d, %s", c.url, code, errOut.String())
		}
	}
}
