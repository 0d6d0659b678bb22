package e2e

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/socketmesh/mesh/e2e/internal/procs"
)

// dockerfile is what a test needs of deploy/Dockerfile.
type dockerfile struct {
	build       string   // the command that makes the binary, as /out/mesh
	defaults    []string // of its arguments, NAME=value
	user, group uint32
	env         []string
	health      []string // the command, with its arguments
	command     []string // likewise, of the container
}

func readDockerfile(t *testing.T) (d dockerfile) {
	t.Helper()
	text, err := os.ReadFile("../deploy/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	find := func(pattern string) []string {
		t.Helper()
		found := regexp.MustCompile(pattern).FindStringSubmatch(string(text))
		if found == nil {
			t.Fatalf("deploy/Dockerfile has no %s", pattern)
		}
		return found[1:]
	}
	words := func(pattern string) (words []string) {
		t.Helper()
		if err := json.Unmarshal([]byte(find(pattern)[0]), &words); err != nil {
			t.Fatal(err)
		}
		return words
	}
	d.build = find(`(?m)^RUN (.*go build .*)$`)[0]
	d.defaults = strings.Fields(find(`(?m)^ARG (.*)$`)[0])
	ids := find(`(?m)^USER (\d+):(\d+)$`)
	user, _ := strconv.ParseUint(ids[0], 10, 32)
	group, _ := strconv.ParseUint(ids[1], 10, 32)
	d.user, d.group = uint32(user), uint32(group)
	d.env = strings.Fields(find(`(?m)^ENV (.*)$`)[0])
	d.health = words(`(?m)^HEALTHCHECK .* CMD (\[.*\])$`)
	d.command = append(words(`(?m)^ENTRYPOINT (\[.*\])$`), words(`(?m)^CMD (\[.*\])$`)...)
	return d
}

// maxImage is how large the binary may be, which is nearly all of the image.
const maxImage = 40 << 20

// TestImage does what the stages of deploy/Dockerfile do, since there is no engine here:
// it builds the binary by the same command, and runs it as the same user, if the test's
// own may become another, in the same environment, with the image's health check.
func TestImage(t *testing.T) {
	t.Parallel()
	d := readDockerfile(t)
	dir, err := os.MkdirTemp("", "mesh-image-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // for the image's user
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "mesh")
	build := exec.Command("sh", "-c", strings.ReplaceAll(d.build, "/out/mesh", binary))
	build.Dir = ".."
	build.Env = append(append(os.Environ(), d.defaults...), "TARGETOS="+runtime.GOOS, "TARGETARCH="+runtime.GOARCH)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", d.build, err, out)
	}
	checkStatic(t, binary)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ops := listener.Addr().String()
	listener.Close()
	command := func(words []string, more ...string) *exec.Cmd {
		if words[0] != "/mesh" {
			t.Fatalf("the image has no %s", words[0])
		}
		cmd := exec.Command(binary, append(words[1:len(words):len(words)], more...)...)
		for i, word := range cmd.Args {
			cmd.Args[i] = strings.ReplaceAll(word, "127.0.0.1:4100", ops)
		}
		for _, variable := range d.env {
			cmd.Env = append(cmd.Env, strings.ReplaceAll(variable, "=:4100", "="+ops))
		}
		cmd.Dir = "/"
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: d.user, Gid: d.group}}
		}
		return cmd
	}
	if out, err := command([]string{"/mesh", "--version"}).CombinedOutput(); err != nil || !strings.Contains(string(out), "mesh") {
		t.Errorf("--version: %v %s", err, out)
	}

	running := command(d.command, "--port", "0", "--mesh-listen", "127.0.0.1:0", "--peers", "ws://127.0.0.1:1")
	var log procs.Log
	running.Stdout, running.Stderr = &log, &log
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- running.Wait() }()
	healthy := false
	t.Cleanup(func() {
		if !healthy || t.Failed() {
			running.Process.Kill()
			t.Logf("log:\n%s", log.Tail())
		}
	})
	procs.Eventually(t, askTime, func() error {
		if out, err := command(d.health).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", d.health, err, out)
		}
		return nil
	})
	healthy = true
	running.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("after SIGTERM: %v", err)
		}
	case <-time.After(askTime):
		running.Process.Kill()
		t.Error("SIGTERM did not end it")
	}
	if out, err := command(d.health).CombinedOutput(); err == nil {
		t.Errorf("the health check passes without a server: %s", out)
	}
}

// checkStatic: nothing but the binary is in the image, no loader and no libraries.
func checkStatic(t *testing.T, binary string) {
	t.Helper()
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary is not static: %v", p.Type)
		}
	}
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the binary has %d KiB", info.Size()>>10)
	if info.Size() > maxImage {
		t.Errorf("the binary has %d bytes", info.Size())
	}
}
