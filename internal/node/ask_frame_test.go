package node

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
)

// questions are ASK and ANSWER frames as they are on the wire (docs/wire.md). They do
// not depend on the codec of the link.
var questions = []struct {
	hex      string
	question question
}{
	{"0b01" + "808040" + "b817" + "7b226f70223a226e6f6465227d", question{id: 1, limit: 1 << 20, wait: 3 * time.Second, text: []byte(`{"op":"node"}`)}},
	{"0b00" + "00" + "00", question{text: []byte{}}},
	{"0bac02" + "01" + "01" + "ff00", question{id: 300, limit: 1, wait: time.Millisecond, text: []byte{0xff, 0}}},
}

var answersOnWire = []struct {
	hex    string
	answer answer
}{
	{"0c01" + "00" + "7b7d", answer{id: 1, text: []byte("{}")}},
	{"0cac02" + "01" + "6e6f", answer{id: 300, failed: true, text: []byte("no")}},
	{"0c00" + "00", answer{text: []byte{}}},
}

func TestQuestionsOnTheWire(t *testing.T) {
	for _, c := range questions {
		want, _ := hex.DecodeString(c.hex)
		if got := appendQuestion(nil, c.question); !bytes.Equal(got, want) {
			t.Errorf("%+v is %x, want %s", c.question, got, c.hex)
		}
		q, err := decodeQuestion(want)
		if err != nil || q.id != c.question.id || q.limit != c.question.limit || q.wait != c.question.wait || !bytes.Equal(q.text, c.question.text) {
			t.Errorf("%s is %+v, %v; want %+v", c.hex, q, err, c.question)
		}
	}
	for _, c := range answersOnWire {
		want, _ := hex.DecodeString(c.hex)
		if got := appendAnswer(nil, c.answer); !bytes.Equal(got, want) {
			t.Errorf("%+v is %x, want %s", c.answer, got, c.hex)
		}
		a, err := decodeAnswer(want)
		if err != nil || a.id != c.answer.id || a.failed != c.answer.failed || !bytes.Equal(a.text, c.answer.text) {
			t.Errorf("%s is %+v, %v; want %+v", c.hex, a, err, c.answer)
		}
	}
}

func TestHostileQuestions(t *testing.T) {
	for _, bad := range []string{"0b", "0b01", "0b0101", "0b" + "ffffffffffffffffffff01" + "0000", "0b0000" + "80"} {
		src, _ := hex.DecodeString(bad)
		if _, err := decodeQuestion(src); !errors.Is(err, core.ErrMalformed) {
			t.Errorf("question %s: %v", bad, err)
		}
	}
	if _, err := decodeQuestion(append([]byte{frameAsk, 0, 0, 0}, make([]byte, maxQuestion+1)...)); !errors.Is(err, core.ErrMalformed) {
		t.Errorf("a long question: %v", err)
	}
	for _, bad := range []string{"0c", "0c01", "0c" + "ffffffffffffffffffff01" + "00"} {
		src, _ := hex.DecodeString(bad)
		if _, err := decodeAnswer(src); !errors.Is(err, core.ErrMalformed) {
			t.Errorf("answer %s: %v", bad, err)
		}
	}
	q, err := decodeQuestion(appendQuestion(nil, question{id: math.MaxUint64, limit: math.MaxUint64, wait: math.MaxInt64 - time.Millisecond}))
	if err != nil || q.wait != maxAnswerTime || q.limit != math.MaxUint64 {
		t.Errorf("large numbers: %+v, %v", q, err)
	}
}

// FuzzAsk: a frame that can be decoded is the same after it was encoded and decoded
// again.
func FuzzAsk(f *testing.F) {
	for _, c := range questions {
		src, _ := hex.DecodeString(c.hex)
		f.Add(src)
	}
	for _, c := range answersOnWire {
		src, _ := hex.DecodeString(c.hex)
		f.Add(src)
	}
	f.Add([]byte{frameAsk, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) == 0 {
			return
		}
		if q, err := decodeQuestion(src); err == nil {
			again, err := decodeQuestion(appendQuestion(nil, q))
			if err != nil || again.id != q.id || again.limit != q.limit || again.wait != q.wait || !bytes.Equal(again.text, q.text) {
				t.Errorf("%+v comes back as %+v, %v", q, again, err)
			}
		}
		if a, err := decodeAnswer(src); err == nil {
			again, err := decodeAnswer(appendAnswer(nil, a))
			if err != nil || again.id != a.id || again.failed != a.failed || !bytes.Equal(again.text, a.text) {
				t.Errorf("%+v comes back as %+v, %v", a, again, err)
			}
		}
	})
}
