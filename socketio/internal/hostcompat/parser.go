package hostcompat

import (
	"errors"
	"reflect"
	"unsafe"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Reasons why a server keeps its parser.
var (
	ErrNoParser      = errors.New("the server has no fields _parser of type parser.Parser and encoder of type parser.Encoder")
	ErrForeignParser = errors.New("the parser is the application's own")
	ErrRunning       = errors.New("the server has its engine already")
)

// SetParser replaces the library's parser of a server whose options could not be set in
// time. If it returns an error, the server has the parser that it had.
//
// A server reads the option for its parser before it makes an adapter, and the mesh may be
// given to the server as an adapter only. So this sets private fields: the parser, and the
// encoder that the server has made with it. A server that has an engine is refused: its
// clients may be connecting, and read the fields without a lock.
func SetParser(server *socket.Server, p parser.Parser) error {
	if server.Engine() != nil {
		return ErrRunning
	}
	return setParserIn(server, p)
}

// WrapParser wraps the parser of a server, whether it is the library's or the
// application's.
func WrapParser(server *socket.Server, wrap func(parser.Parser) parser.Parser) error {
	if server.Engine() != nil {
		return ErrRunning
	}
	field, err := parserField(server)
	if err != nil {
		return err
	}
	if *field == nil {
		return ErrNoParser
	}
	*field = wrap(*field)
	return nil
}

// setParserIn sets the private fields of a struct.
func setParserIn(server any, p parser.Parser) error {
	field, err := parserField(server)
	if err != nil {
		return err
	}
	if reflect.TypeOf(*field) != reflect.TypeOf(parser.NewParser()) {
		return ErrForeignParser
	}
	encoder := reflect.ValueOf(server).Elem().FieldByName("encoder")
	if !encoder.IsValid() || encoder.Type() != reflect.TypeFor[parser.Encoder]() {
		return ErrNoParser
	}
	*field = p
	*(*parser.Encoder)(unsafe.Pointer(encoder.UnsafeAddr())) = p.NewEncoder()
	return nil
}

func parserField(server any) (*parser.Parser, error) {
	field := reflect.ValueOf(server).Elem().FieldByName("_parser")
	if !field.IsValid() || field.Type() != reflect.TypeFor[parser.Parser]() {
		return nil, ErrNoParser
	}
	return (*parser.Parser)(unsafe.Pointer(field.UnsafeAddr())), nil
}
