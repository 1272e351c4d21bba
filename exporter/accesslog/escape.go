package accesslog

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// An escape is how a proxy writes what a client sent.
type escape uint8

const (
	// escapeBackslash is that of nginx, Apache and JSON, see unescape.
	escapeBackslash escape = iota
	// escapeNone: the proxy writes what it got.
	escapeNone
	// escapeHash is HAProxy's: # and two hexadecimal digits.
	escapeHash
	// escapeBoth is HAProxy's with the flag E: a backslash before what RFC 5424
	// wants escaped, beside #.
	escapeBoth
	// escapePercent is CloudFront's: as in URLs.
	escapePercent
	// escapePlus is IIS's: a + for each space, and nothing else.
	escapePlus
)

// marks returns the bytes that the escapes begin with.
func (e escape) marks() string {
	return [...]string{`\`, "", "#", `\#`, "%", "+"}[e]
}

// backslash reports whether a value of that escape has a backslash before a quote.
func (e escape) backslash() bool { return e == escapeBackslash || e == escapeBoth }

// undo undoes a value's escapes in place and returns what is left of it.
func (e escape) undo(v []byte) []byte {
	switch e {
	case escapeNone:
	case escapeHash:
		return unhex(v, '#')
	case escapeBoth:
		return unhex(unquote(v), '#')
	case escapePercent:
		return unhex(v, '%')
	case escapePlus:
		for i, c := range v {
			if c == '+' {
				v[i] = ' '
			}
		}
	default:
		return unescape(v)
	}
	return v
}

// unhex decodes the mark and two hexadecimal digits.
func unhex(v []byte, mark byte) []byte {
	i := bytes.IndexByte(v, mark)
	if i < 0 {
		return v
	}
	n := i
	for i < len(v) {
		c, used := v[i], 1
		if c == mark {
			if x, ok := hex(v, i+1, 2); ok {
				c, used = byte(x), 3
			}
		}
		v[n] = c
		n++
		i += used
	}
	return v[:n]
}

// unquote takes away the backslash before any byte.
func unquote(v []byte) []byte {
	i := bytes.IndexByte(v, '\\')
	if i < 0 {
		return v
	}
	n := i
	for ; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) {
			i++
		}
		v[n] = v[i]
		n++
	}
	return v[:n]
}

// unescape undoes a value's escapes in place and returns what is left of it. It
// knows those of nginx (\xHH), of nginx's escape=json and JSON (\uHHHH, \n, \/)
// and of Apache (\", \\, \n, \xhh): no two of them mean different things by the
// same letters. What is none of them stays as it is.
func unescape(v []byte) []byte {
	i := bytes.IndexByte(v, '\\')
	if i < 0 {
		return v
	}
	n := i
	for i < len(v) {
		c := v[i]
		if c != '\\' || i+1 == len(v) {
			v[n] = c
			n++
			i++
			continue
		}
		used := 2
		switch v[i+1] {
		case '"', '\\', '/':
			c = v[i+1]
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'v':
			c = '\v'
		case 'a':
			c = '\a'
		case 'x':
			if x, ok := hex(v, i+2, 2); ok {
				c, used = byte(x), 4
			} else {
				used = 1
			}
		case 'u':
			size, read := appendRune(v[n:n], v, i)
			if read > 0 {
				n += size
				i += read
				continue
			}
			used = 1
		default:
			used = 1
		}
		v[n] = c
		n++
		i += used
	}
	return v[:n]
}

// appendRune decodes the \uHHHH at v[i:], or the pair of them that makes one
// character, into dst, which is never longer than what was read. It returns the
// bytes written and read, 0 where there is no such escape. Half a pair becomes
// U+FFFD.
func appendRune(dst, v []byte, i int) (size, read int) {
	x, ok := hex(v, i+2, 4)
	if !ok {
		return 0, 0
	}
	r, read := rune(x), 6
	if utf16.IsSurrogate(r) {
		low, ok := rune(0), false
		if i+8 <= len(v) && v[i+6] == '\\' && v[i+7] == 'u' {
			x, ok = hex(v, i+8, 4)
			low = rune(x)
		}
		if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
			read = 12
		}
	}
	return len(utf8.AppendRune(dst, r)), read
}

// hex reads the n hexadecimal digits at v[i:].
func hex(v []byte, i, n int) (x uint32, ok bool) {
	if i+n > len(v) {
		return 0, false
	}
	for _, c := range v[i : i+n] {
		switch {
		case '0' <= c && c <= '9':
			x = x<<4 | uint32(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			x = x<<4 | uint32(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return x, true
}

// escapedAt reports whether the byte at the index has an odd number of
// backslashes before it.
func escapedAt(v []byte, at int) bool {
	n := 0
	for at > n && v[at-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}
