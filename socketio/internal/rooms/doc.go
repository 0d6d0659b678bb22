// Package rooms knows which local socket of a namespace is in which room, and finds the
// sockets that a [core.Target] means.
//
// It takes the place of the library's own maps: there a join that races the last leave
// of a room can be lost for ever, and each map is copied as a whole now and then, while
// everybody waits. An application that asks for the library's maps still gets them, see
// [Rooms.LibraryRooms].
//
//	rooms.go         Rooms: joining and leaving, and the locks
//	arrivals.go      ids that are in no room and yet belong to this server
//	index.go         the index itself: sockets, rooms, and memberships between them
//	list.go          lists that never move many values at once
//	match.go         from a target to sockets; descriptions of sockets
//	walk.go          one way through the index, with pauses for others
//	library_maps.go  the library's maps, made when somebody asks for them
//	events.go        the adapter's events: create-room, join-room, leave-room, delete-room
package rooms
