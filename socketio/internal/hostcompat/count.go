package hostcompat

import (
	"errors"
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/zishang520/socket.io/servers/engine/v3"
)

// ErrNoCount says that the engine's count of clients is not where it is in the known
// versions.
var ErrNoCount = errors.New("the engine has no field clientsCount of type atomic.Uint64")

// ClientsCount returns the counter behind an engine's ClientsCount. It is a private field,
// in which the library counts only the clients that it accepts itself.
func ClientsCount(server engine.BaseServer) (*atomic.Uint64, error) { return countIn(server) }

// countIn looks for the field in the server, and in the base server that it embeds.
func countIn(server any) (*atomic.Uint64, error) {
	v := reflect.ValueOf(server)
	for range 2 {
		if v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
			return nil, ErrNoCount
		}
		v = v.Elem()
		if count := v.FieldByName("clientsCount"); count.IsValid() && count.Type() == reflect.TypeFor[atomic.Uint64]() {
			return (*atomic.Uint64)(unsafe.Pointer(count.UnsafeAddr())), nil
		}
		if v = v.FieldByName("BaseServer"); !v.IsValid() {
			return nil, ErrNoCount
		}
	}
	return nil, ErrNoCount
}
