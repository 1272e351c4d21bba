package accesslog

import (
	"bytes"

	"github.com/darkshare/darkshare/exporter/schema"
)

// A textParser runs a program over lines of text.
type textParser struct {
	*program
	bounds  []span // of the line's values, by step
	escaped bool   // the line has a backslash
	memos   []memo // by move.memo
	assigner
}

func (p *program) newParser() lineParser {
	return &textParser{program: p, bounds: make([]span, len(p.steps)), memos: make([]memo, p.memos), assigner: newAssigner(p.clocks)}
}

func (p *textParser) parse(line []byte, r *Request) schema.Reason {
	if p.raw && !p.counted(line) {
		return shapeless(line)
	}
	p.escaped = p.marked(line)
	if !p.escaped && len(p.moves) > 0 {
		if p.plain(line, r) {
			return schema.ReasonNone
		}
		r.Reset()
	}
	if !p.split(line) {
		return shapeless(line)
	}
	if reason := p.assign(r, p.wants, line, p.bounds, p.escaped); reason != schema.ReasonNone {
		return reason
	}
	return p.finish(r, p.fields)
}

// shapeless returns the reason of a line that does not have the log's shape.
func shapeless(line []byte) schema.Reason {
	if ownMessage(line) {
		return schema.ReasonNotAccess
	}
	return schema.ReasonFormat
}

// counted reports whether the line has as many stop bytes as the format: values
// without escapes may contain them too, and then it has more than one reading.
func (p *textParser) counted(line []byte) bool {
	for _, c := range p.stops {
		if bytes.Count(line, []byte{c.stop}) != c.n {
			return false
		}
	}
	return true
}

// marked reports whether the line may have escapes.
func (p *textParser) marked(line []byte) bool {
	for i := range len(p.marks) {
		if bytes.IndexByte(line, p.marks[i]) >= 0 {
			return true
		}
	}
	return false
}

// split finds the bounds of the line's values. It reports false where the line
// does not have the pattern's shape, or has it in more than one way.
func (p *textParser) split(line []byte) bool {
	if !hasAt(line, 0, p.prefix) {
		return false
	}
	pos := len(p.prefix)
	for i := range p.ops {
		o := &p.ops[i]
		switch o.code {
		case opCut:
			if pos = p.cut(line, pos, o); pos < 0 {
				return false
			}
		case opStep:
			if pos = p.forward(line, pos, o.step); pos < 0 {
				return false
			}
		case opSegment:
			if pos = p.segment(line, pos, o); pos < 0 {
				return false
			}
		}
	}
	return pos == len(line)
}

// cut reads the operation's value at pos and returns where the next begins.
func (p *textParser) cut(line []byte, pos int, o *op) int {
	at := bytes.IndexByte(line[pos:], o.stop)
	if at >= 0 && p.escaped && o.backslash && o.stop == '"' {
		at = p.find(line, pos, o.stop, true) - pos
	}
	end := pos + at - o.at
	if at < 0 || end < pos || !hasAt(line, end, o.lit) {
		return -1
	}
	p.bounds[o.step] = span{pos, end}
	return end + len(o.lit)
}

// segment reads the operation's values at pos and returns where the next begins.
func (p *textParser) segment(line []byte, pos int, o *op) int {
	end := p.end(line, pos, o)
	if end < 0 {
		return -1
	}
	next := end + len(o.lit)
	for s := o.last; s > o.free; s-- {
		start := p.backward(line, pos, end, s)
		if start < 0 {
			return -1
		}
		p.bounds[s] = span{start, end}
		end = start - len(p.steps[s-1].lit)
	}
	if o.step == o.free {
		p.bounds[o.free] = span{pos, end}
	} else if !p.between(line, pos, end, o) {
		return -1
	}
	if o.at < 0 && !p.tail(line, o) {
		return -1
	}
	return next
}

// forward reads the step's value at pos and returns where the next one begins.
func (p *textParser) forward(line []byte, pos, i int) int {
	s := &p.steps[i]
	if s.width > 0 && hasAt(line, pos+s.width, s.lit) {
		p.bounds[i] = span{pos, pos + s.width}
		return pos + s.width + len(s.lit)
	}
	from := pos
	if s.kind == kindName && from < len(line) && line[from] == '[' {
		if n := bytes.IndexByte(line[from:], ']'); n >= 0 {
			from += n
		}
	}
	if from > len(line) {
		return -1
	}
	n := bytes.IndexByte(line[from:], s.lit[0])
	if n < 0 || !hasAt(line, from+n, s.lit) {
		return -1
	}
	p.bounds[i] = span{pos, from + n}
	return from + n + len(s.lit)
}

// backward returns where the step's value begins that ends at end.
func (p *textParser) backward(line []byte, pos, end, i int) int {
	before := p.steps[i-1].lit
	if w := p.steps[i].width; w > 0 && end-w-len(before) >= pos && hasAt(line, end-w-len(before), before) {
		return end - w
	}
	if end < pos {
		return -1
	}
	n := bytes.LastIndex(line[pos:end], []byte(before))
	if n < 0 {
		return -1
	}
	return pos + n + len(before)
}

// end returns where the segment's last value ends, -1 where there is no such place.
func (p *textParser) end(line []byte, pos int, o *op) int {
	end := len(line) - len(o.lit)
	if o.at >= 0 {
		end = p.find(line, pos, o.stop, o.backslash) - o.at
	}
	if end < pos || !hasAt(line, end, o.lit) {
		return -1
	}
	return end
}

// find returns where the stop byte is next, those left out that a backslash escapes.
func (p *textParser) find(line []byte, pos int, stop byte, backslash bool) int {
	for from := pos; ; {
		n := bytes.IndexByte(line[from:], stop)
		if n < 0 {
			return -1
		}
		at := from + n
		if !p.escaped || !backslash || !escapedAt(line[pos:], at-pos) {
			return at
		}
		from = at + 1
	}
}

// between reads the segment's values up to the last free one, the first of which
// does not tell by itself where it ends: every literal is looked for from the left and from the
// right, and both must find the same place.
func (p *textParser) between(line []byte, pos, end int, o *op) bool {
	if end < pos {
		return false
	}
	for s := o.step; s < o.free; s++ {
		lit := p.steps[s].lit
		n := bytes.Index(line[pos:end], []byte(lit))
		if n < 0 {
			return false
		}
		p.bounds[s] = span{pos, pos + n}
		pos += n + len(lit)
	}
	p.bounds[o.free] = span{pos, end}
	if o.skip {
		return true
	}
	for s := o.free; s > o.step; s-- {
		lit := p.steps[s-1].lit
		from := p.bounds[o.step].from
		n := bytes.LastIndex(line[from:end], []byte(lit))
		if n < 0 || from+n != p.bounds[s-1].to {
			return false
		}
		end = from + n
	}
	return true
}

// tail checks the values of a segment that ends with the line: nothing behind
// them bounds them, so a line with more fields than the format would go unseen.
func (p *textParser) tail(line []byte, o *op) bool {
	last := &p.steps[o.last]
	b := p.bounds[o.last]
	switch {
	case last.kind == kindRest:
		return true
	case last.kind == kindFree:
		return p.find(line[:b.to], b.from, '"', o.backslash) < 0
	case last.width > 0:
		return b.to-b.from == last.width || last.kind == kindTime
	}
	for _, c := range line[b.from:b.to] {
		if !last.kind.has(c) {
			return false
		}
	}
	return true
}

// hasAt reports whether the line continues with s at the index.
func hasAt(line []byte, at int, s string) bool {
	if at < 0 || at+len(s) > len(line) {
		return false
	}
	line = line[at : at+len(s)]
	if len(s) > 8 {
		return string(line) == s
	}
	// Most are one to three bytes long: a call would cost more.
	for i := range line {
		if line[i] != s[i] {
			return false
		}
	}
	return true
}

// ownMessage reports whether a line that has not the log's shape is something
// that proxies write beside their records: the head of a file, or a line of the
// error log, which containers write to the same stream.
func ownMessage(line []byte) bool {
	switch {
	case line[0] == '#':
		return true
	case hasAt(line, 4, "/") && hasAt(line, 7, "/") && hasAt(line, 10, " ") && hasAt(line, 19, " ["):
		return true // nginx: 2022/01/24 16:33:06 [error] 334#334: ...
	case len(line) > 12 && line[0] == '[' && line[4] == ' ' && line[8] == ' ' && line[11] == ' ':
		return true // Apache: [Thu Oct 13 12:24:49.880562 2022] [auth_basic:error] ...
	}
	return false
}
