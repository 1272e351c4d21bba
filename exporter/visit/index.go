package visit

import "hash/maphash"

// index finds slots by their keys: linear probing, with the gap closed on removal,
// so that a table whose keys come and go all day neither fills with tombstones nor
// allocates once it has its size.
//
// Of a key it has half of the hash, so that the table stays near the processor;
// whoever has the slots has the whole keys, and compares.
type index struct {
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

func newIndex() index {
	return index{cells: make([]cell, 1<<firstBits), factor: maphash.Bytes(maphash.MakeSeed(), nil) | 1, shift: 32 - firstBits}
}

func (x *index) hash(key uint64) uint32 { return uint32(key * x.factor >> 32) }

// A probe looks at the slots that may have a key.
type probe struct {
	cells []cell
	i     uint32
	hash  uint32
}

func (x *index) probe(key uint64) probe {
	h := x.hash(key)
	return probe{x.cells, h >> x.shift, h}
}

// fetch brings near what probe looks at first.
func (x *index) fetch(key uint64) cell { return x.cells[x.hash(key)>>x.shift] }

// next returns the next slot that may have the key, or none.
func (p *probe) next() int32 {
	for {
		c := p.cells[p.i&uint32(len(p.cells)-1)]
		p.i++
		if c == 0 {
			return none
		}
		if c.hash() == p.hash {
			return c.slot()
		}
	}
}

// put adds a key that is not there.
func (x *index) put(key uint64, slot int32) {
	if (x.n+1)*4 > len(x.cells)*3 {
		x.grow()
	}
	x.insert(newCell(x.hash(key), slot))
	x.n++
}

func (x *index) insert(c cell) {
	mask := uint32(len(x.cells) - 1)
	i := c.hash() >> x.shift
	for x.cells[i] != 0 {
		i = (i + 1) & mask
	}
	x.cells[i] = c
}

func (x *index) clear() {
	clear(x.cells)
	x.n = 0
}

func (x *index) grow() {
	old := x.cells
	x.cells = make([]cell, 2*len(old))
	x.shift--
	for _, c := range old {
		if c != 0 {
			x.insert(c)
		}
	}
}

// remove takes out a key that is there, with its slot.
func (x *index) remove(key uint64, slot int32) {
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
