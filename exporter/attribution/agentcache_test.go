package attribution

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// variety makes n different agents of the kinds that logs hold.
func variety(n int) [][]byte {
	uas := make([][]byte, n)
	for i := range uas {
		switch i % 5 {
		case 0, 1:
			uas[i] = []byte(strings.Replace(chrome, "131.0.0.0", fmt.Sprintf("%d.0.%d.0", 90+i%50, i), 1))
		case 2:
			uas[i] = fmt.Appendf(nil, "%s [FB_IAB/FB4A;FBAV/%d.0.0.71.108;]", android, i)
		case 3:
			uas[i] = fmt.Appendf(nil, "%s Instagram %d.1.0.29.75 (iPhone17,2; iOS 26_0_1; nl_NL)", iphone, i)
		case 4:
			uas[i] = fmt.Appendf(nil, "Mozilla/5.0 (compatible; Zzyzx%dbot/2.1; +http://zzyzx.example/bot.html)", i)
		}
	}
	return uas
}

func TestAgentCacheAgrees(t *testing.T) {
	table, _ := agents(t)
	cache := table.newCache(64)
	uas := append(variety(300), nil, []byte("-"), []byte(strings.Repeat("x", 3*maxAgent)))
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		// Squared: a few agents are most of the traffic, and stay in the cache.
		f := random.Float64()
		ua := uas[int(f*f*float64(len(uas)))]
		if got := look(cache, ua); got != table.classify(ua).traits {
			t.Fatalf("%q: cached %+v, want %+v", ua, got, table.classify(ua).traits)
		}
	}
}

func look(c *agentCache, ua []byte) traits { return c.lookup(ua, cacheHash(ua)) }

// TestAgentCacheFlood checks that agents which come once leave alone those that
// come often, and that what the cache holds has a bound.
func TestAgentCacheFlood(t *testing.T) {
	table, _ := agents(t)
	const limit = 256
	cache := table.newCache(limit)
	if slots := len(cache.known.sets) * cacheWays; slots > limit {
		t.Fatalf("%d slots, limit %d", slots, limit)
	}
	people := variety(40)
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 * len(people) {
		look(cache, people[random.IntN(len(people))])
	}
	for i := range 100_000 {
		look(cache, fmt.Appendf(nil, "flood/%d", i))
	}
	frequent := map[uint64]bool{}
	for _, ua := range people {
		frequent[cacheHash(ua)] = true
	}
	kept := 0
	for _, set := range cache.known.sets {
		for _, hash := range set.hashes {
			if frequent[hash] {
				kept++
			}
		}
	}
	// A few of the people may share a full set of slots, and a few of the flood a
	// fingerprint's place and value.
	if kept < 35 {
		t.Errorf("%d of %d frequent agents were kept", kept, len(people))
	}
}

func TestAgentCacheAllocs(t *testing.T) {
	table, _ := agents(t)
	cache := table.newCache(256)
	uas := variety(20)
	for range 3 {
		for _, ua := range uas {
			look(cache, ua)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, ua := range uas {
			look(cache, ua)
		}
	}); n != 0 {
		t.Errorf("%v allocations for agents that are known", n)
	}
	once := variety(20_000)[1000:]
	i := 0
	if n := testing.AllocsPerRun(1000, func() {
		look(cache, once[i])
		i++
	}); n != 0 {
		t.Errorf("%v allocations for an agent seen once", n)
	}
}

func FuzzAgentClassify(f *testing.F) {
	for _, ua := range variety(10) {
		f.Add(ua)
	}
	for _, ua := range []string{"", "-", "WhatsApp/2", chrome, android + googles, "@a.b", "a@b.", "\x00\xff", "Mozilla/5.0 (" + strings.Repeat("bot;", 400)} {
		f.Add([]byte(ua))
	}
	table, src := agents(f)
	cache := table.newCache(16)
	f.Fuzz(func(t *testing.T, ua []byte) {
		want := table.classify(ua)
		if want.class >= numAgentClasses || want.bot >= numBotKinds || int(want.app) >= len(src.names) || want.name == "" {
			t.Fatalf("%q: %+v", ua, want)
		}
		for range 3 { // not known, admitted, known
			if got := look(cache, ua); got != want.traits {
				t.Fatalf("%q: cached %+v, want %+v", ua, got, want.traits)
			}
		}
	})
}

func BenchmarkAgentCacheHit(b *testing.B) {
	table, _ := agents(b)
	cache := table.newCache(8192)
	uas := variety(2000)
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 1, uint64(len(uas)-1))
	order := make([][]byte, 1<<14)
	size := 0
	for i := range order {
		order[i] = uas[zipf.Uint64()]
		size += len(order[i])
		look(cache, order[i])
		look(cache, order[i])
	}
	b.SetBytes(int64(size / len(order)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		look(cache, order[i&(len(order)-1)])
		i++
	}
}

func BenchmarkAgentClassify(b *testing.B) {
	table, _ := agents(b)
	uas := variety(1000)
	size := 0
	for _, ua := range uas {
		size += len(ua)
	}
	b.SetBytes(int64(size / len(uas)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if a := table.classify(uas[i%len(uas)]); a.name == "" {
			b.Fatal("no name")
		}
		i++
	}
}

// BenchmarkAgentFlood looks up agents none of which was seen before.
func BenchmarkAgentFlood(b *testing.B) {
	table, _ := agents(b)
	cache := table.newCache(8192)
	ua := []byte(chrome + " 0000000000000000")
	digits := ua[len(ua)-16:]
	b.SetBytes(int64(len(ua)))
	b.ReportAllocs()
	for b.Loop() {
		for i := range digits {
			if digits[i]++; digits[i] <= '9' {
				break
			}
			digits[i] = '0'
		}
		look(cache, ua)
	}
}

func BenchmarkAgentTable(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		agents(b)
	}
}
