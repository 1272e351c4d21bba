package attribution

import (
	"errors"
	"fmt"
	"strings"
)

// A matcher finds all of its tokens in a string in one pass, whatever their
// case: an Aho-Corasick automaton, compiled to one table of transitions.
//
// A token may carry marks: a leading ^ or trailing $ ties it to the start or the
// end of the string, a leading or trailing | forbids a letter beside it, a
// leading * demands a letter or digit before it.
type matcher struct {
	class  [256]uint8 // of a byte, letters of either case the same; 0: in no token
	next   []uint16   // [state<<matcherShift | class] to state
	accept uint16     // the states from here on have hits
	first  []uint32   // [state-accept] to its first hit, with one more at the end
	hits   []hit
}

// A hit is what it means that a token ends in a state.
type hit struct {
	token  uint16
	length uint8
	marks  marks
}

type marks uint8

const (
	markStart marks = 1 << iota
	markEnd
	markWordStart
	markWordEnd
	markGlued
)

const (
	// matcherShift makes room for 64 classes: 26 letters, 10 digits, the
	// punctuation of user agents.
	matcherShift = 6
	maxStates    = 1<<16 - 1
	maxToken     = 255
)

// parseToken splits a token from its marks.
func parseToken(s string) (text string, m marks, err error) {
	text = s
	for _, p := range []struct {
		mark string
		bit  marks
	}{{"^", markStart}, {"|", markWordStart}, {"*", markGlued}} {
		if rest, ok := strings.CutPrefix(text, p.mark); ok {
			text, m = rest, m|p.bit
		}
	}
	for _, p := range []struct {
		mark string
		bit  marks
	}{{"$", markEnd}, {"|", markWordEnd}} {
		if rest, ok := strings.CutSuffix(text, p.mark); ok {
			text, m = rest, m|p.bit
		}
	}
	switch {
	case text == "":
		return "", 0, fmt.Errorf("token %q is empty", s)
	case len(text) > maxToken:
		return "", 0, fmt.Errorf("token %q is longer than %d bytes", s, maxToken)
	}
	return strings.ToLower(text), m, nil
}

// A trie holds the tokens while they are compiled.
type trie []trieState

type trieState struct {
	class          uint8  // of the byte that leads here
	child, sibling uint16 // the first of the states after it, the next one beside it; 0: none
	fail           uint16 // the state of the longest proper suffix
	hits           []hit
}

// next returns the state that a byte of that class leads to, 0 for none.
func (t trie) next(s uint16, class uint8) uint16 {
	c := t[s].child
	for c != 0 && t[c].class != class {
		c = t[c].sibling
	}
	return c
}

// newMatcher compiles tokens. A hit names its token by its index.
func newMatcher(tokens []string) (*matcher, error) {
	if len(tokens) > maxStates {
		return nil, errors.New("too many tokens")
	}
	m := &matcher{}
	t := make(trie, 1, 8*len(tokens)+1)
	known := 1
	for i, token := range tokens {
		text, marks, err := parseToken(token)
		if err != nil {
			return nil, err
		}
		var s uint16
		for _, b := range []byte(text) {
			if m.class[b] == 0 {
				if known == 1<<matcherShift {
					return nil, fmt.Errorf("token %q: the tokens use more than %d different bytes", token, 1<<matcherShift-1)
				}
				m.class[b] = uint8(known)
				if 'a' <= b && b <= 'z' {
					m.class[b-'a'+'A'] = uint8(known)
				}
				known++
			}
			class := m.class[b]
			to := t.next(s, class)
			if to == 0 {
				if len(t) == maxStates {
					return nil, fmt.Errorf("the tokens need more than %d states", maxStates)
				}
				to = uint16(len(t))
				t = append(t, trieState{class: class, sibling: t[s].child})
				t[s].child = to
			}
			s = to
		}
		t[s].hits = append(t[s].hits, hit{uint16(i), uint8(len(text)), marks})
	}
	m.compile(t)
	return m, nil
}

// compile turns the trie into the table.
func (m *matcher) compile(t trie) {
	queue := t.link()
	// The states with hits get the highest numbers, so that the loop over a
	// string asks one comparison of most bytes.
	number := make([]uint16, len(t))
	var n uint16
	for _, s := range queue {
		if len(t[s].hits) == 0 {
			number[s] = n
			n++
		}
	}
	m.accept = n
	for _, s := range queue {
		if hits := t[s].hits; len(hits) > 0 {
			number[s] = n
			n++
			m.first = append(m.first, uint32(len(m.hits)))
			m.hits = append(m.hits, hits...)
		}
	}
	m.first = append(m.first, uint32(len(m.hits)))
	// Where a state has no transition of its own, it has that of its suffix.
	m.next = make([]uint16, len(t)<<matcherShift)
	for _, s := range queue {
		row := m.row(number[s])
		if s != 0 {
			copy(row, m.row(number[t[s].fail]))
		}
		for c := t[s].child; c != 0; c = t[c].sibling {
			row[t[c].class] = number[c]
		}
	}
}

// link finds every state's longest proper suffix, gives the state the hits of
// that, and returns the states breadth first: a suffix is always done before
// what it is the suffix of.
func (t trie) link() []uint16 {
	queue := make([]uint16, 1, len(t))
	for head := 0; head < len(queue); head++ {
		s := queue[head]
		for c := t[s].child; c != 0; c = t[c].sibling {
			queue = append(queue, c)
			if s == 0 {
				continue
			}
			f := t[s].fail
			to := t.next(f, t[c].class)
			for to == 0 && f != 0 {
				f = t[f].fail
				to = t.next(f, t[c].class)
			}
			t[c].fail = to
			t[c].hits = append(t[c].hits, t[to].hits...)
		}
	}
	return queue
}

// row returns a state's transitions.
func (m *matcher) row(state uint16) []uint16 {
	return m.next[int(state)<<matcherShift:][:1<<matcherShift]
}

// step follows one byte.
func (m *matcher) step(state uint16, b byte) uint16 {
	return m.next[int(state)<<matcherShift|int(m.class[b])]
}

// at returns the hits of an accepting state.
func (m *matcher) at(state uint16) []hit {
	i := state - m.accept
	return m.hits[m.first[i]:m.first[i+1]]
}

// allows reports whether a hit that ends before s[end] has the neighbours that
// its marks ask for.
func (h hit) allows(s []byte, end int) bool {
	if h.marks == 0 {
		return true
	}
	start := end - int(h.length)
	switch {
	case h.marks&markStart != 0 && start != 0,
		h.marks&markEnd != 0 && end != len(s),
		h.marks&markWordStart != 0 && start > 0 && isLetter(s[start-1]),
		h.marks&markWordEnd != 0 && end < len(s) && isLetter(s[end]),
		h.marks&markGlued != 0 && (start == 0 || !isLetter(s[start-1]) && !isDigit(s[start-1])):
		return false
	}
	return true
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

func isDigit(b byte) bool { return '0' <= b && b <= '9' }
