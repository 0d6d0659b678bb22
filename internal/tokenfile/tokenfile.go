// Package tokenfile reads the secrets of a mesh from a file that changes while the
// process runs, as one that an orchestrator mounts.
package tokenfile

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxBytes bounds a file. Larger ones are no secrets.
const maxBytes = 64 << 10

// File has one token a line: the first is the one to use, all are accepted. It has no
// goroutine: whoever asks for the tokens looks whether the file has changed. While a
// changed file cannot be read, or is empty, the last tokens stay valid, and that is
// logged.
type File struct {
	path    string
	log     *slog.Logger
	reading sync.Mutex // only tried, never waited for
	current atomic.Pointer[content]
	invalid stamp // of the last invalid file; guarded by reading
}

type content struct {
	tokens []string
	stamp  stamp
}

// stamp tells versions of a file apart.
type stamp struct {
	modified time.Time
	size     int64
	missing  bool
}

// Open reads the file, which has to have a token.
func Open(path string, log *slog.Logger) (*File, error) {
	f := &File{path: path, log: log}
	now := f.stamp()
	tokens, err := f.read()
	if err != nil {
		return nil, err
	}
	f.current.Store(&content{tokens, now})
	return f, nil
}

// Tokens are those that the file has now.
func (f *File) Tokens() []string {
	if f.reading.TryLock() {
		defer f.reading.Unlock()
		f.refresh()
	}
	return f.current.Load().tokens
}

func (f *File) refresh() {
	now := f.stamp()
	if now == f.current.Load().stamp || now == f.invalid {
		return
	}
	tokens, err := f.read()
	if err != nil {
		f.invalid = now
		f.log.Warn("the changed token file is invalid; the old tokens stay in use", "file", f.path, "error", err)
		return
	}
	if !slices.Equal(tokens, f.current.Load().tokens) {
		f.log.Info("tokens have changed", "file", f.path, "tokens", len(tokens))
	}
	f.current.Store(&content{tokens, now})
}

func (f *File) stamp() stamp {
	info, err := os.Stat(f.path)
	if err != nil {
		return stamp{missing: true}
	}
	return stamp{modified: info.ModTime(), size: info.Size()}
}

// read does not quote what it reads.
func (f *File) read() ([]string, error) {
	info, err := os.Stat(f.path)
	if err == nil && info.Size() > maxBytes {
		return nil, fmt.Errorf("%d bytes, at most %d are allowed", info.Size(), maxBytes)
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		return nil, err
	}
	var tokens []string
	for line := range bytes.Lines(text) {
		if token := strings.TrimSpace(string(line)); token != "" && !slices.Contains(tokens, token) {
			tokens = append(tokens, token)
		}
	}
	if len(tokens) == 0 {
		return nil, errors.New("no token in it")
	}
	return tokens, nil
}
