package visit

import (
	"math/rand/v2"
	"testing"
)

func TestIndex(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	x, want := newIndex(), map[uint64]int32{}
	for i := range int32(100_000) {
		key := rnd.Uint64N(500) + 1
		if _, ok := want[key]; ok {
			x.remove(key)
			delete(want, key)
		} else {
			x.put(key, i)
			want[key] = i
		}
		probe := rnd.Uint64N(500) + 1
		slot, ok := want[probe]
		if !ok {
			slot = none
		}
		if got := x.get(probe); got != slot {
			t.Fatalf("step %d: get(%d) = %d, want %d", i, probe, got, slot)
		}
	}
	if x.n != len(want) {
		t.Errorf("%d keys, want %d", x.n, len(want))
	}
}
