package codec_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/socketmesh/mesh/codec/msgpack"
	"github.com/socketmesh/mesh/codec/proto"
	"github.com/socketmesh/mesh/core"
)

// many is a message with n elements in one of its lists: as small as a forger can make them.
type many struct {
	codec core.Codec
	name  string
	most  int
	of    func(n int) []byte
}

func hostileLists() []many {
	msgpackOf := func(kind core.Kind, data, element string) func(int) []byte {
		return func(n int) []byte {
			list := append([]byte{0xdd}, binary.BigEndian.AppendUint32(nil, uint32(n))...)
			list = append(list, strings.Repeat(element, n)...)
			whole := "\x84\xa4type" + string(rune(kind)) + "\xa3uid\xa1q\xa3nsp\xa1/\xa4data" + data
			return bytes.Replace([]byte(whole), []byte("LIST"), list, 1)
		}
	}
	protoOf := func(kind core.Kind, inside byte, element string) func(int) []byte {
		return func(n int) []byte {
			list := strings.Repeat(element, n)
			if inside != 0 {
				list = string(binary.AppendUvarint([]byte{inside}, uint64(len(list)))) + list
			}
			return []byte("\x08" + string(rune(kind)) + "\x12\x01q\x1a\x01/\x22\x01r" + list)
		}
	}
	const answer, join, fetch = core.KindFetchSocketsResponse, core.KindSocketsJoin, core.KindFetchSockets
	return []many{
		{msgpack.New(), "sockets", core.MaxSockets, msgpackOf(answer, "\x82\xa9requestId\xa1r\xa7socketsLIST", "\x81\xa2id\xa1a")},
		{msgpack.New(), "rooms", core.MaxRoomNames, msgpackOf(fetch, "\x82\xa9requestId\xa1r\xa4opts\x81\xa5roomsLIST", "\xa0")},
		{proto.New(), "sockets", core.MaxSockets, protoOf(answer, 0, "\x5a\x03\x0a\x01a")},
		{proto.New(), "rooms", core.MaxRoomNames, protoOf(fetch, 0x2a, "\x0a\x00")},
		{proto.New(), "rooms to join", core.MaxRoomNames, protoOf(join, 0, "\x32\x00")},
	}
}

// TestListsAreBoundedWhileDecoding: what a forger packs into a list does not take many times
// the memory that it takes in a frame. These codecs see how long a list is before they read
// it; json, which does not, has a test of its own.
func TestListsAreBoundedWhileDecoding(t *testing.T) {
	for _, c := range hostileLists() {
		t.Run(c.codec.Name()+", "+c.name, func(t *testing.T) {
			src := c.of(c.most + 1)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := c.codec.Decode(src, new(core.Message))
			runtime.ReadMemStats(&after)
			if !errors.Is(err, core.ErrMalformed) {
				t.Fatalf("%d bytes: %v", len(src), err)
			}
			if !strings.Contains(err.Error(), fmt.Sprint("more than ", c.most)) {
				t.Error(err)
			}
			if taken := after.TotalAlloc - before.TotalAlloc; taken > uint64(2*len(src)+1<<20) {
				t.Errorf("%d bytes of input took %d bytes of memory", len(src), taken)
			}
		})
	}
}
