package compat

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// compare checks a transcript against the one on record. Under -update the first
// path writes it; of those that are the path's own, each does.
func (s *stage) compare(test string) {
	got := s.transcript()
	name, section, _ := strings.Cut(test, "/")
	if s.own {
		kind, _, _ := strings.Cut(s.path.name, ",")
		section = strings.TrimPrefix(section+" on path "+kind, " ")
	}
	file := filepath.Join("testdata", name+".txt")
	record := s.readRecord(file)
	if *update && (s.own || s.path.name == paths[0].name) {
		record[section] = got
		s.writeRecord(file, record)
	}
	if want := record[section]; got != want {
		s.Errorf("the transcript is not the one in %s, section %q:\n%s", file, section, difference(want, got))
	}
}

// mark begins a section of a file with records.
const mark = "## "

// readRecord reads the transcripts of a test, by the names of its scenarios.
func (s *stage) readRecord(file string) map[string]string {
	text, err := os.ReadFile(file)
	if err != nil && !(*update && errors.Is(err, fs.ErrNotExist)) {
		s.Fatal(err)
	}
	record := map[string]string{}
	section := ""
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, mark); ok {
			section = strings.TrimSuffix(name, "\n")
			continue
		}
		record[section] += line
	}
	return record
}

func (s *stage) writeRecord(file string, record map[string]string) {
	var b strings.Builder
	for _, section := range slices.Sorted(maps.Keys(record)) {
		if section != "" {
			b.WriteString(mark + section + "\n")
		}
		b.WriteString(record[section])
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(b.String()), 0o644)); err != nil {
		s.Fatal(err)
	}
}

// difference shows the first lines in which two texts differ, and all of the
// second.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := 0; i < max(len(a), len(b)); i++ {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return fmt.Sprintf("line %d:\nwant %q\ngot  %q\n\n%s", i+1, lineOf(a, i), lineOf(b, i), got)
		}
	}
	return ""
}

func lineOf(lines []string, i int) string {
	if i >= len(lines) {
		return "(the end)"
	}
	return lines[i]
}

var (
	idPattern   = regexp.MustCompile(`[A-Za-z0-9_-]{14}A{6}[A-Za-z0-9_-]{4}`)
	portPattern = regexp.MustCompile(`(127\.0\.0\.1|\[::1\]):\d+`)
)

// normal replaces what is different each time.
func normal(text string) string {
	text = idPattern.ReplaceAllString(text, "<id>")
	return portPattern.ReplaceAllString(text, "$1:<port>")
}

// show writes values as the clients do: short, and the same for the same value.
func show(values ...any) string {
	shown := make([]string, len(values))
	for i, value := range values {
		shown[i] = asJSON(plain(value))
	}
	return strings.Join(shown, " ")
}

func asJSON(value any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(b.String(), "\n")
}

const short = 160

func plain(value any) any {
	switch v := value.(type) {
	case string:
		v = normal(v)
		if len(v) <= short {
			return v
		}
		return fmt.Sprintf("%d bytes of text %s", len(v), digest([]byte(v)))
	case []byte:
		if len(v) <= 32 {
			return "bytes " + hex.EncodeToString(v)
		}
		return fmt.Sprintf("%d bytes %s", len(v), digest(v))
	case types.BufferInterface:
		return plain(v.Bytes())
	case error:
		return "error: " + v.Error()
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for key := range v {
			object[key] = plain(v[key])
		}
		return object
	}
	return value
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:4])
}
