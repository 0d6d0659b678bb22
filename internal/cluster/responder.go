package cluster

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/socketmesh/mesh/core"
)

// process acts on a message of another server. It runs in that server's inbox.
func (a *adapter) process(m *core.Message) {
	defer a.recoverPanic(m)
	switch m.Kind {
	case core.KindBroadcast:
		if m.RequestID == "" {
			a.host.Broadcast(m.Payload, m.To)
		} else {
			a.answerBroadcast(m)
		}
	case core.KindSocketsJoin:
		a.host.Join(m.To, m.Rooms)
	case core.KindSocketsLeave:
		if len(m.Rooms) > 0 { // no rooms would mean all rooms to the host
			a.host.Leave(m.To, m.Rooms)
		}
	case core.KindSocketsLeaveAll:
		a.host.Leave(m.To, nil)
	case core.KindDisconnectSockets:
		a.host.Disconnect(m.To, m.Close)
	case core.KindFetchSockets:
		follow := a.follow(m, a.requestTimeout)
		defer follow.end(nil)
		sockets := a.host.Sockets(m.To, m.Brief)
		a.reply(m, &core.Message{Kind: core.KindFetchSocketsResponse, Sockets: sockets})
	case core.KindServerSideEmit:
		a.host.ServerSideEmit(m.Payload, a.replyOnce(m))
	default:
		a.log.Debug("ignoring a message", "kind", m.Kind, "peer", m.From)
	}
	if a.handled != nil {
		a.handled(m)
	}
}

// reply answers a request.
func (a *adapter) reply(to, answer *core.Message) {
	answer.RequestID = to.RequestID
	a.sendTo(to.From, answer)
}

// replyOnce returns the function with which listeners answer a server-side event; nil if
// no answer is wanted.
func (a *adapter) replyOnce(m *core.Message) func(core.Payload) {
	if m.RequestID == "" {
		return nil
	}
	var replied atomic.Bool
	follow := a.follow(m, a.requestTimeout)
	return func(p core.Payload) {
		if !replied.Swap(true) {
			a.reply(m, &core.Message{Kind: core.KindServerSideEmitResponse, Payload: p})
			follow.end(nil)
		}
	}
}

// answerBroadcast answers an acknowledged broadcast of another server: it broadcasts to
// the local clients and sends their answers.
func (a *adapter) answerBroadcast(m *core.Message) {
	to := m.To
	if to.Flags.Timeout <= 0 {
		to.Flags.Timeout = a.requestTimeout
	}
	follow := a.follow(m, to.Flags.Timeout)
	a.collectLocalAcks(m.Payload, to, func(answer *core.Message) {
		a.reply(m, answer)
		follow.answered(answer)
	})
}

// collectLocalAcks broadcasts to the local clients. It sends their number, once, and then
// each client's acknowledgement.
func (a *adapter) collectLocalAcks(event core.Payload, to core.Target, send func(*core.Message)) {
	s := &localAcks{send: send, deadline: time.Now().Add(to.Flags.Timeout)}
	a.host.BroadcastWithAck(event, to, s.count, s.ack)
	s.count(0) // if the host has not called it, the requester would wait in vain
}

// localAcks is an acknowledged broadcast to the local clients. It sends their number
// first, even if the host reports an acknowledgement before.
type localAcks struct {
	send     func(*core.Message)
	deadline time.Time // after which the requester does not wait any more
	counting atomic.Bool

	mu      sync.Mutex
	counted bool           // the number was sent
	due     int            // acknowledgements to come
	early   []core.Payload // acknowledgements that came before the number was sent
}

func (s *localAcks) count(clients int) {
	if s.counting.Swap(true) {
		return
	}
	clients = max(0, clients)
	s.send(&core.Message{Kind: core.KindBroadcastClientCount, Count: clients})
	s.mu.Lock()
	early := s.early[:min(len(s.early), clients)]
	s.counted, s.early, s.due = true, nil, clients-len(early)
	s.mu.Unlock()
	for _, p := range early {
		s.send(&core.Message{Kind: core.KindBroadcastAck, Payload: p})
	}
}

func (s *localAcks) ack(p core.Payload) {
	s.mu.Lock()
	if !s.counted {
		s.early = append(s.early, p)
		s.mu.Unlock()
		return
	}
	expected := s.due > 0
	s.due--
	s.mu.Unlock()
	if expected && time.Now().Before(s.deadline) {
		s.send(&core.Message{Kind: core.KindBroadcastAck, Payload: p})
	}
}
