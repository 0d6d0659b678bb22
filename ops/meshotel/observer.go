// Package meshotel traces requests across the servers of a mesh with OpenTelemetry:
// FetchSockets, EmitWithAck and server-side events with acknowledgements.
//
//	mesh.New(cfg, mesh.WithObserver(meshotel.NewObserver()))
//
// The server that asks has a span for each request, from when the others are asked until
// its answer is there, with an error if that is incomplete. Each server that answers has
// a span below it. Requests whose span is not sampled are as if there were no tracing:
// nothing goes with them, and the others have no spans.
//
// The span of a request is below that of the context that is given to the methods of
// [core.Adapter], as those of mesh.Mesh.Namespaces. Socket.IO's own API takes no context:
// there it is the root of a trace.
//
// No other package has OpenTelemetry's library in it: a program that does not import this
// one does not have it.
package meshotel

import (
	"context"
	"errors"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/socketmesh/mesh/core"
)

// Name is the instrumentation's: what its tracer is called.
const Name = "github.com/socketmesh/mesh/ops/meshotel"

// Attributes of spans.
const (
	KeyRequest   = attribute.Key("socketio.mesh.request")   // id, the same at all servers
	KeyKind      = attribute.Key("socketio.mesh.kind")      // "fetch-sockets", "server-side-emit" or "broadcast"
	KeyNamespace = attribute.Key("socketio.mesh.namespace") // as "/"
	KeyPeer      = attribute.Key("socketio.mesh.peer")      // of an answer: id of the server that asks
	KeyLeft      = attribute.Key("socketio.mesh.left")      // of a request: servers that left before they had answered
	KeyMissing   = attribute.Key("socketio.mesh.missing")   // ids of servers that are there and have not answered
)

// Observer is a [core.Observer] that traces requests.
type Observer struct {
	core.Observer
	tracer trace.Tracer

	mu   sync.Mutex
	open map[request]trace.Span // of this server
}

var (
	_ core.Observer      = (*Observer)(nil)
	_ core.RequestTracer = (*Observer)(nil)
)

// request is one of this server.
type request struct{ namespace, id string }

// Option changes an [Observer].
type Option func(*options)

type options struct {
	provider trace.TracerProvider
	next     core.Observer
}

// WithTracerProvider lets spans go to p. Default: the global one of package otel.
func WithTracerProvider(p trace.TracerProvider) Option { return func(o *options) { o.provider = p } }

// WithObserver lets another observer see what happens, too.
func WithObserver(next core.Observer) Option { return func(o *options) { o.next = next } }

// NewObserver returns an observer for mesh.WithObserver.
func NewObserver(opts ...Option) *Observer {
	o := options{next: core.NopObserver{}}
	for _, opt := range opts {
		opt(&o)
	}
	if o.provider == nil {
		o.provider = otel.GetTracerProvider()
	}
	return &Observer{Observer: o.next, tracer: o.provider.Tracer(Name), open: map[request]trace.Span{}}
}

// TraceRequest begins the span of a request, and returns its context as a traceparent of
// the W3C; "" if it is not sampled.
func (o *Observer) TraceRequest(ctx context.Context, info core.RequestInfo) (traceparent string) {
	ctx, span := o.tracer.Start(ctx, spanName(info), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributesOf(info)...))
	if !span.IsRecording() {
		span.End()
		return ""
	}
	o.mu.Lock()
	o.open[request{info.Namespace, info.ID}] = span
	o.mu.Unlock()
	if !span.SpanContext().IsSampled() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[traceparentKey]
}

const traceparentKey = "traceparent"

func spanName(info core.RequestInfo) string { return "mesh " + info.Kind.String() }

func attributesOf(info core.RequestInfo) []attribute.KeyValue {
	return []attribute.KeyValue{KeyRequest.String(info.ID), KeyKind.String(info.Kind.String()), KeyNamespace.String(info.Namespace)}
}

// RequestDone ends the span of a request.
func (o *Observer) RequestDone(info core.RequestInfo) {
	key := request{info.Namespace, info.ID}
	o.mu.Lock()
	span := o.open[key]
	delete(o.open, key)
	o.mu.Unlock()
	if span != nil {
		if info.Left > 0 {
			span.SetAttributes(KeyLeft.Int(info.Left))
		}
		if incomplete, ok := errors.AsType[*core.IncompleteError](info.Err); ok {
			span.SetAttributes(KeyMissing.StringSlice(incomplete.Missing))
		}
		end(span, info.Err)
	}
	o.Observer.RequestDone(info)
}

// TraceAnswer begins the span of an answer, below that of the request. What is no
// traceparent is ignored: it comes from another server.
func (o *Observer) TraceAnswer(traceparent, from string, info core.RequestInfo) (done func(error)) {
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{traceparentKey: traceparent})
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return nil
	}
	_, span := o.tracer.Start(ctx, spanName(info), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(append(attributesOf(info), KeyPeer.String(from))...))
	return func(err error) { end(span, err) }
}

// end ends a span.
func end(span trace.Span, err error) {
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}
