package fetch

import (
	"reflect"
	"unsafe"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/socketmesh/mesh/socketio/internal/hostcompat"
)

// details are the fields of the library's RemoteSocket, in its order.
type details struct {
	id        socket.SocketId
	handshake *socket.Handshake
	rooms     *types.Set[socket.Room]
	data      any
	operator  *socket.BroadcastOperator // sends to this one socket
}

var _ socket.SocketDetails = (*details)(nil)

func (d *details) Id() socket.SocketId            { return d.id }
func (d *details) Handshake() *socket.Handshake   { return d.handshake }
func (d *details) Rooms() *types.Set[socket.Room] { return d.rooms }
func (d *details) Data() any                      { return d.data }

// remoteSocket makes the library's RemoteSocket. If the fields are fitting, see
// [detailsFit], it does so without the library's constructor, which would make five sets
// and an operator for each socket: most of the cost of fetching sockets.
func (d details) remoteSocket(adapter socket.Adapter, fitting bool) *socket.RemoteSocket {
	own := d
	if fitting {
		return (*socket.RemoteSocket)(unsafe.Pointer(&own))
	}
	return socket.NewRemoteSocket(adapter, &own)
}

// detailsFit reports whether the library's RemoteSocket has exactly the fields of details.
// If not, fetching sockets is slower.
func detailsFit() bool {
	return hostcompat.SameLayout(reflect.TypeFor[details](), reflect.TypeFor[socket.RemoteSocket]())
}

// operatorFor makes the operator that sends to one socket.
func operatorFor(adapter socket.Adapter, id socket.SocketId) *socket.BroadcastOperator {
	o := new(socket.BroadcastOperator)
	o.Construct(adapter, types.NewSet(socket.Room(id)), types.NewSet[socket.Room](), &socket.BroadcastFlags{
		ExpectSingleResponse: true, // the answer is the socket's own, not a list of one
	})
	return o
}
