package door

import (
	"errors"
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/zishang520/socket.io/servers/engine/v3"
)

// errNoCount: the engine is not of the version that this was written for.
var errNoCount = errors.New("engine's count of clients not found: ClientsCount leaves direct WebSocket clients out")

// clientsOf finds the number behind ClientsCount. The library counts in a private
// field, and only those that it lets in itself; it is found by name and type, so
// that any other version is an error and not a surprise.
func clientsOf(server engine.BaseServer) (*atomic.Uint64, error) {
	v := reflect.ValueOf(server)
	for range 2 { // the server, and the base server inside
		if v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
			return nil, errNoCount
		}
		v = v.Elem()
		if count := v.FieldByName("clientsCount"); count.IsValid() && count.Type() == reflect.TypeFor[atomic.Uint64]() {
			return (*atomic.Uint64)(unsafe.Pointer(count.UnsafeAddr())), nil
		}
		if v = v.FieldByName("BaseServer"); !v.IsValid() {
			return nil, errNoCount
		}
	}
	return nil, errNoCount
}
