package attribution

import (
	"bytes"
	"encoding/binary"
)

// A path is what a path says by itself, whatever the site and the client.
type path struct {
	// label is how much of the path is its page label; -1 where the label is not a
	// part of it.
	label int16
	// what is what the path names by its last segment.
	what content
	is   pathTraits
}

// pathTraits is what a path is, a set.
type pathTraits uint16

const (
	// pathIcon: browsers fetch it by themselves.
	pathIcon pathTraits = 1 << iota
	// pathEntry: a home page, in as far as its label is a part of it.
	pathEntry
	// pathAPI: programs ask for it.
	pathAPI
	// pathWellKnown: protocols do.
	pathWellKnown
	// pathAttack: only scanners ask for it; pathFailed: where that failed, they did,
	// which is found out when the first such request fails.
	pathAttack
	pathFailed
	pathJudged
)

func (p *path) set(is pathTraits, yes bool) {
	if yes {
		p.is |= is
	}
}

// lookup returns what the path is, whose hash that is. It is valid until the next call.
func (c *Classifier) lookup(text []byte, hash uint64) *path {
	if found := c.paths.get(hash); found != nil {
		return found
	}
	p := &c.unknown
	c.rules.path(text, p)
	c.paths.put(hash, p)
	return p
}

// path finds out what there is to know of a path. Its label, where it is no part of
// it, is left out.
func (r *Rules) path(text []byte, p *path) {
	*p = path{label: -1, what: byPath(text)}
	p.set(pathIcon, isIcon(text[lastIndex(text, '/')+1:]))
	p.set(pathAPI, isAPIPath(text))
	p.set(pathWellKnown, bytes.HasPrefix(text, []byte("/.well-known/")))
	p.set(pathAttack, r.attacks.is(text, false))
	if len(text) == 0 {
		return
	}
	if end, ok := r.pages.clean(text); ok {
		p.label = int16(end)
		p.set(pathEntry, isEntryPath(text[:end]))
	}
}

// HashPage is FNV-1a, eight bytes at a time, with the finalizer of MurmurHash3. It
// gives the same in every process, since what is learned of pages depends on it.
func HashPage(page []byte) uint64 {
	h := uint64(14695981039346656037)
	for ; len(page) >= 8; page = page[8:] {
		h = (h ^ binary.LittleEndian.Uint64(page)) * 1099511628211
		h ^= h >> 29
	}
	for _, c := range page {
		h = (h ^ uint64(c)) * 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
