package attribution

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A matcher finds all of its tokens in a string in one pass, whatever their
// case: an Aho-Corasick automaton (Efficient String Matching, CACM 18, 1975). Its
// transitions lie in one array, each state's in the gaps of the others' (Aoe, An
// Efficient Digital Search Algorithm by Using a Double-Array Structure, IEEE TSE 15,
// 1989), so that all of it stays near the processor.
//
// A token may carry marks: a leading ^ or trailing $ ties it to the start or the
// end of the string, a leading or trailing | forbids a letter beside it, a
// leading * demands a letter or digit before it.
type matcher struct {
	class  [256]uint8 // of a byte, letters of either case the same; 0: in no token
	states []state
	cells  []transition
	accept uint16   // the states from here on have hits
	first  []uint32 // [state-accept] to its first hit, with one more at the end
	hits   []hit
}

// A state has its transition by a byte of a class in cells[base+class], if that is its
// own; else the transition is that of the state of its longest proper suffix.
type state struct {
	base   uint32
	suffix uint16
}

type transition struct{ from, to uint16 }

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
	noState      = 1<<16 - 1
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
	number         uint16 // in the matcher
	token          uint16 // the last that ends here, plus one; see newMatcher
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
	most := 1
	for _, token := range tokens {
		most += len(token)
	}
	t := make(trie, 1, min(most, maxStates))
	// What each token is as a hit, and the token before it that ends where it does, plus one.
	ends, before := make([]hit, len(tokens)), make([]uint16, len(tokens))
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
		ends[i], before[i] = hit{uint16(i), uint8(len(text)), marks}, t[s].token
		t[s].token = uint16(i) + 1
	}
	queue := t.link()
	m.number(t, queue, ends, before)
	m.place(t, queue)
	return m, nil
}

// link finds every state's longest proper suffix, and returns the states breadth first:
// a suffix is always done before what it is the suffix of.
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
		}
	}
	return queue
}

// number numbers the states, and collects the hits of each: of the tokens that end there,
// and of those that end in its suffix. The states with hits get the highest numbers, so
// that the loop over a string asks one comparison of most bytes.
func (m *matcher) number(t trie, queue []uint16, ends []hit, before []uint16) {
	accepts := make([]bool, len(t))
	for _, s := range queue {
		if accepts[s] = t[s].token != 0 || accepts[t[s].fail]; !accepts[s] {
			t[s].number = m.accept
			m.accept++
		}
	}
	n := m.accept
	for _, s := range queue {
		if !accepts[s] {
			continue
		}
		t[s].number = n
		n++
		m.first = append(m.first, uint32(len(m.hits)))
		from := len(m.hits)
		for token := t[s].token; token != 0; token = before[token-1] {
			m.hits = append(m.hits, ends[token-1])
		}
		slices.Reverse(m.hits[from:])
		if f := t[s].fail; accepts[f] {
			i := t[f].number - m.accept
			m.hits = append(m.hits, m.hits[m.first[i]:m.first[i+1]]...)
		}
	}
	m.first = append(m.first, uint32(len(m.hits)))
}

// place puts the states' transitions into the cells.
func (m *matcher) place(t trie, queue []uint16) {
	const row = 1 << matcherShift
	m.states = make([]state, len(t))
	grow := func(n int) {
		for len(m.cells) < n {
			m.cells = append(m.cells, transition{from: noState})
		}
	}
	free := 1 // no cell before it is
	for _, s := range queue {
		at := &m.states[t[s].number]
		at.suffix = t[t[s].fail].number
		first := t[s].child
		if first == 0 {
			// It has no cell of its own, wherever it looks.
			continue
		}
		for grow(free + 1); m.cells[free].from != noState; grow(free + 1) {
			free++
		}
		base := max(free-int(t[first].class), 0)
		for ; ; base++ {
			grow(base + row)
			fits := true
			for c := first; c != 0 && fits; c = t[c].sibling {
				fits = m.cells[base+int(t[c].class)].from == noState
			}
			if fits {
				break
			}
		}
		at.base = uint32(base)
		for c := first; c != 0; c = t[c].sibling {
			m.cells[base+int(t[c].class)] = transition{t[s].number, t[c].number}
		}
	}
	grow(len(m.cells) + row)
}

// step follows one byte.
func (m *matcher) step(s uint16, b byte) uint16 {
	class := uint32(m.class[b])
	for {
		at := &m.states[s]
		if c := m.cells[at.base+class]; c.from == s {
			return c.to
		}
		if s == 0 {
			return 0
		}
		s = at.suffix
	}
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
