package mesh

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/peertls"
	"github.com/socketmesh/mesh/internal/tlsfiles"
)

// TLS says how links, and the way to the discovery service, are secured. The zero
// value means without certificates of one's own: other servers are accepted
// without TLS, and a wss:// address has to have a certificate that the system
// trusts.
//
// Files are PEM. They are read by [New], and again when they have changed: new
// links use what is in them then, links that are up stay as they are.
type TLS struct {
	// CertFile holds this server's certificate, and those between it and its
	// authority. With it, other servers are accepted over TLS only. It is shown
	// to those that are dialled, too.
	CertFile string
	// KeyFile holds its private key. Default: CertFile does.
	KeyFile string
	// CAFile holds the authorities of the other servers' certificates. With it
	// and CertFile, those who dial have to show such a certificate: both ends
	// know each other. Default: the system's authorities, and diallers need no
	// certificate.
	CAFile string
	// ServerName is a name that the certificates of all servers are for, whatever
	// their addresses. It is checked at both ends. Default: a certificate has to
	// be for the host that is dialled, and a dialler's for any.
	ServerName string

	// Config is all of that in one, for who has it: RootCAs and ServerName for
	// dialling, ClientCAs, if diallers need a certificate, for accepting. It takes
	// the place of the other fields.
	Config *tls.Config
}

// serves tells whether there is a certificate to accept others with.
func (t TLS) serves() bool { return t.CertFile != "" || peertls.CanServe(t.Config) }

// check looks at what can be seen without reading files.
func (t TLS) check() error {
	files := TLS{t.CertFile, t.KeyFile, t.CAFile, t.ServerName, nil}
	switch {
	case t.Config != nil && files != TLS{}:
		return &core.ConfigError{Field: "TLS.Config", Value: "a *tls.Config", Allowed: "either that or the other fields of TLS"}
	case t.KeyFile != "" && t.CertFile == "":
		return &core.ConfigError{Field: "TLS.KeyFile", Value: t.KeyFile, Allowed: "a CertFile that it belongs to"}
	}
	return nil
}

// material is what a TLS comes down to: config is nil for none, roots are asked
// for the authorities of the moment, if there are any of one's own, and expires for
// when the certificate of the moment ends, zero without.
type material struct {
	config  *tls.Config
	roots   func() *x509.CertPool
	expires func() time.Time
}

// load reads the files.
func (t TLS) load(log *slog.Logger) (material, error) {
	if t == (TLS{}) || t.Config != nil {
		return material{config: t.Config, expires: func() time.Time { return peertls.Expires(t.Config) }}, nil
	}
	source, err := tlsfiles.Open(tlsfiles.Files{Cert: t.CertFile, Key: t.KeyFile, CA: t.CAFile}, log)
	if bad, ok := errors.AsType[*tlsfiles.Error](err); ok {
		return material{}, &core.ConfigError{Field: "TLS." + bad.Field + "File", Value: bad.Path, Allowed: fileAllowed[bad.Field] + ": " + bad.Err.Error()}
	}
	if err != nil {
		return material{}, err
	}
	m := material{config: source.Config(t.ServerName), expires: source.Expires}
	if t.CAFile != "" {
		m.roots = source.RootCAs
	}
	return m, nil
}

// fileAllowed is what has to be in a file.
var fileAllowed = map[string]string{
	"Cert": "a PEM file with a certificate",
	"Key":  "a PEM file with the private key of that certificate",
	"CA":   "a PEM file with certificates of authorities",
}
