package mesh_test

import (
	"errors"
	"testing"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio"
)

func TestWithDelivery(t *testing.T) {
	m, err := mesh.New(mesh.Config{}, mesh.WithClientOptions(socketio.ClientOptions{QueueBytes: 1 << 20}))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.ClientStats(); got != (socketio.ClientStats{}) {
		t.Errorf("something is delivered: %+v", got)
	}
	_, err = mesh.New(mesh.Config{}, mesh.WithClientOptions(socketio.ClientOptions{Timeout: -1}))
	var bad *core.ConfigError
	if !errors.As(err, &bad) || bad.Field != "ClientOptions.Timeout" {
		t.Errorf("a bad timeout: %v", err)
	}
}
