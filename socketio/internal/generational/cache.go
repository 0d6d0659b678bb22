// Package generational has a bounded map that keeps the newest entries, without a list of
// what was used when.
package generational

// Cache is a map that keeps the newest entries: at least Limit of them, and at most twice
// as many. Entries are in two generations; when the young one is full, the old one is
// dropped as a whole, and the young one becomes the old one. Get does not make an entry
// younger. The caller makes sure that only one goroutine at a time writes.
type Cache[K comparable, V any] struct {
	Limit      int
	young, old map[K]V
}

// Get returns the value of a key, and whether there is one.
func (c *Cache[K, V]) Get(key K) (V, bool) {
	if value, ok := c.young[key]; ok {
		return value, true
	}
	value, ok := c.old[key]
	return value, ok
}

// Put sets the value of a key.
func (c *Cache[K, V]) Put(key K, value V) {
	if len(c.young) >= c.Limit {
		c.Age()
	}
	if c.young == nil {
		c.young = map[K]V{}
	}
	c.young[key] = value
	delete(c.old, key)
}

// Age begins a generation, and drops the old one.
func (c *Cache[K, V]) Age() { c.old, c.young = c.young, nil }

// Delete removes a key.
func (c *Cache[K, V]) Delete(key K) {
	delete(c.young, key)
	delete(c.old, key)
}

// Clear removes all keys.
func (c *Cache[K, V]) Clear() { c.young, c.old = nil, nil }

// Len is the number of keys.
func (c *Cache[K, V]) Len() int { return len(c.young) + len(c.old) }
