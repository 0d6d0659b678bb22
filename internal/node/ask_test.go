package node_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/node"
)

// answers sets what a server answers to questions.
func answers(s *server, answer node.Answer) { s.OnAsk(answer) }

// A linked peer can be asked; its answer, or its error, comes back.
func TestAsk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.make("a"), w.make("b")
		answers(b, func(_ context.Context, from core.PeerInfo, question []byte, limit int) ([]byte, error) {
			if limit != 1<<20 {
				t.Errorf("limit %d", limit)
			}
			return []byte(from.ID + " asks " + string(question)), nil
		})
		answers(a, func(context.Context, core.PeerInfo, []byte, int) ([]byte, error) { return nil, errors.New("not here") })
		for _, s := range []*server{a, b} {
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		within(time.Second)
		answer, err := a.Ask(t.Context(), "b", []byte("how are you"))
		if string(answer) != "a asks how are you" || err != nil {
			t.Errorf("answer %q, %v", answer, err)
		}
		said, ok := errors.AsType[*node.AnswerError](second(b.Ask(t.Context(), "a", nil)))
		if !ok || said.Text != "not here" {
			t.Errorf("b got %v", said)
		}
		if _, err := a.Ask(t.Context(), "c", nil); !errors.Is(err, core.ErrNoServer) {
			t.Errorf("asking nobody: %v", err)
		}
		if _, err := a.Ask(t.Context(), "b", make([]byte, 1<<16)); !errors.Is(err, core.ErrTooLarge) {
			t.Errorf("a long question: %v", err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// A question ends when the asker's time is over, when the peer leaves, and when the
// peer's answer is too large or its handler panics.
func TestAskEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.make("a"), w.make("b")
		answers(b, func(ctx context.Context, _ core.PeerInfo, question []byte, limit int) ([]byte, error) {
			switch string(question) {
			case "too much":
				return make([]byte, limit+1), nil
			case "panic":
				panic("at the question")
			case "text":
				return nil, errors.New(strings.Repeat("x", 2*limit))
			}
			<-ctx.Done()
			return nil, context.Cause(ctx)
		})
		for _, s := range []*server{a, b} {
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		within(time.Second)
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := a.Ask(ctx, "b", []byte("for ever")); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		for _, question := range []string{"too much", "panic", "text"} {
			if _, ok := errors.AsType[*node.AnswerError](second(a.Ask(t.Context(), "b", []byte(question)))); !ok {
				t.Errorf("%s: no error of the peer's", question)
			}
		}
		expect(t, "panics logged", b.logs.Count("ERROR", "panic while answering"), 1)
		gone := make(chan error, 1)
		go func() { gone <- second(a.Ask(t.Context(), "b", []byte("for ever"))) }()
		within(time.Second)
		b.stop()
		if err := <-gone; !errors.Is(err, core.ErrPeerLeft) {
			if _, said := errors.AsType[*node.AnswerError](err); !said {
				t.Errorf("of a peer that left: %v", err)
			}
		}
	})
}

// Questions of one peer beyond the bound are refused at once, and messages are not
// delayed by those that wait.
func TestAskIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.make("a"), w.make("b")
		release := make(chan struct{})
		answers(b, func(context.Context, core.PeerInfo, []byte, int) ([]byte, error) {
			<-release
			return []byte("late"), nil
		})
		for _, s := range []*server{a, b} {
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		within(time.Second)
		const questions = 12
		results := make(chan error, questions)
		for range questions {
			go func() { results <- second(a.Ask(t.Context(), "b", []byte("?"))) }()
		}
		within(time.Second)
		refused := len(results)
		close(release)
		failed := 0
		for range questions {
			if err := <-results; err != nil {
				failed++
			}
		}
		if refused != questions-8 || failed != refused {
			t.Errorf("%d refused at once, %d failed; want %d", refused, failed, questions-8)
		}
		a.emit("and the mesh goes on")
		within(time.Second)
		expectList(t, "b", b.received(), "a: and the mesh goes on")
	})
}

// Reference peers, and nodes that have not offered to answer, are not asked: the caller
// gets ErrUnsupported.
func TestAskOnlyWhoAnswers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.start("a")
		reference, old := w.dial("a"), w.dial("a")
		send(t, reference, node.HelloFrame("q", "ws://q", ""))
		send(t, old, node.HelloFrame("r", "ws://r", "", "json"), node.StartFrame("json"))
		within(time.Second)
		for _, id := range []string{"q", "r"} {
			if _, err := a.Ask(t.Context(), id, nil); !errors.Is(err, core.ErrUnsupported) {
				t.Errorf("%s: %v", id, err)
			}
		}
	})
}
