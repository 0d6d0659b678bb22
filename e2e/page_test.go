package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestPage: the demo's pages of two servers, in a browser, see each other; when one of the
// servers is stopped its page goes on with another one.
func TestPage(t *testing.T) {
	t.Parallel()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing; `make setup` installs it")
	}
	urls := startMesh(t, 3, "demo", "--port", "0", "--mesh-port", "0", "--discovery-port", "0")
	// MESH_E2E_SCREENSHOTS keeps the pictures, to look at.
	pictures := os.Getenv("MESH_E2E_SCREENSHOTS")
	if pictures == "" {
		pictures = t.TempDir()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "node", "node/page.js", chromium, urls[0], urls[1], pictures).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"wide.png", "narrow.png", "moved.png"} {
		if info, err := os.Stat(filepath.Join(pictures, name)); err != nil || info.Size() < 10_000 {
			t.Errorf("%s is no picture: %v", name, err)
		}
	}
}

// TestPagesLeftOpen: pages show what strangers send all day, as text, and hold no more
// of it than they did after an hour.
func TestPagesLeftOpen(t *testing.T) {
	t.Parallel()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing; `make setup` installs it")
	}
	urls := startMesh(t, 2, "demo", "--nodes", "2", "--port", "0", "--mesh-port", "0", "--discovery-port", "0")
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "node", "node/pages_left_open.js", chromium, urls[0], urls[1]).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("each page, after it:\n%s", out)
}
