package attribution

import "strings"

// A sieve tells in a few nanoseconds that a string holds none of many texts,
// whatever their case: each text is stood for by the one triple of bytes in it
// that is rarest in URLs. Where such a triple turns up, or one of the same hash, a
// text may be there.
type sieve [1 << sieveBits / 64]uint64

const (
	sieveBits = 16
	// sieveText is the length of the shortest text that a sieve takes.
	sieveText = 3
	// commonBytes are the bytes of paths and queries, the most frequent first. They
	// decide how often the sieve lets a string through for nothing, never what the
	// answer is.
	commonBytes = "e/a-otinsr.lcdmuhpg1b203y=f45v9678kw&x_jzq%?+"
)

// add adds a text, in lower case and of at least sieveText bytes.
func (s *sieve) add(text string) {
	best, rarest := "", -1
	for i := range len(text) - sieveText + 1 {
		if r := rarity(text[i : i+sieveText]); r > rarest {
			best, rarest = text[i:i+sieveText], r
		}
	}
	var triple uint32
	for _, b := range []byte(best) {
		triple = shiftIn(triple, b)
	}
	i := triple * sieveHash >> (32 - sieveBits)
	s[i/64] |= 1 << (i % 64)
}

// passes reports whether b may hold one of the texts. Its loop has no branches.
func (s *sieve) passes(b []byte) bool {
	var triple uint32
	var found uint64
	for _, c := range b {
		triple = shiftIn(triple, c)
		i := triple * sieveHash >> (32 - sieveBits)
		found |= s[i/64] >> (i % 64)
	}
	return found&1 != 0
}

// sieveHash is Knuth's multiplier: 2^32 divided by the golden ratio.
const sieveHash = 2654435769

// shiftIn adds the next byte to a triple, letters of either case the same. The
// oldest byte leaves it.
func shiftIn(triple uint32, b byte) uint32 { return triple<<8&0xffffff | uint32(b|0x20) }

// rarity orders texts of one length, the rarest highest. Two marks in a row, such
// as the "/." of hidden files, are rarer than any letters.
func rarity(text string) (r int) {
	mark := false
	for _, b := range []byte(text) {
		i := strings.IndexByte(commonBytes, b)
		if i < 0 {
			i = len(commonBytes)
		}
		r += i
		last := mark
		if mark = !isLetter(b) && !isDigit(b); mark && last {
			r += sieveText * len(commonBytes)
		}
	}
	return r
}
