package main

import (
	"cmp"
	"encoding/base64"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// undefined is where Go has no value at all.
type undefined struct{}

// encode makes of a value what values.js understands.
func encode(value any) any {
	switch v := value.(type) {
	case nil, string, bool, int, int64, uint64:
		return v
	case undefined:
		return map[string]any{"$undefined": true}
	case float64:
		switch {
		case math.IsNaN(v):
			return map[string]any{"$number": "NaN"}
		case math.IsInf(v, 1):
			return map[string]any{"$number": "Infinity"}
		case math.IsInf(v, -1):
			return map[string]any{"$number": "-Infinity"}
		case v == 0 && math.Signbit(v):
			return map[string]any{"$number": "-0"}
		}
		return v
	case []byte:
		return map[string]any{"$bin": base64.StdEncoding.EncodeToString(v)}
	case *types.StringBuffer:
		return v.String()
	case types.BufferInterface:
		return encode(v.Bytes())
	case time.Time:
		return map[string]any{"$date": v.UnixMilli()}
	case *socket.RemoteSocket:
		return map[string]any{"of": asOf(v.Handshake()), "rooms": sorted(v.Rooms().Keys()), "data": encode(dataOf(v.Data()))}
	case []*socket.RemoteSocket:
		return encodeAll(v)
	case socket.Namespace:
		return "namespace " + v.Name()
	case *types.Set[socket.Room]:
		return sorted(v.Keys())
	case *socket.ExtendedError:
		return map[string]any{"$failure": []any{v.Message, encode(v.Data)}}
	case error:
		return map[string]any{"$failure": []any{v.Error(), map[string]any{"$undefined": true}}}
	case []any:
		return encodeAll(v)
	case [][]any:
		return encodeAll(v)
	case []string:
		return encodeAll(v)
	case []map[string]any:
		return encodeAll(v)
	case socket.SocketId:
		return string(v)
	case socket.Room:
		return string(v)
	case types.ParsedUrlQuery:
		return encode(map[string]any(v))
	case types.IncomingHttpHeaders:
		return encode(map[string]any(v))
	case map[string]any:
		object := make(map[string]any, len(v))
		for key := range v {
			object[key] = encode(v[key])
		}
		return object
	case *function, socket.Ack:
		return map[string]any{"$function": true}
	}
	return value
}

func encodeAll[T any](list []T) any {
	all := make([]any, len(list))
	for i := range list {
		all[i] = encode(list[i])
	}
	return all
}

// dataOf is a socket's data; where it was never set, Node has an object.
func dataOf(data any) any {
	if data == nil {
		return map[string]any{}
	}
	return data
}

// sorted puts rooms in order: ids, which are different each time, come first.
func sorted[T ~string](rooms []T) []string {
	all := []string{}
	for _, r := range rooms {
		all = append(all, string(r))
	}
	slices.SortFunc(all, func(a, b string) int {
		return cmp.Or(idFirst(a)-idFirst(b), strings.Compare(a, b))
	})
	return all
}

var id = regexp.MustCompile(`^[\w-]{20,24}$`)

func idFirst(room string) int {
	if id.MatchString(room) {
		return 0
	}
	return 1
}

// literal is a value of a scenario, or nothing if there is more to an expression.
func literal(object map[string]any) (any, bool) {
	if text, ok := object["$bin"].(string); ok {
		data, _ := base64.StdEncoding.DecodeString(text)
		return data, true
	}
	if text, ok := object["$number"].(string); ok {
		return map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1), "-0": math.Copysign(0, -1)}[text], true
	}
	if ms, ok := object["$date"].(float64); ok {
		return time.UnixMilli(int64(ms)).UTC(), true
	}
	if source, ok := object["$regex"].(string); ok {
		return regexp.MustCompile(source), true
	}
	switch {
	case object["$undefined"] != nil:
		return nil, true
	case object["$func"] != nil:
		return func() {}, true
	case object["$cycle"] != nil:
		cycle := map[string]any{}
		cycle["self"] = cycle
		return cycle, true
	}
	return nil, false
}

// roomsOf takes rooms as Node does: one by one, or in lists.
func roomsOf(values []any) []socket.Room {
	var all []socket.Room
	for _, value := range values {
		switch v := value.(type) {
		case string:
			all = append(all, socket.Room(v))
		case socket.SocketId:
			all = append(all, socket.Room(v))
		case []any:
			all = append(all, roomsOf(v)...)
		}
	}
	return all
}
