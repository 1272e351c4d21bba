package stream

import (
	"bytes"
	"io"
)

// A cutter finds the whole lines in a run of bytes. However the same bytes are
// cut into runs, the same lines come out.
type cutter struct {
	// max is the longest line; of a longer one the first max+1 bytes are kept.
	max int
	// skip is set inside a line that was too long and has been handed out.
	skip bool
	// gaps takes what is left out, for whoever needs to know which of the lines
	// stands where; nil for nobody.
	gaps *[]gap
}

// A gap is bytes that were left out of the lines handed out.
type gap struct {
	at int // the length of the lines before it
	n  int
}

func (c *cutter) leaveOut(at, n int) {
	if c.gaps != nil && n > 0 {
		*c.gaps = append(*c.gaps, gap{at: at, n: n})
	}
}

// cut moves the whole lines of data to its front. It returns their length, and
// where the unfinished line behind them started: data[rest:] is still as it was
// and has to come first in the next run. An unfinished line is never longer
// than max+1 bytes.
func (c *cutter) cut(data []byte) (n, rest int) {
	p := 0
	if c.skip {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			c.leaveOut(0, len(data))
			return 0, len(data)
		}
		c.skip = false
		p = i + 1
		c.leaveOut(0, p)
	}
	for {
		// The last newline among the next max+1 bytes shows that no line before it
		// is too long, without a look at each of them.
		window := data[p:min(p+c.max+1, len(data))]
		if i := bytes.LastIndexByte(window, '\n'); i >= 0 {
			if n != p {
				copy(data[n:], window[:i+1])
			}
			n += i + 1
			p += i + 1
			continue
		}
		// A line of max+1 bytes is too long as well, but its newline would have no
		// room yet.
		if len(data)-p < c.max+2 {
			return n, p
		}
		i := bytes.IndexByte(data[p+c.max+1:], '\n')
		n += copy(data[n:], window)
		data[n] = '\n'
		n++
		if i < 0 {
			c.skip = true
			c.leaveOut(n, len(data)-p-(c.max+2))
			return n, len(data)
		}
		c.leaveOut(n, i)
		p += c.max + 1 + i + 1
	}
}

// A lineReader fills blocks with the whole lines of a reader.
type lineReader struct {
	cutter
	r io.Reader
	// live hands lines out as soon as they can be had, instead of full blocks.
	live  bool
	carry []byte // the unfinished line, at most max+1 bytes
	read  int64  // bytes read so far
	err   error  // the reader's last word
}

// next fills the block. At the end of the reader it returns the reader's error,
// io.EOF or another, beside the last lines; the block may be empty then.
func (l *lineReader) next(b *Block) error {
	n := copy(b.buf, l.carry)
	l.carry = l.carry[:0]
	for {
		n = l.fill(b.buf, n)
		lines, rest := l.cut(b.buf[:n])
		if l.err != nil {
			lines += copy(b.buf[lines:], b.buf[rest:n])
			b.Data = b.buf[:lines]
			return l.err
		}
		if lines > 0 {
			l.carry = append(l.carry, b.buf[rest:n]...)
			b.Data = b.buf[:lines]
			return nil
		}
		n = copy(b.buf, b.buf[rest:n])
	}
}

// fill reads behind the first n bytes of buf and returns how many are there then.
func (l *lineReader) fill(buf []byte, n int) int {
	for empty := 0; n < len(buf) && l.err == nil; {
		m, err := l.r.Read(buf[n:])
		n += m
		l.read += int64(m)
		l.err = err
		switch {
		case m > 0 && l.live:
			return n
		case m > 0:
			empty = 0
		case err == nil:
			if empty++; empty == 100 {
				l.err = io.ErrNoProgress
			}
		}
	}
	return n
}

// lost counts the lines that were read and are handed to nobody: those of the
// block, which may be nil, and the unfinished one. A file can be read again.
func (l *lineReader) lost(s *Stats, b *Block) {
	if !l.live {
		return
	}
	var n uint64
	if b != nil {
		n = b.lines()
	}
	if len(l.carry) > 0 {
		n++
	}
	s.dropped[DropShutdown].Add(n)
}
