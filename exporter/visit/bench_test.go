package visit

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
)

type discard struct{}

func (discard) Request(*Event, schema.Kind)                             {}
func (discard) Landing(*Outcome)                                        {}
func (discard) Share(int, attribution.Source, schema.Scope, []byte)     {}
func (discard) Conversion(int, int, schema.Channel, attribution.Source) {}

// A steady state: visitors come, load a page with its assets, and are forgotten again.
type steady struct {
	*Tracker
	events []Event
	now    int64
	n      int
}

func newSteady(o Options, acts func(rnd *rand.Rand, who string) []act) *steady {
	s := &steady{Tracker: NewTracker(o, discard{}), now: start.UnixNano()}
	rnd := rand.New(rand.NewPCG(7, 8))
	for len(s.events) < 1<<16 {
		who := fmt.Sprint("10.0.", rnd.IntN(40), ".", rnd.IntN(250))
		for _, a := range acts(rnd, who) {
			a.who = who
			s.events = append(s.events, *a.event(len(s.events)))
		}
	}
	s.events = s.events[:1<<16]
	for range s.events {
		s.step()
	}
	return s
}

func (s *steady) step() {
	e := &s.events[s.n&(len(s.events)-1)]
	s.n++
	s.now += int64(20 * time.Millisecond)
	e.Time = s.now
	s.Advance(s.now)
	s.Observe(e)
}

// BenchmarkObserve allocates nothing.
func BenchmarkObserve(b *testing.B) {
	s := newSteady(Options{}, func(rnd *rand.Rand, _ string) []act {
		return append([]act{{what: "landing", page: fmt.Sprint("/p", rnd.IntN(500))}}, slicesOf(act{what: "asset"}, 7)...)
	})
	b.ReportAllocs()
	for b.Loop() {
		s.step()
	}
}

// BenchmarkWalk goes from page to page, which teaches the entry pages.
func BenchmarkWalk(b *testing.B) {
	page := func(rnd *rand.Rand) string {
		return fmt.Sprintf("/section-%d/an-article-with-a-title-%d.html", rnd.IntN(12), rnd.IntN(40))
	}
	s := newSteady(Options{}, func(rnd *rand.Rand, _ string) (acts []act) {
		from := page(rnd)
		acts = []act{{what: "landing", page: from}, {what: "asset"}}
		for range 6 {
			to := page(rnd)
			acts = append(acts, act{what: "internal", page: to, from: from})
			from = to
		}
		return acts
	})
	b.ReportAllocs()
	for b.Loop() {
		s.step()
	}
}

func slicesOf(a act, n int) (acts []act) {
	for range n {
		acts = append(acts, a)
	}
	return acts
}

// TestObserveAllocatesNothing once the tables have their size, with everything
// that a request can be.
func TestObserveAllocatesNothing(t *testing.T) {
	everything := func(rnd *rand.Rand, _ string) []act {
		page := func() string { return fmt.Sprintf("/p%03d", rnd.IntN(500)) }
		from := page()
		acts := []act{{what: "landing", page: from, from: []string{"", "search", "whatsapp"}[rnd.IntN(3)]},
			{what: "internal", page: page(), from: from}, {what: "bare"}, {what: "goal"}, {what: "silent goal"},
			{what: "landing+metadata", page: page()}, {what: "missing"}, {what: "preview", page: page()}}
		if rnd.IntN(2) == 0 {
			acts = append(acts, act{what: "asset"})
		}
		if rnd.IntN(50) == 0 {
			acts = append(acts, act{what: "attack"})
		}
		return acts
	}
	f := func(name string, o Options, from time.Duration, most float64) {
		t.Helper()
		s := newSteady(o, everything)
		s.now += int64(from)
		// AllocsPerRun rounds down, so a run is many requests: 22 minutes of them.
		if n := testing.AllocsPerRun(1, func() {
			for range s.events {
				s.step()
			}
		}); n > most {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	f("with room", Options{}, 0, 0)
	// The day's salt may take one, with the race detector.
	f("over midnight, without room", Options{Visitors: 500, Pending: 200, Pages: 100, Sharers: 30}, 11*time.Hour, 1)
}
