package node

import "sync"

// A namespace is full when its listeners do not keep up and a peer's messages that wait
// for them take InboxBytes. Then the node sends the peer PAUSE for this namespace, and
// CONTINUE later. Other namespaces, pings and acknowledgements on the link are not held
// up.

// maxFull is how many bytes of a full namespace are accepted on a link: more than a peer
// has under way when it gets PAUSE. If the peer goes on sending, the link is not read any
// more.
const maxFull = 32 << 20

// fullNamespaces holds the namespaces of this node that a link's peer was asked to pause.
type fullNamespaces struct {
	mu    sync.Mutex
	taken map[string]int // bytes accepted since PAUSE, by namespace
}

// awaitCapacity is called when a namespace is full, with the size of the message that it
// has just accepted. If the peer does not pause, it blocks until there is capacity or the
// link has ended.
func (l *link) awaitCapacity(namespace string, capacity <-chan struct{}, size int) {
	if l.peer.queue.keeps && l.pause(namespace, capacity, size) {
		return
	}
	select {
	case <-capacity:
	case <-l.stop:
	}
}

// pause asks the peer to pause a namespace until there is capacity, unless it was asked
// already. It reports false if the peer goes on sending.
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

// unpause sends CONTINUE when there is capacity.
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

// setPaused stops or continues sending messages of a namespace on l.
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

// knownStream returns the stream number of a namespace that is, or was, open on this
// node.
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

// pause holds back the messages of a stream until proceed.
func (q *queue) pause(stream uint32) {
	if q.parked == nil {
		q.parked = map[uint32]*fifo{}
	}
	if q.parked[stream] == nil {
		q.parked[stream] = &fifo{}
	}
}

// proceed puts the messages of a paused stream back into their fifo.
func (q *queue) proceed(stream uint32) {
	if parked := q.parked[stream]; parked != nil {
		delete(q.parked, stream)
		q.fifos[int(stream%uint32(len(q.fifos)))].pushFront(parked.frames[parked.head:])
	}
}

// proceedAll ends all pauses: a new link begins without any.
func (q *queue) proceedAll() {
	for stream := range q.parked {
		q.proceed(stream)
	}
}

// takeUnparked takes the messages of a fifo that are not paused, and parks the others.
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
