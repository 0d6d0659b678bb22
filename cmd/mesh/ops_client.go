package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/socketmesh/mesh/internal/peertls"
	"github.com/socketmesh/mesh/internal/tlsfiles"
	"github.com/socketmesh/mesh/ops"
)

// opsFlags say which server a command asks, and how it prints the answer.
type opsFlags struct {
	url, token, tokenFile *string
	tls                   tlsFlags
	json                  *bool
}

func declareOps(f *flags) opsFlags {
	return opsFlags{
		url:       f.text("url", fmt.Sprintf("http://localhost:%d", opsPort), "operators' port of any server of the mesh", "MESH_OPS_URL"),
		token:     f.text("token", "", "secret of the operators' port, which is the mesh's if it has none of its own", "MESH_OPS_TOKEN"),
		tokenFile: f.text("token-file", "", "file with that secret", "MESH_OPS_TOKEN_FILE"),
		tls:       declareTLS(f),
		json:      f.boolean("json", "print the server's answer as JSON", "MESH_OPS_JSON"),
	}
}

// opsClient sends requests to the operators' port of a server.
type opsClient struct {
	base  string
	token string
	http  *http.Client
}

// client makes a client for the server that the flags name.
func (o opsFlags) client() (*opsClient, error) {
	u, err := url.Parse(*o.url)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, usageError("--url", *o.url, "http://host:port or https://host:port")
	}
	c := &opsClient{base: strings.TrimSuffix(u.String(), "/"), token: *o.token}
	if *o.tokenFile != "" {
		text, err := os.ReadFile(*o.tokenFile)
		if err != nil {
			return nil, usageError("--token-file", *o.tokenFile, "a file with a secret: "+err.Error())
		}
		c.token = strings.TrimSpace(string(text))
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig, err = o.tls.client()
	if err != nil {
		return nil, err
	}
	c.http = &http.Client{Transport: transport, Timeout: 40 * time.Second}
	return c, nil
}

func (c *opsClient) close() { c.http.CloseIdleConnections() }

// client returns the TLS configuration for requests; nil without files.
func (t tlsFlags) client() (*tls.Config, error) {
	if *t.cert == "" && *t.ca == "" && *t.name == "" {
		return nil, nil
	}
	source, err := tlsfiles.Open(tlsfiles.Files{Cert: *t.cert, Key: *t.key, CA: *t.ca}, nil)
	if bad, ok := errors.AsType[*tlsfiles.Error](err); ok {
		return nil, usageError("--tls-"+strings.ToLower(bad.Field), bad.Path, "a PEM file: "+bad.Err.Error())
	}
	if err != nil {
		return nil, err
	}
	roots := source.RootCAs
	if *t.ca == "" {
		roots = nil
	}
	return peertls.Client(source.Config(*t.name), roots, "http/1.1"), nil
}

// maxOpsAnswer limits the memory that a server's answer can take in a command, in bytes.
const maxOpsAnswer = 256 << 20

func (c *opsClient) get(ctx context.Context, path string, query url.Values, answer any) ([]byte, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	return c.do(ctx, http.MethodGet, target, nil, answer)
}

func (c *opsClient) post(ctx context.Context, path string, body, answer any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return c.do(ctx, http.MethodPost, c.base+path, text, answer)
}

// do sends a request, decodes the answer and also returns it undecoded.
func (c *opsClient) do(ctx context.Context, method, target string, body []byte, answer any) ([]byte, error) {
	response, text, err := c.send(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		return nil, c.failure(response, text)
	}
	if !isJSON(response) {
		return nil, fmt.Errorf("%s is no operators' port of a mesh: its answer is %q", c.base, response.Header.Get("Content-Type"))
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return nil, fmt.Errorf("%s: the answer cannot be read: %w", c.base, err)
	}
	return text, nil
}

func isJSON(response *http.Response) bool {
	return strings.HasPrefix(response.Header.Get("Content-Type"), "application/json")
}

// failure returns the error of a server's answer to a request that has failed.
func (c *opsClient) failure(response *http.Response, text []byte) error {
	var failure ops.Failure
	switch {
	case isJSON(response) && json.Unmarshal(text, &failure) == nil && failure.Error != "":
	case wantsHTTPS(response, text):
		return fmt.Errorf("%s: it wants https://", c.base)
	default:
		return fmt.Errorf("%s is no operators' port of a mesh: it answered %s", c.base, response.Status)
	}
	if response.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("%s: %s: give a token with --token-file, --token or MESH_OPS_TOKEN, or a certificate with --tls-cert and --tls-key", c.base, printable(failure.Error))
	}
	return fmt.Errorf("%s: %s", c.base, printable(failure.Error))
}

// send sends a request, and reads the answer whatever its status is. The body of the
// response is closed.
func (c *opsClient) send(ctx context.Context, method, target string, body []byte) (*http.Response, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, nil, c.explain(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxOpsAnswer))
	if err != nil {
		return nil, nil, c.explain(err)
	}
	return response, text, nil
}

// wantsHTTPS reports whether this is how Go's server answers HTTP on a port with TLS.
func wantsHTTPS(response *http.Response, text []byte) bool {
	return response.StatusCode == http.StatusBadRequest && response.TLS == nil && strings.Contains(string(text), "HTTPS")
}

// explain says in plain words why there was no answer.
func (c *opsClient) explain(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("there is no server at %s: start one with MESH_OPS_LISTEN=:%d, or say where with --url (%w)", c.base, opsPort, err)
	}
	return err
}

// show prints an answer as JSON, if the flag asks for it, and reports whether it did.
func (o opsFlags) show(out io.Writer, answer []byte) (shown bool, err error) {
	if !*o.json {
		return false, nil
	}
	var text bytes.Buffer
	if err := json.Indent(&text, bytes.TrimSpace(answer), "", "  "); err != nil {
		return true, err
	}
	text.WriteByte('\n')
	_, err = out.Write(safeJSON(text.Bytes()))
	return true, err
}
