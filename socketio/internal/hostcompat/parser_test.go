package hostcompat

import (
	"errors"
	"reflect"
	"testing"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

type (
	foreign struct{ parser.Parser }
	ours    struct{ parser.Parser }
	encoder struct{ parser.Encoder }
)

func (ours) NewEncoder() parser.Encoder { return encoder{} }

// parserOf is what a server makes its decoders with.
func parserOf(server *socket.Server) reflect.Type {
	return reflect.ValueOf(server).Elem().FieldByName("_parser").Elem().Type()
}

func TestSetParser(t *testing.T) {
	server := socket.NewServer(nil, nil)
	if err := SetParser(server, ours{parser.NewParser()}); err != nil {
		t.Fatal(err)
	}
	if got := parserOf(server); got != reflect.TypeFor[ours]() {
		t.Errorf("the server has a %v", got)
	}
	if _, ok := server.Encoder().(encoder); !ok {
		t.Errorf("the server has a %T", server.Encoder())
	}
}

// TestSetParserRefuses: a parser of the application's stays, and so does that of a
// server that may have clients.
func TestSetParserRefuses(t *testing.T) {
	options := socket.DefaultServerOptions()
	options.SetParser(foreign{parser.NewParser()})
	server := socket.NewServer(nil, options)
	if err := SetParser(server, ours{parser.NewParser()}); !errors.Is(err, ErrForeignParser) {
		t.Error(err)
	}
	if got := parserOf(server); got != reflect.TypeFor[foreign]() {
		t.Errorf("the server has a %v", got)
	}
	server = socket.NewServer(nil, nil)
	server.ServeHandler(nil)
	defer server.Close(nil)
	if err := SetParser(server, ours{parser.NewParser()}); !errors.Is(err, ErrRunning) {
		t.Error(err)
	}
	if got := parserOf(server); got == reflect.TypeFor[ours]() {
		t.Errorf("the server has a %v", got)
	}
}

// TestSetParserElsewhere: a server of another make is left alone.
func TestSetParserElsewhere(t *testing.T) {
	for _, server := range []any{
		&struct{ parser parser.Parser }{},
		&struct{ _parser parser.Encoder }{},
		&struct{ _parser *foreign }{},
	} {
		if err := setParserIn(server, ours{}); !errors.Is(err, ErrNoParser) {
			t.Errorf("%T: %v", server, err)
		}
	}
	if err := setParserIn(&struct{ _parser parser.Parser }{parser.NewParser()}, ours{}); !errors.Is(err, ErrNoParser) {
		t.Errorf("no encoder: %v", err)
	}
	if err := setParserIn(&struct{ _parser parser.Parser }{}, ours{}); !errors.Is(err, ErrForeignParser) {
		t.Errorf("no parser: %v", err)
	}
}
