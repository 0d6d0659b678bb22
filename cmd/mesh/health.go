package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/socketmesh/mesh/ops"
)

// healthCommand asks a running server or discovery service for its health. Images without
// other programs use it as their health check.
func healthCommand(f *flags) action {
	server := declareOps(f)
	live := f.boolean("live", "ask whether it answers at all, not whether it can take clients", "MESH_OPS_HEALTH_LIVE")
	timeout := f.duration("timeout", 2*time.Second, "how long the answer may take", "MESH_OPS_HEALTH_TIMEOUT")
	return func(ctx context.Context, out, _ io.Writer) error {
		c, err := server.client()
		if err != nil {
			return err
		}
		defer c.close()
		ctx, cancel := context.WithTimeout(ctx, *timeout)
		defer cancel()
		path := "/readyz"
		if *live {
			path = "/healthz"
		}
		text, err := c.health(ctx, path)
		if err != nil {
			return err
		}
		if *server.json {
			fmt.Fprintf(out, "%s\n", safeJSON(bytes.TrimSpace(text)))
		} else {
			fmt.Fprintln(out, "ok")
		}
		return nil
	}
}

// health requests one of the health routes. An answer other than 200 is an error that names
// the checks that failed. If the port wants https, the request is repeated with it, so that
// an image has one command for its health, with certificates and without.
func (c *opsClient) health(ctx context.Context, path string) ([]byte, error) {
	response, text, err := c.send(ctx, http.MethodGet, c.base+path, nil)
	if err == nil && wantsHTTPS(response, text) {
		c.base = "https" + strings.TrimPrefix(c.base, "http")
		response, text, err = c.send(ctx, http.MethodGet, c.base+path, nil)
	}
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return text, nil
	}
	var health ops.Health
	_ = json.Unmarshal(text, &health) // an answer of another kind has no checks
	var failing strings.Builder
	for _, check := range health.Checks {
		if !check.OK {
			fmt.Fprintf(&failing, "\n  %s: %s", check.Name, check.Detail)
		}
	}
	return nil, fmt.Errorf("%s%s answers %s%s", c.base, path, response.Status, failing.String())
}
