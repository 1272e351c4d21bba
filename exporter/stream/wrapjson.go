package stream

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// endOfString returns where the quote is that ends a JSON string, or -1.
func endOfString(s []byte) int {
	for i := 0; ; i++ {
		j := bytes.IndexByte(s[i:], '"')
		if j < 0 {
			return -1
		}
		i += j
		slashes := 0
		for i-slashes > 0 && s[i-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
	}
}

// unescape undoes the escapes of a JSON string (RFC 8259, section 7) in place, and
// returns how long it is then. What is no escape stays as it is.
func unescape(s []byte) (n int) {
	i := bytes.IndexByte(s, '\\')
	if i < 0 {
		return len(s)
	}
	n = i
	for i < len(s) {
		if s[i] != '\\' || i+1 == len(s) {
			s[n] = s[i]
			i, n = i+1, n+1
			continue
		}
		if s[i+1] == 'u' {
			r, size := unescapeRune(s[i:])
			if size == 0 {
				n += copy(s[n:], s[i:i+2])
				i += 2
				continue
			}
			n += utf8.EncodeRune(s[n:], r)
			i += size
			continue
		}
		c := s[i+1]
		switch c {
		case 'n':
			c = '\n'
		case 't':
			c = '\t'
		case 'r':
			c = '\r'
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case '"', '\\', '/':
		default:
			s[n] = '\\'
			n++
		}
		s[n] = c
		i, n = i+2, n+1
	}
	return n
}

// unescapeRune reads the \uXXXX at the beginning of s, or two of them that are one
// character, and returns how long that is; 0 where it is none.
func unescapeRune(s []byte) (r rune, size int) {
	r = hex4(s)
	switch {
	case r < 0:
		return 0, 0
	case !utf16.IsSurrogate(r):
		return r, 6
	}
	if pair := utf16.DecodeRune(r, hex4(s[6:])); pair != utf8.RuneError {
		return pair, 12
	}
	return utf8.RuneError, 6
}

// hex4 returns the number of a \uXXXX, or -1.
func hex4(s []byte) (r rune) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	for _, c := range s[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
