package msgpack

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/socketmesh/mesh/internal/msgpack"
)

// timestampType is the extension type of MessagePack's timestamps.
const timestampType = -1

// maxDate is the last moment of JavaScript's Date, in milliseconds from 1970.
const maxDate = 8.64e15

// appendTimestamp appends a timestamp of 32, 64 or 96 bits as JavaScript's
// Date.toJSON does.
func appendTimestamp(dst, data []byte) ([]byte, error) {
	var seconds, nanoseconds float64
	switch len(data) {
	case 4:
		seconds = float64(binary.BigEndian.Uint32(data))
	case 8:
		v := binary.BigEndian.Uint64(data)
		seconds, nanoseconds = float64(v&(1<<34-1)), float64(v>>34)
	case 12:
		nanoseconds = float64(binary.BigEndian.Uint32(data))
		seconds = float64(int64(binary.BigEndian.Uint64(data[4:])))
	default:
		return dst, fmt.Errorf("%w: timestamp of %d bytes", msgpack.ErrType, len(data))
	}
	ms := math.Trunc(seconds*1e3 + nanoseconds/1e6)
	if math.Abs(ms) > maxDate {
		return append(dst, "null"...), nil
	}
	t := time.UnixMilli(int64(ms)).UTC()
	dst = append(dst, '"')
	if year := t.Year(); year >= 0 && year <= 9999 {
		dst = t.AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	} else {
		dst = t.AppendFormat(fmt.Appendf(dst, "%+07d", year), "-01-02T15:04:05.000Z")
	}
	return append(dst, '"'), nil
}
