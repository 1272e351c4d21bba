package question

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/darkshare/darkshare/dashboards/shift"
)

const (
	perHour    = 12
	slicesADay = 24 * perHour
	firstSlice = 30 * slicesADay
)

// weeksOf are slices of so many visits an hour, with a daily rhythm and binomial chance, five
// weeks and a day of them.
func weeksOf(visits float64, seed uint64) *watched {
	random := rand.New(rand.NewPCG(seed, 1))
	n := 37 * slicesADay
	w := &watched{begin: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), first: firstSlice}
	w.Counts = shift.Counts{Step: shift.Default.Slice, Dark: make([]float64, n), All: make([]float64, n)}
	for i := range n {
		rhythm := math.Sin(2 * math.Pi * float64(i) / slicesADay)
		w.All[i] = math.Round(visits / perHour * (1 + 0.8*rhythm))
		for range int(w.All[i]) {
			if random.Float64() < 0.2+0.05*rhythm {
				w.Dark[i]++
			}
		}
	}
	return w
}

func (w *watched) judge() []shifted {
	w.verdicts = shift.Default.Verdicts(w.Counts, w.begin, w.first)
	return w.shifts(shift.Default)
}

// TestRuns puts shifts in and finds them, with their time, size and excess.
func TestRuns(t *testing.T) {
	for _, c := range []struct {
		name         string
		from, length int     // hours
		more         float64 // dark visits an hour
		up           bool
	}{
		{"a page goes round", 60, 30, 150, true},
		{"tags are lost", 80, 12, 60, true},
		{"an app hides its links", 30, 10, -50, false},
	} {
		w := weeksOf(300, 5)
		from, to := firstSlice+perHour*c.from, firstSlice+perHour*(c.from+c.length)
		var added float64
		for i := from; i < to; i++ {
			d := max(c.more/perHour, -w.Dark[i])
			w.Dark[i], w.All[i], added = w.Dark[i]+d, w.All[i]+d, added+d
		}
		all := w.judge()
		if len(all) != 1 {
			t.Errorf("%s: %d shifts: %+v", c.name, len(all), all)
			continue
		}
		s := all[0]
		if s.up != c.up || abs(s.first-from) > 2*perHour || abs(s.last+1-to) > 3*perHour || s.weeks != 4 || math.Abs(s.score) < 4 {
			t.Errorf("%s: %+v, from %d to %d", c.name, s, from, to)
		}
		if math.Abs(s.more-added) > 0.25*math.Abs(added) {
			t.Errorf("%s: %v more, want %v", c.name, s.more, added)
		}
	}
}

// TestNow holds that a shift is told of at its end and not after.
func TestNow(t *testing.T) {
	w := weeksOf(300, 5)
	last := len(w.All) - 1
	for i := last - 2*perHour; i <= last; i++ {
		w.Dark[i], w.All[i] = w.Dark[i]+25, w.All[i]+25
	}
	if w.judge(); w.now() < 4 {
		t.Errorf("the score is %v", w.now())
	}
	w = weeksOf(300, 5)
	if w.judge(); w.now() != 0 {
		t.Errorf("nothing has shifted, but the score is %v", w.now())
	}
}

func abs(n int) int { return max(n, -n) }
