package syslog

import (
	"sync"
	"time"
)

// places are those that connections take, a number of them at a time.
type places struct {
	max     int
	silence time.Duration

	mu    sync.Mutex
	taken map[*connection]struct{}
}

func newPlaces(max int, silence time.Duration) *places {
	return &places{max: max, silence: silence, taken: map[*connection]struct{}{}}
}

// enter gives a connection a place, or returns false. Where all were taken, it is the place
// of the one before, which was silent for so long, and has to end first.
func (p *places) enter(c *connection) (before *connection, silent time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.taken) >= p.max {
		if before, silent = p.dispensable(time.Now()); before == nil {
			return nil, 0, false
		}
		before.hurry()
		delete(p.taken, before)
	}
	p.taken[c] = struct{}{}
	return before, silent, true
}

// leave gives the place back.
func (p *places) leave(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.taken, c)
}

// dispensable returns the connection that was silent the longest, and for how long: of those
// that never brought a message, which anybody can open, where there are any. nil where none
// was silent for long.
func (p *places) dispensable(now time.Time) (c *connection, silent time.Duration) {
	stranger := false
	for other := range p.taken {
		since, heard := other.silence()
		if since.IsZero() {
			continue
		}
		quiet := now.Sub(since)
		if quiet >= p.silence && (quiet > silent && stranger == !heard || !heard && !stranger) {
			c, silent, stranger = other, quiet, !heard
		}
	}
	return c, silent
}
