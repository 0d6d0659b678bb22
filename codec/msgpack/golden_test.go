package msgpack

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/internal/msgpack"
)

// vector is a captured frame of the reference, or a value as it writes it.
type vector struct {
	Name    string          `json:"name"`
	Hex     string          `json:"hex"`
	Content json.RawMessage `json:"content"`
	Value   json.RawMessage `json:"value"`
}

func readVectors(t testing.TB, file string) []vector {
	t.Helper()
	src, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Vectors []vector }
	if err := json.Unmarshal(src, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Vectors) == 0 {
		t.Fatal("no vectors in", file)
	}
	return doc.Vectors
}

// frame returns the vector's MESH payload, without the kind byte.
func (v vector) frame(t testing.TB) []byte {
	t.Helper()
	b, err := hex.DecodeString(v.Hex)
	if err != nil || len(b) < 2 || b[0] != 1 {
		t.Fatalf("%s: not a MESH frame: %v", v.Name, err)
	}
	return b[1:]
}

// content is a MESH payload in the notation of the capture.
type content struct {
	Type core.Kind
	Data struct {
		Packet      json.RawMessage
		RequestID   string `json:"requestId"`
		Opts        *contentOpts
		Rooms       []string
		Close       bool
		ClientCount int `json:"clientCount"`
		Sockets     []struct {
			ID        string
			Handshake json.RawMessage
			Rooms     []string
			Data      json.RawMessage
		}
	}
	UID string
	Nsp string
}

type contentOpts struct {
	Rooms, Except []string
	Flags         struct {
		Volatile             bool
		Compress             *bool
		Timeout              int
		ExpectSingleResponse bool
	}
}

// message returns the message to which the codec has to decode the vector.
func (v vector) message(t testing.TB) *core.Message {
	t.Helper()
	var c content
	if err := json.Unmarshal(v.Content, &c); err != nil {
		t.Fatal(err)
	}
	m := &core.Message{
		Kind: c.Type, From: c.UID, Namespace: c.Nsp, RequestID: c.Data.RequestID,
		Rooms: c.Data.Rooms, Close: c.Data.Close, Count: c.Data.ClientCount,
	}
	if o := c.Data.Opts; o != nil {
		m.To = core.Target{Rooms: o.Rooms, Except: o.Except, Flags: core.Flags{
			Volatile:             o.Flags.Volatile,
			ExpectSingleResponse: o.Flags.ExpectSingleResponse,
			Timeout:              time.Duration(o.Flags.Timeout) * time.Millisecond,
		}}
		if o.Flags.Compress != nil {
			m.To.Flags.Compress = map[bool]core.Compress{true: core.CompressOn, false: core.CompressOff}[*o.Flags.Compress]
		}
	}
	packet := c.Data.Packet
	if m.Kind == core.KindBroadcast {
		var p struct{ Data json.RawMessage }
		if err := json.Unmarshal(packet, &p); err != nil {
			t.Fatal(err)
		}
		packet = p.Data
	}
	m.Payload = payloadOf(t, packet)
	if m.Kind == core.KindFetchSocketsResponse {
		m.Sockets = []core.Socket{}
	}
	for _, s := range c.Data.Sockets {
		m.Sockets = append(m.Sockets, core.Socket{ID: s.ID, Rooms: s.Rooms, Handshake: payloadOf(t, s.Handshake), Data: payloadOf(t, s.Data)})
	}
	return m
}

var noted = regexp.MustCompile(`\{"\$bin":"([^"]*)"\}`)

// payloadOf turns the capture's notation of bytes into attachments.
func payloadOf(t testing.TB, raw json.RawMessage) (p core.Payload) {
	t.Helper()
	if raw == nil {
		return p
	}
	var text bytes.Buffer
	if err := json.Compact(&text, raw); err != nil {
		t.Fatal(err)
	}
	p.Text = noted.ReplaceAllFunc(text.Bytes(), func(match []byte) []byte {
		data, err := base64.StdEncoding.DecodeString(string(noted.FindSubmatch(match)[1]))
		if err != nil {
			t.Fatal(err)
		}
		p.Attachments = append(p.Attachments, data)
		return fmt.Appendf(nil, `{"_placeholder":true,"num":%d}`, len(p.Attachments)-1)
	})
	return p
}

func TestCapturedFrames(t *testing.T) {
	for _, v := range readVectors(t, "v2-cluster.json") {
		t.Run(v.Name, func(t *testing.T) {
			frame, want := v.frame(t), v.message(t)
			var have core.Message
			if err := New().Decode(frame, &have); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(&have, want) {
				t.Errorf("decoded\n%+v, want\n%+v", have, *want)
			}
			b, err := New().Append(nil, want)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b, frame) {
				t.Errorf("encoded\n%x, want\n%x", b, frame)
			}
		})
	}
}

func TestCapturedValues(t *testing.T) {
	for _, v := range readVectors(t, "v2-values.json") {
		t.Run(v.Hex[:min(len(v.Hex), 24)], func(t *testing.T) {
			src, err := hex.DecodeString(v.Hex)
			if err != nil {
				t.Fatal(err)
			}
			p := fromMsgpack(t, src)
			if !strings.Contains(string(v.Value), "…") { // those are cut in the capture
				want := payloadOf(t, regexp.MustCompile(`\{\s*"\$date":\s*("[^"]*")\s*\}`).ReplaceAll(v.Value, []byte("$1")))
				if !reflect.DeepEqual(p, want) {
					t.Errorf("decoded %s %x, want %s %x", p.Text, p.Attachments, want.Text, want.Attachments)
				}
			}
			if strings.Contains(string(v.Value), "$date") {
				return // JSON has no dates
			}
			b, err := appendValue(nil, p)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b, src) {
				t.Errorf("encoded %x, want %x", b, src)
			}
		})
	}
}

// fromMsgpack decodes one value.
func fromMsgpack(t testing.TB, src []byte) core.Payload {
	t.Helper()
	d := decoder{Reader: *msgpack.NewReader(src)}
	p, err := d.value()
	if err != nil {
		t.Fatal(err)
	}
	if d.Len() > 0 {
		t.Fatalf("%d bytes left", d.Len())
	}
	return p
}
