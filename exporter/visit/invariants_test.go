package visit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkshare/darkshare/exporter/schema"
)

func TestLimits(t *testing.T) {
	r := &recorder{}
	tr := NewTracker(Options{Visitors: 100, Pending: 40, Pages: 64, Sharers: 32}, r)
	for i := range 10_000 {
		for _, a := range []act{
			{who: fmt.Sprint("l", i), what: "landing", page: fmt.Sprint("/", i)},
			{who: fmt.Sprint("i", i), what: "landing", page: fmt.Sprint("/f", i), from: "search"},
			{who: fmt.Sprint("i", i), what: "internal", page: "/t", from: fmt.Sprint("/f", i)},
			{who: fmt.Sprintf("10.%d.%d.1", i/256, i%256), what: "preview", page: fmt.Sprint("/", i)},
		} {
			e := a.event(i)
			e.Time += int64(i) * int64(time.Millisecond)
			tr.Advance(e.Time)
			tr.Observe(e)
			s := tr.Stats()
			if s.Visitors > 100 || s.Pending > 40 || tr.entries.Len() > 64 || tr.sharers.Len() > 32 {
				t.Fatalf("after %d: %+v", i, s)
			}
		}
	}
	s := tr.Stats()
	if s.VisitorsEvicted == 0 || s.PendingEvicted == 0 || s.PagesEvicted == 0 || s.SharersEvicted == 0 {
		t.Errorf("limits reached without a word: %+v", s)
	}
	tr.Flush()
	if got := r.visit[0] + r.visit[1]; got != r.kinds[schema.KindLanding] || got != 20_000 {
		t.Errorf("%d landings came out of %d", got, r.kinds[schema.KindLanding])
	}
}

// random acts over a few hours by a few hundred visitors.
func random(rnd *rand.Rand, n int) []act {
	whats := []string{"landing", "landing", "home", "landing+metadata", "internal", "asset", "asset", "asset", "bare", "favicon", "goal", "missing", "attack", "preview"}
	froms := []string{"", "", "search", "social", "whatsapp"}
	acts := make([]act, n)
	for i := range acts {
		acts[i] = act{
			at:   time.Duration(i) * time.Second,
			who:  fmt.Sprint("v", rnd.IntN(300)),
			what: whats[rnd.IntN(len(whats))],
			page: fmt.Sprint("/p", rnd.IntN(40)),
		}
		if acts[i].what == "attack" && rnd.IntN(20) > 0 {
			acts[i].what = "asset"
		}
		switch acts[i].what {
		case "internal":
			acts[i].from = fmt.Sprint("/p", rnd.IntN(40))
		case "landing", "landing+metadata":
			acts[i].from = froms[rnd.IntN(len(froms))]
		}
	}
	return acts
}

// TestEveryLandingComesOut is the invariant of shared/DESIGN.md: each landing
// becomes a visit or an unconfirmed landing, exactly once.
func TestEveryLandingComesOut(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		r := run(Options{Visitors: 50 + int(seed)*20, Pending: 10 + int(seed)*10}, random(rnd, 20_000), true)
		if got, want := r.visit[0]+r.visit[1], r.kinds[schema.KindLanding]; got != want {
			t.Errorf("seed %d: %d landings became %d visits and %d unconfirmed", seed, want, r.visit[1], r.visit[0])
		}
	}
}

// TestReplayAgrees: the same log gives the same findings, whatever the salt.
func TestReplayAgrees(t *testing.T) {
	acts := random(rand.New(rand.NewPCG(1, 2)), 20_000)
	if diff := cmp.Diff(run(Options{}, acts, true).got, run(Options{}, acts, true).got); diff != "" {
		t.Error(diff)
	}
}

// TestALittleOutOfOrder: proxies write a record when the response is done, so that
// the order of a few seconds is chance. What is counted does not depend on it.
func TestALittleOutOfOrder(t *testing.T) {
	t.Run("at noon", func(t *testing.T) { outOfOrder(t, 0) })
	t.Run("over midnight", func(t *testing.T) { outOfOrder(t, 11*time.Hour) })
}

func outOfOrder(t *testing.T, from time.Duration) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var acts []act
	for i := range 2000 {
		who, at := fmt.Sprint("v", i), from+time.Duration(i)*3*time.Second
		acts = append(acts, act{at: at, who: who, what: "landing", page: fmt.Sprint("/", i%7), from: []string{"", "search", "whatsapp"}[i%3]})
		switch i % 5 {
		case 0:
		case 1:
			acts = append(acts, act{at: at + time.Second, who: who, what: "bare"})
		default:
			acts = append(acts, act{at: at + time.Second, who: who, what: "asset"}, act{at: at + 2*time.Second, who: who, what: "bare"})
		}
	}
	slices.SortStableFunc(acts, func(a, b act) int { return int(a.at - b.at) })
	want := run(Options{}, acts, true)
	for range 5 {
		shuffled := slices.Clone(acts)
		for i := range shuffled {
			j := min(len(shuffled)-1, i+rnd.IntN(6))
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		}
		got := run(Options{}, shuffled, true)
		if got.kinds != want.kinds || !cmp.Equal(tail(got.got), tail(want.got)) {
			t.Errorf("shuffled: %v %v, in order: %v %v", got.kinds, tail(got.got), want.kinds, tail(want.got))
		}
	}
}

// tail counts findings without the numbers of their records.
func tail(got []string) map[string]int {
	counts := map[string]int{}
	for _, g := range got {
		counts[g[strings.IndexByte(g, '=')+1:]]++
	}
	return counts
}
