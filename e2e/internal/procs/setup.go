package procs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// InstallNode installs what the package-lock.json of a folder names, unless that is
// done.
func InstallNode(folder string) error {
	if _, err := os.Stat(filepath.Join(folder, "node_modules", ".package-lock.json")); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	cmd := exec.Command("npm", "ci", "--no-audit", "--no-fund")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci in %s: %w\n%s", folder, err, out)
	}
	return nil
}

// Build builds a command, with flags of go build.
func Build(binary, pkg string, flags ...string) error {
	build := exec.Command("go", append(append([]string{"build", "-o", binary}, flags...), pkg)...)
	if slices.Contains(flags, "-race") {
		trimPath(build)
	} else {
		Plain(build)
	}
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// Plain makes a go build or go test compile as make lint and deploy/Dockerfile do, so
// that the compiler does that work once. It is not for the race detector, which needs C.
func Plain(build *exec.Cmd) {
	trimPath(build)
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
}

// trimPath lets clones of the project in other folders share what the compiler has done.
func trimPath(build *exec.Cmd) {
	build.Args = slices.Insert(build.Args, 2, "-trimpath")
}
