// Package race tells tests whether the race detector is on, with which everything takes
// many times as long.
package race
