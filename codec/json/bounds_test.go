package json

import (
	"errors"
	"strings"
	"testing"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/listbounds"
)

// TestListsAreBoundedWhileDecoding: a list ends where the message has had as many elements
// as are allowed, on both ways through a header.
func TestListsAreBoundedWhileDecoding(t *testing.T) {
	const answer = `{"kind":8,"from":"q","nsp":"/","id":"r","sockets":[{"id":"a","rooms":["1","2"]},{"id":"b","rooms":["3"]}]}`
	const event = `{"kind":9,"from":"q","nsp":"/","payload":[65,0,0]}`
	for name, c := range map[string]struct {
		header, blobs string
		use           func(u *listbounds.Used, left int) error
		elements      int
	}{
		"sockets":     {answer, "", func(u *listbounds.Used, left int) error { return u.Sockets(core.MaxSockets - left) }, 2},
		"rooms":       {answer, "", func(u *listbounds.Used, left int) error { return u.Names(core.MaxRoomNames - left) }, 3},
		"attachments": {event, `["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, func(u *listbounds.Used, left int) error { return u.Attachments(core.MaxAttachments - left) }, 2},
	} {
		for left := range c.elements + 1 {
			decoding := func() *decoder {
				d := &decoder{reader: newReader([]byte(c.header)), blobs: []byte(c.blobs)}
				if err := c.use(&d.used, left); err != nil {
					t.Fatal(err)
				}
				return d
			}
			fits := left == c.elements
			err := decoding().header(new(core.Message))
			if bounded := err != nil && strings.Contains(err.Error(), "more than"); fits != (err == nil) || fits == bounded {
				t.Errorf("%s, %d fit: %v", name, left, err)
			}
			if fast := decoding().fastPath(new(core.Message)); fast != fits {
				t.Errorf("%s, %d fit: the fast path takes them: %v", name, left, fast)
			}
		}
	}
}

// TestSocketsWithoutIDs: the first one ends the message.
func TestSocketsWithoutIDs(t *testing.T) {
	const most = 1 << 16
	src := []byte(`{"kind":8,"from":"q","nsp":"/","id":"r","sockets":[{}` + strings.Repeat(",{}", most) + "]}\n")
	allocations := testing.AllocsPerRun(1, func() {
		if err := New().Decode(src, new(core.Message)); !errors.Is(err, core.ErrMalformed) {
			t.Fatal(err)
		}
	})
	if allocations > 50 {
		t.Errorf("%v allocations", allocations)
	}
}
