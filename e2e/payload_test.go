package e2e

import (
	"math"
	"strings"
)

var payloadScenarios = []scenario{
	{name: "payloads", run: func(s *stage) { payloads(s, values()) }},
	{name: "payloads that msgpack cannot hold", goOnly: true, run: func(s *stage) { payloads(s, goValues()) }},
	{name: "__proto__ and binary", goOnly: true, run: protoAndBinary},
}

// values are payloads that have to arrive as they were sent.
func values() map[string]any {
	return map[string]any{
		"null":                nil,
		"booleans":            list{true, false},
		"empty string":        "",
		"empty key":           args{"": ""},
		"empty list":          list{},
		"empty object":        args{},
		"unicode":             "é комната 房间 🏠 \u2028\u2029 \u00ad \ufeff",
		"controls":            "\x00\x01\x1f\x7f\"\\/\b\f\n\r\t",
		"markup":              "<script>&amp;</script>",
		"unicode keys":        args{"ключ": "鍵", "🔑": 1, "a b": 2, "\n": 3},
		"2^53":                list{1 << 53, -(1 << 53), 1<<53 - 1, 1 - 1<<53},
		"widths":              list{0, 1, -1, 127, 128, 255, 256, -32, -33, -128, -129, 65535, 65536, -32769, 1<<31 - 1, 1 << 31, -(1 << 31), -(1 << 31) - 1, 1 << 32},
		"floats":              list{0.5, -0.25, 0.1, 1e21, 1e-7, 1.5e300, math.MaxFloat64, math.SmallestNonzeroFloat64, 3.141592653589793},
		"numbers as strings":  list{"1", "1e3", "NaN"},
		"a placeholder":       args{"_placeholder": "x", "num": "y"},
		"names of prototypes": args{"constructor": 1, "toString": 2, "hasOwnProperty": 3},
		"50 levels":           nested(50),
		"50 levels of binary": deepBinary(50),
		"100 kB":              strings.Repeat("xyé", 25_000),
		"1 MB":                strings.Repeat("0123456789abcdé", 1<<16),
		"many members":        many(2000),
	}
}

// goValues are those that only Go servers pass on.
func goValues() map[string]any {
	return map[string]any{
		"__proto__":            args{"__proto__": args{"a": 1}, "b": list{args{"__proto__": 5}}},
		"200 levels":           nested(200),
		"200 levels of binary": deepBinary(200),
	}
}

func nested(levels int) any {
	var value any = "bottom"
	for i := range levels {
		if i%2 == 0 {
			value = list{value}
		} else {
			value = args{"a": value}
		}
	}
	return value
}

// deepBinary has bytes at its bottom and on the way, but no more than ten: JavaScript
// clients take no packet with more attachments.
func deepBinary(levels int) any {
	var value any = bin(1, 2, 3)
	for i := range levels {
		switch {
		case i%2 == 0:
			value = list{i, value}
		case i%30 == 1:
			value = args{"a": value, "b": bin(byte(i))}
		default:
			value = args{"a": value}
		}
	}
	return value
}

func many(members int) any {
	value := args{}
	for i := range members {
		value[strings.Repeat("k", i%7)+string(rune('a'+i%26))+string(rune(0x4e00+i))] = i
	}
	return value
}

// payloads go from the origin to all clients, and from a client through all
// servers to all clients.
func payloads(s *stage, values map[string]any) {
	for name, value := range values {
		s.sending = name
		s.emit(name, value)
		s.got(list{name, value}, yes, yes, yes)
	}
	for name, value := range values {
		s.sending = name + ", from a client"
		same(s.T, name+", acknowledged by the server", s.clients[0].call(s.T, "echo", value, name), list{value, name})
		s.clients[0].emit(s.T, "pub", name, value)
		s.clients[0].call(s.T, "echo") // what was published is on its way
		s.got(list{"msg", name, value}, yes, yes, yes)
	}
	for name, value := range values {
		s.clients[1].answer(s.T, "q", value)
		answers, failure := s.gather("emitWithAck", args{"to": list{s.clients[1].sid}, "args": list{"q", name}, "flags": args{"timeout": within}})
		same(s.T, name+", as an acknowledgement", answers, list{value})
		same(s.T, name+": error", failure, nil)
	}
}

// protoAndBinary goes one way only: JavaScript clients lose such a key when they
// send it.
func protoAndBinary(s *stage) {
	value := args{"__proto__": args{"a": bin(1)}, "b": bin(2)}
	s.emit("e", value)
	s.got(list{"e", value}, yes, yes, yes)
}
