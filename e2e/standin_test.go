package e2e

import (
	"os/exec"
	"testing"
)

// TestNodeServerSpeaksAsCaptured: the Node server speaks as the captured reference did.
func TestNodeServerSpeaksAsCaptured(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("npm", "test")
	cmd.Dir = "node"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("npm test: %v\n%s", err, out)
	}
}
