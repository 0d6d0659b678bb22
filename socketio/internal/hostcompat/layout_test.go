package hostcompat

import (
	"errors"
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/zishang520/socket.io/servers/engine/v3"
)

func TestSameLayout(t *testing.T) {
	original := reflect.TypeFor[struct {
		id   string
		data any
	}]()
	for _, test := range []struct {
		name  string
		other reflect.Type
		want  bool
	}{
		{"the same", reflect.TypeFor[struct {
			id   string
			data any
		}](), true},
		{"another name", reflect.TypeFor[struct {
			id    string
			value any
		}](), false},
		{"another type", reflect.TypeFor[struct {
			id   string
			data error
		}](), false},
		{"another order", reflect.TypeFor[struct {
			data any
			id   string
		}](), false},
		{"one more", reflect.TypeFor[struct {
			id   string
			data any
			more bool
		}](), false},
		{"one less", reflect.TypeFor[struct{ id string }](), false},
		{"no struct", reflect.PointerTo(original), false},
	} {
		if got := SameLayout(original, test.other); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestClientsCount(t *testing.T) {
	server := engine.NewServer(nil)
	count, err := ClientsCount(server)
	if err != nil {
		t.Fatal(err)
	}
	count.Add(2)
	if got := server.ClientsCount(); got != 2 {
		t.Errorf("ClientsCount is %d", got)
	}
}

// TestClientsCountElsewhere: an engine of another make has no count, and that is an
// error like any other.
func TestClientsCountElsewhere(t *testing.T) {
	type base struct{ clientsCount uint64 }
	for _, server := range []any{
		nil,
		7,
		(*base)(nil),
		base{},
		&base{clientsCount: 1},
		&struct{ clients atomic.Uint64 }{},
		&struct{ clientsCount *atomic.Uint64 }{},
		&struct{ BaseServer any }{},
		&struct{ BaseServer any }{&base{}},
		&struct{ BaseServer base }{},
	} {
		if count, err := countIn(server); count != nil || !errors.Is(err, ErrNoCount) {
			t.Errorf("%T: %v, %v", server, count, err)
		}
	}
	known := &struct{ BaseServer any }{&struct{ clientsCount atomic.Uint64 }{}}
	if _, err := countIn(known); err != nil {
		t.Error(err)
	}
}
