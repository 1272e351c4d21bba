package visit

import (
	"math/rand/v2"
	"testing"
)

func TestIndex(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	x, want := newIndex(), map[uint64]int32{}
	keys := make([]uint64, 100_000) // of the slots
	for i := range int32(len(keys)) {
		// Neighbours, and keys that differ in their upper half only.
		key := rnd.Uint64N(500) + 1
		key |= key % 7 << 60
		if slot, ok := want[key]; ok {
			x.remove(key, slot)
			delete(want, key)
		} else {
			x.put(key, i)
			want[key], keys[i] = i, key
		}
		key = rnd.Uint64N(500) + 1
		key |= key % 7 << 60
		slot, ok := want[key]
		if !ok {
			slot = none
		}
		p := x.probe(key)
		got := p.next()
		for got != none && keys[got] != key {
			got = p.next()
		}
		if got != slot {
			t.Fatalf("step %d: %d is at %d, want %d", i, key, got, slot)
		}
	}
	if x.n != len(want) {
		t.Errorf("%d keys, want %d", x.n, len(want))
	}
}
