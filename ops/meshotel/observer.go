// Package meshotel traces requests across the servers of a mesh with OpenTelemetry:
// FetchSockets, EmitWithAck and server-side events with acknowledgements.
//
//	mesh.New(cfg, mesh.WithObserver(meshotel.NewObserver()))
//
// The server that makes a request has a span for it, from the question to the others until
// the answer is complete, with an error if answers are missing. Each server that answers
// has a child span. If the request's span is not sampled, nothing is sent with the request,
// and other servers make no spans.
//
// The span of a request is a child of the span in the context that is given to the methods
// of [core.Adapter], which mesh.Mesh.Namespaces returns. Socket.IO's own API takes no
// context: there it is the root of a trace.
//
// Only programs that import this package contain OpenTelemetry's library.
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

// Name is the name of the tracer.
const Name = "github.com/socketmesh/mesh/ops/meshotel"

// Attributes of spans.
const (
	KeyRequest   = attribute.Key("socketio.mesh.request")   // id, the same on all servers
	KeyKind      = attribute.Key("socketio.mesh.kind")      // "fetch-sockets", "server-side-emit" or "broadcast"
	KeyNamespace = attribute.Key("socketio.mesh.namespace") // such as "/"
	KeyPeer      = attribute.Key("socketio.mesh.peer")      // on answers: id of the server that asks
	KeyLeft      = attribute.Key("socketio.mesh.left")      // on requests: number of servers that left before they had answered
	KeyMissing   = attribute.Key("socketio.mesh.missing")   // on requests: ids of servers that are present and have not answered
)

// Observer is a [core.Observer] that traces requests.
type Observer struct {
	core.Observer
	tracer trace.Tracer

	mu   sync.Mutex
	open map[request]trace.Span // open spans of this server's requests
}

var (
	_ core.Observer      = (*Observer)(nil)
	_ core.RequestTracer = (*Observer)(nil)
)

// request identifies a request of this server.
type request struct{ namespace, id string }

// Option changes an [Observer].
type Option func(*options)

type options struct {
	provider trace.TracerProvider
	next     core.Observer
}

// WithTracerProvider makes spans with p. Default: the global provider of package otel.
func WithTracerProvider(p trace.TracerProvider) Option { return func(o *options) { o.provider = p } }

// WithObserver passes everything on to another observer.
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

// TraceRequest begins the span of a request, and returns its context as a W3C traceparent;
// "" if it is not sampled.
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

// TraceAnswer begins the span of an answer, as a child of the request's span. A malformed
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
