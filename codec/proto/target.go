package proto

import (
	"math"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/listbounds"
	"github.com/socketmesh/mesh/internal/millis"
)

// maxTimeout is the longest Duration, in milliseconds. Longer timeouts are cut to it.
const maxTimeout = uint64(math.MaxInt64 / time.Millisecond)

// appendTarget appends a target, unless nothing is set in it.
func appendTarget(b []byte, to *core.Target) []byte {
	before := b
	b, start := begin(b, messageTo)
	b = appendStrings(b, targetRooms, to.Rooms)
	b = appendStrings(b, targetExcept, to.Except)
	b = appendFlags(b, to.Flags)
	if len(b) == start {
		return before
	}
	return end(b, start)
}

// appendFlags appends the flags, unless none is set. Local never leaves a server.
func appendFlags(b []byte, f core.Flags) []byte {
	before := b
	b, start := begin(b, targetFlags)
	b = appendBool(b, flagsVolatile, f.Volatile)
	switch f.Compress {
	case core.CompressOn:
		b = append(b, flagsCompress, 1)
	case core.CompressOff: // differs from a field that is not set
		b = append(b, flagsCompress, 0)
	}
	b = appendBool(b, flagsExpectSingleResponse, f.ExpectSingleResponse)
	b = appendUint(b, flagsTimeout, uint64(max(millis.Ceil(f.Timeout), 0)))
	if len(b) == start {
		return before
	}
	return end(b, start)
}

func readTarget(r reader, to *core.Target, used *listbounds.Used) error {
	for {
		f, ok, err := r.next()
		if !ok || err != nil {
			return err
		}
		switch f.tag {
		case targetRooms:
			to.Rooms, err = r.element(to.Rooms, f, used)
		case targetExcept:
			to.Except, err = r.element(to.Except, f, used)
		case targetFlags:
			err = readFlags(reader{src: f.bytes}, &to.Flags)
		}
		if err != nil {
			return err
		}
	}
}

func readFlags(r reader, to *core.Flags) error {
	for {
		f, ok, err := r.next()
		if !ok || err != nil {
			return err
		}
		switch f.tag {
		case flagsVolatile:
			to.Volatile = f.boolean()
		case flagsCompress:
			to.Compress = core.CompressOff
			if f.boolean() {
				to.Compress = core.CompressOn
			}
		case flagsExpectSingleResponse:
			to.ExpectSingleResponse = f.boolean()
		case flagsTimeout:
			to.Timeout = time.Duration(min(f.number, maxTimeout)) * time.Millisecond
		}
	}
}
