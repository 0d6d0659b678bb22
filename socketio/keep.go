package socketio

import (
	"strings"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// keep copies what encoding would use up: the library's encoder reads readers to
// their end.
func keep(value any) any {
	switch v := value.(type) {
	case []any:
		kept := make([]any, len(v))
		for i := range v {
			kept[i] = keep(v[i])
		}
		return kept
	case map[string]any:
		kept := make(map[string]any, len(v))
		for key, member := range v {
			kept[key] = keep(member)
		}
		return kept
	case types.BufferInterface:
		return v.Clone()
	case *strings.Reader:
		reader := *v
		return &reader
	}
	return value
}
