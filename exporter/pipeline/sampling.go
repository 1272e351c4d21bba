package pipeline

import (
	"time"

	"github.com/darkshare/darkshare/exporter/series"
)

// A History takes a sample of every series at regular moments of the log's time, which
// live is the present but for the latest seconds. So a log that is read late, or years
// later, gives the samples that it would have given live.
//
// Its methods are called one at a time, in the order of time, and keep the engine
// waiting.
type History interface {
	// Known takes the series that an earlier life has left, before any line is counted,
	// and when the next sample will be taken.
	Known(next int64, t *series.Table)
	// Sample takes the series as they were at that time, in nanoseconds since the Unix
	// epoch: all lines before it counted, none after.
	Sample(at int64, t *series.Table)
	// Gap says that the log has no lines for longer than anybody would wait for: the
	// series end behind the last sample, as if nobody had counted until the next one.
	Gap()
	// Mark says that what was sampled so far is in a checkpoint.
	Mark()
}

// longestGap is for how long a log without lines has samples all the same.
const longestGap = 24 * time.Hour

// sampling says when the next sample is due.
type sampling struct {
	to       History
	interval int64
	next     int64 // 0 before the first record
	// begun says that a sample was taken, also in an earlier life: next goes forward
	// only from then on.
	begun bool
	// jumped is the record at which the clock jumped over a gap, 0 where it has not: it
	// is to be believed when it stays there, which a wrong clock's single line does not.
	jumped uint64
}

// reach samples what is due before the clock reaches now. The caller holds e.mu.
func (e *Engine) reach(now int64) {
	s := &e.sampling
	if e.opt.Live {
		// Nothing is sampled for a time that has not been.
		now = min(now, time.Now().UnixNano())
	}
	if s.next == 0 || !s.begun && now < s.next-s.interval {
		// A wrong clock's line may have been the first.
		s.next, s.jumped = s.after(now), 0
		return
	}
	if now < s.next {
		s.jumped = 0
		return
	}
	if now > s.next+int64(longestGap) {
		if s.jumped == 0 {
			s.jumped = e.ids
			// Lines from behind the gap are not to be in the sample before it. Many wrong
			// clocks' lines have no more than one sample come too early.
			if e.clocks.now >= s.next-s.interval {
				e.sample()
			}
		}
		if !e.opt.Live && e.ids-s.jumped < rewindAfter {
			return
		}
		s.to.Gap()
		s.next = s.after(now)
	}
	s.jumped = 0
	for s.next <= now {
		e.sample()
	}
}

// after returns the first moment after now at which a sample is due.
func (s *sampling) after(now int64) int64 { return now - now%s.interval + s.interval }

// sample takes the sample that is due.
func (e *Engine) sample() {
	s := &e.sampling
	at := s.next
	s.next += s.interval
	s.begun = true
	if at > e.clocks.now {
		e.tracker.Advance(at)
		e.tally.Advance(at)
	}
	e.inputs.count(e.opt.Live)
	e.show()
	s.to.Sample(at, &e.table)
}

// passed samples what is due before a moment that all lines so far are before. Behind
// the last line it does so for as long only as a log may have none.
func (e *Engine) passed(until int64) {
	if e.sampling.next != 0 && until > e.clocks.now && until <= e.counted()+int64(longestGap) {
		e.setClock(until - 1)
	}
}

// resumeSampling goes on with the samples after those of an earlier life.
func (e *Engine) resumeSampling() {
	s := &e.sampling
	if s.to == nil || e.clocks.now == 0 {
		return
	}
	if s.next == 0 {
		return // nothing was sampled: all begins with what comes
	}
	s.begun = true
	s.next = s.after(s.next - 1) // the interval may be another now
	e.show()
	s.to.Known(s.next, &e.table)
}

// saved is what a state has of it: when the next sample is due, 0 where there was none.
func (s *sampling) saved() int64 {
	if !s.begun {
		return 0
	}
	return s.next
}

// Sampled takes the last sample: of everything that was counted, at the next moment
// that one would be due. Call it when Run has returned.
func (e *Engine) Sampled() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sampling.to != nil && e.sampling.next != 0 {
		e.sample()
	}
}

// Counted returns the time of the newest record, also of an earlier life: the zero
// time where there is none. A record that is newer than the next sample has a wrong
// time, until others bear it out.
func (e *Engine) Counted() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	if newest := e.counted(); newest != 0 {
		return time.Unix(0, newest)
	}
	return time.Time{}
}

func (e *Engine) counted() int64 {
	newest := e.clocks.newest()
	if e.sampling.begun {
		newest = min(newest, e.sampling.next)
	}
	return newest
}

// Lines returns how many lines have been counted in this life.
func (e *Engine) Lines() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ids
}
