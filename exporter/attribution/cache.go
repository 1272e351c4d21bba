package attribution

import "hash/maphash"

const cacheWays = 4

// cacheSeed makes the hashes ones that nobody outside can steer.
var cacheSeed = maphash.MakeSeed()

// cacheHash returns the hash of a key, which is never 0.
func cacheHash(key []byte) uint64 { return max(maphash.Bytes(cacheSeed, key), 1) }

// A cache remembers what was found out about texts that come again and again. It
// has a fixed size and serves one goroutine.
//
// It knows a text by its hash alone: the hash has 64 bits of a seed that nobody
// knows, and comparing the text as well would fetch it from afar in memory for
// every request.
//
// Where there is no slot left, a text is admitted when it is seen for the second
// time, by a small table of fingerprints, so that a flood of new ones evicts nobody
// who comes often. Of the few slots that a text may use, one goes that was not used
// since the hand last passed it.
type cache[T any] struct {
	sets []cacheSet[T]
	seen []uint16
}

// A cacheSet is all that a look-up reads: one line of the processor's cache, where
// a value has six bytes.
type cacheSet[T any] struct {
	hashes [cacheWays]uint64 // 0: free
	values [cacheWays]T
	used   [cacheWays]bool
	hand   uint8
}

// newCache returns a cache of at most limit texts, but at least a handful.
func newCache[T any](limit int) *cache[T] {
	sets := 1
	for sets*2*cacheWays <= limit {
		sets *= 2
	}
	return &cache[T]{sets: make([]cacheSet[T], sets), seen: make([]uint16, sets*cacheWays*2)}
}

// get returns what is known of the text with that hash, nil where that is nothing.
// It is valid until the next put.
func (c *cache[T]) get(hash uint64) *T {
	set := &c.sets[hash&uint64(len(c.sets)-1)]
	for way := range set.hashes {
		if set.hashes[way] == hash {
			set.used[way] = true
			return &set.values[way]
		}
	}
	return nil
}

// fetch brings near what get reads of the text with that hash. What it returns is of no
// use but for having been read.
func (c *cache[T]) fetch(hash uint64) uint64 { return c.sets[hash&uint64(len(c.sets)-1)].hashes[0] }

// put remembers the value of a text that get does not know, unless that would drive
// another one out and this is the first time that it is seen.
func (c *cache[T]) put(hash uint64, value *T) {
	set := &c.sets[hash&uint64(len(c.sets)-1)]
	for way := range set.hashes {
		if set.hashes[way] == 0 {
			set.hashes[way], set.values[way] = hash, *value
			return
		}
	}
	fingerprint := uint16(hash>>48) | 1 // never that of an empty place
	seen := &c.seen[(hash>>8)%uint64(len(c.seen))]
	if *seen != fingerprint {
		*seen = fingerprint
		return
	}
	*seen = 0
	for set.used[set.hand] {
		set.used[set.hand] = false
		set.hand = (set.hand + 1) % cacheWays
	}
	set.hashes[set.hand], set.values[set.hand] = hash, *value
	set.hand = (set.hand + 1) % cacheWays
}
