package attribution

import "hash/maphash"

const agentWays = 4

// agentSeed makes an agent's hash one that nobody outside can steer.
var agentSeed = maphash.MakeSeed()

// agentHash returns the hash of a user agent, which is never 0.
func agentHash(ua []byte) uint64 { return max(maphash.Bytes(agentSeed, ua), 1) }

// An agentCache remembers what user agents are. It serves one goroutine.
//
// It knows an agent by its hash alone, as whoever reads Verdict.Agent does: the
// hash has 64 bits of a seed that nobody knows, and comparing the text as well would
// fetch it from afar in memory for every request.
//
// An agent is admitted when it is seen for the second time, by a small table of
// fingerprints, so that a flood of new agents evicts nobody. Of the few slots that
// an agent may use, one goes that was not used since the hand last passed it.
type agentCache struct {
	table *agentTable
	sets  []agentSet
	seen  []uint32
	// unknown stands for an agent that has no slot.
	unknown traits
}

// An agentSet is all that a look-up reads: one line of the processor's cache.
type agentSet struct {
	hashes [agentWays]uint64 // 0: free
	traits [agentWays]traits
	used   [agentWays]bool
	hand   uint8
}

// newCache returns a cache of at most limit agents, but at least a handful.
func (t *agentTable) newCache(limit int) *agentCache {
	sets := 1
	for sets*2*agentWays <= limit {
		sets *= 2
	}
	return &agentCache{
		table: t,
		sets:  make([]agentSet, sets),
		seen:  make([]uint32, sets*agentWays*2),
	}
}

// lookup returns what the user agent is, which is valid until the next call, and
// its hash.
func (c *agentCache) lookup(ua []byte) (*traits, uint64) {
	h := agentHash(ua)
	set := &c.sets[h&uint64(len(c.sets)-1)]
	for way := range set.hashes {
		if set.hashes[way] == h {
			set.used[way] = true
			return &set.traits[way], h
		}
	}
	return c.miss(ua, h, set), h
}

func (c *agentCache) miss(ua []byte, h uint64, set *agentSet) *traits {
	found := &c.unknown
	*found = c.table.classify(ua).traits
	fingerprint := uint32(h>>32) | 1 // never that of an empty place
	seen := &c.seen[(h>>8)%uint64(len(c.seen))]
	if *seen != fingerprint {
		*seen = fingerprint
		return found
	}
	*seen = 0
	for set.used[set.hand] {
		set.used[set.hand] = false
		set.hand = (set.hand + 1) % agentWays
	}
	set.hashes[set.hand], set.traits[set.hand] = h, *found
	set.hand = (set.hand + 1) % agentWays
	return found
}
