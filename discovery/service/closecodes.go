package service

import (
	"errors"
	"fmt"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
)

// The reasons for which connections are closed: first the reference's
// (docs/reference-protocol.md, section 8), then those of this implementation.
var (
	closeUnauthorized = core.CloseReason{Code: 4401, Text: "unauthorized"}
	closeShutdown     = core.CloseReason{Code: 1001, Text: "discovery-shutdown"}
	closeLeaving      = core.CloseReason{Code: 1000, Text: "client-closing"}

	closeRelayed      = core.CloseReason{Code: 4401, Text: "relayed"}
	closeUnregistered = core.CloseReason{Code: 1008, Text: "register-timeout"}
	closeFull         = core.CloseReason{Code: 1013, Text: "too-many-nodes"}
	closeLongID       = core.CloseReason{Code: 1008, Text: "id-too-long"}
	closeLongAddress  = core.CloseReason{Code: 1008, Text: "address-too-long"}
)

// closeTimeout bounds each half of a closing handshake: to send the close frame, and to
// receive the other end's.
const closeTimeout = time.Second

// sendClose sends a close frame with the reason.
func sendClose(conn *websocket.Conn, reason core.CloseReason) error {
	return conn.WriteControl(websocket.CloseMessage,
		websocket.FormatCloseMessage(reason.Code, reason.Text), time.Now().Add(closeTimeout))
}

// readError translates the error of a read into those of package core: a
// [*core.CloseError] if the other end sent a close frame, which also wraps
// [core.ErrUnauthorized] if the code says so.
func readError(err error) error {
	var closed *websocket.CloseError
	if !errors.As(err, &closed) {
		return err
	}
	cause := &core.CloseError{CloseReason: core.CloseReason{Code: closed.Code, Text: closed.Text}}
	switch {
	case cause.CloseReason == closeRelayed:
		return fmt.Errorf("%w: %w", core.ErrRelayed, cause)
	case closed.Code == closeUnauthorized.Code:
		return fmt.Errorf("%w: %w", core.ErrUnauthorized, cause)
	}
	return cause
}
