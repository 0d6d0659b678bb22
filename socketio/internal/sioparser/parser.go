package sioparser

import (
	"reflect"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
)

// Parser makes the encoders and decoders of this package.
type Parser struct{}

var _ parser.Parser = Parser{}

func (Parser) NewEncoder() parser.Encoder { return new(Encoder) }
func (Parser) NewDecoder() parser.Decoder { return new(Decoder) }

// Plain reports whether an encoder writes Socket.IO's own format: it is the library's
// encoder or ours, not one of the application's.
func Plain(e parser.Encoder) bool {
	_, ours := e.(*Encoder)
	return ours || reflect.TypeOf(e) == reflect.TypeOf(parser.NewEncoder())
}
