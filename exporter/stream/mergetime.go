package stream

import (
	"bytes"
	"math"
	"time"
)

// noTime is before all times: that of a line before which none has one.
const noTime = math.MinInt64

const (
	// farAhead is how much a line has to be ahead of those behind it to be in doubt.
	farAhead = int64(time.Hour)
	// witnesses is how many lines behind a line say whether it is ahead of them.
	witnesses = 64
)

// mostTime keeps sums of times from running over.
const mostTime = math.MaxInt64 / 2

// time asks for the time of a line, which may have its end.
func (m *Merger) time(f *mergeFile, line []byte) (int64, bool) {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	at, ok := m.o.Time(f.name, line)
	return min(max(at, -mostTime), mostTime), ok
}

// believed reports whether a line's time is right by those of the lines behind it.
func believed(at int64, behind []int64) bool {
	behind = behind[:min(len(behind), witnesses)]
	older := 0
	for _, t := range behind {
		if t < at-farAhead {
			older++
		}
	}
	return 2*older <= len(behind)
}

// appendTimes appends the times of the first lines, count of them at the most.
func (m *Merger) appendTimes(times []int64, f *mergeFile, data []byte, count int) []int64 {
	for line := range bytes.Lines(data) {
		if count == 0 {
			break
		}
		if at, ok := m.time(f, line[:min(len(line), m.o.MaxLine+1)]); ok {
			times = append(times, at)
			count--
		}
	}
	return times
}

// firstTime returns the time of the first line that has one, and notes how much the
// first lines are out of order.
func (m *Merger) firstTime(f *mergeFile, data []byte) int64 {
	m.times = m.appendTimes(m.times[:0], f, data, 2*witnesses)
	first := int64(noTime)
	for i, at := range m.times {
		if believed(at, m.times[i+1:]) {
			first = at
			break
		}
	}
	high := first
	for _, at := range m.times {
		if late := high - at; late <= farAhead {
			f.disorder = max(f.disorder, late)
		}
		if at > high && at-high <= farAhead {
			high = at
		}
	}
	return first
}

// lastTime returns the time of the chunk's last line.
func (m *Merger) lastTime(f *mergeFile) int64 {
	if f.asked {
		return f.last
	}
	f.last, f.asked = f.high, true
	for data := f.chunk.Data; len(data) > 0; {
		start := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
		if at, ok := m.time(f, data[start:]); ok {
			f.last = max(f.last, at)
			break
		}
		data = data[:start]
	}
	return f.last
}

// survey finds the time of each of the chunk's lines.
func (m *Merger) survey(f *mergeFile) {
	c := f.chunk
	c.surveyed = true
	c.lines, m.times = c.lines[:0], m.times[:0]
	end := 0
	for line := range bytes.Lines(c.Data) {
		end += len(line)
		at, ok := m.time(f, line)
		if ok {
			m.times = append(m.times, at)
		} else {
			at = noTime
		}
		c.lines = append(c.lines, timedLine{at: at, end: end})
	}
	// One late line does not have all lines asked from then on.
	f.disorder -= f.disorder / 8
	timed, behind := len(m.times), 0
	for i := range c.lines {
		at := c.lines[i].at
		if at != noTime {
			behind++
			if at > f.high && (f.high != noTime && at-f.high <= farAhead || m.believes(f, at, timed, behind)) {
				f.high = at
			} else if late := f.high - at; at < f.high && late <= farAhead {
				f.disorder = max(f.disorder, late)
			}
		}
		c.lines[i].at = f.high
	}
	if len(c.lines) > 0 {
		f.head = c.lines[0].at
	}
}

// believes is believed for a line of the chunk whose times are the first timed of
// m.times: those of the lines behind it start there.
func (m *Merger) believes(f *mergeFile, at int64, timed, behind int) bool {
	if timed-behind < witnesses && len(m.times) == timed && f.chunk.end == nil {
		if f.ahead == nil {
			f.ahead = m.chunk()
			m.fill(f, f.ahead)
		}
		data := f.ahead.Data
		if f.headed {
			data = beforeHeader(data) // whose turn has not come
		}
		m.times = m.appendTimes(m.times, f, data, witnesses)
	}
	return believed(at, m.times[behind:])
}

var header = []byte("\n#")

// hasHeader reports whether there are lines that begin with '#'.
func hasHeader(data []byte) bool {
	return len(data) > 0 && data[0] == '#' || bytes.Contains(data, header)
}

// beforeHeader returns the lines before the first that begins with '#'.
func beforeHeader(data []byte) []byte {
	if len(data) > 0 && data[0] == '#' {
		return nil
	}
	lines, _, _ := bytes.Cut(data, header)
	return lines
}
