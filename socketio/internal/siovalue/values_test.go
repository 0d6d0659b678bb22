package siovalue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// TestAsJSONStringify: what JSON has no form for is what JavaScript makes of it, however
// deep it is.
func TestAsJSONStringify(t *testing.T) {
	type holder struct {
		F    func()         `json:"f"`
		C    chan int       `json:"c,omitempty"`
		N    float64        `json:"n"`
		S    float32        `json:"s,string"`
		P    *float64       `json:"p"`
		L    []func()       `json:"l"`
		M    map[string]any `json:"m"`
		Last int            `json:"last"`
	}
	type around struct {
		holder
		Func func()
		Ptr  *holder
	}
	nan, f := math.NaN(), func() {}
	var c chan int
	for _, test := range []struct {
		value any
		want  string
	}{
		{math.NaN(), `null`}, {math.Inf(1), `null`}, {math.Inf(-1), `null`}, {float32(math.NaN()), `null`}, {&nan, `null`}, {math.Copysign(0, -1), `0`}, {float32(math.Copysign(0, -1)), `0`},
		{f, `null`}, {&f, `null`}, {c, `null`}, {make(chan<- string), `null`},
		{[]any{f, 1, c, math.NaN()}, `[null,1,null,null]`}, {[]func(){nil, f}, `[null,null]`}, {[2]chan int{}, `[null,null]`}, {[]float64{1, math.Inf(1)}, `[1,null]`},
		{map[string]any{"a": f, "b": 1, "c": c, "n": math.NaN()}, `{"b":1,"n":null}`}, {map[string]any{"a": f}, `{}`}, {map[string]any{"b": 1, "z": f}, `{"b":1}`},
		{map[string]func(){"a": f}, `{}`}, {map[int]any{1: f, 2: 2}, `{"2":2}`}, {map[string]float64{"a": math.Inf(-1)}, `{"a":null}`},
		{holder{L: []func(){f}, M: map[string]any{"f": f, "x": []any{f}}}, `{"n":0,"s":"0","p":null,"l":[null],"m":{"x":[null]},"last":0}`},
		{&holder{F: f, C: make(chan int), N: nan, S: float32(nan), P: &nan}, `{"n":null,"s":null,"p":null,"l":null,"m":null,"last":0}`},
		{around{Ptr: &holder{N: nan}}, `{"n":0,"s":"0","p":null,"l":null,"m":null,"last":0,"Ptr":{"n":null,"s":"0","p":null,"l":null,"m":null,"last":0}}`},
		{[]*holder{nil}, `[null]`}, {struct{ A any }{f}, `{}`}, {struct{ A, B any }{f, []any{f}}, `{"B":[null]}`},
		{map[any]any(nil), `null`},
	} {
		if have := text(t, test.value); have != test.want {
			t.Errorf("%T: have %s, want %s", test.value, have, test.want)
		}
	}
}

type (
	failing   struct{}
	panicking struct{}
	invalid   struct{}
	failText  struct{}
	node      struct{ Next *node }
	chain     map[string]chain
	nest      []nest
)

var errOfMarshal = errors.New("of MarshalJSON")

func (failing) MarshalJSON() ([]byte, error)   { return nil, errOfMarshal }
func (panicking) MarshalJSON() ([]byte, error) { panic("no") }
func (invalid) MarshalJSON() ([]byte, error)   { return []byte("{"), nil }
func (failText) MarshalText() ([]byte, error)  { return nil, errOfMarshal }

// TestErrors: what cannot be encoded is an error that names the place, and dst is what
// it was.
func TestErrors(t *testing.T) {
	list := []any{nil}
	list[0] = list
	object := map[string]any{}
	object["self"] = []any{object}
	loop := &node{}
	loop.Next = &node{loop}
	links := chain{}
	links["a"] = chain{"b": links}
	nested := nest{nil}
	nested[0] = nested
	var pointer any
	pointer = &pointer
	deep := any(1)
	for range maxDepth + 1 {
		deep = []any{deep}
	}
	for _, test := range []struct {
		value any
		place string
		text  string
	}{
		{1i, "v", "unsupported type"},
		{map[string]any{"user": map[string]any{"first name": []any{0, failing{}}}}, `v.user["first name"][1]`, "of MarshalJSON"},
		{[]failing{{}}, `v[0]`, "MarshalJSON of siovalue.failing"},
		{struct {
			User any `json:"user"`
		}{map[string]*panicking{"x": {}}}, `v.user.x`, "panicked: no"},
		{invalid{}, `v`, "MarshalJSON"}, {[]any{failText{}}, `v[0]`, "MarshalText"}, {map[failText]int{{}: 1}, `v`, "MarshalText"}, {map[any]any{}, `v`, "unsupported type"}, {[]any{map[bool]int{}}, `v[0]`, "unsupported type"},
		{json.Number("1 "), `v`, "invalid number"}, {json.Number("x"), `v`, "invalid number"}, {map[string]json.RawMessage{"": json.RawMessage("{")}, `v[""]`, "MarshalJSON"},
		{list, `v[0]`, "contains itself"}, {object, `v.self[0]`, "contains itself"}, {loop, `v.Next.Next`, "contains itself"}, {links, `v.a.b`, "contains itself"}, {nested, `v[0]`, "contains itself"}, {pointer, `v`, "contains itself"},
		{deep, "v" + strings.Repeat("[0]", maxDepth), "nested more than 10000 deep"},
		{[]any{iotest.ErrReader(errOfMarshal)}, `v[0]`, "of MarshalJSON"}, {[]any{panicReader{}}, `v[0]`, "panicked"},
	} {
		text, attachments, err := Append([]byte("before"), test.value, Options{})
		if err == nil || string(text) != "before" || attachments != nil {
			t.Errorf("%T: %.50q, %q, %v", test.value, text, attachments, err)
			continue
		}
		if got := err.Place("v"); got != test.place || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%T: at %.100s: %.200s", test.value, got, err.Err)
		}
	}
	if _, _, err := Append(nil, failing{}, Options{}); !errors.Is(err, errOfMarshal) {
		t.Errorf("%v does not wrap the cause", err)
	}
	if _, _, err := Append(nil, []any{"e", 1, map[string]any{"x": 1i}}, Options{}); err.PlaceInEvent() != "args[1].x" {
		t.Errorf("in an event: %s", err.PlaceInEvent())
	}
	if got := text(t, []any{object["other"], map[string]any{"same": list[:0], "twice": list[:0]}}); got != `[null,{"same":[],"twice":[]}]` {
		t.Errorf("a value that stands twice: %s", got)
	}
	defer func(size int) { maxSize = size }(maxSize)
	maxSize = 10
	if _, _, err := Append([]byte("a longer text before"), "12345678", Options{}); err != nil {
		t.Error(err)
	}
	if _, _, err := Append(nil, "123456789", Options{}); err == nil {
		t.Error("too large a text is written")
	}
}

type panicReader struct{}

func (panicReader) Read([]byte) (int, error) { panic("read") }

// TestBinary: what becomes an attachment, and where.
func TestBinary(t *testing.T) {
	type message struct {
		Bytes  []byte
		Any    any
		Buffer *types.BytesBuffer
		Iface  types.BufferInterface
		Reader io.Reader
		Text   *strings.Reader
	}
	buffer := func(s string) *types.BytesBuffer { return types.NewBytesBufferString(s).(*types.BytesBuffer) }
	const p0, p1, p2 = `{"_placeholder":true,"num":0}`, `{"_placeholder":true,"num":1}`, `{"_placeholder":true,"num":2}`
	for _, test := range []struct {
		value       any
		want        string
		attachments []string
	}{
		{[]byte("a"), p0, []string{"a"}},
		{[]any{[]byte("a"), map[string]any{"b": []byte("b"), "a": bytes.NewBufferString("c")}}, `[` + p0 + `,{"a":` + p1 + `,"b":` + p2 + `}]`, []string{"a", "c", "b"}},
		{message{[]byte("a"), []any{[]byte("b"), buffer("c")}, buffer("d"), buffer("e"), bytes.NewReader([]byte("f")), strings.NewReader("g")},
			`{"Bytes":"YQ==","Any":["Yg==",` + p0 + `],"Buffer":` + p1 + `,"Iface":` + p2 + `,"Reader":{"_placeholder":true,"num":3},"Text":"g"}`, []string{"c", "d", "e", "f"}},
		{message{}, `{"Bytes":null,"Any":null,"Buffer":null,"Iface":null,"Reader":null,"Text":null}`, nil},
		{map[string]*types.BytesBuffer{"a": buffer("x")}, `{"a":` + p0 + `}`, []string{"x"}}, {[]types.BufferInterface{buffer("x"), types.NewStringBufferString("t")}, `[` + p0 + `,"t"]`, []string{"x"}},
		{[]map[string]any{{"a": buffer("x")}}, `[{"a":` + p0 + `}]`, []string{"x"}},
		{(*types.BytesBuffer)(nil), `null`, nil}, {(*strings.Reader)(nil), `null`, nil}, {(*types.StringBuffer)(nil), `null`, nil}, {(*bytes.Buffer)(nil), `null`, nil}, {(*os.File)(nil), `null`, nil}, {&types.BytesBuffer{}, `null`, nil}, {&types.StringBuffer{}, `""`, nil},
		{[]any{io.LimitReader(strings.NewReader("limited"), 3)}, `[` + p0 + `]`, []string{"lim"}},
	} {
		text, attachments, err := Append(nil, test.value, Options{})
		if err != nil || string(text) != test.want || fmt.Sprintf("%s", attachments) != fmt.Sprint(test.attachments) {
			t.Errorf("%T: %s, %s, %v", test.value, text, attachments, err)
		}
	}
	for value, want := range map[any]string{buffer("a"): `"YQ=="`, types.NewStringBufferString("t"): `"t"`, &message{Reader: strings.NewReader("x")}: `{"Bytes":null,"Any":null,"Buffer":null,"Iface":null,"Reader":"x","Text":null}`} {
		if text, attachments, err := Append(nil, value, Options{NoAttachments: true}); err != nil || string(text) != want || attachments != nil {
			t.Errorf("without attachments: %s, %s, %v", text, attachments, err)
		}
	}
	own := []byte("mine")
	_, attachments, _ := Append(nil, own, Options{})
	own[0] = 'M'
	if string(attachments[0]) != "mine" {
		t.Error("the attachment is the caller's bytes")
	}
}

// seekOnly is a reader that can seek, and has no ReadAt.
type seekOnly struct{ io.ReadSeeker }

// notBack cannot be put back where it was.
type notBack struct{ io.ReadSeeker }

func (r notBack) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekStart {
		return 0, errors.New("no way back")
	}
	return r.ReadSeeker.Seek(offset, whence)
}

// TestValuesStay: readers and buffers stand where they stood, from which on they are
// sent, each time.
func TestValuesStay(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("xcontent"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	section := io.NewSectionReader(strings.NewReader("..xcontent.."), 2, 8)
	for _, r := range []io.Reader{
		types.NewBytesBufferString("xcontent"), types.NewStringBufferString("xcontent"), bytes.NewBufferString("xcontent"), bytes.NewReader([]byte("xcontent")), strings.NewReader("xcontent"),
		file, section, seekOnly{strings.NewReader("xcontent")},
	} {
		if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			text, attachments, err := Append(nil, []any{r, map[string]any{"again": r}}, Options{})
			if err != nil {
				t.Fatalf("%T: %v", r, err)
			}
			for _, a := range attachments {
				if string(a) != "content" {
					t.Errorf("%T: sent %q", r, a)
				}
			}
			if len(attachments) != 2 && string(text) != `["content",{"again":"content"}]` {
				t.Errorf("%T: sent %s, %q", r, text, attachments)
			}
		}
		if rest, err := io.ReadAll(r); err != nil || string(rest) != "content" {
			t.Errorf("%T: %q, %v is left", r, rest, err)
		}
	}
	if _, _, err := Append(nil, notBack{strings.NewReader("x")}, Options{}); err == nil || !strings.Contains(err.Error(), "no way back") {
		t.Errorf("a reader that was moved: %v", err)
	}
}

// once counts how often it was closed.
type once struct {
	io.Reader
	closed *int
}

func (o once) Close() error { *o.closed++; return nil }

// TestReadersThatCanBeReadOnce: what can be read only once is read to its end and closed, and may
// stand in an event twice. Neither a check nor what is kept touches it.
func TestReadersThatCanBeReadOnce(t *testing.T) {
	closed := 0
	r := once{bytes.NewBufferString("content"), &closed}
	if _, _, err := Append(nil, []any{r}, Options{Check: true}); err != nil || closed != 0 {
		t.Errorf("check: %v, closed %d times", err, closed)
	}
	if _, _, err := Append(nil, map[string]any{"r": r}, Options{KeepReaders: true}); !errors.Is(err, errOnce) || err.Place("data") != "data.r" {
		t.Errorf("kept: %v", err)
	}
	_, attachments, err := Append(nil, []any{r, r}, Options{})
	if err != nil || fmt.Sprintf("%s", attachments) != "[content content]" || closed != 1 {
		t.Errorf("%s, %v, closed %d times", attachments, err, closed)
	}
	reader, writer, _ := os.Pipe()
	_, _ = writer.WriteString("piped")
	writer.Close()
	if _, attachments, err := Append(nil, reader, Options{}); err != nil || string(attachments[0]) != "piped" {
		t.Errorf("a pipe: %s, %v", attachments, err)
	}
	if err := reader.Close(); err == nil {
		t.Error("the pipe was not closed")
	}
}

// TestManyAtOnce: goroutines may encode the same value.
func TestManyAtOnce(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("file"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	type fresh struct{ A, B *fresh } // a type that nobody has encoded
	value := []any{
		types.NewBytesBufferString("buffer"), types.NewStringBufferString("text"), bytes.NewBufferString("bytes"), bytes.NewReader([]byte("reader")), strings.NewReader("string"),
		io.NewSectionReader(strings.NewReader("section"), 0, 7), file, &fresh{A: &fresh{}}, all{Next: &all{}},
	}
	want, wantAttachments, _ := Append(nil, value, Options{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				text, attachments, err := Append(nil, value, Options{})
				if err != nil || !bytes.Equal(text, want) || fmt.Sprint(attachments) != fmt.Sprint(wantAttachments) {
					t.Errorf("%s, %s, %v", text, attachments, err)
				}
			}
		})
	}
	all.Wait()
}
