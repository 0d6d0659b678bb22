package meshotel_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/codec/json"
	"github.com/socketmesh/mesh/codec/msgpack"
	"github.com/socketmesh/mesh/codec/proto"
	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/core/coretest"
	"github.com/socketmesh/mesh/internal/cluster"
	"github.com/socketmesh/mesh/internal/node"
	"github.com/socketmesh/mesh/ops/meshotel"
	"github.com/socketmesh/mesh/transport/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a node with a namespace, and the spans that it has ended.
type server struct {
	core.Adapter
	host  *coretest.Host
	spans *tracetest.InMemoryExporter
	tp    *sdktrace.TracerProvider
}

// mesh is three servers, a, b and c, with one client each that answers. traced is how many
// frames had a trace in them.
type mesh struct {
	a, b, c *server
	net     *mem.Network
	traced  atomic.Int64
}

func start(t *testing.T, codec core.Codec, sampler sdktrace.Sampler) *mesh {
	t.Helper()
	m := &mesh{net: mem.NewNetwork()}
	m.net.Tap(func(_, _ string, frame []byte) {
		if bytes.Contains(frame, []byte("00-")) || bytes.Contains(frame, []byte(`"trace"`)) {
			m.traced.Add(1)
		}
	})
	roster := coretest.NewRoster()
	for id, into := range map[string]**server{"a": &m.a, "b": &m.b, "c": &m.c} {
		s := &server{host: coretest.NewHost(), spans: tracetest.NewInMemoryExporter()}
		cfg := core.Config{
			ID: id, Listen: id, Advertise: "mem://" + id, Transport: m.net.Transport(id), Codecs: []core.Codec{codec},
			Discovery: roster.Discovery(), Logger: slog.New(slog.DiscardHandler), RequestTimeout: 5 * time.Second,
		}
		if sampler != nil {
			s.tp = sdktrace.NewTracerProvider(sdktrace.WithSyncer(s.spans), sdktrace.WithSampler(sampler))
			cfg.Observer = meshotel.NewObserver(meshotel.WithTracerProvider(s.tp))
		}
		n, err := node.New(cfg, cluster.New)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			n.Shutdown(ctx)
		})
		if s.Adapter, err = n.Adapter("/", s.host); err != nil {
			t.Fatal(err)
		}
		s.host.Connect(id+"1", "room").AnswerWith(core.Payload{Text: []byte(`"yes"`)})
		s.host.Listen(func(_ core.Payload, reply func(core.Payload)) { reply(core.Payload{Text: []byte(`1`)}) })
		*into = s
	}
	time.Sleep(time.Second)
	synctest.Wait()
	if m.a.ServerCount() != 3 {
		t.Fatalf("%d servers", m.a.ServerCount())
	}
	return m
}

// take are the spans that have ended since the last call.
func (s *server) take() tracetest.SpanStubs {
	synctest.Wait()
	spans := s.spans.GetSpans()
	s.spans.Reset()
	return spans
}

func attributes(s tracetest.SpanStub) map[attribute.Key]attribute.Value {
	all := map[attribute.Key]attribute.Value{}
	for _, a := range s.Attributes {
		all[a.Key] = a.Value
	}
	return all
}

// ask asks for something on behalf of ctx.
type ask func(ctx context.Context, a *server) error

var asks = map[string]ask{
	"fetch-sockets": func(ctx context.Context, a *server) error {
		_, err := a.FetchSockets(ctx, core.Target{}).Wait()
		return err
	},
	"server-side-emit": func(ctx context.Context, a *server) error {
		_, err := a.ServerSideEmitWithAck(ctx, coretest.Event("ev")).Wait()
		return err
	},
	"broadcast": func(ctx context.Context, a *server) error {
		_, err := a.BroadcastWithAck(ctx, coretest.Event("ev"), core.Target{}, func(core.Payload) {}).Wait()
		return err
	},
}

// TestSpans: a request has a span below that of its context, and one below that at each
// other server, in each codec between Go nodes that carries it.
func TestSpans(t *testing.T) {
	for _, codec := range []core.Codec{json.New(), proto.New()} {
		for kind, ask := range asks {
			t.Run(codec.Name()+" "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := start(t, codec, sdktrace.AlwaysSample())
					ctx, parent := m.a.tp.Tracer("test").Start(t.Context(), "parent")
					if err := ask(ctx, m.a); err != nil {
						t.Fatal(err)
					}
					parent.End()
					asked := m.a.take()
					if len(asked) != 2 {
						t.Fatalf("a: %d spans", len(asked))
					}
					span := asked[0]
					if span.Name != "mesh "+kind || span.SpanKind != trace.SpanKindClient || span.Parent.SpanID() != parent.SpanContext().SpanID() || span.Status.Code != codes.Unset {
						t.Errorf("a: %+v", span)
					}
					for id, s := range map[string]*server{"b": m.b, "c": m.c} {
						answered := s.take()
						if len(answered) != 1 {
							t.Fatalf("%s: %d spans", id, len(answered))
						}
						got, had := attributes(answered[0]), attributes(span)
						if got[meshotel.KeyPeer].AsString() != "a" || got[meshotel.KeyRequest] != had[meshotel.KeyRequest] || had[meshotel.KeyKind].AsString() != kind || had[meshotel.KeyNamespace].AsString() != "/" {
							t.Errorf("%s: %v below %v", id, got, had)
						}
						below := answered[0]
						if below.Name != span.Name || below.SpanKind != trace.SpanKindServer || below.Parent.SpanID() != span.SpanContext.SpanID() || !below.Parent.IsRemote() ||
							below.SpanContext.TraceID() != parent.SpanContext().TraceID() || below.Status.Code != codes.Unset {
							t.Errorf("%s: %+v", id, below)
						}
					}
					if n := m.traced.Load(); n != 2 {
						t.Errorf("%d frames had a trace", n)
					}
				})
			})
		}
	}
}

// TestSpansOfErrors: a server that is there and does not answer is named, and has an error of
// its own; one that leaves is counted.
func TestSpansOfErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, json.New(), sdktrace.AlwaysSample())
		m.b.host.Listen(func(core.Payload, func(core.Payload)) {}) // never answers
		if asks["server-side-emit"](t.Context(), m.a) == nil {
			t.Fatal("b has answered")
		}
		span := m.a.take()[0]
		if missing := attributes(span)[meshotel.KeyMissing].AsStringSlice(); span.Status.Code != codes.Error || !slices.Equal(missing, []string{"b"}) || len(span.Events) != 1 || span.Parent.IsValid() {
			t.Errorf("a: %+v", span)
		}
		if below := m.b.take(); len(below) != 1 || below[0].Status.Code != codes.Error || !strings.Contains(below[0].Status.Description, "deadline") {
			t.Errorf("b: %+v", below)
		}
		if below := m.c.take(); len(below) != 1 || below[0].Status.Code != codes.Unset {
			t.Errorf("c: %+v", below)
		}

		m.c.host.Client("c1").Answer(func(core.Payload, func(core.Payload)) {}) // neither
		call := m.a.BroadcastWithAck(t.Context(), coretest.Event("ev"), core.Target{Flags: core.Flags{Timeout: time.Second}}, func(core.Payload) {})
		if _, err := call.Wait(); err == nil {
			t.Fatal("c1 has answered")
		}
		if missing := attributes(m.a.take()[0])[meshotel.KeyMissing].AsStringSlice(); !slices.Equal(missing, []string{"c"}) {
			t.Errorf("missing: %q", missing)
		}
		if b, c := m.b.take(), m.c.take(); len(b) != 1 || b[0].Status.Code != codes.Unset || len(c) != 1 || c[0].Status.Code != codes.Error {
			t.Errorf("b: %+v, c: %+v", b, c)
		}

		left := m.a.ServerSideEmitWithAck(t.Context(), coretest.Event("ev"))
		synctest.Wait()
		m.b.Close()
		if _, err := left.Wait(); err != nil {
			t.Fatal(err)
		}
		if span := m.a.take()[0]; span.Status.Code != codes.Unset || attributes(span)[meshotel.KeyLeft].AsInt64() != 1 {
			t.Errorf("a: %+v", span)
		}
	})
}

// TestNothingIsAdded: without an observer, to what is not sampled, and in the reference's
// codec, nothing goes with a request.
func TestNothingIsAdded(t *testing.T) {
	for name, c := range map[string]struct {
		codec   core.Codec
		sampler sdktrace.Sampler
		spans   int
	}{
		"no observer":           {json.New(), nil, 0},
		"not sampled":           {json.New(), sdktrace.NeverSample(), 0},
		"the reference's codec": {msgpack.New(), sdktrace.AlwaysSample(), 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := start(t, c.codec, c.sampler)
				for kind, ask := range asks {
					if err := ask(t.Context(), m.a); err != nil {
						t.Fatal(err)
					}
					if a, b := m.a.take(), m.b.take(); len(a) != c.spans || len(b) != 0 {
						t.Errorf("%s: %d spans at a, %d at b", kind, len(a), len(b))
					}
				}
				if n := m.traced.Load(); n != 0 {
					t.Errorf("%d frames had a trace", n)
				}
			})
		})
	}
}

// counts is an observer that is behind another one.
type counts struct {
	core.NopObserver
	begun, done int
}

func (c *counts) RequestBegun(core.RequestInfo) { c.begun++ }
func (c *counts) RequestDone(core.RequestInfo)  { c.done++ }

// TestObserver: the other observer hears all, and what servers say that is no trace is
// ignored.
func TestObserver(t *testing.T) {
	spans, next := tracetest.NewInMemoryExporter(), &counts{}
	o := meshotel.NewObserver(meshotel.WithObserver(next), meshotel.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))))
	info := core.RequestInfo{ID: "1", Namespace: "/", Kind: core.KindFetchSockets}
	o.RequestBegun(info)
	if got := o.TraceRequest(t.Context(), info); len(got) != 55 || !strings.HasPrefix(got, "00-") || !strings.HasSuffix(got, "-01") {
		t.Errorf("traceparent %q", got)
	}
	o.RequestDone(info)
	o.RequestDone(core.RequestInfo{ID: "unknown"})
	if next.begun != 1 || next.done != 2 || len(spans.GetSpans()) != 1 {
		t.Errorf("%+v, %d spans", next, len(spans.GetSpans()))
	}
	for _, bad := range []string{"x", "00-0-0-0", strings.Repeat("0", 1<<20), "00-00000000000000000000000000000000-0000000000000000-01", "\xff"} {
		if done := o.TraceAnswer(bad, "b", info); done != nil {
			t.Errorf("%.60q is taken for a trace", bad)
		}
	}
	// Without a provider, the global one does nothing.
	if got := meshotel.NewObserver().TraceRequest(t.Context(), info); got != "" {
		t.Errorf("without a provider: %q", got)
	}
}
