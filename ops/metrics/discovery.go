package metrics

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/socketmesh/mesh/discovery/service"
	"github.com/socketmesh/mesh/internal/buildinfo"
)

// DiscoverySource is a discovery service. *service.Server is one.
type DiscoverySource interface {
	Stats() service.ServerStats
}

// discoveryCollector makes metrics from snapshots.
type discoveryCollector struct{ source DiscoverySource }

// NewDiscoveryCollector returns the collector of a discovery service.
func NewDiscoveryCollector(source DiscoverySource) prometheus.Collector {
	return discoveryCollector{source}
}

// Describe implements [prometheus.Collector].
func (discoveryCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range discoveryDescs {
		descs <- d.Desc
	}
}

// Collect implements [prometheus.Collector].
func (c discoveryCollector) Collect(to chan<- prometheus.Metric) {
	out, stats := output(to), c.source.Stats()
	put(out, serversRegistered, stats.Nodes)
	put(out, registrations, stats.Registrations)
	put(out, disconnects, stats.Disconnects)
	put(out, rosterBroadcasts, stats.Broadcasts)
	put(out, rosterBytes, stats.Sent)
	put(out, sharedAddresses, stats.Notices)
	put(out, pendingConnections, stats.Pending)
	put(out, discoveryRefused, stats.Malformed, "malformed")
	put(out, discoveryRefused, stats.Unauthorized, "unauthorized")
	put(out, discoveryRefused, stats.RefusedFull, "full")
	put(out, discoveryRefused, stats.RefusedLength, "length")
	put(out, discoveryRefused, stats.RefusedSource, "source")
	put(out, discoveryRefused, stats.Evicted, "pending")
	put(out, discoveryRefused, stats.BadTLS, "tls")
	put(out, discoveryBuildInfo, 1, buildinfo.Version(), runtime.Version())
}
