// Package rooms keeps which local socket of a namespace is in which room, and finds the
// sockets that match a [core.Target].
//
// It replaces the library's own maps: there a join that races the last leave of a room can
// be lost for ever, and each map is now and then copied as a whole, while all its users
// wait. An application that asks for the library's maps still gets them, see
// [Rooms.LibraryRooms].
//
//	rooms.go         Rooms: joining and leaving, and the locks
//	arrivals.go      ids that are in no room and yet belong to this server
//	index.go         the index: sockets, rooms, and memberships between them
//	list.go          lists that grow and shrink without moving many values
//	match.go         from a target to sockets; descriptions of sockets
//	walk.go          iteration over the index, with pauses for other goroutines
//	look.go          rooms and sockets for operators
//	library_maps.go  the library's maps, made when they are asked for
//	events.go        the adapter's events: create-room, join-room, leave-room, delete-room
package rooms
