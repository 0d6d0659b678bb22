package mesh_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/socketmesh/mesh"
	"github.com/socketmesh/mesh/internal/certs"
)

// authority is that of the meshes in these tests.
var authority = sync.OnceValue(func() *certs.Authority { return mustAuthority("mesh") })

func mustAuthority(name string) *certs.Authority {
	a, err := certs.NewAuthority(name, time.Hour)
	if err != nil {
		panic(err)
	}
	return a
}

// issued writes a certificate for names, and its authority, into files.
func issued(t testing.TB, a *certs.Authority, names ...string) mesh.TLS {
	t.Helper()
	pair, err := a.Issue(time.Hour, names...)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return mesh.TLS{
		CertFile: write(t, filepath.Join(dir, "node.pem"), pair.Cert),
		KeyFile:  write(t, filepath.Join(dir, "node-key.pem"), pair.Key),
		CAFile:   write(t, filepath.Join(dir, "ca.pem"), a.Cert),
	}
}

func write(t testing.TB, path string, text []byte) string {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
