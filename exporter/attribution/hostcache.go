package attribution

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"slices"
)

// A hostCache remembers hosts by the authority that they were written as. It
// has a fixed size and is for one goroutine.
//
// Where there is no room any more a host is kept at its second sight, so that a flood of
// invented hosts neither drives out those that come again nor allocates.
type hostCache struct {
	seed  maphash.Seed
	slots []hostSlot
	// last is the slot that was found last: most requests' host and referrer are
	// the same.
	last *hostSlot
	// seen holds a fingerprint of the hosts that came once.
	seen []uint32
}

type hostSlot struct {
	hash uint64
	key  []byte
	host *host
	used bool // since the last time that a place was looked for
}

// hostWays is how many slots a host may be in.
const hostWays = 4

func newHostCache(limit int) *hostCache {
	n := 1 << bits.Len(uint(max(limit, 2*hostWays)-1))
	return &hostCache{seed: maphash.MakeSeed(), slots: make([]hostSlot, n), seen: make([]uint32, 4*n)}
}

// get returns the host of an authority, or nil, and the hash that put takes.
func (c *hostCache) get(authority []byte) (*host, uint64) {
	if s := c.last; s != nil && bytes.Equal(s.key, authority) {
		return s.host, s.hash
	}
	hash := maphash.Bytes(c.seed, authority)
	set := c.set(hash)
	for i := range set {
		if s := &set[i]; s.hash == hash && s.host != nil && bytes.Equal(s.key, authority) {
			s.used = true
			c.last = s
			return s.host, hash
		}
	}
	return nil, hash
}

// put remembers what was found for an authority, unless that would drive another one out
// and this is its first sight.
func (c *hostCache) put(authority []byte, hash uint64, h *host) {
	set := c.set(hash)
	place := slices.IndexFunc(set, func(s hostSlot) bool { return s.host == nil })
	if place < 0 {
		seen := &c.seen[int(hash>>16)&(len(c.seen)-1)]
		if print := uint32(hash>>32) | 1; *seen != print {
			*seen = print
			return
		}
		place = 0
		for i := range set {
			if !set[i].used {
				place = i
				break
			}
			set[i].used = false
		}
	}
	kept := *h
	kept.name = bytes.Clone(h.name)
	kept.domain = kept.name[len(h.name)-len(h.domain):]
	set[place] = hostSlot{hash: hash, key: bytes.Clone(authority), host: &kept}
}

func (c *hostCache) set(hash uint64) []hostSlot {
	i := int(hash) & (len(c.slots) - hostWays)
	return c.slots[i : i+hostWays]
}
