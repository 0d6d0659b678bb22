package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// own returns a command of one of our servers: this program, in another role.
func (o *Options) own(args ...string) *exec.Cmd {
	command := append(append([]string{}, o.Self...), args...)
	cmd := exec.Command(command[0], command[1:]...)
	if o.Processors > 0 {
		cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", o.Processors))
	}
	return cmd
}

func (o *Options) node(args ...string) *exec.Cmd {
	return exec.Command("node", append([]string{filepath.Join(o.Folder, "node", "server.js")}, args...)...)
}

func (o *Options) zishang(args ...string) *exec.Cmd { return exec.Command(o.zishangBinary(), args...) }

func (o *Options) zishangBinary() string {
	name := "zishang"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(o.Folder, "bin", name)
}

// ErrNotSetUp is wrapped by errors of presets that need something to be installed.
var ErrNotSetUp = errors.New("not installed; in a checkout, run make bench-setup")

func prepareNode(_ context.Context, o *Options) error {
	if _, err := exec.LookPath("node"); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	modules := filepath.Join(o.Folder, "node", "node_modules", "socket.io")
	if _, err := os.Stat(modules); err != nil {
		return fmt.Errorf("%s: %w", modules, ErrNotSetUp)
	}
	return nil
}

// prepareZishang builds the server, unless it is up to date.
func prepareZishang(ctx context.Context, o *Options) error {
	folder := filepath.Join(o.Folder, "zishang")
	if _, err := os.Stat(filepath.Join(folder, "go.mod")); err != nil {
		return fmt.Errorf("%s: it is in a checkout only: %w", folder, err)
	}
	binary, err := filepath.Abs(o.zishangBinary())
	if err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	build.Dir = folder
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", folder, err, out)
	}
	return nil
}

// FindFolder returns the folder bench of the checkout that contains the working directory;
// "" if there is none.
func FindFolder() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		folder := filepath.Join(dir, "bench")
		if _, err := os.Stat(filepath.Join(folder, "node", "server.js")); err == nil {
			return folder
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}
