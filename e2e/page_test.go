package e2e

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"
)

var pageURL = regexp.MustCompile(`http://\S+`)

// TestPage: the demo's pages of two servers, in a browser, see each other.
func TestPage(t *testing.T) {
	t.Parallel()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing; `make setup` installs it")
	}
	urls := startDemo(t)
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
	for _, name := range []string{"wide.png", "narrow.png"} {
		if info, err := os.Stat(filepath.Join(pictures, name)); err != nil || info.Size() < 10_000 {
			t.Errorf("%s is no picture: %v", name, err)
		}
	}
}

// startDemo starts `mesh demo` on free ports, and returns the pages' addresses.
// At the test's end it has to stop as it does on Ctrl-C.
func startDemo(t *testing.T) (urls []string) {
	t.Helper()
	cmd := exec.Command(binaries.mesh, "demo", "--port", "0", "--mesh-port", "0", "--discovery-port", "0")
	var log journal
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGINT)
		force := time.AfterFunc(askTime, func() { cmd.Process.Kill() })
		defer force.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("mesh demo, after Ctrl-C: %v", err)
		}
		if t.Failed() {
			t.Logf("log of mesh demo:\n%s", log.tail())
		}
	})
	lines := bufio.NewScanner(out)
	for len(urls) < 3 && lines.Scan() {
		if url := pageURL.FindString(lines.Text()); url != "" {
			urls = append(urls, url)
		}
	}
	if len(urls) < 3 {
		t.Fatalf("mesh demo named %d pages:\n%s", len(urls), log.tail())
	}
	return urls
}
