package service

import (
	"log/slog"
	"sync/atomic"
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

	sentBytes *atomic.Uint64 // of all subscribers
}

// run sends until ended is closed, or until it has sent a close frame or closed the
// connection.
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
			w.close()
			return
		case <-w.changed:
			err = w.update(unregistered)
		case <-unregistered.C:
			if !w.registry.registered(w.subscriber) {
				w.log.Info("connection closed: no registration in time")
				w.stop(closeUnregistered)
			}
		case <-ping.C:
			err = w.ping()
		}
		if err != nil {
			w.log.Info("connection dropped", "error", err)
			w.conn.Close()
			return
		}
	}
}

// update sends what the subscriber lacks of the latest roster, and notices. A subscriber
// without an entry has lost its id to another connection, and has to register again
// within RegisterTimeout.
func (w *writer) update(unregistered *time.Timer) error {
	message, registered := w.registry.message(w.subscriber)
	if !registered {
		unregistered.Reset(w.options.RegisterTimeout)
		return nil
	}
	if message != nil {
		if err := w.send(message); err != nil {
			return err
		}
	}
	for _, notice := range w.takeNotices() {
		if err := w.send(notice); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) send(message []byte) error {
	w.conn.SetWriteDeadline(time.Now().Add(w.options.WriteTimeout))
	err := w.conn.WriteMessage(websocket.BinaryMessage, message)
	if err == nil {
		w.sentBytes.Add(uint64(len(message)))
	}
	return err
}

// ping sends a ping. It fails if the last one was not answered.
func (w *writer) ping() error {
	if !w.alive.Swap(false) {
		return core.ErrSilentPeer
	}
	return w.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(w.options.WriteTimeout))
}

// close sends a close frame with the reason. The reader goes on until the node has
// answered it, closeTimeout at most: if the connection were closed with unread data,
// the system would reset it, and the reason could be lost.
func (w *writer) close() {
	if sendClose(w.conn, w.reason) != nil {
		w.conn.Close()
		return
	}
	w.conn.NetConn().SetReadDeadline(time.Now().Add(closeTimeout))
}
