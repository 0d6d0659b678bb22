package quic

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	quicgo "github.com/quic-go/quic-go"

	"github.com/socketmesh/mesh/core"
)

var errAbandoned = errors.New("the peer has closed the connection without a reason")

// The alerts of TLS (RFC 8446, section 6) about certificates and the protocol's name.
const (
	alertBadCertificate = 42
	alertUnknownCA      = 48
	alertAccessDenied   = 49
	alertRequired       = 116
	alertNoProtocol     = 120
)

// explain translates an error of the library into the errors of package core. The
// result never wraps net.ErrClosed, as all of the library's do: it would mean that
// this end has called Close.
func explain(err error, advice string) error {
	var (
		application *quicgo.ApplicationError
		transport   *quicgo.TransportError
		idle        *quicgo.IdleTimeoutError
		certificate *tls.CertificateVerificationError
	)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, core.ErrMalformed), errors.Is(err, core.ErrTooLarge):
		return err
	case errors.As(err, &application) && application.Remote:
		return explainClose(application)
	case errors.As(err, &idle):
		return fmt.Errorf("%w: %v", core.ErrSilentPeer, err)
	case errors.As(err, &certificate):
		return fmt.Errorf("%w: the peer's certificate: %w (%s)", core.ErrUnauthorized, certificate.Err, advice)
	case errors.As(err, &transport) && transport.ErrorCode.IsCryptoError():
		return explainAlert(transport, advice)
	}
	return errors.New(err.Error())
}

// explainClose translates the code of a peer that has closed the connection without a
// close frame.
func explainClose(err *quicgo.ApplicationError) error {
	switch code := err.ErrorCode; {
	case code == 0:
		return errAbandoned
	case code < minCode || code > maxCode:
		return fmt.Errorf("%w: closed by the peer with code %d", core.ErrMalformed, uint64(code))
	default:
		return &core.CloseError{CloseReason: wellFormed(core.CloseReason{Code: int(code), Text: err.ErrorMessage})}
	}
}

// explainAlert translates the TLS alert of a handshake that has failed.
func explainAlert(err *quicgo.TransportError, advice string) error {
	alert := err.ErrorCode - 0x100
	switch {
	case alert == alertNoProtocol:
		return fmt.Errorf("%w: we offer %s: %s", core.ErrNoCommonVersion, protocol, err)
	case alert >= alertBadCertificate && alert <= alertUnknownCA, alert == alertAccessDenied, alert == alertRequired:
		if err.Remote {
			return fmt.Errorf("%w: the peer refuses our certificate: %s (%s)", core.ErrUnauthorized, err, advice)
		}
		return fmt.Errorf("%w: the peer's certificate: %s (%s)", core.ErrUnauthorized, err, advice)
	}
	return errors.New(err.Error())
}
