//go:build !race

package race

// Enabled tells that the race detector does not watch.
const Enabled = false
