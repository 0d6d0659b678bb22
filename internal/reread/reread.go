// Package reread keeps what files hold while a process runs, and reads them again when
// they have changed.
package reread

import (
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Content is what some files hold, as a T. It has no goroutine: [Content.Now] looks
// whether a file has changed. While changed files are invalid, the last valid content
// stays in use.
type Content[T any] struct {
	paths   []string
	read    func() (T, error)
	changed func(old, now T)
	invalid func(error)

	current atomic.Pointer[version[T]]
	reading sync.Mutex // only tried, never waited for
	bad     []stamp    // of the last invalid files; guarded by reading
}

// version is what the files held at some time.
type version[T any] struct {
	content T
	stamps  []stamp
}

// stamp tells versions of a file apart. It is zero for a file that cannot be read.
type stamp struct {
	modified time.Time
	size     int64
}

// Open reads the files of those paths by read; "" is no file. Its error is read's. Later
// changed is told what new content has come, and invalid once why changed files could not
// be read. Both are called by whoever asks for the content, one at a time; nobody waits
// for them.
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

// Now is what the files hold. While one goroutine reads them, others get the last
// content.
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
