package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/term"

	"github.com/socketmesh/mesh/internal/await"
)

// openTerminal returns both ends of a terminal of this size.
func openTerminal(t *testing.T, width, height uint16) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	control := func(f *os.File, request uintptr, arg unsafe.Pointer) {
		t.Helper()
		raw, err := f.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		raw.Control(func(fd uintptr) {
			if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(arg)); errno != 0 {
				t.Fatal(errno)
			}
		})
	}
	var locked, number int32
	control(ours, syscall.TIOCSPTLCK, unsafe.Pointer(&locked))
	control(ours, syscall.TIOCGPTN, unsafe.Pointer(&number))
	size := [4]uint16{height, width}
	control(ours, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	return ours, theirs
}

// screen keeps what a program writes to its terminal.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// last is what was written since the last frame began.
func (s *screen) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.text.String()
	return text[max(0, strings.LastIndex(text, goHome)):]
}

func (s *screen) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// TestTopOnATerminal: keys change what is shown at once, and q, Ctrl-C and signals give the
// terminal back as it was.
func TestTopOnATerminal(t *testing.T) {
	clearEnv(t)
	out, _ := background(t, "node", "--port", "0", "--mesh-listen", "127.0.0.1:0", "--peers", "ws://127.0.0.1:1", "--ops-listen", "127.0.0.1:0", "--log-level", "error")
	page := "http://" + after(out.find("server "), "http://")
	url := "http://" + after(out.find("operators "), "http://")
	c := dial(t, page)
	c.ask("join", hostile)
	for name, end := range map[string]func(ours *os.File, p *os.Process){
		"q":      func(ours *os.File, _ *os.Process) { ours.WriteString("q") },
		"Ctrl-C": func(ours *os.File, _ *os.Process) { ours.WriteString("\x03") },
		"signal": func(_ *os.File, p *os.Process) { p.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := openTerminal(t, 120, 20)
			before, err := term.GetState(int(theirs.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0], "top", "--url", url, "--interval", "1h") // frames are of keys
			cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cmd.Process.Kill() })
			var shown screen
			copied := make(chan struct{})
			go func() {
				defer close(copied)
				buf := make([]byte, 4096)
				for {
					n, err := ours.Read(buf)
					shown.Write(buf[:n])
					if err != nil {
						return
					}
				}
			}()
			see := func(text string) {
				t.Helper()
				await.Condition(t, fmt.Sprintf("%q is shown", text), func() bool { return strings.Contains(shown.last(), text) })
			}
			see("s sort (id)")
			see("NOT WHOLE")
			ours.WriteString("s")
			see("s sort (address)")
			ours.WriteString("p")
			see("no link to ws://127.0.0.1:1")
			ours.WriteString("l")
			see("RECONNECTS")
			ours.WriteString("r")
			see("<script>alert(1)</script>\uFFFD[2J")
			end(ours, cmd.Process)
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("it ended with %v", err)
				}
			case <-time.After(patience):
				t.Fatal("it has not ended")
			}
			await.Condition(t, "the screen is left", func() bool { return strings.HasSuffix(shown.all(), leaveScreen) })
			if after, err := term.GetState(int(theirs.Fd())); err != nil || *after != *before {
				t.Errorf("the terminal is left as %+v, and was %+v: %v", after, before, err)
			}
			theirs.Close()
			ours.Close()
			<-copied
		})
	}
}
