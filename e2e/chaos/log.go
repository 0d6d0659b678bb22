//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"sync"
	"time"
)

// recorder writes down what happens at a server, one line for each thing: a letter, the time in
// microseconds of the machine's clock, and what belongs to it. What was written is in
// the file when the process is killed a moment later.
//
//	S ns n class          it sends a message with this number
//	R ns origin n         it receives one
//	U peer, D peer why    it gets a link to a peer, and loses the last one
//	G peer way n          messages of the S kind to a peer (out), or of one (in), were lost
//	X peer n              messages for a peer were not sent
//	B id kind             it asks the others
//	Q id result left missing answered...    and that ends
//	L peers ns=members…   whom it has links to, and whom it sees
//	E error               it has left
//
// The checker reads all of it but X and E, which are for people.
type recorder struct {
	mu      sync.Mutex
	file    *os.File
	out     *bufio.Writer
	dropped map[string]int // since the last flush
}

const flushEvery = 10 * time.Millisecond

func newRecorder(path string) (*recorder, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	return &recorder{file: f, out: bufio.NewWriterSize(f, 64<<10), dropped: map[string]int{}}, nil
}

func (r *recorder) write(letter byte, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writeLocked(letter, format, args...)
}

func (r *recorder) writeLocked(letter byte, format string, args ...any) {
	fmt.Fprintf(r.out, "%c %d ", letter, time.Now().UnixMicro())
	fmt.Fprintf(r.out, format, args...)
	r.out.WriteByte('\n')
}

// drop counts a message that was not sent.
func (r *recorder) drop(peer string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropped[peer]++
}

func (r *recorder) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for peer, n := range r.dropped {
		r.writeLocked('X', "%s %d", peer, n)
	}
	clear(r.dropped)
	r.out.Flush()
}
