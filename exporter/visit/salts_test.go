package visit

import (
	"fmt"
	"math/bits"
	"testing"
)

// TestSalt: the same address has the same hash under a salt and another under the
// next, addresses do not collide, and every bit of the hash depends on them.
func TestSalt(t *testing.T) {
	a, b := newSalt(), newSalt()
	seen := map[uint64]string{}
	flipped := 0
	var before uint64
	for i := range 200_000 {
		addr := fmt.Sprintf("%d.%d.%d.%d", i%7+190, i/65536, i/256%256, i%256)
		if i%3 == 0 {
			addr = fmt.Sprintf("2001:db8:%x::%x", i, i*31)
		}
		h := a.hash([]byte(addr), 0)
		if h != a.hash([]byte(addr), 0) {
			t.Fatalf("%s has two hashes", addr)
		}
		if h == b.hash([]byte(addr), 0) {
			t.Fatalf("%s has one hash under two salts", addr)
		}
		if other, ok := seen[h]; ok && other != addr {
			t.Fatalf("%s and %s have one hash", addr, other)
		}
		if h == a.hash([]byte(addr), 1) {
			t.Fatalf("%s has one hash with two agents", addr)
		}
		seen[h] = addr
		flipped += bits.OnesCount64(h ^ before)
		before = h
	}
	if mean := float64(flipped) / 200_000; mean < 31.5 || mean > 32.5 {
		t.Errorf("from one address to the next %.2f bits change, not half of 64", mean)
	}
	for _, pair := range [][2]string{{"", "\x00"}, {"a", "a\x00"}, {"12345678", "12345678\x00"}, {"10.0.0.1", "10.0.0.11"}} {
		if a.hash([]byte(pair[0]), 0) == a.hash([]byte(pair[1]), 0) {
			t.Errorf("%q and %q have one hash", pair[0], pair[1])
		}
	}
}

func BenchmarkSalt(b *testing.B) {
	s := newSalt()
	addr := []byte("143.24.106.187")
	for b.Loop() {
		s.hash(addr, 0)
	}
}

// TestFetchChangesNothing: the salt of a day is there once its first record has been
// observed, and not before, whatever is fetched ahead of it.
func TestFetchChangesNothing(t *testing.T) {
	tr := NewTracker(Options{}, &recorder{})
	today := *tr.salts.of(20_000)
	for _, day := range []int64{0, 19_999, 20_001, 20_002, 30_000} {
		tr.Fetch(day*dayNanos, 1, 0)
	}
	if *tr.salts.of(20_000) != today || tr.salts.known(20_001) != nil {
		t.Error("a day began that nobody has seen a record of")
	}
	if tr.Fetch(20_000*dayNanos, 1, 0); tr.salts.known(20_000) == nil {
		t.Error("today is not known")
	}
}
