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

	"github.com/socketmesh/mesh/internal/reread"
)

// maxBytes bounds a file. Larger ones are no secrets.
const maxBytes = 64 << 10

// File has one token a line: the first is the one to use, all are accepted. It has no
// goroutine: whoever asks for the tokens looks whether the file has changed. While a
// changed file cannot be read, or is empty, the last tokens stay valid, and that is
// logged.
type File struct{ content *reread.Content[[]string] }

// Open reads the file, which has to have a token.
func Open(path string, log *slog.Logger) (*File, error) {
	content, err := reread.Open([]string{path},
		func() ([]string, error) { return read(path) },
		func(old, now []string) {
			if !slices.Equal(old, now) {
				log.Info("tokens have changed", "file", path, "tokens", len(now))
			}
		},
		func(err error) {
			log.Warn("the changed token file is invalid; the old tokens stay in use", "file", path, "error", err)
		})
	if err != nil {
		return nil, err
	}
	return &File{content}, nil
}

// Tokens are those that the file has now.
func (f *File) Tokens() []string { return f.content.Now() }

// read does not quote what it reads.
func read(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxBytes {
		return nil, fmt.Errorf("%d bytes, at most %d are allowed", info.Size(), maxBytes)
	}
	text, err := os.ReadFile(path)
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
