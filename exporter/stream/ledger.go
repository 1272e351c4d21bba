package stream

import "sync"

// A ledger knows how far the records of one file have been counted. Blocks may
// be released in any order; the position moves only past those that have none
// unreleased before them. The marks it holds are as many as blocks in use.
type ledger struct {
	// counted takes the bytes that the position moves over.
	counted func(bytes int64)
	// drained gets a signal when the last block is released, where somebody asked
	// for it.
	drained chan struct{}

	mu    sync.Mutex
	acked int64
	size  int64 // of the file, as last seen
	first int   // the number of marks[0]
	marks []mark
	asked bool
}

type mark struct {
	end  int64
	done bool
}

// ledger returns one for a file that was counted as far as start, and seen as long
// as size.
func (f *Follower) ledger(start, size int64) *ledger {
	return &ledger{counted: func(n int64) { f.stats.bytes.Add(n) }, drained: f.drained, acked: start, size: max(start, size)}
}

// add enters a block that ends at the offset and returns its number.
func (l *ledger) add(end int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marks = append(l.marks, mark{end: end})
	return l.first + len(l.marks) - 1
}

// done says that the block of that number has been counted.
func (l *ledger) done(number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marks[number-l.first].done = true
	n, was := 0, l.acked
	for n < len(l.marks) && l.marks[n].done {
		l.acked = l.marks[n].end
		n++
	}
	l.first += n
	l.marks = append(l.marks[:0], l.marks[n:]...)
	l.counted(l.acked - was)
	if len(l.marks) == 0 && l.asked {
		l.asked = false
		signal(l.drained)
	}
}

// idle reports whether all blocks are released. Where they are not, there will be
// a signal.
func (l *ledger) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = len(l.marks) > 0
	return !l.asked
}

// saw notes the size of the file.
func (l *ledger) saw(size int64) {
	l.mu.Lock()
	l.size = size
	l.mu.Unlock()
}

// offset returns the end of the last block before which all have been counted, and
// how long the file was when it was seen last.
func (l *ledger) offset() (acked, size int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.acked, max(l.size, l.acked)
}
