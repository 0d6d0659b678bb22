package hostcompat

import (
	"errors"
	"testing"

	"github.com/socketmesh/mesh/core/coretest"
)

func TestWarn(t *testing.T) {
	loss := Loss{What: "a fast path", Why: errors.New("the field has gone"), Cost: "it takes longer"}
	for _, test := range []struct {
		name   string
		host   Host
		losses []Loss
		want   []string // in one warning; none: silence
	}{
		{"all is well", Host{Version: "v3.0.6", Tested: true}, nil, nil},
		{"off", Host{Version: "v3.0.6", Tested: true}, []Loss{loss}, []string{"parts of the mesh are off", "version=v3.0.6", "a fast path: the field has gone; it takes longer"}},
		{"unknown", Host{Version: "v4.0.0"}, nil, []string{"was not tested with this version", "version=v4.0.0", "v3.0.5, v3.0.6"}},
		{"both", Host{Version: "v4.0.0"}, []Loss{loss}, []string{"was not tested with this version", "a fast path: the field has gone; it takes longer"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log coretest.Log
			test.host.Warn(log.Logger(), test.losses...)
			if n := log.Count("WARN", ""); n != min(len(test.want), 1) {
				t.Errorf("%d warnings: %s", n, log.String())
			}
			for _, want := range test.want {
				if log.Count("WARN", want) != 1 {
					t.Errorf("no warning of %q: %s", want, log.String())
				}
			}
		})
	}
}
