package file_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/socketmesh/mesh/core"
	"github.com/socketmesh/mesh/discovery/discoverytest"
	"github.com/socketmesh/mesh/examples/custom/file"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	discoverytest.Run(t, discoverytest.Features{Reports: true}, func(t *testing.T) func() core.Discovery {
		path := filepath.Join(t.TempDir(), "servers")
		write(t, path, "unix:///run/a.sock\nunix:///run/b.sock\n")
		return func() core.Discovery { return file.Discovery{Path: path, Every: time.Millisecond} }
	})
}

// TestChangesAreSeen: a file that comes late, grows, is emptied, vanishes and comes
// back. While it is not there, and while it stays the same, nothing is reported.
func TestChangesAreSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "servers")
		var log bytes.Buffer
		d := file.Discovery{Path: path, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		ctx, cancel := context.WithCancel(t.Context())
		var reported [][]core.Peer
		ended := make(chan error, 1)
		go func() {
			ended <- d.Run(ctx, core.Peer{}, func(roster []core.Peer) { reported = append(reported, roster) })
		}()
		for _, c := range []struct {
			text string // "" for no file
			want [][]core.Peer
		}{
			{"", nil},
			{"a", [][]core.Peer{{{Address: "a"}}}},
			{"# all of them\n a \n\nb # the new one\r\n", [][]core.Peer{{{Address: "a"}, {Address: "b"}}}},
			{"", nil},
			{"# none\n", [][]core.Peer{nil}},
			{"c\n", [][]core.Peer{{{Address: "c"}}}},
		} {
			if c.text == "" {
				os.Remove(path)
			} else {
				write(t, path, c.text)
			}
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if !reflect.DeepEqual(reported, c.want) {
				t.Errorf("%q: reported %v, want %v", c.text, reported, c.want)
			}
			reported = nil
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if warnings := strings.Count(log.String(), "level=WARN"); warnings != 2 {
			t.Errorf("%d warnings of two outages:\n%s", warnings, log.String())
		}
	})
}

func TestPathIsNeeded(t *testing.T) {
	var bad *core.ConfigError
	if err := (file.Discovery{}).Run(t.Context(), core.Peer{}, nil); !errors.As(err, &bad) || bad.Field != "Path" {
		t.Errorf("Run returned %v, want a ConfigError of Path", err)
	}
}

// write replaces a file as a whole, so that half of it is never seen.
func write(t *testing.T, path, text string) {
	t.Helper()
	err := os.WriteFile(path+".new", []byte(text), 0o600)
	if err := errors.Join(err, os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
}
