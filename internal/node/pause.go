package node

import "sync"

// A namespace whose listeners do not keep up is full here: what a peer has sent to it
// waits, up to InboxBytes. Then the peer is told to PAUSE the namespace, and to CONTINUE
// it later. Its other namespaces go on, and so do pings and acknowledgements: nothing
// else on the link is held up.

// maxFull is how many bytes of a namespace are taken while it is full: more than what a
// peer has under way. Of one that does not pause, nothing is read any more.
const maxFull = 32 << 20

// fullNamespaces are those of this node which a link's peer was asked to pause.
type fullNamespaces struct {
	mu    sync.Mutex
	taken map[string]int // bytes since then, by namespace
}

// awaitCapacity is called when a namespace is full, with the size of the message that it
// took. It blocks only if the peer does not pause, until there is capacity or the link
// has ended.
func (l *link) awaitCapacity(namespace string, capacity <-chan struct{}, size int) {
	if l.peer.queue.keeps && l.pause(namespace, capacity, size) {
		return
	}
	select {
	case <-capacity:
	case <-l.stop:
	}
}

// pause asks the peer to pause a namespace, if it has not been asked, until there is
// capacity. It reports false if it goes on all the same.
func (l *link) pause(namespace string, capacity <-chan struct{}, size int) bool {
	f := &l.full
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.taken == nil {
		f.taken = map[string]int{}
	}
	_, asked := f.taken[namespace]
	f.taken[namespace] += size
	if !asked {
		l.peer.echo(l, append([]byte{framePause}, namespace...))
		l.work.Go(func() { l.unpause(namespace, capacity) })
	}
	return f.taken[namespace] <= maxFull
}

// unpause lets the peer go on with a namespace when there is capacity.
func (l *link) unpause(namespace string, capacity <-chan struct{}) {
	select {
	case <-capacity:
	case <-l.stop:
		return
	}
	f := &l.full
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.taken, namespace)
	l.peer.mu.Lock()
	defer l.peer.mu.Unlock()
	l.peer.control(l, append([]byte{frameContinue}, namespace...))
}

// setPaused sends no more of a namespace on l, or goes on with it.
func (p *peer) setPaused(l *link, namespace string, paused bool) {
	stream, known := p.node.knownStream(namespace)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !known || p.current != l:
	case paused:
		p.queue.pause(stream)
	default:
		p.queue.proceed(stream)
		l.signalAll()
	}
}

// knownStream is the stream of a namespace that is, or was, open here.
func (n *Node) knownStream(namespace string) (stream uint32, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if stream, known = n.streams[namespace]; known {
		return stream, true
	}
	ns := n.namespace(namespace)
	if ns == nil {
		return 0, false
	}
	return ns.stream, true
}

// pause parks the messages of a stream until proceed.
func (q *queue) pause(stream uint32) {
	if q.parked == nil {
		q.parked = map[uint32]*fifo{}
	}
	if q.parked[stream] == nil {
		q.parked[stream] = &fifo{}
	}
}

// proceed lets the messages of a stream go again.
func (q *queue) proceed(stream uint32) {
	if parked := q.parked[stream]; parked != nil {
		delete(q.parked, stream)
		q.fifos[int(stream%uint32(len(q.fifos)))].pushFront(parked.frames[parked.head:])
	}
}

// proceedAll lets all go: another link begins without pauses.
func (q *queue) proceedAll() {
	for stream := range q.parked {
		q.proceed(stream)
	}
}

// takeUnparked takes from a fifo what is not paused.
func (q *queue) takeUnparked(n int, batch []*frame) []*frame {
	size := 0
	for len(batch) < batchMessages && size < batchBytes {
		f := q.fifos[n].pop()
		if f == nil {
			break
		}
		if parked := q.parked[f.stream]; parked != nil {
			parked.push(f)
			continue
		}
		size += len(f.bytes)
		batch = append(batch, f)
	}
	return batch
}
