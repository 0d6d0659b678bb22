package intake

import "github.com/zishang520/socket.io/parsers/socket/v3/parser"

// Parser makes the library's encoders and decoders of this package.
type Parser struct{}

var _ parser.Parser = Parser{}

func (Parser) NewEncoder() parser.Encoder { return parser.NewEncoder() }
func (Parser) NewDecoder() parser.Decoder { return new(Decoder) }
