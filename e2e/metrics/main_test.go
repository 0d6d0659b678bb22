// Package metrics scrapes real servers, and holds what is scraped against the shipped
// dashboard and alert rules.
package metrics

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/ops/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The handler is what the port for operators takes.
var _ = mesh.WithMetrics(metrics.Handler)
