package syslog

import (
	"bytes"
	"io"
)

// A framer takes the messages of a connection apart (RFC 6587). Which of the two
// framings a message has is told from its beginning: a length is followed by a
// space and the "<" of the priority. Anything else is a line, even where it begins
// with a number, as records without a header do.
type framer struct {
	r io.Reader
	// max is the longest message; of a longer one the first max bytes are kept.
	max int

	buf        []byte
	start, end int // what is in buf and was not handed out
	err        error
	// What is left of a message that was too long: so many bytes, or a line's rest.
	skip     int
	skipLine bool
}

// Of a message's length no more digits are taken than an int32 has.
const maxDigits = 9

// firstBuffer is enough for most messages. A buffer grows with what it has to hold.
const firstBuffer = 16 << 10

// next returns a message, and whether it was cut because it is too long. It holds
// until next is called again. At the end it returns the reader's error, io.EOF or
// another, and beside it what came of a last message that has no end.
func (f *framer) next() (message []byte, cut bool, err error) {
	for {
		if f.skipRest() {
			if message, cut, ok := f.take(); ok {
				return message, cut, nil
			}
		}
		if f.err != nil {
			return f.last(), false, f.err
		}
		f.fill()
	}
}

// begun reports whether part of a message has come.
func (f *framer) begun() bool { return f.start < f.end || f.skip > 0 || f.skipLine }

// skipRest drops the rest of a message that was too long, and what some senders put
// between messages. It returns whether it is at a message.
func (f *framer) skipRest() bool {
	n := min(f.skip, f.end-f.start)
	f.start += n
	f.skip -= n
	if f.skipLine {
		i := bytes.IndexByte(f.buf[f.start:f.end], '\n')
		if i < 0 {
			f.start = f.end
			return false
		}
		f.start += i + 1
		f.skipLine = false
	}
	for f.start < f.end && (f.buf[f.start] == '\n' || f.buf[f.start] == '\r' || f.buf[f.start] == 0) {
		f.start++
	}
	return f.start < f.end
}

// take returns the message that the buffer begins with, if as much of it has come
// as is kept.
func (f *framer) take() (message []byte, cut, ok bool) {
	data := f.buf[f.start:f.end]
	header, size := counted(data)
	if header > 0 {
		kept := min(size, f.max)
		if len(data) < header+kept {
			return nil, false, false
		}
		f.start += header + kept
		f.skip = size - kept
		return data[header : header+kept], f.skip > 0, true
	}
	if size < 0 {
		return nil, false, false
	}
	switch i := bytes.IndexByte(data, '\n'); {
	case i > f.max, i < 0 && len(data) > f.max:
		f.start += f.max
		f.skipLine = true
		return data[:f.max], true, true
	case i < 0:
		return nil, false, false
	default:
		f.start += i + 1
		return data[:i], false, true
	}
}

// last returns what there is of a message without an end.
func (f *framer) last() []byte {
	data := f.buf[f.start:f.end]
	f.start, f.skip, f.skipLine = f.end, 0, false
	header, _ := counted(data)
	return data[header:]
}

// counted returns the length of "123 " and the number itself where a message begins
// with that. The header is 0 where it does not, and the size then -1 where more has
// to come before that can be said.
func counted(data []byte) (header, size int) {
	if len(data) > 0 && data[0] == '0' {
		return 0, 0
	}
	n := digits(data, maxDigits+1)
	switch {
	case n > maxDigits || n == 0 && len(data) > 0:
		return 0, 0
	case n == len(data):
		return 0, -1
	case data[n] != ' ':
		return 0, 0
	case n+1 == len(data):
		return 0, -1
	case data[n+1] != '<':
		return 0, 0
	}
	for _, c := range data[:n] {
		size = size*10 + int(c-'0')
	}
	return n + 1, size
}

// fill reads more, behind what is there.
func (f *framer) fill() {
	switch {
	case f.start == f.end:
		f.start, f.end = 0, 0
	case f.end == len(f.buf) && f.start > 0:
		f.end = copy(f.buf, f.buf[f.start:f.end])
		f.start = 0
	}
	if f.end == len(f.buf) {
		// A message is taken as soon as max bytes are there, and a length before it
		// and a newline behind it, so that this comes to an end.
		grown := make([]byte, min(max(2*len(f.buf), firstBuffer), f.max+maxDigits+2))
		copy(grown, f.buf[:f.end])
		f.buf = grown
	}
	for empty := 0; ; empty++ {
		n, err := f.r.Read(f.buf[f.end:])
		f.end += n
		f.err = err
		if n > 0 || err != nil {
			return
		}
		if empty == 100 {
			f.err = io.ErrNoProgress
			return
		}
	}
}
