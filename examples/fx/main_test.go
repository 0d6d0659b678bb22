package main

import (
	"testing"

	"go.uber.org/fx"
)

// TestApp: everything that the example asks for is there.
func TestApp(t *testing.T) {
	if err := fx.ValidateApp(app); err != nil {
		t.Error(err)
	}
}
