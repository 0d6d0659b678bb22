package adminui

import (
	"slices"
	"time"
)

const (
	tick = 2 * time.Second // between the numbers of a server, as the original's
	// lease is how long a server counts as having pages after it has said so.
	lease = 7 * time.Second
	// strangerAfter is how many times a server is asked whether it is instrumented before
	// it counts as a Node server with the original admin UI.
	strangerAfter = 4
)

// members are the other servers that have the namespace of the pages. The loop owns it.
type members struct {
	ids       []string             // sorted
	watching  map[string]time.Time // servers with pages, and until when they count as such
	known     map[string]bool      // servers that have sent a message
	asked     map[string]int       // other servers, and how often they were asked
	foreign   bool                 // a Node server with the original admin UI is among them
	sayHello  bool                 // a server has asked
	announced int                  // the number of pages here that the others know
}

func newMembers() *members {
	return &members{watching: map[string]time.Time{}, known: map[string]bool{}, asked: map[string]int{}}
}

// update sets the current servers. It reports whether they have changed, and whether some
// must be asked for a hello.
func (m *members) update(ids []string, now time.Time) (changed, ask bool) {
	ids = slices.Sorted(slices.Values(ids))
	changed = !slices.Equal(ids, m.ids)
	m.ids, m.foreign = ids, false
	for id := range m.known {
		if !m.has(id) {
			delete(m.known, id)
		}
	}
	for id := range m.asked {
		if !m.has(id) || m.known[id] {
			delete(m.asked, id)
		}
	}
	for id, until := range m.watching {
		if !m.has(id) || now.After(until) {
			delete(m.watching, id)
		}
	}
	for _, id := range ids {
		switch {
		case m.known[id]:
		case m.asked[id] >= strangerAfter:
			m.foreign = true
		default:
			m.asked[id]++
			ask = true
		}
	}
	return changed, ask
}

func (m *members) has(id string) bool {
	_, found := slices.BinarySearch(m.ids, id)
	return found
}

// spoke notes that a server is instrumented.
func (m *members) spoke(id string) { m.known[id] = true }

// watches notes how many pages a server has. It reports whether the server has pages now
// and had none before.
func (m *members) watches(id string, pages int, now time.Time) bool {
	_, was := m.watching[id]
	if pages <= 0 {
		delete(m.watching, id)
		return false
	}
	m.watching[id] = now.Add(lease)
	return !was
}
