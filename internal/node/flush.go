package node

import "time"

import (
	"github.com/socketmesh/mesh/core"
)

// featureFlush is what a node offers that answers FLUSH frames.
const featureFlush = "flush"

// A node that leaves must not close a link before the peer has taken what was sent
// on it: what lies in buffers between the two would be lost with the connection,
// all the more if the peer is sending too. So it asks, behind its last message:
// FLUSH says how many it has sent on the link, and the peer answers FLUSHED when
// they have arrived.

// flush takes the question.
func (l *link) flush(src []byte) error {
	sent, err := decodeFlush(src)
	if err != nil {
		return err
	}
	l.flushing.Store(sent)
	l.answerFlush()
	return nil
}

// answerFlush answers when everything is here.
func (l *link) answerFlush() {
	sent := l.flushing.Load()
	if sent >= 0 && l.arrived.Load() >= sent && l.flushing.CompareAndSwap(sent, -1) {
		l.peer.echo(l, flushedFrame)
	}
}

// drain asks for drained to be closed when nothing waits any more, and the peer
// has taken all that was sent.
func (p *peer) drain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.draining = true
	if p.current != nil {
		p.current.signal()
	}
}

// written goes on with draining when all that was to be sent on the current link
// has been written; p.mu is held.
func (p *peer) written(l *link) {
	switch {
	case !p.flushes:
		p.endDrain()
	case !l.asked:
		l.asked = true
		p.control(l, appendFlush(nil, l.sent))
	}
}

// flushed takes the peer's answer.
func (p *peer) flushed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endDrain()
}

func (p *peer) endDrain() {
	if p.draining {
		p.draining = false
		close(p.drained)
	}
}

// outlast lets the readers of a link take what the peer had sent before this side
// could not write any more: a peer that leaves without asking may have closed its
// end by now.
func (l *link) outlast(err error) {
	timer := time.NewTimer(l.cfg.HeartbeatTimeout)
	defer timer.Stop()
	select {
	case <-l.stop:
	case <-timer.C:
		l.fail(core.CloseProtocolError, err)
	}
}
