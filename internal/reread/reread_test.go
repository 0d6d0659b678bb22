package reread

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// files are two files and what a test is told of them.
type files struct {
	t       *testing.T
	a, b    string
	age     time.Duration
	reads   int
	changes []string
	errors  int
}

func newFiles(t *testing.T) *files {
	dir := t.TempDir()
	return &files{t: t, a: filepath.Join(dir, "a"), b: filepath.Join(dir, "b"), age: time.Hour}
}

// write gives each version a time of its own: file systems may have coarse clocks.
func (f *files) write(path, text string) {
	f.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.age -= time.Minute
	when := time.Now().Add(-f.age)
	if err := os.Chtimes(path, when, when); err != nil {
		f.t.Fatal(err)
	}
}

// read reads both; "bad" is invalid.
func (f *files) read() (string, error) {
	f.reads++
	a, err := os.ReadFile(f.a)
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(f.b)
	if err != nil {
		return "", err
	}
	if string(b) == "bad" {
		return "", errors.New("bad")
	}
	return string(a) + string(b), nil
}

func (f *files) open() (*Content[string], error) {
	return Open([]string{f.a, "", f.b}, f.read,
		func(old, now string) { f.changes = append(f.changes, old+" -> "+now) },
		func(error) { f.errors++ })
}

// TestContent: files are read when one of them has changed, once for each version, and
// what is invalid changes nothing.
func TestContent(t *testing.T) {
	f := newFiles(t)
	if _, err := f.open(); err == nil {
		t.Fatal("files that are not there were opened")
	}
	f.write(f.a, "a")
	f.write(f.b, "b")
	f.reads = 0
	c, err := f.open()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		path, text string // nothing is written without a path
		want       string
		reads      int
	}{
		{"", "", "ab", 1},
		{f.a, "A", "Ab", 2},
		{f.b, "bad", "Ab", 3},
		{f.a, "C", "Ab", 4},
		{f.b, "b", "Cb", 5},
	} {
		if step.path != "" {
			f.write(step.path, step.text)
		}
		for range 2 {
			if got := c.Now(); got != step.want {
				t.Errorf("%s %s: %q, want %q", filepath.Base(step.path), step.text, got, step.want)
			}
		}
		if f.reads != step.reads {
			t.Errorf("%s %s: read %d times, want %d", filepath.Base(step.path), step.text, f.reads, step.reads)
		}
	}
	if err := os.Remove(f.a); err != nil {
		t.Fatal(err)
	}
	if got := c.Now(); got != "Cb" {
		t.Errorf("without a file: %q", got)
	}
	if want := []string{"ab -> Ab", "Ab -> Cb"}; !slices.Equal(f.changes, want) || f.errors != 3 {
		t.Errorf("changes %q, want %q; %d errors, want 3", f.changes, want, f.errors)
	}
}

// TestNobodyWaits: while one goroutine reads, others get the content from before.
func TestNobodyWaits(t *testing.T) {
	f := newFiles(t)
	f.write(f.a, "old")
	reading, proceed := make(chan struct{}), make(chan struct{})
	first := true
	c, err := Open([]string{f.a}, func() (string, error) {
		if !first {
			close(reading)
			<-proceed
		}
		first = false
		text, err := os.ReadFile(f.a)
		return string(text), err
	}, func(string, string) {}, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	f.write(f.a, "new")
	var reader sync.WaitGroup
	reader.Go(func() {
		if got := c.Now(); got != "new" {
			t.Errorf("the reader got %q", got)
		}
	})
	<-reading
	if got := c.Now(); got != "old" {
		t.Errorf("meanwhile: %q", got)
	}
	close(proceed)
	reader.Wait()
	if got := c.Now(); got != "new" {
		t.Errorf("after it: %q", got)
	}
}

// TestChangeWhileOpening: a file that changes while it is read is read again.
func TestChangeWhileOpening(t *testing.T) {
	f := newFiles(t)
	f.write(f.a, "old")
	first := true
	c, err := Open([]string{f.a}, func() (string, error) {
		text, err := os.ReadFile(f.a)
		if first {
			first = false
			f.write(f.a, "new")
		}
		return string(text), err
	}, func(string, string) {}, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Now(); got != "new" {
		t.Errorf("got %q", got)
	}
}
