// Package tokenfile reads the tokens of a mesh from a file that may change while the
// process runs, such as one that an orchestrator mounts.
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

// maxBytes limits the size of a file. Larger files do not contain tokens.
const maxBytes = 64 << 10

// File has one token per line: the first one is used, all are accepted. It has no
// goroutine: each call of Tokens checks whether the file has changed. While a changed
// file cannot be read, or is empty, the last tokens stay valid, and that is logged.
type File struct{ content *reread.Content[[]string] }

// Open reads the file, which has to contain a token.
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

// Tokens returns the tokens that are in the file now.
func (f *File) Tokens() []string { return f.content.Now() }

// read reads the file. Its errors do not quote the content.
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
