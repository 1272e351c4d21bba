package accesslog

import (
	"bytes"

	"github.com/darkshare/darkshare/exporter/schema"
)

// maxDepth is how deeply objects and arrays may be nested in each other.
const maxDepth = 64

// A node is an object of the mapping: what its keys hold.
type node struct {
	keys []key
	// first has, by a key's length modulo its own, the first of keys to compare
	// plus one; key.next has the others of that length.
	first [32]uint8
}

// A key is one key of a node: a value to keep, an object to go into, or either.
type key struct {
	name string
	want int // index of the want, -1 where the key's own value is not kept
	sub  *node
	next uint8
}

// find returns the key of that name, nil where the mapping does not have it.
func (n *node) find(name []byte) *key {
	for i := n.first[len(name)%len(n.first)]; i > 0; i = n.keys[i-1].next {
		if k := &n.keys[i-1]; string(name) == k.name {
			return k
		}
	}
	return nil
}

// A scanner walks through the JSON text of a line. It is strict about the
// structure, but lets pass what some proxies write and JSON forbids: control
// characters in strings, \x escapes, and numbers such as 007.
//
// The methods take the index of their first byte, and return the index behind
// their last, -1 where the line is not JSON.
type scanner struct {
	line    []byte
	escaped bool   // the line has a backslash
	values  []span // by want
}

func (s *scanner) space(i int) int {
	for i < len(s.line) && (s.line[i] == ' ' || s.line[i] == '\t' || s.line[i] == '\r' || s.line[i] == '\n') {
		i++
	}
	return i
}

// object reads an object whose keys are looked up in n, which may be nil.
func (s *scanner) object(i int, n *node, depth int) int {
	if depth == maxDepth {
		return -1
	}
	line := s.line
	if i = s.space(i + 1); i < len(line) && line[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(line) || line[i] != '"' {
			return -1
		}
		end := s.quote(i + 1)
		if end < 0 {
			return -1
		}
		want, sub := -1, (*node)(nil)
		if n != nil {
			name := line[i+1 : end]
			if s.escaped {
				name = unescape(name)
			}
			if k := n.find(name); k != nil {
				want, sub = k.want, k.sub
			}
		}
		if i = end + 1; i < len(line) && line[i] != ':' {
			i = s.space(i)
		}
		if i >= len(line) || line[i] != ':' {
			return -1
		}
		if i = s.value(i+1, want, sub, depth); i < 0 {
			return -1
		}
		if i < len(line) && line[i] != ',' {
			i = s.space(i)
		}
		if i >= len(line) {
			return -1
		}
		if line[i] == '}' {
			return i + 1
		}
		if line[i] != ',' {
			return -1
		}
		if i++; i < len(line) && line[i] != '"' {
			i = s.space(i)
		}
	}
}

// array reads an array. Its first element is the value that is kept, as in a
// header's list of values.
func (s *scanner) array(i, want, depth int) int {
	if depth == maxDepth {
		return -1
	}
	s.keep(want, i, i)
	if i = s.space(i + 1); i < len(s.line) && s.line[i] == ']' {
		return i + 1
	}
	for {
		if i < len(s.line) && s.line[i] == '[' {
			want = -1 // a list of lists has no value
		}
		if i = s.value(i, want, nil, depth); i < 0 {
			return -1
		}
		want = -1
		if i = s.space(i); i >= len(s.line) {
			return -1
		}
		if s.line[i] == ']' {
			return i + 1
		}
		if s.line[i] != ',' {
			return -1
		}
		i++
	}
}

// value reads any value, the white space before it included.
func (s *scanner) value(i, want int, sub *node, depth int) int {
	line := s.line
	if i < len(line) && line[i] <= ' ' {
		i = s.space(i)
	}
	if i >= len(line) {
		return -1
	}
	switch c := line[i]; c {
	case '"':
		end := s.quote(i + 1)
		if end < 0 {
			return -1
		}
		s.keep(want, i+1, end)
		return end + 1
	case '{':
		return s.object(i, sub, depth+1)
	case '[':
		return s.array(i, want, depth+1)
	case 't':
		return s.word(i, want, "true")
	case 'f':
		return s.word(i, want, "false")
	case 'n':
		return s.word(i, want, "null")
	default:
		end := i
		for end < len(line) && (line[end]-'0' <= 9 || line[end] == '.' || line[end] == '-' ||
			line[end] == '+' || line[end]|0x20 == 'e') {
			end++
		}
		if end == i || c != '-' && c-'0' > 9 {
			return -1
		}
		s.keep(want, i, end)
		return end
	}
}

// word reads a word that has no value for a request.
func (s *scanner) word(i, want int, word string) int {
	if !hasAt(s.line, i, word) {
		return -1
	}
	s.keep(want, i, i)
	return i + len(word)
}

// quote returns the index of the quote that ends the string that begins at i.
func (s *scanner) quote(i int) int {
	for from := i; ; {
		n := bytes.IndexByte(s.line[from:], '"')
		if n < 0 {
			return -1
		}
		at := from + n
		if at == i || s.line[at-1] != '\\' || !escapedAt(s.line[i:], at-i) {
			return at
		}
		from = at + 1
	}
}

// keep notes a want's value. The last of several with the same key wins.
func (s *scanner) keep(want, from, to int) {
	if want >= 0 {
		s.values[want] = span{from, to}
	}
}

// A jsonParser reads records that are JSON objects, each a line.
type jsonParser struct {
	*mapping
	scanner
	assigner
}

func (m *mapping) newParser() lineParser {
	return &jsonParser{mapping: m, scanner: scanner{values: make([]span, len(m.wants))}, assigner: newAssigner(m.clocks)}
}

func (p *jsonParser) parse(line []byte, r *Request) schema.Reason {
	p.line, p.escaped = line, bytes.IndexByte(line, '\\') >= 0
	clear(p.values)
	i := p.space(0)
	if i == len(line) || line[i] != '{' {
		if ownMessage(line) {
			return schema.ReasonNotAccess
		}
		return schema.ReasonJSON
	}
	if i = p.object(i, p.root, 0); i < 0 || p.space(i) != len(line) {
		return schema.ReasonJSON
	}
	reason := p.assign(r, p.wants, line, p.values, p.escaped)
	switch {
	case p.caddy && p.caddyMessage():
		return schema.ReasonNotAccess
	case reason != schema.ReasonNone:
		return reason
	case len(r.Method) == 0 && len(r.Target) == 0 && !p.seen().Has(FieldStatus):
		return schema.ReasonNotAccess
	}
	return p.finish(r, p.fields)
}

// caddyMessage reports whether the record is not of the access log. Caddy writes
// its own messages to the same stream, and for a request that failed one of
// http.log.error, beside the access record, with the same request in it
// (https://caddyserver.com/docs/logging#how-it-works).
func (p *jsonParser) caddyMessage() bool {
	return len(p.logger) > 0 && !hasAt(p.logger, 0, "http.log.access") ||
		len(p.message) > 0 && string(p.message) != "handled request"
}

// seen returns the fields whose keys the last line had.
func (p *jsonParser) seen() (f Fields) {
	for i := range p.wants {
		if p.values[i].from > 0 { // a brace is before every value
			f |= p.wants[i].slot.fields()
		}
	}
	return f
}
