package pipeline

import (
	"math"
	"time"
)

const (
	// idleAfter is how long an input must be silent before it holds the clock back
	// no more.
	idleAfter = 2 * time.Second
	// lateness is how far behind the wall clock a live log's lines may come.
	lateness = 30 * time.Second
	// rewindAfter is how many records in a row must be older than a window before
	// the log's clock is believed to have been set back.
	rewindAfter = 100
)

// clocks keeps the log's time: that of the input furthest behind, among those
// that are not idle.
type clocks struct {
	inputs []inputClock
	now    int64
	window int64
}

type inputClock struct {
	high   int64
	late   int
	seen   time.Time // wall clock at its last block
	active bool
}

func (c *clocks) add() { c.inputs = append(c.inputs, inputClock{}) }

// observe takes a record's time. It returns the log's time, and whether that has
// changed.
func (c *clocks) observe(input int, at int64, wall time.Time) (now int64, changed bool) {
	in := &c.inputs[input]
	in.seen, in.active = wall, true
	switch {
	case at > in.high:
		in.high, in.late = at, 0
	case at >= in.high-c.window:
		in.late = 0
		return c.now, false
	default:
		if in.late++; in.late < rewindAfter {
			return c.now, false
		}
		in.high, in.late = at, 0
		return c.behind(), true
	}
	now = c.behind()
	return now, now > c.now
}

// behind returns the time of the active input furthest behind.
func (c *clocks) behind() int64 {
	if len(c.inputs) == 1 {
		return c.inputs[0].high
	}
	least := int64(math.MaxInt64)
	for i := range c.inputs {
		if in := &c.inputs[i]; in.active {
			least = min(least, in.high)
		}
	}
	return least
}

// newest returns the time of the input furthest ahead.
func (c *clocks) newest() (newest int64) {
	for i := range c.inputs {
		newest = max(newest, c.inputs[i].high)
	}
	return newest
}

// idle notes which inputs are silent, and reports whether all are.
func (c *clocks) idle(wall time.Time) bool {
	all := true
	for i := range c.inputs {
		in := &c.inputs[i]
		in.active = in.active && wall.Sub(in.seen) < idleAfter
		all = all && !in.active
	}
	return all
}

// Tick tells the engine the wall clock, so that landings are resolved and windows
// slide when no lines come. Call it every second while following logs.
func (e *Engine) Tick(wall time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	allIdle := e.clocks.idle(wall)
	newest := e.clocks.newest()
	if newest == 0 {
		return
	}
	if !allIdle {
		if now := e.clocks.behind(); now > e.clocks.now {
			e.setClock(now)
		}
		return
	}
	now := wall.Add(-lateness).UnixNano()
	if newest >= now-e.clocks.window {
		e.setClock(max(now, e.clocks.now))
		return
	}
	// The log ends long ago: all windows are over. Its own clock stays where it
	// is, since more of it may come.
	e.tracker.Flush()
}

// timeless is the time of a record that has none.
func (e *Engine) timeless(wall time.Time) int64 {
	if e.opt.Live {
		return wall.UnixNano()
	}
	return max(e.clocks.now, 1)
}
