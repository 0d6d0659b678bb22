package ws

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/peertls"
)

// alpn is the protocol that TLS negotiates. The transport does not speak WebSockets
// over HTTP/2 (RFC 8441).
const alpn = "http/1.1"

// serverTLS returns the configuration of listeners; nil without a certificate.
func (t *Transport) serverTLS() (*tls.Config, error) {
	switch {
	case peertls.CanServe(t.options.TLS):
		return peertls.Server(t.options.TLS, alpn), nil
	case t.options.Secure:
		return nil, &core.ConfigError{Field: "TLS", Value: nil, Allowed: "a certificate, because this transport requires TLS"}
	}
	return nil, nil
}

// clientTLS returns the configuration for dialling a wss:// address.
func (t *Transport) clientTLS() *tls.Config {
	return peertls.Client(t.options.TLS, t.options.RootCAs, alpn)
}

var errNoTLS = errors.New("the acceptor does not speak TLS: dial ws://")

// handshakeError wraps the error of an acceptor's TLS handshake in the errors of
// package core. It returns nil if the peer just closed the connection.
func handshakeError(err error) error {
	var record tls.RecordHeaderError
	var network *net.OpError
	switch {
	case errors.As(err, &record) && peertls.LooksLikeHTTP(record.RecordHeader[:]):
		return fmt.Errorf("%w: %w", core.ErrMalformed, peertls.ErrPlain)
	case errors.As(err, &record):
		return fmt.Errorf("%w: not TLS: %w", core.ErrMalformed, err)
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return nil
	case errors.As(err, &network) && network.Op == "remote error":
		return fmt.Errorf("%w: the dialler does not accept this node's certificate: %w", core.ErrUnauthorized, err)
	case errors.As(err, &network) && !network.Timeout():
		return nil
	case errors.As(err, &network):
		return fmt.Errorf("TLS handshake: %w", err)
	}
	return fmt.Errorf("%w: TLS handshake: %w", core.ErrUnauthorized, err)
}

// dialError wraps the error of a dialler's TLS handshake, or of the upgrade after it, in
// the errors of package core: if the acceptor refuses the dialler's certificate, the
// dialler sees that only after its own handshake has ended.
func dialError(err error) error {
	var record tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	var network *net.OpError
	switch {
	case errors.As(err, &record):
		return fmt.Errorf("%w: %w", errNoTLS, err)
	case errors.As(err, &certificate):
		return fmt.Errorf("%w: the acceptor's certificate: %w", core.ErrUnauthorized, err)
	case errors.As(err, &network) && network.Op == "remote error":
		return fmt.Errorf("%w: refused by the acceptor: %w", core.ErrUnauthorized, err)
	}
	return err
}
