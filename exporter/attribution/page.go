package attribution

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

const (
	// maxPage is the length of the longest page label, in bytes.
	maxPage = 200
	// maxRaw is how much of a path is looked at.
	maxRaw = 4096

	ellipsis   = "…"
	maskEmail  = "{email}"
	maskToken  = "{token}"
	maskNumber = "{number}"
)

// A pager turns paths into page labels.
type pager struct {
	digits, token int // the lengths from which numbers and tokens are masked
}

// What the fast way of label asks of bytes. byteSlash and byteJoin are next to
// each other, so that a byte's shifted byteSlash meets the next one's byteJoin.
const (
	byteOdd   = 1 << iota // must be looked at: control, %, @, ;, beyond ASCII
	byteWord              // part of a token: letters, digits, hyphen, underscore
	byteDigit             // of those, the digits
	byteUpper             // and the capitals
	byteSlash
	byteJoin // a slash or dot: after a slash, it folds
)

var byteClass = func() (t [256]uint8) {
	for b := range t {
		switch c := byte(b); {
		case isDigit(c):
			t[b] = byteWord | byteDigit
		case 'A' <= c && c <= 'Z':
			t[b] = byteWord | byteUpper
		case isLetter(c), c == '-', c == '_':
			t[b] = byteWord
		case c == '/':
			t[b] = byteSlash | byteJoin
		case c == '.':
			t[b] = byteJoin
		case bytes.IndexByte([]byte("!$&'()*+,:=~{}[]|^"), c) < 0:
			t[b] = byteOdd
		}
	}
	return t
}()

// label returns the page label of a path: a part of the path where nothing needs
// to change, else appended to buf, which is returned as well. It is valid UTF-8
// without control characters, "@", "?" or "#", and of at most maxPage bytes.
func (p *pager) label(buf, path []byte) (label, rest []byte) {
	if len(path) == 0 {
		return []byte("/"), buf
	}
	if end, ok := p.clean(path); ok {
		return path[:end], buf
	}
	start := len(buf)
	buf = p.normalise(buf, path[:min(len(path), maxRaw)])
	middle := len(buf)
	buf = p.mask(buf, buf[start:middle])
	if out := buf[middle:]; len(out) > maxPage {
		cut := cutAt(out, maxPage-len(ellipsis))
		buf = append(buf[:middle+cut], ellipsis...)
	}
	return buf[middle:len(buf):len(buf)], buf
}

// clean reports whether nothing of the path needs to change but an index file at
// its end, and where it ends then. Its loop has no branches: most paths are short
// and every one is different.
func (p *pager) clean(path []byte) (end int, ok bool) {
	if len(path) > maxPage || path[0] != '/' {
		return 0, false
	}
	var all, folds, last uint8
	for _, b := range path {
		class := byteClass[b]
		all |= class
		folds |= last << 1 & class
		last = class
	}
	if all&byteOdd != 0 || folds&byteJoin != 0 ||
		all&byteDigit != 0 && p.hasNumber(path) || all&(byteDigit|byteUpper) != 0 && p.hasToken(path) {
		return 0, false
	}
	return foldIndex(path), true
}

// hasNumber reports whether the path has a number that is long enough to be
// masked. Of so many bytes one after the other, one is in every place that is a
// multiple of so many: the others need not be looked at.
func (p *pager) hasNumber(path []byte) bool {
	for i := p.digits - 1; i < len(path); i += p.digits {
		start, end := around(path, i, byteDigit)
		if end-start >= p.digits {
			return true
		}
	}
	return false
}

// hasToken reports likewise whether there may be a token.
func (p *pager) hasToken(path []byte) bool {
	for i := p.token - 1; i < len(path); i += p.token {
		start, end := around(path, i, byteWord)
		if end-start < p.token {
			continue
		}
		// Without digits and capitals it is words.
		if _, classes := wordRun(path[start:end]); classes&(byteDigit|byteUpper) != 0 && p.isToken(path[start:end]) {
			return true
		}
		i = end
	}
	return false
}

// around returns the run of bytes of that class that path[i] is in.
func around(path []byte, i int, class uint8) (start, end int) {
	start, end = i, i
	for end < len(path) && byteClass[path[end]]&class != 0 {
		end++
	}
	for start > 0 && end > i && byteClass[path[start-1]]&class != 0 {
		start--
	}
	return start, end
}

// wordRun returns how much of the start of b may be part of one token, and what
// classes of bytes it has.
func wordRun(b []byte) (n int, classes uint8) {
	for i, c := range b {
		class := byteClass[c]
		if class&byteWord == 0 {
			return i, classes
		}
		classes |= class
	}
	return len(b), classes
}

// normalise appends the path with what does not tell pages apart taken out:
// double slashes, dot segments, session ids, index files. Escapes of characters
// that need none are undone, those that do need one are escaped.
func (p *pager) normalise(buf, path []byte) []byte {
	start := len(buf)
	if path[0] != '/' {
		buf = append(buf, '/')
	}
	for i := 0; i < len(path) && path[i] != '#'; {
		b := path[i]
		switch {
		case b == '/' && len(buf) > start && buf[len(buf)-1] == '/':
			i++
			continue
		case b == '.' && len(buf) > start && buf[len(buf)-1] == '/' && (i+1 == len(path) || path[i+1] == '/'):
			i += min(2, len(path)-i)
			continue
		case b == ';' && hasPrefixFold(path[i:], ";jsessionid="):
			for i < len(path) && path[i] != '/' {
				i++
			}
			continue
		case b == '%' && i+2 < len(path) && isHex(path[i+1]) && isHex(path[i+2]):
			c := unhex(path[i+1])<<4 | unhex(path[i+2])
			if isLetter(c) || isDigit(c) || c == '-' || c == '.' || c == '_' || c == '~' {
				buf = append(buf, c)
			} else {
				buf = append(buf, path[i:i+3]...)
			}
			i += 3
			continue
		case b < 0x20, b == 0x7f, b == ' ', b == '?':
			buf = appendEscape(buf, b)
			i++
			continue
		case b >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(path[i:])
			if r == utf8.RuneError && n <= 1 || !unicode.IsPrint(r) {
				for _, c := range path[i : i+n] {
					buf = appendEscape(buf, c)
				}
			} else {
				buf = append(buf, path[i:i+n]...)
			}
			i += n
			continue
		}
		buf = append(buf, b)
		i++
	}
	return buf[:start+foldIndex(buf[start:])]
}

// mask appends the normalised path with e-mail addresses, tokens and long
// numbers replaced. buf may share its memory with the path, which it follows.
func (p *pager) mask(buf, path []byte) []byte {
	start := len(buf)
	for i := 0; i < len(path); {
		if n := atSign(path[i:]); n > 0 {
			local := localPart(buf[start:])
			domain := domainPart(path[i+n:])
			switch {
			case local > 0:
				buf = append(buf[:len(buf)-local], maskEmail...)
				i += n + domain
			default: // somebody's @name
				buf = append(buf, "%40"...)
				i += n
			}
			continue
		}
		n, _ := wordRun(path[i:])
		if n == 0 {
			buf = append(buf, path[i])
			if path[i] == '%' && i+2 < len(path) && isHex(path[i+1]) && isHex(path[i+2]) {
				// An escape's hex digits are no part of a word.
				buf = append(buf, path[i+1:i+3]...)
				i += 2
			}
			i++
			continue
		}
		buf = p.maskRun(buf, start, path[i:i+n])
		i += n
	}
	return buf
}

// maskRun appends a run of letters, digits, hyphens and underscores.
func (p *pager) maskRun(buf []byte, start int, run []byte) []byte {
	if len(run) >= p.token && p.isToken(run) {
		// A JSON web token is three of them with dots between.
		if bytes.HasSuffix(buf[start:], []byte(maskToken+".")) {
			return buf[:len(buf)-1]
		}
		return append(buf, maskToken...)
	}
	for i := 0; i < len(run); {
		end := i
		for end < len(run) && isDigit(run[end]) {
			end++
		}
		switch {
		case end-i >= p.digits:
			buf = append(buf, maskNumber...)
		case end == i:
			buf = append(buf, run[i])
			end++
		default:
			buf = append(buf, run[i:end]...)
		}
		i = end
	}
	return buf
}

// isToken reports whether a run of letters, digits, hyphens and underscores is
// no word but a key: an unbroken run of letters and digits mixed, a UUID, or one
// whose letters and digits change as often as chance has it. In base64url, two
// neighbours are of different classes 43 times in 100; in titles made into paths
// (iPhone-15-Pro-vs-Galaxy-S24) fewer than one in ten.
func (p *pager) isToken(run []byte) bool {
	var changes, word, words, digits, hex, hyphens int
	mixed := func() bool { return word >= p.token && digits > 0 && digits < word }
	var last byte
	for _, b := range run {
		if b == '-' || b == '_' {
			if mixed() {
				return true
			}
			word, digits, last = 0, 0, 0
			if b == '-' {
				hyphens++
			}
			continue
		}
		class := byte('a')
		switch {
		case isDigit(b):
			class = '0'
			digits++
		case b < 'a':
			class = 'A'
		}
		if isHex(b) {
			hex++
		}
		if last != 0 && class != last && !(last == 'A' && class == 'a') {
			changes++
		}
		last = class
		word++
		words++
	}
	if mixed() || len(run) == 36 && hyphens == 4 && hex == 32 && run[8] == '-' && run[13] == '-' {
		return true
	}
	return words >= 12 && changes*4 >= words
}

// atSign returns the length of the @ that b starts with, plain or escaped once
// or twice, or 0.
func atSign(b []byte) int {
	switch {
	case b[0] == '@':
		return 1
	case len(b) >= 3 && string(b[:3]) == "%40":
		return 3
	case len(b) >= 5 && string(b[:5]) == "%2540":
		return 5
	}
	return 0
}

// localPart returns how much of the end of b may be the local part of an e-mail
// address. Escapes and what is masked already are taken with it.
func localPart(b []byte) int {
	n := 0
	for n < len(b) {
		switch c := b[len(b)-1-n]; c {
		case '/', '=', ',', ':', ';', '&', '(', ')', '|':
			return n
		}
		n++
	}
	return n
}

// domainPart returns how much of the start of b may be a mail address's domain.
func domainPart(b []byte) int {
	for i, c := range b {
		if !isLetter(c) && !isDigit(c) && c != '-' && c != '.' && c != '_' && c < utf8.RuneSelf {
			return i
		}
	}
	return len(b)
}

// foldIndex returns the length of the path without an index file at its end.
func foldIndex(path []byte) int {
	slash := lastIndex(path, '/')
	file := path[slash+1:]
	if len(file) < len("index.") || file[0]|0x20 != 'i' {
		return len(path)
	}
	dot := bytes.IndexByte(file, '.')
	if slash < 0 || dot < 0 || !equalFold(file[:dot], "index") {
		return len(path)
	}
	var ext [8]byte
	switch string(lowerInto(&ext, file[dot+1:])) {
	case "html", "htm", "shtml", "xhtml", "php", "asp", "aspx", "jsp":
		return slash + 1
	}
	return len(path)
}

// lowerInto returns b in lower case, in word; nothing where it does not fit.
func lowerInto(word *[8]byte, b []byte) []byte {
	if len(b) > len(word) {
		return nil
	}
	return appendLower(word[:0], b)
}

// cutAt returns the last place up to n where b may be cut: not within a
// character, an escape or a mask.
func cutAt(b []byte, n int) int {
	if open := bytes.LastIndexByte(b[:n], '{'); open >= 0 && n-open < len(maskNumber) && bytes.IndexByte(b[open:n], '}') < 0 {
		return open
	}
	for i := 1; i <= 2; i++ {
		if b[n-i] == '%' {
			return n - i
		}
	}
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return n
}

func appendEscape(buf []byte, b byte) []byte {
	const hex = "0123456789ABCDEF"
	return append(buf, '%', hex[b>>4], hex[b&15])
}
