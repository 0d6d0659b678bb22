// Package reread keeps the content of files while a process runs, and reads them again
// when they have changed.
package reread

import (
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Content is the parsed content of some files, as a T. It has no goroutine: [Content.Now]
// checks whether a file has changed. While changed files are invalid, the last valid
// content stays in use.
type Content[T any] struct {
	paths   []string
	read    func() (T, error)
	changed func(old, now T)
	invalid func(error)

	current atomic.Pointer[version[T]]
	reading sync.Mutex // only tried, never waited for
	bad     []stamp    // of the last invalid files; guarded by reading
}

// version is the content of the files at some time.
type version[T any] struct {
	content T
	stamps  []stamp
}

// stamp distinguishes versions of a file. It is zero for a file that cannot be read.
type stamp struct {
	modified time.Time
	size     int64
}

// Open reads the files at these paths with read; "" is no file. Its error is read's.
// Later, changed is called when there is new content, and invalid, once, when changed
// files cannot be read. Both are called by goroutines that call Now, one at a time; other
// callers do not wait for them.
func Open[T any](paths []string, read func() (T, error), changed func(old, now T), invalid func(error)) (*Content[T], error) {
	c := &Content[T]{paths: paths, read: read, changed: changed, invalid: invalid}
	stamps := c.stamps() // before reading, so that a change meanwhile is seen the next time
	content, err := read()
	if err != nil {
		return nil, err
	}
	c.current.Store(&version[T]{content, stamps})
	return c, nil
}

// Now returns the content of the files. While one goroutine reads them, others get the
// last content.
func (c *Content[T]) Now() T {
	if c.reading.TryLock() {
		defer c.reading.Unlock()
		c.refresh()
	}
	return c.current.Load().content
}

func (c *Content[T]) refresh() {
	stamps, last := c.stamps(), c.current.Load()
	if slices.Equal(stamps, last.stamps) || slices.Equal(stamps, c.bad) {
		return
	}
	content, err := c.read()
	if err != nil {
		c.bad = stamps
		c.invalid(err)
		return
	}
	c.current.Store(&version[T]{content, stamps})
	c.changed(last.content, content)
}

func (c *Content[T]) stamps() []stamp {
	stamps := make([]stamp, len(c.paths))
	for i, path := range c.paths {
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err == nil {
			stamps[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return stamps
}
