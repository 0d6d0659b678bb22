package node

import "time"

import (
	"github.com/socketmesh/mesh/core"
)

// featureFlush is the feature of nodes that answer FLUSH frames.
const featureFlush = "flush"

// A node that leaves must not close a link before the peer has received everything: data
// in buffers on the way would be lost with the connection, all the more if the peer is
// sending, too. So it sends FLUSH behind its last message, with the number of messages
// sent on the link, and the peer answers FLUSHED when they have arrived.

// flush handles a FLUSH.
func (l *link) flush(src []byte) error {
	sent, err := decodeFlush(src)
	if err != nil {
		return err
	}
	l.flushing.Store(sent)
	l.answerFlush()
	return nil
}

// answerFlush answers FLUSHED if everything has arrived.
func (l *link) answerFlush() {
	sent := l.flushing.Load()
	if sent >= 0 && l.arrived.Load() >= sent && l.flushing.CompareAndSwap(sent, -1) {
		l.peer.echo(l, flushedFrame)
	}
}

// drain asks the peer to close drained when nothing waits any more, and the peer has
// received what was sent, as far as it can say so.
func (p *peer) drain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.draining = true
	if p.current != nil {
		p.current.signal()
	}
}

// written continues a drain when everything for the current link was written; p.mu is
// held.
func (p *peer) written(l *link) {
	switch {
	case !p.flushes:
		p.endDrain()
	case !l.asked:
		l.asked = true
		p.control(l, appendFlush(nil, l.sent))
	}
}

// flushed handles a FLUSHED.
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

// outlast is called when writing has failed. It lets the readers go on for a while: a
// peer that left without waiting has closed its end, and what it sent before is still to
// be read.
func (l *link) outlast(err error) {
	timer := time.NewTimer(l.cfg.HeartbeatTimeout)
	defer timer.Stop()
	select {
	case <-l.stop:
	case <-timer.C:
		l.fail(core.CloseProtocolError, err)
	}
}
