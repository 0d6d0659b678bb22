package env

import (
	"slices"
	"testing"
)

func TestUnknown(t *testing.T) {
	got := Unknown([]string{
		"PATH=/bin", "MESH_LISTEN=:1", "MESH_LISTN=:1", "MESH_AUTHTOKEN=x", "MESH_SOMETHING_ELSE=1", "MESH_EMPTY=", "MESH_BENCH_MODE=idle",
		"MESH_DISCOVERY_SERVICE_HOST=10.0.0.1", "MESH_DISCOVERY_SERVICE_PORT=8000", "MESH_PORT=tcp://10.0.0.1:4000",
		"MESH_PORT_4000_TCP_ADDR=10.0.0.1", "MESH_SERVICE_PORT_HTTP=80",
	})
	want := []Misspelt{{"MESH_AUTHTOKEN", "MESH_AUTH_TOKEN"}, {"MESH_LISTN", "MESH_LISTEN"}, {"MESH_SOMETHING_ELSE", ""}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
