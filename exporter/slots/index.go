// Package slots keeps what is known by a 64-bit key, so many of them and no more: a Slab
// has the memory, an Index finds the slot of a key.
package slots

import "hash/maphash"

// None is the slot of no element.
const None int32 = -1

// An Index finds slots by their keys: linear probing, with the gap closed on removal,
// so that a table whose keys come and go all day neither fills with tombstones nor
// allocates once it has its size.
//
// Of a key it has half of the hash, so that the table stays near the processor;
// whoever has the slots has the whole keys, and compares.
type Index struct {
	cells []cell
	n     int
	// factor, which is odd, keeps whoever invents the keys from making them collide:
	// multiplying and shifting is universal hashing (Dietzfelbinger, Hagerup,
	// Katajainen and Penttonen, A Reliable Randomized Algorithm for the Closest-Pair
	// Problem, Journal of Algorithms 25, 1997).
	factor uint64
	shift  uint8 // of half a hash, to where its cell should be
}

// A cell is half a hash, and a slot plus one; 0 where it is free.
type cell uint64

func newCell(hash uint32, slot int32) cell { return cell(hash)<<32 | cell(slot+1) }

func (c cell) hash() uint32 { return uint32(c >> 32) }
func (c cell) slot() int32  { return int32(uint32(c)) - 1 }

const firstBits = 6

// NewIndex returns an Index without keys.
func NewIndex() Index {
	return Index{cells: make([]cell, 1<<firstBits), factor: maphash.Bytes(maphash.MakeSeed(), nil) | 1, shift: 32 - firstBits}
}

func (x *Index) hash(key uint64) uint32 { return uint32(key * x.factor >> 32) }

// A Probe looks at the slots that may have a key.
type Probe struct {
	cells []cell
	i     uint32
	hash  uint32
}

// Len returns how many keys there are.
func (x *Index) Len() int { return x.n }

// Probe looks for a key.
func (x *Index) Probe(key uint64) Probe {
	h := x.hash(key)
	return Probe{x.cells, h >> x.shift, h}
}

// Fetch brings near what Probe looks at first. What it returns is of no use but for
// having been read.
func (x *Index) Fetch(key uint64) uint64 { return uint64(x.cells[x.hash(key)>>x.shift]) }

// Next returns the next slot that may have the key, or None.
func (p *Probe) Next() int32 {
	for {
		c := p.cells[p.i&uint32(len(p.cells)-1)]
		p.i++
		if c == 0 {
			return None
		}
		if c.hash() == p.hash {
			return c.slot()
		}
	}
}

// Put adds a key that is not there.
func (x *Index) Put(key uint64, slot int32) {
	if (x.n+1)*4 > len(x.cells)*3 {
		x.grow()
	}
	x.insert(newCell(x.hash(key), slot))
	x.n++
}

func (x *Index) insert(c cell) {
	mask := uint32(len(x.cells) - 1)
	i := c.hash() >> x.shift
	for x.cells[i] != 0 {
		i = (i + 1) & mask
	}
	x.cells[i] = c
}

// Clear takes all keys out.
func (x *Index) Clear() {
	clear(x.cells)
	x.n = 0
}

func (x *Index) grow() {
	old := x.cells
	x.cells = make([]cell, 2*len(old))
	x.shift--
	for _, c := range old {
		if c != 0 {
			x.insert(c)
		}
	}
}

// Remove takes out a key that is there, with its slot.
func (x *Index) Remove(key uint64, slot int32) {
	mask := uint32(len(x.cells) - 1)
	c := newCell(x.hash(key), slot)
	i := c.hash() >> x.shift
	for x.cells[i] != c {
		i = (i + 1) & mask
	}
	x.n--
	// Knuth, The Art of Computer Programming, volume 3, 6.4, algorithm R.
	for j := i; ; {
		j = (j + 1) & mask
		if x.cells[j] == 0 {
			break
		}
		home := x.cells[j].hash() >> x.shift
		if (j-home)&mask >= (j-i)&mask {
			x.cells[i] = x.cells[j]
			i = j
		}
	}
	x.cells[i] = 0
}
