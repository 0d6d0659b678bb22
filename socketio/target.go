package socketio

import (
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/core"
)

// targetOf translates the library's broadcast options; nil means all sockets.
func targetOf(opts *socket.BroadcastOptions) core.Target {
	if opts == nil {
		return core.Target{}
	}
	return core.Target{
		Rooms:  roomNames(opts.Rooms),
		Except: roomNames(opts.Except),
		Flags:  flagsOf(opts.Flags),
	}
}

func flagsOf(flags *socket.BroadcastFlags) core.Flags {
	if flags == nil {
		return core.Flags{}
	}
	f := core.Flags{
		Volatile:             flags.Volatile,
		Local:                flags.Local,
		ExpectSingleResponse: flags.ExpectSingleResponse,
	}
	if flags.Compress != nil {
		f.Compress = core.CompressOff
		if *flags.Compress {
			f.Compress = core.CompressOn
		}
	}
	if flags.Timeout != nil {
		f.Timeout = max(0, *flags.Timeout)
	}
	return f
}

// writeOptions translates the flags to options for writing to a client.
func writeOptions(flags core.Flags) *socket.WriteOptions {
	opts := &socket.WriteOptions{Volatile: flags.Volatile, PreEncoded: true}
	if flags.Compress != core.CompressUnset {
		compress := flags.Compress == core.CompressOn
		opts.Compress = &compress
	}
	return opts
}

func roomNames(rooms *types.Set[socket.Room]) []string {
	if rooms == nil || rooms.Len() == 0 {
		return nil
	}
	return roomStrings(rooms.Keys())
}

func roomStrings(rooms []socket.Room) []string {
	names := make([]string, len(rooms))
	for i, room := range rooms {
		names[i] = string(room)
	}
	return names
}

func roomsOf(names []string) []socket.Room {
	rooms := make([]socket.Room, len(names))
	for i, name := range names {
		rooms[i] = socket.Room(name)
	}
	return rooms
}
