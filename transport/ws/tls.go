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

// alpn is what is negotiated inside TLS: WebSockets over HTTP/2 are another thing.
const alpn = "http/1.1"

// serverTLS is what listeners speak; nil without a certificate.
func (t *Transport) serverTLS() (*tls.Config, error) {
	switch {
	case peertls.CanServe(t.options.TLS):
		return peertls.Server(t.options.TLS, alpn), nil
	case t.options.Secure:
		return nil, &core.ConfigError{Field: "TLS", Value: nil, Allowed: "a certificate, for this transport insists on TLS"}
	}
	return nil, nil
}

// clientTLS is what is spoken with a wss:// address.
func (t *Transport) clientTLS() *tls.Config {
	return peertls.Client(t.options.TLS, t.options.RootCAs, alpn)
}

var (
	errPlain = errors.New("this port speaks TLS: dial wss://")
	errTLS   = errors.New("a TLS handshake at a port without TLS, which is dialled as ws://")
	errNoTLS = errors.New("no TLS is spoken there, as behind ws://")
)

// handshakeError says in this package's terms why an acceptor's handshake failed;
// nil if the peer has just gone.
func handshakeError(err error) error {
	var record tls.RecordHeaderError
	var network *net.OpError
	switch {
	case errors.As(err, &record) && looksLikeHTTP(record.RecordHeader):
		return fmt.Errorf("%w: %w", core.ErrMalformed, errPlain)
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

// looksLikeHTTP tells by what was taken for the header of a TLS record.
func looksLikeHTTP(header [5]byte) bool {
	switch string(header[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO":
		return true
	}
	return false
}

// dialError says it of a dialler's handshake, and of what follows: an acceptor's
// verdict on the dialler's certificate comes after that.
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
