package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// healthBody bounds what is printed of an answer.
const healthBody = 4 << 10

// healthCommand asks for the health of a running node or discovery service: images have
// no other program for that.
func healthCommand(f *flags) action {
	url := f.text("url", "http://127.0.0.1:9000/readyz", "what is asked: /readyz or /healthz of an ops port", "MESH_HEALTH_URL")
	timeout := f.duration("timeout", 2*time.Second, "how long the answer may take", "MESH_HEALTH_TIMEOUT")
	return func(ctx context.Context, out, _ io.Writer) error {
		ctx, cancel := context.WithTimeout(ctx, *timeout)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, *url, nil)
		if err != nil {
			return usageError("--url", *url, "a URL as http://127.0.0.1:9000/readyz")
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(io.LimitReader(answer.Body, healthBody))
		if err != nil {
			return err
		}
		if answer.StatusCode/100 != 2 {
			return fmt.Errorf("%s answers %s: %s", *url, answer.Status, body)
		}
		fmt.Fprintf(out, "%s\n", body)
		return nil
	}
}
