package tokenfile

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRotation: what is in the file counts, as long as there is a token in it.
func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	var log bytes.Buffer
	changes := 0
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		changes++ // file systems may have coarse clocks
		if err := os.Chtimes(path, time.Time{}, time.Unix(int64(changes), 0)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(path, slog.Default()); err == nil {
		t.Fatal("a file that is not there was opened")
	}
	write("\n \n")
	if _, err := Open(path, slog.Default()); err == nil {
		t.Fatal("an empty file was opened")
	}
	write("old-secret\n")
	f, err := Open(path, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		text string
		want []string
	}{
		{"old-secret\nnew-secret\n", []string{"old-secret", "new-secret"}},
		{" new-secret \r\nold-secret", []string{"new-secret", "old-secret"}},
		{"", []string{"new-secret", "old-secret"}},
		{"new-secret", []string{"new-secret"}},
		{strings.Repeat("x", maxBytes+1), []string{"new-secret"}},
	} {
		write(step.text)
		for range 2 {
			if got := f.Tokens(); !slices.Equal(got, step.want) {
				t.Errorf("%.40q: tokens %q, want %q", step.text, got, step.want)
			}
		}
	}
	os.Remove(path)
	if got := f.Tokens(); !slices.Equal(got, []string{"new-secret"}) {
		t.Errorf("without the file: %q", got)
	}
	if text := log.String(); strings.Contains(text, "-secret") || strings.Count(text, "level=WARN") != 3 {
		t.Errorf("logged %s", text)
	}
}
