package visit

import "hash/maphash"

// index maps keys to slots: linear probing, with the gap closed on removal, so
// that a table whose keys come and go all day neither fills with tombstones nor
// allocates once it has its size.
type index struct {
	cells []cell
	n     int
	// seed keeps whoever invents the keys from making them collide.
	seed uint64
}

// cell is free where its key is 0; no key is 0.
type cell struct {
	key  uint64
	slot int32
}

func newIndex() index {
	return index{cells: make([]cell, 64), seed: maphash.Bytes(maphash.MakeSeed(), nil)}
}

func (x *index) home(key uint64) uint64 { return mix(key^x.seed) & uint64(len(x.cells)-1) }

func (x *index) get(key uint64) int32 {
	mask := uint64(len(x.cells) - 1)
	for i := x.home(key); ; i = (i + 1) & mask {
		switch x.cells[i].key {
		case key:
			return x.cells[i].slot
		case 0:
			return none
		}
	}
}

// put adds a key that is not there.
func (x *index) put(key uint64, slot int32) {
	if (x.n+1)*4 > len(x.cells)*3 {
		x.grow()
	}
	x.insert(key, slot)
	x.n++
}

func (x *index) insert(key uint64, slot int32) {
	mask := uint64(len(x.cells) - 1)
	i := x.home(key)
	for x.cells[i].key != 0 {
		i = (i + 1) & mask
	}
	x.cells[i] = cell{key, slot}
}

func (x *index) clear() {
	clear(x.cells)
	x.n = 0
}

func (x *index) grow() {
	old := x.cells
	x.cells = make([]cell, 2*len(old))
	for _, c := range old {
		if c.key != 0 {
			x.insert(c.key, c.slot)
		}
	}
}

func (x *index) remove(key uint64) {
	mask := uint64(len(x.cells) - 1)
	i := x.home(key)
	for x.cells[i].key != key {
		if x.cells[i].key == 0 {
			return
		}
		i = (i + 1) & mask
	}
	x.n--
	// Knuth, The Art of Computer Programming, volume 3, 6.4, algorithm R.
	for j := i; ; {
		j = (j + 1) & mask
		if x.cells[j].key == 0 {
			break
		}
		home := x.home(x.cells[j].key)
		if (j-home)&mask >= (j-i)&mask {
			x.cells[i] = x.cells[j]
			i = j
		}
	}
	x.cells[i] = cell{}
}
