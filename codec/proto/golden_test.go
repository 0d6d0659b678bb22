package proto

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/socketmesh/mesh/codec/codectest"
	"github.com/socketmesh/mesh/core"
)

var update = flag.Bool("update", false, "write the golden frames anew")

const goldenFile = "testdata/frames.txt"

// TestGoldenFrames: frames stay as they are, because nodes of other versions read them.
// A line of the file has a message of codectest and its frame in hex; of a long frame
// its length and SHA-256.
func TestGoldenFrames(t *testing.T) {
	golden := readGolden(t)
	var fresh strings.Builder
	for _, v := range codectest.Messages() {
		frame, err := New().Append(nil, v.Message)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		line := golden[v.Name]
		if have := goldenLine(frame); have != line {
			t.Errorf("%s: have\n%s\nwant\n%s", v.Name, have, line)
		}
		delete(golden, v.Name)
		fmt.Fprintf(&fresh, "%s\t%s\n", v.Name, goldenLine(frame))
	}
	for name := range golden {
		t.Errorf("%s: there is no such message any more", name)
	}
	if *update {
		if err := os.WriteFile(goldenFile, []byte(fresh.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGoldenFramesDecode reads the frames of the file, not those written now.
func TestGoldenFramesDecode(t *testing.T) {
	golden := readGolden(t)
	for _, v := range codectest.Messages() {
		frame, err := hex.DecodeString(golden[v.Name])
		if err != nil {
			continue // a long one
		}
		var m core.Message
		if err := New().Decode(frame, &m); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		} else if d := codectest.Diff(&m, v.Message); d != "" {
			t.Errorf("%s: %s", v.Name, d)
		}
	}
}

// TestFrameOfTheProtocolPage checks the frame that docs/wire.md explains byte by byte.
func TestFrameOfTheProtocolPage(t *testing.T) {
	const from, text = "746b5745bee1accf", `["hello",{"n":1,"file":{"_placeholder":true,"num":0}}]`
	want := "\x08\x03" + "\x12\x10" + from + "\x1a\x01/" + "\x2a\x04" + "\x0a\x02r1" + "\x3a\x3c" + "\x0a\x36" + text + "\x12\x02\x00\x0a"
	have, err := New().Append(nil, &core.Message{
		Kind: core.KindBroadcast, From: from, Namespace: "/", To: core.Target{Rooms: []string{"r1"}},
		Payload: core.Payload{Text: []byte(text), Attachments: [][]byte{{0x00, 0x0a}}},
	})
	if err != nil || string(have) != want {
		t.Errorf("%v\nhave %q\nwant %q", err, have, want)
	}
}

func goldenLine(frame []byte) string {
	const long = 1024
	if len(frame) <= long {
		return hex.EncodeToString(frame)
	}
	return fmt.Sprintf("%d bytes, SHA-256 %x", len(frame), sha256.Sum256(frame))
}

func readGolden(t *testing.T) map[string]string {
	t.Helper()
	src, err := os.ReadFile(goldenFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	golden := map[string]string{}
	for line := range bytes.Lines(src) {
		name, frame, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), "\t")
		golden[name] = frame
	}
	return golden
}
