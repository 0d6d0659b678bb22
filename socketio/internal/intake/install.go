package intake

import (
	"errors"
	"reflect"
	"unsafe"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Reasons to leave a server its parser.
var (
	errNoParser = errors.New("parser not found: another version of the library")
	errForeign  = errors.New("the parser is the application's own")
	errRunning  = errors.New("the server has its engine already")
)

// Install gives a server that has the library's parser a [Parser]. It reports why
// it does not, and then the server has the parser that it had.
//
// A server reads its option of a parser before it makes an adapter, and adapters
// are what we are asked for. So this sets a private field; it is found by name and
// type, so that any other version is an error and not a surprise. Once there is an
// engine, clients may be connecting, who read the field without a lock.
func Install(server *socket.Server) error {
	if server.Engine() != nil {
		return errRunning
	}
	field := reflect.ValueOf(server).Elem().FieldByName("_parser")
	if !field.IsValid() || field.Type() != reflect.TypeFor[parser.Parser]() {
		return errNoParser
	}
	if field.Elem().Type() != reflect.TypeOf(parser.NewParser()) {
		return errForeign
	}
	*(*parser.Parser)(unsafe.Pointer(field.UnsafeAddr())) = Parser{}
	return nil
}
