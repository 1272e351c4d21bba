package accesslog

import (
	"fmt"
	"slices"
	"strings"
)

// A kind is what a value can look like, which tells where it can end.
type kind uint8

const (
	kindFree   kind = iota // anything: what clients send
	kindToken              // no white space, no quote
	kindName               // a host name, where a port may follow; an IPv6 address has brackets
	kindAddr               // an address, or the name that it resolves to
	kindNumber             // digits, a point, a sign, or "-"
	kindTime               // letters, digits and what stands between them in a date
	kindHeader             // a header that HAProxy captured: {, | and } are encoded
	kindRest               // the rest of the line, whatever it is
)

// has reports whether a value of the kind can contain the byte.
func (k kind) has(c byte) bool {
	alnum := '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
	switch k {
	case kindToken, kindName:
		return c > ' ' && c != '"' && c != 0x7f
	case kindAddr:
		return alnum || strings.IndexByte(":._-%", c) >= 0
	case kindNumber:
		return '0' <= c && c <= '9' || c == '.' || c == '-' || c == '+'
	case kindHeader:
		return c >= ' ' && strings.IndexByte(`"{|}`, c) < 0
	case kindTime:
		return alnum || strings.IndexByte(":.,/+- ", c) >= 0
	default:
		return true
	}
}

// A value is one variable of a definition.
type value struct {
	slot   slot
	rank   uint8 // among the values of one field the highest that is not empty wins
	kind   kind
	escape escape
	width  int // in bytes, where it is always the same
	clock  *clock
}

// A step is a value and the literal text between it and the next.
type step struct {
	value
	lit string
}

// A pattern is a definition taken apart: a prefix and steps.
type pattern struct {
	prefix string
	steps  []step
}

func (p *pattern) literal(s string) {
	if len(p.steps) == 0 {
		p.prefix += s
		return
	}
	p.steps[len(p.steps)-1].lit += s
}

// value adds a value. One that follows another with nothing in between cannot be
// told from it, so the two become one.
func (p *pattern) value(v value) {
	if n := len(p.steps); n > 0 && p.steps[n-1].lit == "" {
		p.steps[n-1].value = join(p.steps[n-1].value, v)
		return
	}
	p.steps = append(p.steps, step{value: v})
}

func join(a, b value) value {
	whole := value{slot: slotTarget, rank: rankWhole, kind: kindToken, escape: b.escape}
	switch {
	case a.slot == slotPath && b.slot == slotIsArgs:
		return a
	case a.slot == slotPath && b.slot == slotQuery:
		whole.kind = a.kind
		return whole
	case a.slot == slotHost && (b.slot == slotTarget || b.slot == slotPath):
		return value{slot: slotHostTarget, rank: a.rank, kind: b.kind, escape: b.escape}
	case a.slot == slotHostTarget && (b.slot == slotIsArgs || b.slot == slotQuery):
		return a
	}
	return value{escape: b.escape}
}

// A program runs over a line from the left, by operations of two kinds.
//
// A cut reads one value that cannot contain the byte that ends it: that is not
// among the bytes of its kind, or the proxy escapes it ("stop bytes": the quote,
// control characters).
//
// A segment is for the values in between. What clients send could look like the
// literals there, as a user named `x [y` does in combined. So what cannot be
// mistaken is read from the segment's end backwards, and what remains is the free
// value; where there are more than one, the line must have one reading only.
type op struct {
	code opCode
	// A cut: the step, the byte to look for and its place in the step's literal.
	step int
	stop byte
	at   int
	// The literal; one of up to eight bytes is compared in one go.
	lit        string
	word, mask uint64
	// A segment: its steps are step to last, and those behind free are read
	// backwards. With at < 0 it ends with the line.
	free, last int
	// backslash says that a backslash before the stop byte can make it one of a value's.
	backslash bool
	// None of the values from step to free goes anywhere, so it is all the same
	// where one of them ends and the next begins.
	skip bool
}

type opCode uint8

const (
	opCut opCode = iota
	opStep
	opSegment
)

// A program is a pattern made ready to run over lines.
type program struct {
	pattern
	ops    []op
	wants  []want
	fields Fields
	raw    bool   // some values have no escapes: they may contain the stop bytes
	marks  string // the bytes that escapes begin with
	stops  []stopCount
	clocks int
	moves  []move // see move; none where the program itself is the only way
	memos  int
}

// A stopCount is how often a stop byte occurs in the literals.
type stopCount struct {
	stop byte
	n    int
}

// A want is a value that goes into the request.
type want struct {
	at     int // its index among the line's values
	slot   slot
	rank   uint8
	escape escape
	clock  *clock
	cache  int // the index of its clock's cache
}

// rankLast is the rank of a value that completes another.
const rankLast = 255

// maxSteps bounds what a definition can have.
const maxSteps = 256

func compileProgram(p pattern) (*program, error) {
	if len(p.steps) == 0 {
		return nil, fmt.Errorf("the definition has no variable")
	}
	if len(p.steps) > maxSteps {
		return nil, fmt.Errorf("the definition has %d variables, more than %d", len(p.steps), maxSteps)
	}
	prog := &program{pattern: p}
	for _, s := range p.steps {
		prog.raw = prog.raw || s.escape == escapeNone
	}
	prog.split()
	prog.want()
	for _, w := range prog.wants {
		prog.fields |= w.slot.fields()
	}
	if prog.raw {
		prog.countStops()
	}
	prog.mark()
	prog.plan()
	return prog, nil
}

// isStop reports whether the proxies escape the byte in what clients send.
func isStop(c rune) bool { return c == '"' || c < ' ' }

// countStops counts the stop bytes of the literals. Without escapes a value may
// contain them too, and a line with more of them than the format has could be read
// in several ways.
func (p *program) countStops() {
	all := p.prefix
	for _, s := range p.steps {
		all += s.lit
	}
	for _, c := range all {
		if isStop(c) && !slices.ContainsFunc(p.stops, func(s stopCount) bool { return s.stop == byte(c) }) {
			p.stops = append(p.stops, stopCount{byte(c), strings.Count(all, string(c))})
		}
	}
}

// mark collects the bytes that the escapes of the program's values begin with. A
// line without any of them has no escapes.
func (p *program) mark() {
	for _, s := range p.steps {
		for _, c := range s.escape.marks() {
			if !strings.ContainsRune(p.marks, c) {
				p.marks += string(c)
			}
		}
	}
}

// split makes the operations.
func (p *program) split() {
	for from := 0; from < len(p.steps); {
		for from < len(p.steps) && p.closedForwards(from) {
			s := &p.steps[from]
			o := op{code: opCut, step: from, stop: s.lit[0], backslash: s.escape.backslash()}
			if s.width > 0 || s.kind == kindName {
				o.code = opStep
			}
			p.add(o, s.lit)
			from++
		}
		if from == len(p.steps) {
			return
		}
		last, at := from, -1
		for ; ; last++ {
			if at = strings.IndexFunc(p.steps[last].lit, isStop); at >= 0 || last == len(p.steps)-1 {
				break
			}
		}
		lit := p.steps[last].lit
		o := op{code: opSegment, step: from, last: last, free: last, at: at}
		if at >= 0 {
			o.stop = lit[at]
		}
		for o.free > from && p.closedBackwards(o.free) {
			o.free--
		}
		for _, s := range p.steps[from : last+1] {
			o.backslash = o.backslash || s.escape.backslash()
		}
		o.skip = !slices.ContainsFunc(p.steps[from:o.free+1], func(s step) bool { return s.slot.fields() != 0 || s.slot == slotQuery })
		if from == last && at >= 0 {
			o.code = opCut
		}
		p.add(o, lit)
		from = last + 1
	}
}

func (p *program) add(o op, lit string) {
	o.lit = lit
	for i := 0; i < len(lit) && len(lit) <= 8; i++ {
		o.word |= uint64(lit[i]) << (8 * i)
		o.mask |= 0xff << (8 * i)
	}
	p.ops = append(p.ops, o)
}

// closedForwards reports whether the step's value ends where its literal begins.
func (p *program) closedForwards(i int) bool {
	s := &p.steps[i]
	switch {
	case s.lit == "":
		return false // the last one: it ends with the line
	case s.width > 0:
		return true
	}
	if s.kind == kindName && s.lit[0] == ':' {
		return true
	}
	return !s.kind.has(s.lit[0])
}

// closedBackwards reports whether the step's value begins where the literal
// before it ends.
func (p *program) closedBackwards(i int) bool {
	before := p.steps[i-1].lit
	return p.steps[i].width > 0 || !p.steps[i].kind.has(before[len(before)-1])
}

// want lists the values to keep, the weaker ones of a field first. Of several
// times it keeps the finest, with the pieces that complete it.
func (p *program) want() {
	best := -1
	for i, s := range p.steps {
		if s.slot == slotTime && s.clock.date && (best < 0 || s.rank > p.steps[best].rank) {
			best = i
		}
	}
	for i := range p.steps {
		s := &p.steps[i]
		switch {
		case s.slot == slotNone || s.slot == slotIsArgs:
			continue
		case s.slot == slotTime && i != best:
			if best < 0 || !s.clock.completes(p.steps[best].clock) {
				continue
			}
			s.rank = rankLast
		}
		w := want{at: i, slot: s.slot, rank: s.rank, escape: s.escape, clock: s.clock}
		if s.slot == slotTime {
			w.cache = p.clocks
			p.clocks++
		}
		p.wants = append(p.wants, w)
	}
	slices.SortStableFunc(p.wants, func(a, b want) int { return int(a.rank) - int(b.rank) })
}
