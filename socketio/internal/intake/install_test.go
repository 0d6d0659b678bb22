package intake

import (
	"errors"
	"reflect"
	"testing"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

type foreign struct{ parser.Parser }

// parserOf is what a server makes its decoders with.
func parserOf(server *socket.Server) reflect.Type {
	return reflect.ValueOf(server).Elem().FieldByName("_parser").Elem().Type()
}

func TestInstall(t *testing.T) {
	server := socket.NewServer(nil, nil)
	if err := Install(server); err != nil {
		t.Fatal(err)
	}
	if got := parserOf(server); got != reflect.TypeFor[Parser]() {
		t.Errorf("the server has a %v", got)
	}
	if got, want := reflect.TypeOf(Parser{}.NewEncoder()), reflect.TypeOf(server.Encoder()); got != want {
		t.Errorf("encoder %v, the library's is %v", got, want)
	}
}

// TestInstallRefuses: a parser of the application's stays, and so does that of a
// server that may have clients.
func TestInstallRefuses(t *testing.T) {
	options := socket.DefaultServerOptions()
	options.SetParser(foreign{parser.NewParser()})
	server := socket.NewServer(nil, options)
	if err := Install(server); !errors.Is(err, errForeign) {
		t.Error(err)
	}
	if got := parserOf(server); got != reflect.TypeFor[foreign]() {
		t.Errorf("the server has a %v", got)
	}
	server = socket.NewServer(nil, nil)
	server.ServeHandler(nil)
	defer server.Close(nil)
	if err := Install(server); !errors.Is(err, errRunning) {
		t.Error(err)
	}
	if got := parserOf(server); got == reflect.TypeFor[Parser]() {
		t.Errorf("the server has a %v", got)
	}
}
