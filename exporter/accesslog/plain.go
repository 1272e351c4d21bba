package accesslog

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/darkshare/darkshare/exporter/schema"
)

// A move reads what an op reads, and puts it into the request at once. A program
// is made into moves where no two of its values compete for a field, so that each
// can be put where it belongs without a look at the others.
//
// Moves are for plain lines, as nearly all are: they have no escapes, and all is as
// it should be. With any other they give up, and the program runs over the line
// from its beginning: what a line means is said there alone.
type move struct {
	code moveCode
	slot slot
	// As in op. skip is the length of the literal.
	stop       byte
	at, skip   int32
	word, mask uint64
	// The values of the op to keep, and whether the time is among them.
	wants []want
	timed bool
	memo  int // the index of the memo
	op    *op
}

type moveCode uint8

const (
	moveAny    moveCode = iota // whatever the op is
	moveTime                   // an op with a time and nothing else to keep
	moveOver                   // a cut with nothing to keep
	moveNear                   // the same, of a few bytes mostly
	moveText                   // a cut that is a field as it is
	moveStatus                 // a cut
)

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
		if f := w.slot.fields(); f == 0 || fields&f != 0 || w.slot == slotTime && !w.clock.date {
			return
		}
		fields |= w.slot.fields()
	}
	if p.raw {
		return
	}
	for i := range p.ops {
		o := &p.ops[i]
		m := move{op: o, stop: o.stop, at: int32(o.at), skip: int32(len(o.lit)), word: o.word, mask: o.mask}
		last := o.last
		if o.code != opSegment {
			last = o.step
		}
		for _, w := range p.wants {
			if o.step <= w.at && w.at <= last {
				m.wants = append(m.wants, w)
				m.timed = m.timed || w.slot == slotTime
			}
		}
		m.choose(p.steps[o.step : last+1])
		if m.code == moveTime {
			m.memo = p.memos
			p.memos++
		}
		p.moves = append(p.moves, m)
	}
}

// choose sets the code of the move over these steps.
func (m *move) choose(steps []step) {
	switch {
	case m.timed && len(m.wants) == 1 && m.op.code == opSegment && m.op.at >= 0,
		m.timed && m.op.code == opStep && steps[0].width > 0:
		m.code = moveTime
	case m.op.code != opCut || m.mask == 0:
	case len(m.wants) == 0 && (steps[0].kind == kindNumber || steps[0].kind == kindToken):
		m.code = moveNear
	case len(m.wants) == 0:
		m.code = moveOver
	case m.wants[0].slot == slotStatus:
		m.code = moveStatus
	case slices.Contains(textSlots, m.wants[0].slot):
		m.code, m.slot = moveText, m.wants[0].slot
	}
}

// textSlots are the slots whose value is a field as it is.
var textSlots = []slot{
	slotRequest,
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
		m := &moves[i]
		var at int
		switch m.code {
		case moveAny:
			if pos = p.any(line, pos, m, r); pos < 0 {
				return false
			}
			continue
		case moveTime:
			if pos = p.time(line, pos, m, r); pos < 0 {
				return false
			}
			continue
		case moveStatus:
			// 000 and 009 are none; what is not three digits, parseStatus tells.
			if len(line) < pos+4 || line[pos+3] != m.stop {
				return false
			}
			a, b, c := line[pos]-'0', line[pos+1]-'0', line[pos+2]-'0'
			if a-1 > 8 || b > 9 || c > 9 {
				return false
			}
			at = 3
			r.Status = int(a)*100 + int(b)*10 + int(c)
		case moveNear:
			at = indexNear(line[pos:], m.stop)
		default:
			at = bytes.IndexByte(line[pos:], m.stop)
		}
		end := pos + at - int(m.at)
		if at < 0 || end < pos {
			return false
		}
		if end+8 <= len(line) {
			if binary.LittleEndian.Uint64(line[end:])&m.mask != m.word {
				return false
			}
		} else if !hasAt(line, end, m.op.lit) {
			return false
		}
		if end-pos > 1 || end-pos == 1 && line[pos] != '-' {
			v := line[pos:end:end]
			switch m.slot {
			case slotRequest:
				r.Method, r.Target = splitRequest(v)
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
		pos = end + int(m.skip)
	}
	return pos == len(line)
}

// any reads whatever the move's op is and returns where the next begins.
func (p *textParser) any(line []byte, pos int, m *move, r *Request) int {
	o := m.op
	switch o.code {
	case opSegment:
		pos = p.segment(line, pos, o)
	case opStep:
		pos = p.forward(line, pos, o.step)
	case opCut:
		if pos = p.cut(line, pos, o); pos < 0 {
			return -1
		}
	}
	if pos < 0 || p.assign(r, m.wants, line, p.bounds, false) != schema.ReasonNone || m.timed && (!p.timed || r.Time <= 0) {
		return -1
	}
	return pos
}

// time is any for a moveTime.
func (p *textParser) time(line []byte, pos int, m *move, r *Request) int {
	o := &p.memos[m.memo]
	if o.n > 0 && pos+o.n <= len(line) && string(line[pos:pos+o.n]) == string(o.text[:o.n]) {
		r.Time = o.ns
		return pos + o.n
	}
	next := p.any(line, pos, m, r)
	if next < 0 || next-pos > len(o.text) {
		return next
	}
	// A time that has not the width it should have may end where it does because of
	// what comes behind.
	s := m.wants[0].at
	if b := p.bounds[s]; b.to-b.from == p.steps[s].width {
		o.n, o.ns = copy(o.text[:], line[pos:next]), r.Time
	}
	return next
}

// indexNear is bytes.IndexByte for a byte that is among the next eight mostly: it is
// found there without a call.
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
