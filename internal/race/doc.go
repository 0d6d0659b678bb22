// Package race tells tests whether the race detector watches them, with which everything
// takes many times as long.
package race
