package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler serves the metrics of a node, and those of the Go runtime and the process. It
// is for the port of operators, whatever it knows of a node beside this.
func Handler[S Source](source S) http.Handler { return handlerOf(NewCollector(source)) }

// DiscoveryHandler does so for a discovery service.
func DiscoveryHandler(source DiscoverySource) http.Handler {
	return handlerOf(NewDiscoveryCollector(source))
}

// maxScrapes bounds how many are served at once.
const maxScrapes = 8

func handlerOf(c prometheus.Collector) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(c, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes})
}
