package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/socketmesh/mesh/core"
)

// featureAsk is the feature of nodes that answer ASK frames.
const featureAsk = "ask"

// The limits of questions and answers.
const (
	maxQuestion      = 32 << 10         // bytes
	maxAnswer        = 1 << 20          // bytes
	maxAsking        = 8                // questions of one peer that are being answered
	maxAskWaiting    = 16               // control frames that wait for a peer; above this it does not read
	maxAnswerTime    = 30 * time.Second // even if the asking node would wait longer
	askFrameOverhead = 1 + 3*binary.MaxVarintLen64
)

// Answer answers the question of a peer, in at most limit bytes. ctx ends when the peer
// stops waiting. The text of an error is sent to the peer.
type Answer func(ctx context.Context, from core.PeerInfo, question []byte, limit int) ([]byte, error)

// Errors of questions.
var (
	// errNoAnswers is returned for a peer without featureAsk, which would not understand
	// ASK.
	errNoAnswers = fmt.Errorf("%w: the peer answers no questions: it is a reference node, or of an earlier version", core.ErrUnsupported)
	errNotTaken  = fmt.Errorf("%w: too much waits for it", core.ErrSlowPeer)
	errBusy      = errors.New("too many questions at once")
)

// AnswerError is the error with which a peer answered a question.
type AnswerError struct{ Text string }

// Error is the peer's text.
func (e *AnswerError) Error() string { return "the peer says: " + e.Text }

// asks holds this node's questions that peers have not answered.
type asks struct {
	mu      sync.Mutex
	last    uint64
	waiting map[uint64]asked
}

// asked is a question that waits for its answer.
type asked struct {
	peer   *peer
	answer chan answer // buffered, for one answer
}

// begin registers a question, and returns its id, the channel of its answer, and the
// function to call at its end.
func (a *asks) begin(p *peer) (id uint64, answers <-chan answer, end func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting == nil {
		a.waiting = map[uint64]asked{}
	}
	a.last++
	id = a.last
	ch := make(chan answer, 1)
	a.waiting[id] = asked{p, ch}
	return id, ch, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.waiting, id)
	}
}

// take passes an answer to the goroutine that waits for it, if it still does.
func (a *asks) take(p *peer, ans answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w, ok := a.waiting[ans.id]; ok && w.peer == p {
		delete(a.waiting, ans.id)
		w.answer <- ans
	}
}

// OnAsk sets the function that answers the questions of peers. It is called before Start.
// Without it peers get an error.
func (n *Node) OnAsk(answer Answer) { n.answer = answer }

// Ask puts a question to a peer, and waits for its answer, or for ctx. The error wraps
// [core.ErrNoServer] if there is no link to such a peer, [core.ErrUnsupported] if it
// answers no questions, [core.ErrPeerLeft] if its link ended meanwhile, or ctx's cause.
// If the peer answered with an error, it is an [*AnswerError].
func (n *Node) Ask(ctx context.Context, id string, text []byte) ([]byte, error) {
	p := n.peers.Load().byID[id]
	switch {
	case p == nil, !p.isLinked():
		return nil, fmt.Errorf("%w: %.64q", core.ErrNoServer, id)
	case !p.answers:
		return nil, errNoAnswers
	case len(text) > maxQuestion:
		return nil, fmt.Errorf("%w: question of %d bytes, limit %d", core.ErrTooLarge, len(text), maxQuestion)
	}
	q := question{limit: uint64(min(maxAnswer, n.cfg.MaxFrame-askFrameOverhead)), text: text}
	if deadline, ok := ctx.Deadline(); ok {
		q.wait = max(time.Millisecond, time.Until(deadline))
	}
	number, answers, end := n.asks.begin(p)
	defer end()
	q.id = number
	if !p.ask(appendQuestion(nil, q)) {
		return nil, errNotTaken
	}
	select {
	case a := <-answers:
		if a.failed {
			return nil, &AnswerError{string(a.text)}
		}
		return a.text, nil
	case <-p.linkEnd():
		return nil, core.ErrPeerLeft
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// ask sends an ASK or an ANSWER on the current link, ahead of messages that wait. It
// reports false if there is no link, or the peer does not read.
func (p *peer) ask(frame []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == nil || len(p.current.signals) >= maxAskWaiting {
		return false
	}
	p.control(p.current, frame)
	return true
}

// takeQuestion handles a question of the peer. Another goroutine answers it, so that the
// link goes on.
func (l *link) takeQuestion(src []byte) error {
	q, err := decodeQuestion(src)
	if err != nil {
		return err
	}
	p := l.peer
	if p.role == core.RoleEmitter {
		p.forbid(0)
		p.ask(appendAnswer(nil, answer{id: q.id, failed: true, text: []byte(core.ErrForbidden.Error())}))
		return nil
	}
	if p.asking.Add(1) > maxAsking {
		p.asking.Add(-1)
		p.ask(appendAnswer(nil, answer{id: q.id, failed: true, text: []byte(errBusy.Error())}))
		return nil
	}
	p.node.work.Go(func() {
		defer p.asking.Add(-1)
		p.answer(q)
	})
	return nil
}

// answer answers a question.
func (p *peer) answer(q question) {
	wait := maxAnswerTime
	if q.wait > 0 {
		wait = min(wait, q.wait)
	}
	ctx, cancel := context.WithTimeout(p.node.ctx, wait)
	defer cancel()
	text, err := p.node.answerTo(ctx, p.info(), q)
	if err != nil && ctx.Err() != nil && q.wait > 0 && q.wait < maxAnswerTime {
		return // the peer has stopped waiting
	}
	a := answer{id: q.id, text: text}
	if err != nil {
		a.failed, a.text = true, []byte(err.Error())
		a.text = a.text[:min(len(a.text), int(min(q.limit, maxAnswer)))]
	}
	p.ask(appendAnswer(nil, a))
}

func (n *Node) answerTo(ctx context.Context, from core.PeerInfo, q question) (text []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			n.log.Error("panic while answering a peer", "peer", from.ID, "panic", v, "stack", string(debug.Stack()))
			text, err = nil, errors.New("this node failed at it; its log says more")
		}
	}()
	if n.answer == nil {
		return nil, errors.New("this node answers no questions")
	}
	limit := min(q.limit, maxAnswer)
	text, err = n.answer(ctx, from, q.text, int(limit))
	if err == nil && uint64(len(text)) > limit {
		return nil, fmt.Errorf("%w: answer of %d bytes, limit %d", core.ErrTooLarge, len(text), limit)
	}
	return text, err
}

// question is the content of an ASK frame.
type question struct {
	id    uint64        // chosen by the asking node
	limit uint64        // maximum length of the answer, in bytes
	wait  time.Duration // how long the asking node waits, in whole milliseconds; 0 if it does not say
	text  []byte
}

// answer is the content of an ANSWER frame.
type answer struct {
	id     uint64 // of the question
	failed bool   // text is an error
	text   []byte
}

func appendQuestion(b []byte, q question) []byte {
	b = binary.AppendUvarint(append(b, frameAsk), q.id)
	b = binary.AppendUvarint(b, q.limit)
	b = binary.AppendUvarint(b, uint64((q.wait+time.Millisecond-1)/time.Millisecond))
	return append(b, q.text...)
}

// decodeQuestion decodes an ASK frame. The result does not alias src.
func decodeQuestion(src []byte) (q question, err error) {
	r := uvarintReader{src: src[1:]}
	q.id, q.limit = r.next(), r.next()
	wait := r.next()
	if r.bad || len(r.src) > maxQuestion {
		return question{}, fmt.Errorf("%w: question", core.ErrMalformed)
	}
	q.wait = time.Duration(min(wait, uint64(maxAnswerTime/time.Millisecond))) * time.Millisecond
	q.text = append([]byte{}, r.src...)
	return q, nil
}

func appendAnswer(b []byte, a answer) []byte {
	b = binary.AppendUvarint(append(b, frameAnswer), a.id)
	status := byte(0)
	if a.failed {
		status = 1
	}
	return append(append(b, status), a.text...)
}

// decodeAnswer decodes an ANSWER frame. The result does not alias src.
func decodeAnswer(src []byte) (a answer, err error) {
	r := uvarintReader{src: src[1:]}
	a.id = r.next()
	if r.bad || len(r.src) == 0 || len(r.src) > 1+maxAnswer {
		return answer{}, fmt.Errorf("%w: answer", core.ErrMalformed)
	}
	a.failed = r.src[0] != 0
	a.text = append([]byte{}, r.src[1:]...)
	return a, nil
}
