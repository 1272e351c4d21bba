package slots

import (
	"math/rand/v2"
	"testing"
)

func TestIndex(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	x, want := NewIndex(), map[uint64]int32{}
	keys := make([]uint64, 100_000) // of the slots
	for i := range int32(len(keys)) {
		// Neighbours, and keys that differ in their upper half only.
		key := rnd.Uint64N(500) + 1
		key |= key % 7 << 60
		if slot, ok := want[key]; ok {
			x.Remove(key, slot)
			delete(want, key)
		} else {
			x.Put(key, i)
			want[key], keys[i] = i, key
		}
		key = rnd.Uint64N(500) + 1
		key |= key % 7 << 60
		slot, ok := want[key]
		if !ok {
			slot = None
		}
		p := x.Probe(key)
		got := p.Next()
		for got != None && keys[got] != key {
			got = p.Next()
		}
		if got != slot {
			t.Fatalf("step %d: %d is at %d, want %d", i, key, got, slot)
		}
	}
	if x.n != len(want) {
		t.Errorf("%d keys, want %d", x.n, len(want))
	}
}
