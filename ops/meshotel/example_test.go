package meshotel_test

import (
	"context"
	"fmt"
	"log"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/ops/meshotel"
)

// The observer goes to mesh.WithObserver of each server. Here, a server asks for the
// sockets of all: it does so by the adapter of a namespace, as mesh.Mesh.Namespaces has it,
// which takes a context.
func ExampleNewObserver() {
	exporter := tracetest.NewInMemoryExporter() // one of yours: OTLP, …
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	observer := meshotel.NewObserver(meshotel.WithTracerProvider(provider))
	// m, err := mesh.New(cfg, mesh.WithObserver(observer))

	ctx, span := provider.Tracer("shop").Start(context.Background(), "GET /visitors")
	// visitors := adapter.FetchSockets(ctx, core.Target{}).Wait() makes the mesh call:
	request := core.RequestInfo{ID: "1", Kind: core.KindFetchSockets, Namespace: "/"}
	traceparent := observer.TraceRequest(ctx, request) // goes to the other servers
	observer.RequestDone(request)
	span.End()

	if traceparent == "" {
		log.Fatal("not sampled")
	}
	for _, s := range exporter.GetSpans() {
		fmt.Println(s.Name, s.Parent.IsValid())
	}
	// Output:
	// mesh fetch-sockets true
	// GET /visitors false
}
