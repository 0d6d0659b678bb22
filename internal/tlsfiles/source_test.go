package tlsfiles

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/internal/certs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shop writes files for a test.
type shop struct {
	t    *testing.T
	dir  string
	age  time.Duration // of the last file, so that each is of another time
	logs bytes.Buffer
}

func newShop(t *testing.T) *shop { return &shop{t: t, dir: t.TempDir(), age: time.Hour} }

func (s *shop) write(name string, text []byte) (path string) {
	s.t.Helper()
	path = filepath.Join(s.dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.age -= time.Minute
	when := time.Now().Add(-s.age)
	if err := os.Chtimes(path, when, when); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func (s *shop) open(f Files) *Source {
	s.t.Helper()
	source, err := Open(f, slog.New(slog.NewTextHandler(&s.logs, nil)))
	if err != nil {
		s.t.Fatal(err)
	}
	return source
}

func authority(t *testing.T) *certs.Authority {
	t.Helper()
	a, err := certs.NewAuthority("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func issue(t *testing.T, a *certs.Authority, valid time.Duration) certs.Pair {
	t.Helper()
	pair, err := a.Issue(valid, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func TestBadFilesAreNamed(t *testing.T) {
	s, a := newShop(t), authority(t)
	pair, other := issue(t, a, time.Hour), issue(t, a, time.Hour)
	cert, key, otherKey := s.write("cert", pair.Cert), s.write("key", pair.Key), s.write("other", other.Key)
	garbage := s.write("garbage", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	empty, missing := s.write("empty", nil), filepath.Join(s.dir, "missing")
	for name, c := range map[string]struct {
		files       Files
		field, path string // of the error; "" for none
	}{
		"good":            {Files{cert, key, cert}, "", ""},
		"none":            {Files{}, "", ""},
		"authority alone": {Files{CA: cert}, "", ""},
		"both in one":     {Files{Cert: s.write("both", append(pair.Cert, pair.Key...))}, "", ""},
		"no such cert":    {Files{missing, key, ""}, "Cert", missing},
		"empty cert":      {Files{empty, key, ""}, "Cert", empty},
		"garbage":         {Files{garbage, key, ""}, "Cert", garbage},
		"key for cert":    {Files{key, key, ""}, "Cert", key},
		"no such key":     {Files{cert, missing, ""}, "Key", missing},
		"another's key":   {Files{cert, otherKey, ""}, "Key", otherKey},
		"no key in cert":  {Files{cert, "", ""}, "Key", cert},
		"empty authority": {Files{cert, key, empty}, "CA", empty},
		"a folder":        {Files{cert, key, s.dir}, "CA", s.dir},
	} {
		_, err := Open(c.files, slog.New(slog.DiscardHandler))
		bad, ok := errors.AsType[*Error](err)
		if ok != (c.field != "") || ok && (bad.Field != c.field || bad.Path != c.path || !strings.Contains(err.Error(), c.path)) {
			t.Errorf("%s: got %v, want one of %s", name, err, c.field)
		}
	}
	if _, err := Open(Files{Cert: missing}, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: got %v", err)
	}
}

// What has changed is there with the next handshake, at both ends.
func TestChangedFilesAreReadAgain(t *testing.T) {
	s, a, b := newShop(t), authority(t), authority(t)
	first, second := issue(t, a, time.Hour), issue(t, b, time.Hour)
	f := Files{s.write("cert", first.Cert), s.write("key", first.Key), s.write("ca", a.Cert)}
	source := s.open(f)
	config := source.Config("localhost")
	check := func(when string, pair certs.Pair, trusted *certs.Authority) {
		t.Helper()
		want, _ := pair.TLS()
		accepting, err := config.GetConfigForClient(nil)
		if err != nil {
			t.Fatal(err)
		}
		for end, get := range map[string]func() (*tls.Certificate, error){
			"acceptor": func() (*tls.Certificate, error) { return accepting.GetCertificate(nil) },
			"dialler":  func() (*tls.Certificate, error) { return config.GetClientCertificate(nil) },
		} {
			if got, err := get(); err != nil || !bytes.Equal(got.Certificate[0], want.Certificate[0]) {
				t.Errorf("%s: the %s shows another certificate, %v", when, end, err)
			}
		}
		for end, pool := range map[string]*x509.CertPool{"acceptor": accepting.ClientCAs, "dialler": source.RootCAs()} {
			if !pool.Equal(trusted.Pool()) {
				t.Errorf("%s: the %s trusts others", when, end)
			}
		}
		if accepting.GetConfigForClient != nil || accepting.ServerName != "localhost" {
			t.Errorf("%s: the acceptor's config is %+v", when, accepting)
		}
	}
	check("before", first, a)
	s.write("cert", second.Cert)
	check("half of a pair", first, a)
	s.write("key", second.Key)
	check("a pair", second, a)
	s.write("ca", b.Cert)
	check("all", second, b)
	os.Remove(f.CA)
	check("a file is gone", second, b)
	check("and still is", second, b)
	s.write("ca", a.Cert)
	check("it is back", second, a)
	if n := strings.Count(s.logs.String(), "files are invalid"); n != 2 {
		t.Errorf("%d complaints, want one for the half pair and one for the missing file:\n%s", n, s.logs.String())
	}
}

// Kubernetes swaps a link to a folder.
func TestSwappedFolder(t *testing.T) {
	s, a, b := newShop(t), authority(t), authority(t)
	link := filepath.Join(s.dir, "data")
	swap := func(folder string, a *certs.Authority) {
		if err := os.Mkdir(filepath.Join(s.dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
		s.write(folder+"/ca.crt", a.Cert)
		if err := errors.Join(os.Symlink(folder, link+".new"), os.Rename(link+".new", link)); err != nil {
			t.Fatal(err)
		}
	}
	swap("first", a)
	source := s.open(Files{CA: filepath.Join(link, "ca.crt")})
	swap("second", b)
	if !source.RootCAs().Equal(b.Pool()) {
		t.Error("the old authority is trusted")
	}
}

func TestInvalidCertificateIsLogged(t *testing.T) {
	s := newShop(t)
	pair := issue(t, authority(t), -time.Second)
	s.open(Files{s.write("cert", pair.Cert), s.write("key", pair.Key), ""})
	if !strings.Contains(s.logs.String(), "not valid now") {
		t.Errorf("log: %s", s.logs.String())
	}
}

func TestWithoutCertificate(t *testing.T) {
	s, a := newShop(t), authority(t)
	c := s.open(Files{CA: s.write("ca", a.Cert)}).Config("")
	if c.GetCertificate != nil || c.GetClientCertificate != nil || c.GetConfigForClient != nil {
		t.Error("it looks as if there were a certificate")
	}
	if !c.RootCAs.Equal(a.Pool()) {
		t.Error("authorities are missing")
	}
	if roots := s.open(Files{}).RootCAs(); roots != nil {
		t.Error("authorities from nowhere")
	}
}

// Many handshakes at once, while files change.
func TestManyAsk(t *testing.T) {
	s, a := newShop(t), authority(t)
	pair := issue(t, a, time.Hour)
	f := Files{s.write("cert", append(pair.Cert, pair.Key...)), "", s.write("ca", a.Cert)}
	source := s.open(f)
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for range 200 {
				if m := source.now(); m.certificate == nil || m.authorities == nil {
					t.Error("nothing there")
				}
			}
		})
	}
	for range 20 {
		s.write("ca", a.Cert)
	}
	asking.Wait()
}
