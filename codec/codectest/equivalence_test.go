package codectest

import (
	"testing"
	"time"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/core"
)

// lossy is a codec that changes what it decodes.
type lossy struct {
	json.Codec
	change func(*core.Message) error
}

func (l lossy) Decode(src []byte, m *core.Message) error {
	if err := l.Codec.Decode(src, m); err != nil {
		return err
	}
	return l.change(m)
}

func changed(change func(*core.Message)) lossy {
	return lossy{change: func(m *core.Message) error { change(m); return nil }}
}

// TestEquivalenceSeesEveryFault: the suite finds a codec that loses any one field of a
// message.
func TestEquivalenceSeesEveryFault(t *testing.T) {
	sound := Subject{Codec: json.New()}
	m := everything(core.KindFetchSocketsResponse)
	if err := agree(m, []Subject{sound, sound}); err != nil {
		t.Fatal(err)
	}
	for name, codec := range map[string]core.Codec{
		"from":      changed(func(m *core.Message) { m.From = "" }),
		"namespace": changed(func(m *core.Message) { m.Namespace = "/x" }),
		"request":   changed(func(m *core.Message) { m.RequestID = "x" }),
		"rooms":     changed(func(m *core.Message) { m.Rooms = nil }),
		"target":    changed(func(m *core.Message) { m.To.Rooms = nil }),
		"flags":     changed(func(m *core.Message) { m.To.Flags.Compress = core.CompressUnset }),
		"timeout":   changed(func(m *core.Message) { m.To.Flags.Timeout += time.Millisecond }),
		"payload":   changed(func(m *core.Message) { m.Payload = text(`["e"]`) }),
		"brief":     changed(func(m *core.Message) { m.Brief = false }),
		"count":     changed(func(m *core.Message) { m.Count++ }),
		"trace":     changed(func(m *core.Message) { m.Trace = "" }),
		"socket":    changed(func(m *core.Message) { m.Sockets = m.Sockets[1:] }),
		"handshake": changed(func(m *core.Message) { m.Sockets[1].Handshake = core.Payload{} }),
		"refusal":   lossy{change: func(*core.Message) error { return core.ErrMalformed }},
	} {
		if agree(m, []Subject{sound, {Codec: codec}}) == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

// TestReferenceCodecMayDifferAsListed: a codec of reference peers may differ in what is listed, and in
// nothing else.
func TestReferenceCodecMayDifferAsListed(t *testing.T) {
	reference := func(c core.Codec) []Subject {
		return []Subject{{Codec: c, Options: []Option{Reference()}}}
	}
	without := changed(func(m *core.Message) { *m = *referenced(m) })
	refusing := lossy{change: func(*core.Message) error { return core.ErrMalformed }}
	for _, v := range careless() {
		if !v.Message.Kind.Reference() {
			if agree(v.Message, reference(without)) == nil {
				t.Errorf("%s: a kind that the reference does not have was carried", v.Name)
			}
			continue
		}
		if err := agree(v.Message, reference(without)); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
		if refused := agree(v.Message, reference(refusing)) == nil; refused != harmful(v.Message) {
			t.Errorf("%s: may be refused is %v", v.Name, refused)
		}
	}
	all := everything(core.KindFetchSockets)
	if agree(all, reference(json.New())) == nil {
		t.Error("fields that the kind does not have were carried")
	}
	if err := agree(all, reference(unsupporting{})); err == nil {
		t.Error("a kind was not carried")
	}
}

// unsupporting is a codec that supports no message.
type unsupporting struct{ json.Codec }

func (unsupporting) Append(dst []byte, _ *core.Message) ([]byte, error) {
	return dst, core.ErrUnsupported
}

func TestHarmfulMessages(t *testing.T) {
	for name, want := range map[string]bool{
		"1,001 levels": true, "as deep as can be": true, "a handshake that is none": true, "the largest count": true,
		"numbers beyond all": false, "from nobody": false, "for ever": false,
	} {
		for _, v := range careless() {
			if v.Name == name && harmful(v.Message) != want {
				t.Errorf("%s: harmful is %v", name, !want)
			}
		}
	}
}
