package codectest

import (
	"bytes"
	"errors"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
)

// Run checks the contract of [core.Codec].
func Run(t *testing.T, c core.Codec, opts ...Option) {
	s := &suite{codec: c, opts: opts, options: optionsOf(opts)}
	t.Run("Name is lower-case and constant", s.name)
	t.Run("Decode gives back what Append took", s.roundTrip)
	t.Run("Timeouts are rounded up to milliseconds, and local is left out", s.normalised)
	t.Run("Append keeps what stands before", s.prefix)
	t.Run("Append refuses a kind without a form", s.unsupported)
	t.Run("Append refuses a payload that breaks its promise", s.badPayload)
	t.Run("Append neither changes nor keeps the message", s.immutable)
	t.Run("Decode overwrites all of the message", s.overwrite)
	t.Run("Decode does not alias its input", s.noAlias)
	t.Run("Decode gives everybody their own", s.noSharing)
	t.Run("All methods may be called at once", s.concurrent)
	t.Run("Decode survives truncated input", s.truncated)
	t.Run("Decode survives damaged input", s.damaged)
	t.Run("Decode takes memory in proportion to its input", s.proportional)
}

type suite struct {
	codec core.Codec
	opts  []Option
	options
}

// vectors returns the vectors that the codec can encode.
func (s *suite) vectors() []Vector {
	var list []Vector
	for _, v := range Messages() {
		if s.carries(v.Message.Kind) {
			list = append(list, v)
		}
	}
	return list
}

// encode appends m to an empty slice.
func (s *suite) encode(t testing.TB, m *core.Message) []byte {
	t.Helper()
	b, err := s.codec.Append(nil, m)
	if err != nil {
		t.Fatalf("Append %s: %v", m.Kind, err)
	}
	return b
}

// same fails unless b decodes to want.
func (s *suite) same(t testing.TB, b []byte, want *core.Message) {
	t.Helper()
	var have core.Message
	if err := s.codec.Decode(b, &have); err != nil {
		t.Fatalf("Decode: %v", err)
	}
	if err := WellFormed(&have); err != nil {
		t.Fatalf("Decode returned a message that is not well-formed: %v", err)
	}
	if d := Diff(&have, want, s.opts...); d != "" {
		t.Fatal(d)
	}
}

func (s *suite) name(t *testing.T) {
	name := s.codec.Name()
	if !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(name) || name != s.codec.Name() {
		t.Errorf("name %q", name)
	}
}

func (s *suite) roundTrip(t *testing.T) {
	for _, v := range s.vectors() {
		t.Run(v.Name, func(t *testing.T) { s.same(t, s.encode(t, v.Message), v.Message) })
	}
}

func (s *suite) normalised(t *testing.T) {
	m := Broadcast(text(`["e"]`))
	m.To.Flags = core.Flags{Timeout: 1500 * time.Microsecond, Local: true}
	want := clone(m)
	want.To.Flags = core.Flags{Timeout: 2 * time.Millisecond}
	s.same(t, s.encode(t, m), want)
	m.To.Flags = core.Flags{Timeout: -time.Second}
	want.To.Flags = core.Flags{}
	s.same(t, s.encode(t, m), want)
}

func (s *suite) prefix(t *testing.T) {
	for _, v := range s.quick() {
		for _, room := range []int{0, 16, 4096} {
			dst := append(make([]byte, 0, 3+room), 0xfe, '"', '\n')
			b, err := s.codec.Append(dst, v.Message)
			if err != nil {
				t.Fatalf("%s: %v", v.Name, err)
			}
			if !bytes.HasPrefix(b, []byte{0xfe, '"', '\n'}) {
				t.Fatalf("%s: the prefix is %q", v.Name, b[:3])
			}
			s.same(t, b[3:], v.Message)
		}
	}
}

// refused fails unless Append refuses m and leaves dst unchanged.
func (s *suite) refused(t *testing.T, m *core.Message) error {
	t.Helper()
	dst := append(make([]byte, 0, 4096), "before"...)
	b, err := s.codec.Append(dst, m)
	if err == nil {
		t.Errorf("%s with %.60q was taken", m.Kind, m.Payload.Text)
	} else if string(b) != "before" || &b[0] != &dst[0] {
		t.Errorf("%s: after an error dst is %q", m.Kind, b)
	}
	return err
}

func (s *suite) unsupported(t *testing.T) {
	for kind := range core.Kind(255) {
		if s.carries(kind) {
			continue
		}
		m := &core.Message{Kind: kind, From: from, Namespace: "/", RequestID: "r", Rooms: []string{"a"}, Payload: text(`["e"]`)}
		if err := s.refused(t, m); err != nil && !errors.Is(err, core.ErrUnsupported) {
			t.Errorf("%s: %v, want one that wraps ErrUnsupported", kind, err)
		}
	}
}

func (s *suite) badPayload(t *testing.T) {
	for _, bad := range []string{``, `{}`, `[]`, `[1]`, `null`, `"e"`, `[`, `["e`} {
		for _, kind := range []core.Kind{core.KindBroadcast, core.KindServerSideEmit} {
			m := Broadcast(text(bad))
			m.Kind = kind
			if err := s.refused(t, m); errors.Is(err, core.ErrUnsupported) {
				t.Errorf("%s with %q: %v", kind, bad, err)
			}
		}
	}
}

func (s *suite) immutable(t *testing.T) {
	for _, v := range s.quick() {
		before := clone(v.Message)
		b := s.encode(t, v.Message)
		if d := Diff(v.Message, before); d != "" {
			t.Fatalf("%s was changed: %s", v.Name, d)
		}
		kept := bytes.Clone(b)
		scribble(v.Message)
		if !bytes.Equal(b, kept) {
			t.Fatalf("%s was kept", v.Name)
		}
	}
}

func (s *suite) overwrite(t *testing.T) {
	full := func() *core.Message {
		return &core.Message{
			Kind: core.KindBroadcast, From: "old", Namespace: "/old", RequestID: "old",
			To:      core.Target{Rooms: []string{"old"}, Except: []string{"old"}, Flags: core.Flags{Volatile: true, Local: true, ExpectSingleResponse: true, Compress: core.CompressOn, Timeout: time.Hour}},
			Payload: binary(`["old",%s]`, []byte("old")), Rooms: []string{"old"}, Close: true, Brief: true, Count: 7,
			Sockets: []core.Socket{{ID: "old"}},
		}
	}
	for _, v := range s.quick() {
		m, old := full(), full()
		before := *m
		if err := s.codec.Decode(s.encode(t, v.Message), m); err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		if d := Diff(m, v.Message, s.opts...); d != "" || m.To.Flags.Local {
			t.Fatalf("%s: %s", v.Name, d)
		}
		if d := Diff(&before, old); d != "" {
			t.Fatalf("%s: what the old message pointed to was written over: %s", v.Name, d)
		}
	}
}

func (s *suite) noAlias(t *testing.T) {
	for _, v := range s.quick() {
		b := s.encode(t, v.Message)
		var m core.Message
		if err := s.codec.Decode(b, &m); err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		scribbleBytes(b[:cap(b)])
		if d := Diff(&m, v.Message, s.opts...); d != "" {
			t.Fatalf("%s: %s", v.Name, d)
		}
	}
}

func (s *suite) noSharing(t *testing.T) {
	for _, v := range s.quick() {
		b := s.encode(t, v.Message)
		var one, other core.Message
		if err := errors.Join(s.codec.Decode(b, &one), s.codec.Decode(b, &other)); err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		kept := bytes.Clone(b)
		scribble(&one)
		if d := Diff(&other, v.Message, s.opts...); d != "" {
			t.Fatalf("%s: %s", v.Name, d)
		}
		if !bytes.Equal(b, kept) {
			t.Fatalf("%s: the input is part of the message", v.Name)
		}
		separate(t, v.Name, &other)
	}
}

// separate fails if appending to one payload's slices writes over another's.
func separate(t *testing.T, name string, m *core.Message) {
	t.Helper()
	all := []core.Payload{m.Payload}
	for _, s := range m.Sockets {
		all = append(all, s.Handshake, s.Data)
	}
	before := clone(m)
	for _, p := range all {
		for _, b := range append([][]byte{p.Text}, p.Attachments...) {
			for n := range 16 { // as much as may fit
				_ = append(b, "################"[:n]...)
			}
		}
	}
	if d := Diff(m, before); d != "" {
		t.Fatalf("%s: appending to one payload changed another: %s", name, d)
	}
}

func (s *suite) concurrent(t *testing.T) {
	shared := s.quick()
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range shared {
				v := shared[(i+worker)%len(shared)]
				b, err := s.codec.Append(nil, v.Message)
				var m core.Message
				if err := errors.Join(err, s.codec.Decode(b, &m)); err != nil {
					t.Errorf("%s: %v", v.Name, err)
				} else if d := Diff(&m, v.Message, s.opts...); d != "" {
					t.Errorf("%s: %s", v.Name, d)
				}
			}
		})
	}
	wg.Wait()
}
