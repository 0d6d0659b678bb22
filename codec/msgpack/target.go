package msgpack

import (
	"math"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/msgpack"
)

// maxTimeout is the longest delay of JavaScript's timers. A longer one fires at
// once.
const maxTimeout = math.MaxInt32 * time.Millisecond

// appendTarget writes {rooms, except, flags}.
func appendTarget(b []byte, to core.Target) []byte {
	b = msgpack.AppendMapHeader(b, 3)
	b = appendTexts(msgpack.AppendString(b, "rooms"), to.Rooms)
	b = appendTexts(msgpack.AppendString(b, "except"), to.Except)
	return appendFlags(msgpack.AppendString(b, "flags"), to.Flags)
}

// appendFlags writes those that are set.
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
		b = msgpack.AppendInt(msgpack.AppendString(b, "timeout"), milliseconds(f.Timeout))
	}
	return b
}

// milliseconds rounds up.
func milliseconds(d time.Duration) int64 {
	d = min(d, maxTimeout)
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// readTarget reads opts; members that are missing are not set.
func readTarget(r *msgpack.Reader, to *core.Target) error {
	*to = core.Target{}
	return r.Fields(func(key []byte) (err error) {
		switch string(key) {
		case "rooms":
			to.Rooms, err = readRooms(r)
		case "except":
			to.Except, err = readRooms(r)
		case "flags":
			err = readFlags(r, &to.Flags)
		default:
			err = r.Skip()
		}
		return err
	})
}

// readFlags ignores flags of another type than theirs, and flags that are no map.
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

// timeout is the duration of so many milliseconds; 0 if that is no time to wait.
func timeout(ms float64) time.Duration {
	if !(ms > 0) { // NaN, too
		return 0
	}
	return time.Duration(math.Ceil(min(ms, float64(maxTimeout/time.Millisecond)))) * time.Millisecond
}
