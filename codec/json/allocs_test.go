package json

import (
	"testing"

	"github.com/socketmesh/mesh/core"
)

// TestEventsTakeFewAllocations: an event's payload and its header are copied, and its list
// of rooms is made. There is nothing else to allocate for a message that each server gets.
func TestEventsTakeFewAllocations(t *testing.T) {
	m := &core.Message{Kind: core.KindBroadcast, From: "0123456789abcdef", Namespace: "/", To: core.Target{Rooms: []string{"room"}}, Payload: core.Payload{Text: []byte(`["e",1]`)}}
	src, err := New().Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	var got core.Message
	if n := testing.AllocsPerRun(100, func() { err = New().Decode(src, &got) }); err != nil || n > 3 {
		t.Errorf("%v allocations, %v", n, err)
	}
}
