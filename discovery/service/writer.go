package service

import (
	"log/slog"
	"time"

	"github.com/gorilla/websocket"

	"github.com/socketmesh/mesh/core"
)

// writer sends rosters and pings to one subscriber, and ends its connection.
type writer struct {
	*subscriber
	conn     *websocket.Conn
	registry *registry
	options  *ServerOptions
	log      *slog.Logger
}

// run works until ended is closed or it has closed the connection, or said
// why it is going to be.
func (w *writer) run(ended <-chan struct{}) {
	ping := time.NewTicker(w.options.PingInterval)
	defer ping.Stop()
	unregistered := time.NewTimer(w.options.RegisterTimeout)
	defer unregistered.Stop()
	w.alive.Store(true)
	for {
		var err error
		select {
		case <-ended:
			return
		case <-w.closing:
			w.goodbye()
			return
		case <-w.changed:
			err = w.update(unregistered)
		case <-unregistered.C:
			if _, registered := w.registry.message(w.subscriber); !registered {
				w.log.Info("connection closed: it did not register in time")
				w.stop(closeUnregistered)
			}
		case <-ping.C:
			err = w.ping()
		}
		if err != nil {
			w.log.Info("connection dropped", "err", err)
			w.conn.Close()
			return
		}
	}
}

// update sends the latest roster. A subscriber that holds no entry has lost it
// to another connection, and has to register again in time.
func (w *writer) update(unregistered *time.Timer) error {
	message, registered := w.registry.message(w.subscriber)
	if !registered {
		unregistered.Reset(w.options.RegisterTimeout)
		return nil
	}
	w.conn.SetWriteDeadline(time.Now().Add(w.options.WriteTimeout))
	return w.conn.WriteMessage(websocket.BinaryMessage, message)
}

// ping fails if the last one has not been answered.
func (w *writer) ping() error {
	if !w.alive.Swap(false) {
		return core.ErrSilentPeer
	}
	return w.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(w.options.WriteTimeout))
}

// goodbye says why the connection ends and leaves the other end a moment to
// agree, so that the reason is not lost to a reset; then the reader gives up.
func (w *writer) goodbye() {
	if sendClose(w.conn, w.reason) != nil {
		w.conn.Close()
		return
	}
	w.conn.NetConn().SetReadDeadline(time.Now().Add(closeGrace))
}
