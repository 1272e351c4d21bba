package attribution

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestHostCacheAgrees: what the cache returns is what the tables say.
func TestHostCacheAgrees(t *testing.T) {
	r := newRules(t, testSites)
	c := r.NewClassifier()
	names := []string{"www.google.com", "WWW.google.com:443", "example.com", "shop.example.com.", "me.github.io", "[::1]", "x"}
	for round := range 4 {
		for _, name := range names {
			var spare host
			got := c.host([]byte(name), &spare)
			plain, _ := appendHost(nil, []byte(name))
			var want host
			r.resolve(&want, plain)
			if string(got.name) != string(want.name) || string(got.domain) != string(want.domain) || got.site != want.site || got.sender != want.sender || got.known != want.known {
				t.Errorf("round %d: %s is %+v, want %+v", round, name, got, want)
			}
			if kept := got != &spare; kept != (round > 0) { // there is room
				t.Errorf("round %d: %s kept: %v", round, name, kept)
			}
		}
		c.Reset(c.scratch)
	}
}

// TestHostCacheFlood: invented hosts take no memory and drive out nobody who
// comes again.
func TestHostCacheFlood(t *testing.T) {
	c := newRules(t, Options{CacheEntries: 256}).NewClassifier()
	size := len(c.hosts.slots)
	var names [20][]byte
	for i := range names {
		names[i] = fmt.Appendf(nil, "www.site%d.com", i)
	}
	var spare host
	var hits, asked int
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 50_000 {
		c.host(fmt.Appendf(nil, "h%d.invented.example", i), &spare)
		// In any order: of two that share a fingerprint's place, one must come twice
		// without the other between to be kept.
		if name := names[random.IntN(len(names))]; i > 2000 {
			asked++
			if c.host(name, &spare) != &spare {
				hits++
			}
		} else {
			c.host(name, &spare)
		}
		c.Reset(c.scratch)
	}
	if len(c.hosts.slots) != size {
		t.Errorf("grew from %d to %d", size, len(c.hosts.slots))
	}
	if hits*100 < asked*95 {
		t.Errorf("%d of %d looked up in the cache", hits, asked)
	}
	flood := make([][]byte, 1000)
	for i := range flood {
		flood[i] = fmt.Appendf(nil, "f%d.invented.example", i)
	}
	i := 0
	if n := testing.AllocsPerRun(len(flood)-1, func() {
		c.host(flood[i], &spare)
		c.Reset(c.scratch)
		i++
	}); n > 1 { // the one is publicsuffix's, which asks whether a name is an address
		t.Errorf("%v allocations for a host seen once", n)
	}
}
