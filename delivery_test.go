package mesh_test

import (
	"errors"
	"testing"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/socketio"
)

func TestWithDelivery(t *testing.T) {
	m, err := mesh.New(mesh.Config{}, mesh.WithDelivery(socketio.Delivery{QueueBytes: 1 << 20}))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Delivery(); got != (socketio.DeliveryStats{}) {
		t.Errorf("something is delivered: %+v", got)
	}
	_, err = mesh.New(mesh.Config{}, mesh.WithDelivery(socketio.Delivery{Timeout: -1}))
	var bad *core.ConfigError
	if !errors.As(err, &bad) || bad.Field != "Delivery.Timeout" {
		t.Errorf("a bad timeout: %v", err)
	}
}
