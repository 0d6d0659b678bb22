package main

import (
	"testing"

	"go.uber.org/fx"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestApp: everything that the example asks for is there.
func TestApp(t *testing.T) {
	if err := fx.ValidateApp(app); err != nil {
		t.Error(err)
	}
}
