// Package pendingset bounds the connections that have not said who they are. Where
// there are too many the oldest has to go, so that silent ones keep nobody out.
package pendingset

import (
	"container/list"
	"sync"
)

// Set holds what is pending, in the order in which it was added.
type Set[T comparable] struct {
	limit int

	mu       sync.Mutex
	order    list.List // of T, the oldest first
	elements map[T]*list.Element
}

// New returns a Set that holds at most limit.
func New[T comparable](limit int) *Set[T] {
	return &Set[T]{limit: limit, elements: make(map[T]*list.Element)}
}

// Add takes in one that is not in the set. If the set was full, it removes the
// oldest one and returns it.
func (s *Set[T]) Add(pending T) (oldest T, evicted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.order.Len() >= s.limit {
		oldest, evicted = s.order.Remove(s.order.Front()).(T), true
		delete(s.elements, oldest)
	}
	s.elements[pending] = s.order.PushBack(pending)
	return oldest, evicted
}

// Remove takes one out; it reports false if it was not in the set.
func (s *Set[T]) Remove(pending T) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	element, ok := s.elements[pending]
	if ok {
		s.order.Remove(element)
		delete(s.elements, pending)
	}
	return ok
}

// Len is the number of those that are pending.
func (s *Set[T]) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.order.Len()
}
