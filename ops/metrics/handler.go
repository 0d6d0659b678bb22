package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler serves the metrics of a node, of the Go runtime and of the process. It is generic
// so that it can be given to mesh.WithMetrics, whose source has more methods than this
// package's.
func Handler[S Source](source S) http.Handler { return handlerOf(NewCollector(source)) }

// DiscoveryHandler serves the metrics of a discovery service in the same way.
func DiscoveryHandler(source DiscoverySource) http.Handler {
	return handlerOf(NewDiscoveryCollector(source))
}

// maxScrapes limits the scrapes that are served at once.
const maxScrapes = 8

func handlerOf(c prometheus.Collector) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(c, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes})
}
