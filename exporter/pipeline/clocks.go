package pipeline

import (
	"math"
	"slices"
	"strings"
	"time"
)

const (
	// idleAfter is how long a file must be silent before it holds the clock back no
	// more.
	idleAfter = 2 * time.Second
	// lateness is how far behind the wall clock a live log's lines may come.
	lateness = 30 * time.Second
	// rewindAfter is how many records in a row must be older than a window before
	// a log's clock is believed to have been set back.
	rewindAfter = 100
	// mostClocks bounds the files whose clocks are kept.
	mostClocks = 1024
)

// clocks keeps the log's time: that of the file furthest behind, among those from
// which lines come at the moment.
type clocks struct {
	now    int64
	window int64
	live   bool
	// wall is set once a live log's lines were as new as the wall clock: from then
	// on it goes on when they stop.
	wall bool
	// before is the newest time of an earlier life.
	before int64
	files  []*fileClock
	at     *fileClock // whose block is being observed
}

type fileClock struct {
	input  int
	name   string
	log    uint32 // of forwarded records
	begun  bool
	active bool
	high   int64
	late   int
	seen   time.Time // wall clock at its last block
}

func newClocks(window time.Duration, live bool) clocks {
	return clocks{window: int64(window), live: live}
}

// begin says that lines of the file come next. Forwarded records are in a file each for
// the log that they are from.
func (c *clocks) begin(input int, name string, log uint32, wall time.Time) {
	if c.at == nil || c.at.log != log || c.at.input != input || c.at.name != name {
		c.at = c.file(input, name, log)
	}
	c.at.seen, c.at.active = wall, true
}

func (c *clocks) file(input int, name string, log uint32) *fileClock {
	i := slices.IndexFunc(c.files, func(f *fileClock) bool { return f.log == log && f.input == input && f.name == name })
	if i >= 0 {
		return c.files[i]
	}
	if !c.live {
		// Whole files are read one after the other: those before are over.
		c.files = slices.DeleteFunc(c.files, func(f *fileClock) bool { return f.input == input })
	}
	if len(c.files) >= mostClocks {
		oldest := slices.MinFunc(c.files, func(a, b *fileClock) int { return a.seen.Compare(b.seen) })
		c.files = slices.DeleteFunc(c.files, func(f *fileClock) bool { return f == oldest })
	}
	f := &fileClock{input: input, name: name, log: log}
	c.files = append(c.files, f)
	return f
}

// observe takes the time of a record of the file that begin named. It returns the
// log's time, and whether that has changed.
func (c *clocks) observe(at int64) (now int64, changed bool) {
	f := c.at
	switch {
	case !f.begun:
		f.begun, f.high = true, at
		c.follow(f)
		// An older log follows.
		now = c.behind()
		return now, now > c.now || now < c.now-c.window && c.alone(f)
	case at > f.high:
		f.high, f.late = at, 0
		now = c.behind()
		return now, now > c.now
	case at >= f.high-c.window:
		f.late = 0
		return c.now, false
	}
	if f.late++; f.late < rewindAfter {
		return c.now, false
	}
	f.high, f.late = at, 0
	return c.behind(), c.alone(f)
}

// follow lets a file that goes on where a rotated one has ended stand for both: read
// one after the other, long after they were written, that one would hold the clock
// back while this one's lines are counted.
func (c *clocks) follow(f *fileClock) {
	for _, g := range c.files {
		if g != f && g.input == f.input && g.log == f.log && g.high <= f.high &&
			(strings.HasPrefix(g.name, f.name) || strings.HasPrefix(f.name, g.name)) {
			g.active = false // until more comes from it
		}
	}
}

// behind returns the time of the active file furthest behind.
func (c *clocks) behind() int64 {
	least := int64(math.MaxInt64)
	for _, f := range c.files {
		if f.active && f.begun {
			least = min(least, f.high)
		}
	}
	return least
}

// alone reports whether lines come from no other file.
func (c *clocks) alone(f *fileClock) bool {
	return !slices.ContainsFunc(c.files, func(g *fileClock) bool { return g != f && g.active })
}

// newest returns the time of the file furthest ahead, 0 where there is none.
func (c *clocks) newest() (newest int64) {
	newest = c.before
	for _, f := range c.files {
		newest = max(newest, f.high)
	}
	return newest
}

// idle notes which files are silent, and reports whether all are.
func (c *clocks) idle(wall time.Time) bool {
	all := true
	for _, f := range c.files {
		f.active = f.active && wall.Sub(f.seen) < idleAfter
		all = all && !f.active
	}
	return all
}

// Tick tells the engine the wall clock, so that landings are resolved and windows
// slide when no lines come. Call it every second while following logs.
func (e *Engine) Tick(wall time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := &e.clocks
	allIdle := c.idle(wall)
	newest := c.newest()
	if newest == 0 {
		return
	}
	late := wall.Add(-lateness).UnixNano()
	c.wall = c.wall || newest >= late-c.window
	switch {
	case !allIdle:
		if now := c.behind(); now > c.now && now != math.MaxInt64 {
			e.setClock(now)
		}
	case c.wall:
		e.setClock(max(late, c.now))
	default:
		// The log ended long ago: all windows are over. Its own clock stays where it
		// is, since more of it may come.
		e.tracker.Flush()
	}
}

// timeless is the time of a record that has none.
func (e *Engine) timeless(wall time.Time) int64 {
	if e.opt.Live {
		return wall.UnixNano()
	}
	return max(e.clocks.now, 1)
}
