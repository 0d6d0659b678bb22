package sioparser

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// packets are seeds: all that a packet may be, and what it may not.
var packets = []string{
	"", "4", "7", "9", "/", "2", "2[]", `2["e"]`, `2["e",1]x`, `2["e"`, `2 ["e"]`, `2["connect"]`, `2["disconnecting",1]`, `2[1,2]`, `2[null]`, `2[["e"]]`, `2{"e":1}`,
	"0", "0null", "0nullx", "0nul", "0{}", `0{"token":"x"}`, "0[]", "0/", "0/,", "0/chat,", `0/chat,{"a":1}`, "0/chat", "0/chat?a=1&b=2,", "0 ", "0\t{}", "1", "1/chat,", "1null", "1{}",
	`4{"message":"x"}`, `4"x"`, `4"x`, "4[]", "4null", "4-01", "412", "3[]", "31[]", "312[1]", "3", "3{}", "3null",
	`2/chat,12["e",{"a":[1,2,{"b":null}]},true,false,null]`, `2/chat,["e"]`, `2/chat["e"]`, `2/[,]`,
	`21234567890123456789["e"]`, `2123456789012345678["e"]`, `299999999999999999999["e"]`, "21234567890123456789", "20", `200["e"]`, `2-1["e"]`,
	`51-["e",{"_placeholder":true,"num":0}]`, `52-["e",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":0}]]`, `52-/n,3["e",{"x":{"_placeholder":true,"num":0}}]`,
	`51-["e",{"_placeholder":true,"num":1}]`, `51-["e",{"_placeholder":false,"num":0}]`, `51-["e",{"_placeholder":true,"num":0.5}]`, `51-["e",{"_placeholder":true,"num":"0"}]`, `51-["e",{"_placeholder":true,"num":-0}]`,
	`51-["e"]`, `50-["e"]`, `60-1[]`, `61-1[{"_placeholder":true,"num":0}]`, "5", "5-", `5-["e"]`, `511-["e"]`, `510-["e"]`, `5+1-["e"]`, `51["e"]`, `5 1-["e"]`, `501-["e",{"_placeholder":true,"num":0}]`, "61-", "51-{}",
	`518446744073709551616-["e"]`,
	`2["\u0065","\ud83d\ude00","\ud83d","\ude00\ud83d","\ud83d\u0041","\n\t\"\\\/\b\f\r"]`, `2["\x"]`, `2["\u12g4"]`, "2[\"\n\"]", "2[\"\x7f\x00\"]", "2[\"\xff\xc3(\xe2\x82é€😀\"]", "2[\"\xed\xa0\x80\"]",
	`2["e",0,-0,-0.0,1.5,1e3,1E-3,-1e+2,123456789012345678,0.1,5]`, `2["e",1e-400,4.9e-324,1.7976931348623157e308,9007199254740993]`, `2["e",01]`, `2["e",+1]`, `2["e",.5]`, `2["e",1.]`, `2["e",1e]`, `2["e",-]`, `2["e",NaN]`, `2["e",tru]`,
	`2["e",{"a":1,"a":2,"\u0061":3}]`, `2["e",{"a":{"b":1},"a":{"c":2}}]`, `2["e",{"":1}]`, `2["e",{a:1}]`, `2["e",{"a" : 1 , "b" : [ ] }]`, `2["e",{"a":1,}]`, `2["e",]`, `2["e" "f"]`, `2["e",{"a"}]`, `2["e",{1:2}]`, "2[\"e\",{\"\xff\":1,\"\xfe\":2}]",
	"2 \r\n\t[ \"e\" , 1 ] ", "2\v[\"e\"]", "2\xef\xbb\xbf[\"e\"]", "2[\"e\"]\x00", "2[\"e\"]]", `2["e"]["f"]`,
	"2/" + strings.Repeat("n", 510) + `,["e"]`, "2/" + strings.Repeat("n", 511) + `,["e"]`, "2/" + strings.Repeat("n", 512) + `,["e"]`, "0/" + strings.Repeat("n", 511), "0/" + strings.Repeat("n", 512),
	`2["e",` + strings.Repeat("[", 9999) + strings.Repeat("]", 9999) + "]", `2["e",` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + "]",
	`2["e",` + strings.Repeat(`{"a":`, 9999) + "1" + strings.Repeat("}", 9999) + "]", `2["e",` + strings.Repeat(`{"a":`, 10000) + "1" + strings.Repeat("}", 10000) + "]",
}

// pair is a decoder of each kind, ours and the library's.
type pair struct {
	t        *testing.T
	own, lib parser.Decoder
	got      [2][]*parser.Packet // what they have emitted, and was not compared yet
	emitted  int
}

func newPair(t *testing.T) *pair {
	p := &pair{t: t, own: Parser{}.NewDecoder(), lib: parser.NewDecoder()}
	for i, d := range []parser.Decoder{p.own, p.lib} {
		_ = d.On("decoded", func(args ...any) { p.got[i] = append(p.got[i], args[0].(*parser.Packet)) })
	}
	return p
}

// add gives both what make makes, and compares what comes of it.
func (p *pair) add(what string, make func() any) {
	p.t.Helper()
	own, lib := p.own.Add(make()), p.lib.Add(make())
	if own == nil && errors.Is(lib, parser.ErrInvalidPayload) && len(p.got[0]) == 1 && strings.Contains(describe(p.got[0][0]), "Inf") {
		p.got = [2][]*parser.Packet{} // see TestInfinities
		return
	}
	if fmt.Sprint(own) != fmt.Sprint(lib) {
		p.t.Fatalf("%.300q: error %v, the library's %v", what, own, lib)
	}
	for _, sentinel := range []error{parser.ErrPlaintextDuringReconstruction, parser.ErrBinaryWithoutReconstruction, parser.ErrInvalidPayload,
		parser.ErrIllegalNamespace, parser.ErrIllegalID, parser.ErrIllegalAttachments, parser.ErrTooManyAttachments} {
		if errors.Is(own, sentinel) != errors.Is(lib, sentinel) {
			p.t.Fatalf("%.300q: error %v is %v only once", what, own, sentinel)
		}
	}
	if len(p.got[0]) != len(p.got[1]) {
		p.t.Fatalf("%.300q: %d packets, the library's %d", what, len(p.got[0]), len(p.got[1]))
	}
	for i := range p.got[0] {
		if own, lib := describe(p.got[0][i]), describe(p.got[1][i]); own != lib {
			p.t.Fatalf("%.300q:\n%.1000s\nthe library's\n%.1000s", what, own, lib)
		}
	}
	p.emitted += len(p.got[0])
	p.got = [2][]*parser.Packet{}
}

func (p *pair) text(s string) {
	p.t.Helper()
	p.add(s, func() any { return types.NewStringBufferString(s) })
}

func (p *pair) bytes(b []byte) {
	p.t.Helper()
	p.add(string(b), func() any { return types.NewBytesBuffer(bytes.Clone(b)) })
}

// describe tells all of a packet: the types of its values, and the sign of zeros.
func describe(p *parser.Packet) string {
	number := func(n *uint64) string {
		if n == nil {
			return "none"
		}
		return fmt.Sprint(*n)
	}
	return fmt.Sprintf("%v %q id %s attachments %s: %#v", p.Type, p.Nsp, number(p.Id), number(p.Attachments), p.Data)
}

// TestPackets: a packet means what it means to the library, alone and followed by
// attachments and another packet.
func TestPackets(t *testing.T) {
	for _, packet := range packets {
		p := newPair(t)
		p.text(packet)
		p.bytes([]byte("\x00one"))
		p.bytes([]byte("two"))
		p.bytes(nil)
		p.text(`2["after"]`)
	}
}

// closer is an attachment in a reader.
type closer struct {
	io.Reader
	closed *int
}

func (c closer) Close() error { *c.closed++; return nil }

// TestData: all that data may be is taken, and buffers are used up.
func TestData(t *testing.T) {
	p := newPair(t)
	header := `52-["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`
	p.add("string", func() any { return `2["e"]` })
	p.add("reader", func() any { return strings.NewReader(`2["e"]`) })
	p.add("number", func() any { return 1 })
	p.add("nil", func() any { return nil })
	p.add("bytes", func() any { return []byte("x") })
	closed, kept := 0, []byte("own")
	p.text(header)
	p.add("closer", func() any { return closer{strings.NewReader("from a reader"), &closed} })
	p.add("bytes", func() any { return []byte("bytes") })
	if closed != 2 {
		t.Errorf("closed %d times", closed)
	}
	buffers := []types.BufferInterface{types.NewStringBufferString(`51-["e",{"_placeholder":true,"num":0}]`), types.NewBytesBuffer(kept)}
	var last *parser.Packet
	_ = p.own.On("decoded", func(args ...any) { last = args[0].(*parser.Packet) })
	for _, b := range buffers {
		if err := p.own.Add(b); err != nil || b.Len() != 0 {
			t.Errorf("%v, %d bytes left", err, b.Len())
		}
	}
	kept[0] = '!'
	if got := last.Data.([]any)[1].(*types.BytesBuffer).String(); got != "own" {
		t.Errorf("the attachment is not the decoder's own: %s", got)
	}
}

// TestDestroy: nothing comes of a packet whose client has gone.
func TestDestroy(t *testing.T) {
	p := newPair(t)
	p.own.Destroy()
	p.lib.Destroy()
	p.text(`52-["e"]`)
	p.bytes([]byte("x"))
	p.own.Destroy()
	p.lib.Destroy()
	p.bytes([]byte("x"))
	p.bytes([]byte("x"))
	p.text(`2["e"]`)
	if p.emitted != 0 {
		t.Errorf("%d packets", p.emitted)
	}
}

func FuzzDecoder(f *testing.F) {
	for _, packet := range packets {
		f.Add(packet, []byte("one"), packet)
	}
	f.Fuzz(func(t *testing.T, first string, attachment []byte, second string) {
		p := newPair(t)
		p.text(first)
		p.bytes(attachment)
		p.bytes(attachment)
		p.text(second)
	})
}

func BenchmarkDecoder(b *testing.B) {
	for _, packet := range []string{
		`2["e","` + strings.Repeat("x", 100) + `"]`,
		`2["e","` + strings.Repeat("x", 4096) + `"]`,
		`2/chat,12["message",{"room":"general","text":"How are you?","at":1700000000000,"tags":["a","b"]}]`,
	} {
		for i, d := range []parser.Decoder{parser.NewDecoder(), new(Decoder)} {
			b.Run(fmt.Sprintf("%dB/%s", len(packet), []string{"library", "own"}[i]), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := d.Add(types.NewStringBufferString(packet)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// TestInfinities: numbers beyond the range of a float64 are what they are in JavaScript;
// to the library they are no numbers.
func TestInfinities(t *testing.T) {
	d := new(Decoder)
	var got []*parser.Packet
	_ = d.On("decoded", func(args ...any) { got = append(got, args[0].(*parser.Packet)) })
	if err := d.Add(`2["e",1e999,[-1e400],{"a":1e309}]`); err != nil {
		t.Fatal(err)
	}
	want := []any{"e", math.Inf(1), []any{math.Inf(-1)}, map[string]any{"a": math.Inf(1)}}
	if len(got) != 1 || !reflect.DeepEqual(got[0].Data, want) {
		t.Errorf("got %v", got)
	}
}
