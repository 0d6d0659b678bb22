package quic

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/peertls"
)

// protocol is the ALPN name of this protocol and its version.
const protocol = "socketmesh/1"

// credentials are the TLS configurations of both ends.
type credentials struct {
	acceptor *tls.Config
	dialler  *tls.Config
	// advice is added to errors about certificates: a question to the operator.
	advice string
}

// newCredentials returns the configurations of Options.TLS, or derives them from
// Options.AuthToken.
func newCredentials(options *Options) (*credentials, error) {
	if options.TLS != nil {
		return &credentials{
			acceptor: peertls.Server(harden(options.TLS), protocol),
			dialler:  harden(options.TLS),
			advice:   "are certificates and authorities those of the mesh?",
		}, nil
	}
	config, err := tokenConfig(options.AuthToken)
	if err != nil {
		return nil, err
	}
	return &credentials{
		acceptor: harden(config),
		dialler:  harden(config),
		advice:   "is AuthToken the same on both sides?",
	}, nil
}

// harden returns a configuration with which both ends are verified in every handshake.
func harden(config *tls.Config) *tls.Config {
	config = config.Clone()
	config.MinVersion = tls.VersionTLS13
	config.NextProtos = []string{protocol}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	config.SessionTicketsDisabled = true // a resumed session does not verify the certificate again
	if config.ClientCAs == nil {
		config.ClientCAs = config.RootCAs
	}
	if config.RootCAs == nil {
		config.RootCAs = config.ClientCAs
	}
	if choose := config.GetConfigForClient; choose != nil {
		config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen, err := choose(hello)
			if chosen == nil || err != nil {
				return nil, err
			}
			if err := validateTLS(chosen); err != nil {
				return nil, err
			}
			return harden(chosen), nil
		}
	}
	return config
}

// validateTLS returns an error for a configuration that would let anybody into the
// mesh, or with which this node cannot be a part of it.
func validateTLS(config *tls.Config) error {
	wrong := func(value any, allowed string) error {
		return &core.ConfigError{Field: "TLS", Value: value, Allowed: allowed}
	}
	switch {
	case len(config.Certificates) == 0 && (config.GetCertificate == nil || config.GetClientCertificate == nil):
		return wrong("no certificate", "Certificates, or both GetCertificate and GetClientCertificate")
	case config.RootCAs == nil && config.ClientCAs == nil:
		// The system's authorities would let in everybody who has any public certificate.
		return wrong("no authority", "RootCAs or ClientCAs: the authority of the mesh")
	case config.InsecureSkipVerify && config.VerifyConnection == nil:
		return wrong("InsecureSkipVerify", "verification, or a VerifyConnection that does it")
	}
	return nil
}

// roots returns Options.RootCAs; nil without TLS, because the authority of a token does
// not change.
func (t *Transport) roots() func() *x509.CertPool {
	if t.options.TLS == nil {
		return nil
	}
	return t.options.RootCAs
}
