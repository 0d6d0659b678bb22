package msgpack

import "github.com/socketmesh/mesh/internal/msgpack"

// size counts the contents of one value. It is measured before the value is converted to
// JSON, so that the buffers can be allocated at once.
type size struct {
	values      int
	attachments int
	bytes       int // of all attachments
	plain       int // bytes of the encoding without attachments
}

// measure returns the size of the next value.
func measure(r msgpack.Reader) (s size, err error) {
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
			s.addAttachment(data)
		case msgpack.Ext:
			var kind int8
			var data []byte
			if kind, data, err = r.Ext(); kind != timestampType {
				s.addAttachment(data)
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

func (s *size) addAttachment(data []byte) {
	s.attachments++
	s.bytes += len(data)
}

// jsonLength estimates the length of the value's JSON. It is mostly long enough, so
// that the buffer does not grow.
func (s *size) jsonLength() int {
	const punctuation, placeholder = 2, 32
	return s.plain + punctuation*s.values + placeholder*s.attachments
}
