package service

import (
	"errors"
	"fmt"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
)

// Why connections are closed: the reference's reasons (docs/reference-protocol.md, section 8), and
// ours behind them.
var (
	closeUnauthorized = core.CloseReason{Code: 4401, Text: "unauthorized"}
	closeShutdown     = core.CloseReason{Code: 1001, Text: "discovery-shutdown"}
	closeLeaving      = core.CloseReason{Code: 1000, Text: "client-closing"}

	closeUnregistered = core.CloseReason{Code: 1008, Text: "register-timeout"}
	closeFull         = core.CloseReason{Code: 1013, Text: "too-many-nodes"}
)

// closeGrace is how long a closing handshake may take: to send the reason, and
// then for the other end to answer it.
const closeGrace = time.Second

// sendClose tells the other end why the connection ends.
func sendClose(conn *websocket.Conn, reason core.CloseReason) error {
	return conn.WriteControl(websocket.CloseMessage,
		websocket.FormatCloseMessage(reason.Code, reason.Text), time.Now().Add(closeGrace))
}

// closeCause turns the end of a connection into the core's terms: a
// [*core.CloseError] if the other end gave a reason, which wraps
// [core.ErrUnauthorized] if that was the token.
func closeCause(err error) error {
	var closed *websocket.CloseError
	if !errors.As(err, &closed) {
		return err
	}
	cause := &core.CloseError{CloseReason: core.CloseReason{Code: closed.Code, Text: closed.Text}}
	if closed.Code == closeUnauthorized.Code {
		return fmt.Errorf("%w: %w", core.ErrUnauthorized, cause)
	}
	return cause
}
