package codectest

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/socketmesh/mesh/core"
)

// payloads returns broadcasts whose payloads are hard to carry.
func payloads() []Vector {
	big := bytes.Repeat([]byte{0, 1, '"', '\n', 0xff}, 64<<10/5)
	list := []struct {
		name    string
		payload core.Payload
	}{
		{"unicode", text(`["é","漢字","👩‍👩‍👧","\u00e9\ud83d\ude00","\u0000\u001f` + "\u007f\u2028" + `"]`)},
		{"escapes", text(`["\"\\\/\b\f\n\r\t","\u0022","<&>"]`)},
		{"integers", text(`["n",0,-1,127,128,-32,-33,255,256,-129,65535,65536,-32769,2147483648,-2147483649,4294967296,9007199254740991,-9007199254740991]`)},
		{"floats", text(`["n",0.1,-0.25,1.5e300,5e-324,1.7976931348623157e308,1e21,1e-7,123456789.125]`)},
		{"ways to write", text(`["n",1.0,1e3,-0,-0.0,10E-1,0e5,1E+2]`)},
		{"literals", text(`["l",null,true,false]`)},
		{"empty strings", text(`["","",{"":""}]`)},
		{"empty containers", text(`["e",[],{},[[]],{"a":{}}]`)},
		{"white space", text(" [ \"e\" ,\t{ \"a\" : [ 1 , 2 ] } \r\n] ")},
		{"member order", text(`["o",{"b":1,"a":2,"10":3,"2":4}]`)},
		{"__proto__", text(`["p",{"__proto__":{"x":[1,{"y":2}]},"a":1,"b":{"__proto__":null},"__proto__x":2}]`)},
		{"only __proto__", text(`["p",{"\u005f_proto__":[[],{}]},{"constructor":{"prototype":{}}}]`)},
		{"200 levels", text(`["d",` + strings.Repeat(`[{"a":`, 100) + `1` + strings.Repeat(`}]`, 100) + `]`)},
		{"1 MB string", text(`["s","` + strings.Repeat("0123456789abcdé\\n", 1<<20/17) + `"]`)},
		{"many elements", text(`["m"` + strings.Repeat(`,1`, 70000) + `]`)},
		{"many members", manyMembers(300)},
		{"strings of every length", text(`["s","` + strings.Repeat("a", 31) + `","` + strings.Repeat("b", 32) + `","` + strings.Repeat("c", 255) + `","` + strings.Repeat("d", 256) + `","` + strings.Repeat("e", 65536) + `"]`)},

		{"binary", binary(`["b",%s]`, []byte{3, 4})},
		{"binary deep inside", binary(`["b",{"a":[1,{"b":%s}],"c":[[[[%s]]]]}]`, []byte{5}, []byte("\xff\x00"))},
		{"empty binary", binary(`["b",%s,%s]`, []byte{}, []byte{})},
		{"64 KiB binary", binary(`["b",%s]`, big)},
		{"same binary twice", core.Payload{Text: []byte(`["b",{"_placeholder":true,"num":1},{"num":0,"_placeholder":true},{"_placeholder":true,"num":1}]`), Attachments: [][]byte{{1}, {2}}}},
		{"binary within proto", binary(`["b",{"__proto__":%s,"x":%s}]`, []byte{1}, []byte{2})},
		{"a false placeholder", binary(`["b",{"_placeholder":false,"num":7},{"_placeholder":1},%s]`, []byte{1})},
		{"no placeholder", text(`["b",{"_placeholder":true,"num":7},{"_placeholder":true}]`)},
	}
	var vectors []Vector
	for _, v := range list {
		vectors = append(vectors, Vector{"payload: " + v.name, Broadcast(v.payload)})
	}
	return vectors
}

func text(s string) core.Payload { return core.Payload{Text: []byte(s)} }

// binary replaces each %s in format by a placeholder.
func binary(format string, attachments ...[]byte) core.Payload {
	marks := make([]any, len(attachments))
	for i := range attachments {
		marks[i] = fmt.Sprintf(`{"_placeholder":true,"num":%d}`, i)
	}
	return core.Payload{Text: fmt.Appendf(nil, format, marks...), Attachments: attachments}
}

func manyMembers(n int) core.Payload {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":%d`, i, i)
	}
	return text(`["m",{` + b.String()[1:] + `}]`)
}
