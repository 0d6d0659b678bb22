package manifests

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const deploy = "../../deploy"

// need is the path of a program. Outside of continuous integration a test is skipped
// where it is not installed.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("%s is not installed: run tools/setup.sh", program)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSystemdUnits: systemd takes the units as they are, and finds them well shut off.
func TestSystemdUnits(t *testing.T) {
	analyze := need(t, "systemd-analyze")
	units, err := filepath.Glob(deploy + "/systemd/*.service")
	if err != nil || len(units) != 2 {
		t.Fatalf("units %v, %v", units, err)
	}
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		const binary = "/usr/local/bin/mesh"
		if !strings.Contains(string(text), "ExecStart="+binary) {
			t.Errorf("%s does not start %s", unit, binary)
		}
		// The binary has to be there for systemd to be content.
		copied := filepath.Join(t.TempDir(), filepath.Base(unit))
		if err := os.WriteFile(copied, []byte(strings.ReplaceAll(string(text), binary, "/bin/true")), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(analyze, "verify", "--man=no", "--recursive-errors=no", copied).CombinedOutput()
		if err != nil || slices.ContainsFunc(strings.Split(string(out), "\n"), func(line string) bool { return strings.Contains(line, filepath.Base(unit)) }) {
			t.Errorf("%s: %v\n%s", unit, err, out)
		}
		// 0 is shut off from everything, 10 from nothing.
		if out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=20", "--no-pager", copied).CombinedOutput(); err != nil {
			t.Errorf("%s: exposed more than 2.0: %v\n%s", unit, err, out)
		}
	}
}
