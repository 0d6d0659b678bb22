package load

import "time"

// stamp is the beginning of a message's payload, in hexadecimal digits: the sender and
// room, the message's number, its slot, and the time.
//
//	stream 8   seq 8   slot 4   time 12
//
// The rest of the payload is padding.
type stamp struct {
	stream uint32 // publisher × rooms + room
	seq    uint32 // counts the messages of the stream, from 0
	slot   uint16 // slot of the publisher's window
	at     int64  // nanoseconds of the machine's clock, modulo 2^48
}

const (
	stampSize = 8 + 8 + 4 + 12
	timeMask  = 1<<48 - 1
)

// MinSize is the smallest payload, in bytes.
const MinSize = stampSize

const digits = "0123456789abcdef"

// put writes the stamp at the beginning of b.
func (s stamp) put(b []byte) {
	putHex(b[0:8], uint64(s.stream))
	putHex(b[8:16], uint64(s.seq))
	putHex(b[16:20], uint64(s.slot))
	putHex(b[20:32], uint64(s.at)&timeMask)
}

func putHex(b []byte, v uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = digits[v&0xf]
		v >>= 4
	}
}

// readStamp reads a stamp that put has written.
func readStamp(b []byte) (stamp, bool) {
	if len(b) < stampSize {
		return stamp{}, false
	}
	var wrong byte
	hex := func(b []byte) (v uint64) {
		for _, c := range b {
			digit := values[c]
			wrong |= digit
			v = v<<4 | uint64(digit&0xf)
		}
		return v
	}
	s := stamp{
		stream: uint32(hex(b[0:8])),
		seq:    uint32(hex(b[8:16])),
		slot:   uint16(hex(b[16:20])),
		at:     int64(hex(b[20:32])),
	}
	return s, wrong&notHex == 0
}

// age returns how long before now the message was sent.
func (s stamp) age(now int64) time.Duration {
	// The difference of two times modulo 2^48, which may be negative.
	return time.Duration((now-s.at)<<16) >> 16
}

const notHex = 0x80

// values are the values of hexadecimal digits; other characters have notHex set.
var values = func() (table [256]byte) {
	for i := range table {
		table[i] = notHex
	}
	for i, c := range []byte(digits) {
		table[c] = byte(i)
	}
	return table
}()
