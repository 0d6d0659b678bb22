// Package pendingset limits the connections whose other end has not introduced itself
// yet: in total, and per source. When there are too many, the oldest is removed, so that
// silent connections keep nobody out.
package pendingset

import (
	"container/list"
	"net/netip"
	"sync"
)

// The limits of a listener's connections in their handshake. They are a small part of the
// descriptors that a process may have.
const (
	Limit     = 512
	PerSource = 128
)

// Set holds pending elements in the order in which they were added.
type Set[T comparable] struct {
	limit     int
	perSource int // 0: only the total limit applies

	mu      sync.Mutex
	order   list.List // of T, the oldest first
	members map[T]member
	sources map[netip.Prefix]*list.List // of T, the oldest first
}

// member is the place of an element in the lists.
type member struct {
	source          netip.Prefix
	order, ofSource *list.Element
}

// New returns a Set that holds at most limit.
func New[T comparable](limit int) *Set[T] { return NewPerSource[T](limit, 0) }

// NewPerSource returns a Set that holds at most limit elements, and of these at most
// perSource from the same source; 0 means that sources have no limit of their own.
func NewPerSource[T comparable](limit, perSource int) *Set[T] {
	return &Set[T]{limit: limit, perSource: perSource, members: map[T]member{}, sources: map[netip.Prefix]*list.List{}}
}

// Add adds an element that is not in the set. If the set was full, it removes the oldest
// element and returns it.
func (s *Set[T]) Add(pending T) (oldest T, evicted bool) { return s.AddFrom(netip.Prefix{}, pending) }

// AddFrom is Add for an element from a source, see [Source]. If there are too many from
// this source, its oldest element is removed. The zero source has no limit.
func (s *Set[T]) AddFrom(source netip.Prefix, pending T) (oldest T, evicted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.sourceFull(source):
		oldest, evicted = s.sources[source].Front().Value.(T), true
	case s.order.Len() >= s.limit:
		oldest, evicted = s.order.Front().Value.(T), true
	}
	if evicted {
		s.remove(oldest)
	}
	s.add(source, pending)
	return oldest, evicted
}

// TryAddFrom is AddFrom for elements that cannot be removed before they end: if the set
// or the source's share is full, it adds nothing and reports false.
func (s *Set[T]) TryAddFrom(source netip.Prefix, pending T) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.order.Len() >= s.limit || s.sourceFull(source) {
		return false
	}
	s.add(source, pending)
	return true
}

// sourceFull reports whether a source has reached its limit; s.mu is held.
func (s *Set[T]) sourceFull(source netip.Prefix) bool {
	of := s.sources[source]
	return s.perSource > 0 && of != nil && of.Len() >= s.perSource
}

// add adds an element to the lists; s.mu is held.
func (s *Set[T]) add(source netip.Prefix, pending T) {
	m := member{source: source, order: s.order.PushBack(pending)}
	if source.IsValid() && s.perSource > 0 {
		of := s.sources[source]
		if of == nil {
			of = list.New()
			s.sources[source] = of
		}
		m.ofSource = of.PushBack(pending)
	}
	s.members[pending] = m
}

// remove removes an element from the lists; s.mu is held.
func (s *Set[T]) remove(pending T) bool {
	m, ok := s.members[pending]
	if !ok {
		return false
	}
	delete(s.members, pending)
	s.order.Remove(m.order)
	if m.ofSource != nil {
		of := s.sources[m.source]
		if of.Remove(m.ofSource); of.Len() == 0 {
			delete(s.sources, m.source)
		}
	}
	return true
}

// Remove removes an element; it reports false if the element was not in the set.
func (s *Set[T]) Remove(pending T) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remove(pending)
}

// Len returns the number of elements.
func (s *Set[T]) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.order.Len()
}
