package accesslog

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/darkshare/darkshare/exporter/schema"
)

// A move reads what one op reads, or a run of them that many formats have, and
// puts it into the request at once. A program is made into moves where no two of
// its values compete for a field, so that each can be put where it belongs without
// a look at the others.
//
// Moves are for plain lines, as nearly all are: they have no escapes, and all is as
// it should be. With any other they give up, and the program runs over the line
// from its beginning: what such a line means is said there alone.
type move struct {
	code moveCode
	slot slot
	cuts []cut // of a moveText, and of the runs
	// The op, the values of it to keep, and whether the time is among them.
	op    *op
	wants []want
	timed bool
	memo  int // the index of the memo
}

type moveCode uint8

const (
	moveAny    moveCode = iota // whatever the op is
	moveTime                   // an op with a time and nothing else to keep
	moveText                   // a cut that is a field as it is, or is not kept
	moveCommon                 // a moveTime, then the request line, the status and a number: most of the common log format
	moveAgent                  // the referrer and the user agent: the end of combined
)

// A cut is an opCut without its step.
type cut struct {
	stop       byte
	at         int
	lit        string
	word, mask uint64
}

// A memo has the text that a moveTime went over last, and the time in it: the lines
// of a second mostly have the same one. Where the op ends and how it is read
// follows from that text alone.
type memo struct {
	text [64]byte
	n    int // 0 where there is none
	ns   int64
}

// plan makes the program's moves. There are none where values compete.
func (p *program) plan() {
	var fields Fields
	for _, w := range p.wants {
		f := w.slot.fields()
		if f == 0 || fields&f != 0 || w.slot == slotTime && !w.clock.date {
			return
		}
		fields |= f
	}
	for i := 0; i < len(p.ops); {
		m := p.move(&p.ops[i])
		n := 1
		switch {
		case m.code == moveTime && p.cutsAt(i+1, slotRequest, slotStatus, slotNone) && p.steps[p.ops[i+3].step].kind == kindNumber:
			m.code, n = moveCommon, 4
			m.cuts = cutsOf(p.ops[i+1 : i+n])
		case p.cutsAt(i, slotReferer, slotUserAgent):
			m.code, n = moveAgent, 2
			m.cuts = cutsOf(p.ops[i : i+n])
		}
		p.moves = append(p.moves, m)
		i += n
	}
}

// move makes the move over one op.
func (p *program) move(o *op) move {
	m := move{op: o}
	last := o.step
	if o.code == opSegment {
		last = o.last
	}
	for _, w := range p.wants {
		if o.step <= w.at && w.at <= last {
			m.wants = append(m.wants, w)
			m.timed = m.timed || w.slot == slotTime
		}
	}
	switch {
	case m.timed && len(m.wants) == 1 && (o.code == opSegment && o.at >= 0 || o.code == opStep && p.steps[o.step].width > 0):
		m.code, m.memo = moveTime, p.memos
		p.memos++
	case o.code == opCut && o.mask != 0 && (len(m.wants) == 0 || slices.Contains(textSlots, m.wants[0].slot)):
		m.code, m.slot, m.cuts = moveText, p.steps[o.step].slot, cutsOf([]op{*o})
	}
	return m
}

// cutsAt reports whether the ops from the index on are cuts with values for these
// slots.
func (p *program) cutsAt(i int, slots ...slot) bool {
	for n, s := range slots {
		if i+n >= len(p.ops) || p.ops[i+n].code != opCut || p.ops[i+n].mask == 0 || p.steps[p.ops[i+n].step].slot != s {
			return false
		}
	}
	return true
}

func cutsOf(ops []op) []cut {
	cuts := make([]cut, len(ops))
	for i, o := range ops {
		cuts[i] = cut{stop: o.stop, at: o.at, lit: o.lit, word: o.word, mask: o.mask}
	}
	return cuts
}

// textSlots are the slots whose value is a field as it is.
var textSlots = []slot{
	slotClient, slotMethod, slotTarget, slotPath, slotHost, slotReferer, slotUserAgent, slotContentType,
	slotSecFetchSite, slotSecFetchMode, slotSecFetchDest, slotSecFetchUser, slotPurpose, slotRequestedWith,
}

// plain reads a line that has no escapes by the moves. It reports false where that
// does not do, and has then left the request half filled.
func (p *textParser) plain(line []byte, r *Request) bool {
	if !hasAt(line, 0, p.prefix) {
		return false
	}
	pos, moves := len(p.prefix), p.moves
	for i := range moves {
		switch m := &moves[i]; m.code {
		case moveAny:
			pos = p.any(line, pos, m, r)
		case moveTime:
			pos = p.time(line, pos, m, r)
		case moveText:
			pos = p.text(line, pos, m, r)
		case moveCommon:
			pos = p.common(line, pos, m, r)
		case moveAgent:
			pos = p.agent(line, pos, m, r)
		}
		if pos < 0 {
			return false
		}
	}
	return pos == len(line)
}

// any reads whatever the move's op is and returns where the next begins, -1 where
// the line has to be read by the program. So do the others.
func (p *textParser) any(line []byte, pos int, m *move, r *Request) int {
	switch m.op.code {
	case opCut:
		pos = p.cut(line, pos, m.op)
	case opStep:
		pos = p.forward(line, pos, m.op.step)
	case opSegment:
		pos = p.segment(line, pos, m.op)
	}
	if pos < 0 || p.assign(r, m.wants, line, p.bounds, false) != schema.ReasonNone || m.timed && (!p.timed || r.Time <= 0) {
		return -1
	}
	return pos
}

func (p *textParser) time(line []byte, pos int, m *move, r *Request) int {
	last := &p.memos[m.memo]
	if last.n > 0 && pos+last.n <= len(line) && string(line[pos:pos+last.n]) == string(last.text[:last.n]) {
		r.Time = last.ns
		return pos + last.n
	}
	next := p.any(line, pos, m, r)
	if next < 0 || next-pos > len(last.text) {
		return next
	}
	// A time that has not the width it should have ends where it does because of
	// what comes behind, too.
	at := m.wants[0].at
	if b := p.bounds[at]; b.to-b.from == p.steps[at].width {
		last.n, last.ns = copy(last.text[:], line[pos:next]), r.Time
	}
	return next
}

func (p *textParser) text(line []byte, pos int, m *move, r *Request) int {
	c := &m.cuts[0]
	end := c.end(line, pos)
	if end < 0 {
		return -1
	}
	if v := line[pos:end:end]; !none(v) {
		switch m.slot {
		case slotClient:
			r.Client = v
		case slotMethod:
			r.Method = v
		case slotTarget, slotPath:
			r.Target = v
		case slotHost:
			r.Host = v
		case slotReferer:
			r.Referer = v
		case slotUserAgent:
			r.UserAgent = v
		case slotContentType:
			r.ContentType = v
		case slotSecFetchSite:
			r.SecFetchSite = v
		case slotSecFetchMode:
			r.SecFetchMode = v
		case slotSecFetchDest:
			r.SecFetchDest = v
		case slotSecFetchUser:
			r.SecFetchUser = v
		case slotPurpose:
			r.Purpose = v
		case slotRequestedWith:
			r.RequestedWith = v
		}
	}
	return end + len(c.lit)
}

func (p *textParser) common(line []byte, pos int, m *move, r *Request) int {
	if pos = p.time(line, pos, m, r); pos < 0 {
		return -1
	}
	request, status, size := &m.cuts[0], &m.cuts[1], &m.cuts[2]
	end := request.end(line, pos)
	if end < 0 {
		return -1
	}
	r.Method, r.Target = splitRequest(line[pos:end:end])
	pos = end + len(request.lit)
	// Three digits; parseStatus knows what else there may be.
	if len(line) < pos+4 || line[pos+3] != status.stop || !status.follows(line, pos+3) {
		return -1
	}
	a, b, c := line[pos]-'0', line[pos+1]-'0', line[pos+2]-'0'
	if a-1 > 8 || b > 9 || c > 9 {
		return -1
	}
	r.Status = int(a)*100 + int(b)*10 + int(c)
	pos += 3 + len(status.lit)
	at := indexNear(line[pos:], size.stop)
	if at < 0 || !size.follows(line, pos+at) {
		return -1
	}
	return pos + at + len(size.lit)
}

func (p *textParser) agent(line []byte, pos int, m *move, r *Request) int {
	referer, agent := &m.cuts[0], &m.cuts[1]
	end := referer.end(line, pos)
	if end < 0 {
		return -1
	}
	if v := line[pos:end:end]; !none(v) {
		r.Referer = v
	}
	pos = end + len(referer.lit)
	if end = agent.end(line, pos); end < 0 {
		return -1
	}
	if v := line[pos:end:end]; !none(v) {
		r.UserAgent = v
	}
	return end + len(agent.lit)
}

// end returns where the value at pos ends, -1 where it does not.
func (c *cut) end(line []byte, pos int) int {
	at := bytes.IndexByte(line[pos:], c.stop)
	end := pos + at - c.at
	if at < 0 || end < pos || !c.follows(line, end) {
		return -1
	}
	return end
}

// follows reports whether the literal is at the index.
func (c *cut) follows(line []byte, at int) bool {
	if at+8 > len(line) {
		return hasAt(line, at, c.lit)
	}
	return binary.LittleEndian.Uint64(line[at:])&c.mask == c.word
}

// none reports whether what was logged stands for no value.
func none(v []byte) bool { return len(v) <= 1 && (len(v) == 0 || v[0] == '-') }

// indexNear is bytes.IndexByte for a byte that mostly is among the next eight, where
// it is found without a call.
func indexNear(s []byte, c byte) int {
	const ones = 0x0101010101010101
	if len(s) >= 8 {
		// The lowest of the bytes that are c has the lowest bit that is set.
		x := binary.LittleEndian.Uint64(s) ^ uint64(c)*ones
		if x = (x - ones) &^ x & (ones << 7); x != 0 {
			return bits.TrailingZeros64(x) / 8
		}
	}
	return bytes.IndexByte(s, c)
}
