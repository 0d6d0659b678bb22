package e2e

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// adminDemo is a demo whose admin page a test opens.
type adminDemo struct {
	pages, processes []string // of its servers
	ops              string   // where operators are served
}

var (
	demoServer = regexp.MustCompile(`server \d+ +(http://\S+) .* process (\d+)`)
	demoOps    = regexp.MustCompile(`operators +(http://\S+)`)
)

// startAdminDemo starts three servers, whose operators need the token "secret".
func startAdminDemo(t *testing.T) (d adminDemo) {
	t.Helper()
	// One of its servers is killed by the test, which the demo reports in the end.
	lines, log := startCommand(t, false, "demo", "--port", "0", "--mesh-port", "0", "--discovery-port", "0", "--auth-token", "secret", "--log-level", "error")
	for d.ops == "" && lines.Scan() {
		if m := demoServer.FindStringSubmatch(lines.Text()); m != nil {
			d.pages, d.processes = append(d.pages, m[1]), append(d.processes, m[2])
		}
		if m := demoOps.FindStringSubmatch(lines.Text()); m != nil {
			d.ops = m[1]
		}
	}
	if len(d.pages) != 3 || d.ops == "" {
		t.Fatalf("the demo names %+v:\n%s", d, log.Tail())
	}
	return d
}

// inChromium runs a script of e2e/node with the browser's path and further arguments.
func inChromium(t *testing.T, script string, arguments ...string) string {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing; `make setup` installs it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "node", append([]string{"node/" + script, chromium}, arguments...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestAdminPage: the admin page of one server shows three, what is wrong with them and
// what strangers call their rooms, to those who have the token, and drains one.
// `make screenshots` takes the pictures of docs again.
func TestAdminPage(t *testing.T) {
	t.Parallel()
	d := startAdminDemo(t)
	pictures, keep := picturesOf(t)
	t.Log(inChromium(t, "admin.js", d.ops, "secret", strings.Join(d.pages, ","), strings.Join(d.processes, ","), pictures, keep))
	checkPictures(t, pictures, "mesh-1440-light.png", "mesh-390-dark.png", "rooms-390-dark.png", "losses-1440-light.png", "problem-1440-dark.png")
}

// checkPictures: they are there, and small enough to be part of the docs.
func checkPictures(t *testing.T, directory string, names ...string) {
	t.Helper()
	for _, name := range names {
		info, err := os.Stat(filepath.Join(directory, "admin-"+name))
		if err != nil || info.Size() < 5_000 || info.Size() > 100_000 {
			t.Errorf("%s is no picture of a page that fits into the docs: %+v, %v", name, info, err)
		}
	}
}

// picturesOf is where pictures go, and "keep" if MESH_E2E_SCREENSHOTS keeps them.
func picturesOf(t *testing.T) (directory, keep string) {
	if kept := os.Getenv("MESH_E2E_SCREENSHOTS"); kept != "" {
		return kept, "keep"
	}
	return t.TempDir(), ""
}

var scale = flag.Bool("scale", false, "run the tests of the admin page that keep a browser busy for minutes")

func needsScale(t *testing.T) {
	t.Helper()
	if !*scale {
		t.Skip("make admin-scale runs it")
	}
}

// TestAdminPageAtScale: 100 nodes are a table at first, a drawing that moves smoothly, and
// both follow what happens. Frames a second are reported; what they are is the machine's.
func TestAdminPageAtScale(t *testing.T) {
	t.Parallel()
	needsScale(t)
	d := startAdminNode(t)
	pictures, _ := picturesOf(t)
	t.Log(inChromium(t, "admin_at_scale.js", d, pictures))
	checkPictures(t, pictures, "100-1440-light.jpg")
}

// startAdminNode starts one server, whose operators need no token.
func startAdminNode(t *testing.T) (ops string) {
	t.Helper()
	return startMesh(t, 2, "node", "--port", "0", "--mesh-listen", "127.0.0.1:0", "--peers", "ws://127.0.0.1:1", "--ops-listen", "127.0.0.1:0", "--log-level", "error")[1]
}

// TestAdminPageLeftOpen: a page that has had 100,000 patches and as many events, all of
// them hostile, holds no more than after a few.
func TestAdminPageLeftOpen(t *testing.T) {
	t.Parallel()
	needsScale(t)
	t.Log(inChromium(t, "admin_left_open.js", startAdminNode(t)))
}
