package main

import (
	"encoding/base64"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// In the control protocol bytes stand as {"$bin": base64}.

func fromJSON(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = fromJSON(v[i])
		}
	case map[string]any:
		if text, ok := v["$bin"].(string); ok {
			bytes, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				panic(err) // the driver is wrong
			}
			return bytes
		}
		for key := range v {
			v[key] = fromJSON(v[key])
		}
	}
	return value
}

// toJSON copies what it changes: values belong to the server.
func toJSON(value any) any {
	switch v := value.(type) {
	case []byte:
		return map[string]any{"$bin": base64.StdEncoding.EncodeToString(v)}
	case types.BufferInterface:
		return toJSON(v.Bytes())
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = toJSON(v[i])
		}
		return all
	case [][]any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = toJSON(v[i])
		}
		return all
	case map[string]any:
		all := make(map[string]any, len(v))
		for key := range v {
			all[key] = toJSON(v[key])
		}
		return all
	}
	return value
}
