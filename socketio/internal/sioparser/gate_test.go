package sioparser

import (
	"slices"
	"testing"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// keeper is a gate that keeps packets of one type back.
type keeper struct {
	kind parser.PacketType
	kept []func()
	err  error
}

func (k *keeper) Packet(p *parser.Packet, to Passer) bool {
	if p.Type != k.kind {
		return true
	}
	k.kept = append(k.kept, func() { to.Pass(p) })
	return false
}

func (k *keeper) Failed(err error) { k.err = err }

// TestGate: a gate keeps packets back and passes them on later, and hears of what is no
// packet; with a decoder of ours, and with one of another make.
func TestGate(t *testing.T) {
	for name, p := range map[string]parser.Parser{"ours": Guarded(Parser{}), "another": Guarded(parser.NewParser())} {
		t.Run(name, func(t *testing.T) {
			d := p.NewDecoder()
			var got []parser.PacketType
			_ = d.On("decoded", func(values ...any) { got = append(got, values[0].(*parser.Packet).Type) })
			add := func(text string) error { return d.Add(types.NewStringBufferString(text)) }
			if add("1") != nil || add("?") == nil {
				t.Error("without a gate")
			}
			k := &keeper{kind: parser.DISCONNECT}
			if err := d.Add(k); err != nil {
				t.Fatal(err)
			}
			if add("1") != nil || add(`2["e"]`) != nil || add("?") != nil {
				t.Error("with a gate, errors are the gate's")
			}
			if k.err == nil || len(k.kept) != 1 {
				t.Errorf("error %v, %d kept", k.err, len(k.kept))
			}
			k.kept[0]()
			if want := []parser.PacketType{parser.DISCONNECT, parser.EVENT, parser.DISCONNECT}; !slices.Equal(got, want) {
				t.Errorf("%v", got)
			}
			d.Destroy()
		})
	}
}

// TestParserThatTakesGates: a parser that takes gates is left as it is.
func TestParserThatTakesGates(t *testing.T) {
	once := Guarded(foreign{})
	if Guarded(Parser{}) != parser.Parser(Parser{}) || Guarded(once) != once {
		t.Error("guarded twice")
	}
}

// foreign is a parser of another make.
type foreign struct{ parser.Parser }
