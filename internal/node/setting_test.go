package node

import (
	"fmt"
	"strings"
	"testing"

	"github.com/socketmesh/mesh/core"
)

// TestSettingFor: an error that wraps another one names its own setting, not the other's.
func TestSettingFor(t *testing.T) {
	for want, err := range map[string]error{
		"AllowTLSProxies":     core.ErrRelayed,
		"AllowReferencePeers": errReferencePeer,
		"AuthToken":           errWrongToken,
		"otherwise":           core.ErrClosed,
	} {
		if got := settingFor(fmt.Errorf("link to a: %w", err), "otherwise"); !strings.HasPrefix(got, want) {
			t.Errorf("%v: got %q, want %s", err, got, want)
		}
	}
}
