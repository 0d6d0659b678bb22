package msgpack

import (
	"math"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/millis"
	"github.com/socketmesh/mesh/internal/msgpack"
)

// maxTimeout is the longest delay of JavaScript's timers. With a longer one they fire at
// once.
const maxTimeout = math.MaxInt32 * time.Millisecond

// appendTarget appends {rooms, except, flags}.
func appendTarget(b []byte, to core.Target) []byte {
	b = msgpack.AppendMapHeader(b, 3)
	b = appendTexts(msgpack.AppendString(b, "rooms"), to.Rooms)
	b = appendTexts(msgpack.AppendString(b, "except"), to.Except)
	return appendFlags(msgpack.AppendString(b, "flags"), to.Flags)
}

// appendFlags appends the flags that are set.
func appendFlags(b []byte, f core.Flags) []byte {
	n := 0
	for _, set := range [...]bool{f.Volatile, f.Compress != core.CompressUnset, f.ExpectSingleResponse, f.Timeout > 0} {
		if set {
			n++
		}
	}
	b = msgpack.AppendMapHeader(b, n)
	if f.Volatile {
		b = msgpack.AppendBool(msgpack.AppendString(b, "volatile"), true)
	}
	if f.Compress != core.CompressUnset {
		b = msgpack.AppendBool(msgpack.AppendString(b, "compress"), f.Compress == core.CompressOn)
	}
	if f.ExpectSingleResponse {
		b = msgpack.AppendBool(msgpack.AppendString(b, "expectSingleResponse"), true)
	}
	if f.Timeout > 0 {
		b = msgpack.AppendInt(msgpack.AppendString(b, "timeout"), millis.Ceil(min(f.Timeout, maxTimeout)))
	}
	return b
}

// target reads opts.
func (d *decoder) target(to *core.Target) error {
	*to = core.Target{}
	return d.Fields(func(key []byte) (err error) {
		switch string(key) {
		case "rooms":
			to.Rooms, err = d.rooms()
		case "except":
			to.Except, err = d.rooms()
		case "flags":
			err = readFlags(&d.Reader, &to.Flags)
		default:
			err = d.Skip()
		}
		return err
	})
}

// readFlags reads flags. It ignores those with a value of another type, and flags that
// are not a map.
func readFlags(r *msgpack.Reader, f *core.Flags) error {
	if r.Next() != msgpack.Map {
		return r.Skip()
	}
	return r.Fields(func(key []byte) error {
		switch next := r.Next(); {
		case next == msgpack.Bool:
			v, err := r.Bool()
			setFlag(f, string(key), v)
			return err
		case string(key) == "timeout" && (next == msgpack.Int || next == msgpack.Float):
			ms, _, _, err := r.Number()
			f.Timeout = timeout(ms)
			return err
		}
		return r.Skip()
	})
}

func setFlag(f *core.Flags, name string, v bool) {
	switch name {
	case "volatile":
		f.Volatile = v
	case "expectSingleResponse":
		f.ExpectSingleResponse = v
	case "compress":
		f.Compress = core.CompressOff
		if v {
			f.Compress = core.CompressOn
		}
	}
}

// timeout returns the duration of ms milliseconds; 0, no timeout, if ms is not positive.
func timeout(ms float64) time.Duration {
	if !(ms > 0) { // NaN, too
		return 0
	}
	return time.Duration(math.Ceil(min(ms, float64(maxTimeout/time.Millisecond)))) * time.Millisecond
}
