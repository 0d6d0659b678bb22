// Package metrics scrapes real servers, and holds what is scraped against the shipped
// dashboard and alert rules.
package metrics

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
