package e2e

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// The captured frames of the reference are in testdata.

type vector struct{ Name, Hex string }

// captured is a frame of the cluster, sent by another id. Both ids have 16 digits.
func captured(t *testing.T, name, uid string) []byte {
	t.Helper()
	return bytes.ReplaceAll(capturedIn(t, "v2-cluster.json", name), []byte("746b5745bee1accf"), []byte(uid))
}

// discoveryFrame is a message of the discovery service, or to it.
func discoveryFrame(t *testing.T, name string) []byte {
	t.Helper()
	return capturedIn(t, "v2-discovery.json", name)
}

func capturedIn(t *testing.T, file, name string) []byte {
	t.Helper()
	var content struct{ Vectors []vector }
	readJSON(t, "testdata/"+file, &content)
	for _, v := range content.Vectors {
		if v.Name != name {
			continue
		}
		frame, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		return frame
	}
	t.Fatalf("nothing captured by the name %q in %s", name, file)
	return nil
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}
