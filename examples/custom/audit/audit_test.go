package audit_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/examples/custom/audit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inside stands for the adapter of the mesh, and counts what reaches it.
type inside struct {
	core.Adapter
	broadcasts, withAck int
}

func (*inside) Namespace() string { return "/chat" }

func (i *inside) Broadcast(core.Payload, core.Target) { i.broadcasts++ }

func (i *inside) BroadcastWithAck(context.Context, core.Payload, core.Target, func(core.Payload)) *core.Call[int] {
	i.withAck++
	return nil
}

func TestRecords(t *testing.T) {
	var log bytes.Buffer
	mesh := &inside{}
	a := audit.To(slog.New(slog.NewTextHandler(&log, nil)))(mesh)
	event := core.Payload{Text: []byte(`["say \"hi\"",{"a":1}]`)}
	a.Broadcast(event, core.Target{Rooms: []string{"r"}, Except: []string{"x"}})
	a.BroadcastWithAck(t.Context(), event, core.Target{}, nil)
	if mesh.broadcasts != 1 || mesh.withAck != 1 {
		t.Errorf("the mesh was asked for %d broadcasts and %d with acknowledgements", mesh.broadcasts, mesh.withAck)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	for i, want := range []string{
		`namespace=/chat name="say \"hi\"" rooms=[r] except=[x] bytes=22`,
		`namespace=/chat name="say \"hi\"" rooms=[] except=[] bytes=22`,
	} {
		if len(lines) <= i || !strings.HasSuffix(lines[i], want) {
			t.Errorf("line %d of the record is not …%s:\n%s", i, want, log.String())
		}
	}
}
