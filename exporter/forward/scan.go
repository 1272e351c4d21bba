package forward

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// depth is how deep the values of unknown keys may be nested.
const depth = 16

// A scanner reads a line of JSON, whose strings it unescapes in place. After the first
// thing that is not JSON, or not the value that was to come, it is broken, and returns
// zeros. It is lenient where nothing depends on it: what is inside of numbers, and of the
// values of unknown keys, is not looked at.
type scanner struct {
	b      []byte
	i      int
	broken bool
}

// next skips white space and returns the byte behind it, 0 at the end.
func (s *scanner) next() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return c
		}
	}
	return 0
}

// take takes the byte if it is the next.
func (s *scanner) take(c byte) bool {
	if s.broken || s.next() != c {
		return false
	}
	s.i++
	return true
}

func (s *scanner) want(c byte) {
	if !s.take(c) {
		s.broken = true
	}
}

// end reports whether all has been read, and was right.
func (s *scanner) end() bool { return s.next() == 0 && s.i == len(s.b) && !s.broken }

// open takes the beginning of an object or a list, and reports whether it has anything.
func (s *scanner) open(begin, end byte) bool {
	s.want(begin)
	return !s.take(end) && !s.broken
}

// more takes what is between two members, or the end. It reports whether another comes.
func (s *scanner) more(end byte) bool {
	if s.take(',') {
		return true
	}
	s.want(end)
	return false
}

// key reads a key of an object, and what follows it. ok is false where it is none.
func (s *scanner) key() (key []byte, ok bool) {
	key = s.text()
	s.want(':')
	return key, !s.broken
}

// text reads a string.
func (s *scanner) text() []byte {
	if s.want('"'); s.broken {
		return nil
	}
	rest := s.b[s.i:]
	n := bytes.IndexByte(rest, '"')
	if n < 0 {
		s.broken = true
		return nil
	}
	if bytes.IndexByte(rest[:n], '\\') < 0 {
		s.i += n + 1
		return rest[:n:n]
	}
	return s.escaped(rest)
}

// escaped reads a string with escapes, of which rest is all but the quote before.
func (s *scanner) escaped(rest []byte) []byte {
	out := rest[:0]
	for i := 0; i < len(rest); {
		c := rest[i]
		i++
		switch {
		case c == '"':
			s.i += i
			return out[:len(out):len(out)]
		case c != '\\':
			out = append(out, c)
			continue
		case i == len(rest):
		case rest[i] == 'u':
			if r, n := escapedRune(rest[i+1:]); n > 0 {
				out = utf8.AppendRune(out, r) // at most as long as the escape
				i += 1 + n
				continue
			}
		default:
			if c := unescape(rest[i]); c != 0 {
				out = append(out, c)
				i++
				continue
			}
		}
		break
	}
	s.broken = true
	return nil
}

func unescape(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}

// escapedRune reads what follows a \u, a second \u included where it needs one. n is 0
// where that is none.
func escapedRune(b []byte) (r rune, n int) {
	r, ok := hex4(b)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(r) {
		if len(b) >= 10 && b[4] == '\\' && b[5] == 'u' {
			if low, ok := hex4(b[6:]); ok {
				if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
					return pair, 10
				}
			}
		}
		return utf8.RuneError, 4
	}
	return r, 4
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		d := unhex(c)
		if d < 0 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// number reads a whole number that is not negative. One that is too large is the
// largest.
func (s *scanner) number() (n uint64) {
	c := s.next()
	if s.broken = s.broken || c < '0' || c > '9'; s.broken {
		return 0
	}
	for ; s.i < len(s.b); s.i++ {
		c := s.b[s.i]
		if c < '0' || c > '9' {
			break
		}
		if n >= (1<<64-1)/10 {
			n = 1<<64 - 1
			continue
		}
		n = n*10 + uint64(c-'0')
	}
	return n
}

// truth reads true or false.
func (s *scanner) truth() bool {
	s.next()
	switch rest := s.b[s.i:]; {
	case s.broken:
	case bytes.HasPrefix(rest, []byte("true")):
		s.i += len("true")
		return true
	case bytes.HasPrefix(rest, []byte("false")):
		s.i += len("false")
	default:
		s.broken = true
	}
	return false
}

// skip leaves a value aside.
func (s *scanner) skip() { s.skipTo(depth) }

func (s *scanner) skipTo(depth int) {
	if depth == 0 {
		s.broken = true
		return
	}
	switch c := s.next(); {
	case s.broken || c == 0:
		s.broken = true
	case c == '"':
		s.text()
	case c == '{':
		for more := s.open('{', '}'); more; more = s.more('}') {
			if _, ok := s.key(); ok {
				s.skipTo(depth - 1)
			}
		}
	case c == '[':
		for more := s.open('[', ']'); more; more = s.more(']') {
			s.skipTo(depth - 1)
		}
	default: // a number, true, false, null
		n := bytes.IndexAny(s.b[s.i:], ",]} \t\r\n")
		if n < 0 {
			n = len(s.b) - s.i
		}
		if n == 0 {
			s.broken = true
		}
		s.i += n
	}
}
