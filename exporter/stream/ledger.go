package stream

import "sync"

// A ledger knows how far the records of one file have been counted. Blocks may
// be released in any order; the position moves only past those that have none
// unreleased before them. The marks it holds are as many as blocks in use.
type ledger struct {
	mu    sync.Mutex
	acked int64
	first int // the number of marks[0]
	marks []mark
}

type mark struct {
	end  int64
	done bool
}

func newLedger(start int64) *ledger { return &ledger{acked: start} }

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
	n := 0
	for n < len(l.marks) && l.marks[n].done {
		l.acked = l.marks[n].end
		n++
	}
	l.first += n
	l.marks = append(l.marks[:0], l.marks[n:]...)
}

// offset returns the end of the last block before which all have been counted.
func (l *ledger) offset() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.acked
}
