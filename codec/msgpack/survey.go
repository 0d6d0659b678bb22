package msgpack

import "github.com/socketmesh/mesh/internal/msgpack"

// survey is what a value is made of, seen before it is carried over to JSON.
type survey struct {
	values      int
	attachments int
	bytes       int // of all attachments
	plain       int // bytes of the encoding, attachments aside
}

// surveyOf reads over one value.
func surveyOf(r msgpack.Reader) (s survey, err error) {
	start := r.Len()
	for left := 1; left > 0; left-- {
		var n int
		switch r.Next() {
		case msgpack.Array:
			n, err = r.Array()
		case msgpack.Map:
			n, err = r.Map()
			n *= 2
		case msgpack.Bytes:
			var data []byte
			data, err = r.Bytes()
			s.attach(data)
		case msgpack.Ext:
			var kind int8
			var data []byte
			if kind, data, err = r.Ext(); kind != timestampType {
				s.attach(data)
			}
		default:
			err = r.Skip()
		}
		if err != nil {
			return s, err
		}
		s.values++
		left += n
	}
	s.plain = start - r.Len() - s.bytes
	return s, nil
}

func (s *survey) attach(data []byte) {
	s.attachments++
	s.bytes += len(data)
}

// text guesses how long the value's JSON is: right for the most, so that its
// buffer need not grow.
func (s *survey) text() int {
	const punctuation, placeholder = 2, 32
	return s.plain + punctuation*s.values + placeholder*s.attachments
}
