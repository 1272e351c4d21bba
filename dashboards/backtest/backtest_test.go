package main

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestBacktest holds the method to what docs/shifts.md says of it, on fewer sites than there.
// The same seed gives the same figures on every machine.
func TestBacktest(t *testing.T) {
	r := run(quick, 1)
	t.Log("\n" + r.String())
	for i, size := range r.sizes {
		if n := r.alarms[i][0]; n > 1.25 {
			t.Errorf("at %v visits an hour there are %.2f false alarms in two months", size, n)
		}
		for m := range methods[1:] {
			ours, rival := r.found[i][0][0], r.found[i][0][1+m]
			if a, b := within(ours, 10*hour), within(rival, 10*hour); a < b {
				t.Errorf("at %v visits an hour %s finds %.0f %% within ten hours, darkshare %.0f %%", size, methods[1+m].name, 100*b, 100*a)
			}
		}
	}
	if d := quantile(r.ten, 0.5); d > 100*time.Minute {
		t.Errorf("half of the shifts by ten points are found within %v", d)
	}
	if part := within(r.ten, 3*hour); part < 0.9 {
		t.Errorf("%.0f %% of the shifts by ten points are found within three hours", 100*part)
	}
	if d := quantile(r.five, 0.5); d > 7*hour {
		t.Errorf("half of the shifts by five points are found within %v", d)
	}
}

// TestVisits holds the simulation to what it says: so many visits, so much more than Poisson, and
// that over an hour as over five minutes.
func TestVisits(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, mean := range []float64{0.2, 5, 40, 1500} {
		for _, together := range []int{1, 12} {
			var sum, squares float64
			const n = 40_000
			for range n {
				v := 0.0
				for range together {
					v += visits(r, mean, clustering)
				}
				sum, squares = sum+v, squares+v*v
			}
			average := sum / n
			factor := (squares/n - average*average) / average
			if want := mean * float64(together); math.Abs(average-want) > 0.02*want+0.01 {
				t.Errorf("%v visits on average, want %v", average, want)
			}
			if math.Abs(factor-clustering) > 0.06 {
				t.Errorf("mean %v, %d together: the variance is %v times the mean", mean, together, factor)
			}
		}
	}
}

// TestSame holds that a seed gives one site.
func TestSame(t *testing.T) {
	a := newSite(seeded(1, 100, 0, 5), 100, perWeek, change{}, false)
	b := newSite(seeded(1, 100, 0, 5), 100, perWeek, change{}, false)
	for i := range a.All {
		if a.All[i] != b.All[i] || a.Dark[i] != b.Dark[i] {
			t.Fatal("two runs differ")
		}
	}
}

// TestEpisodes pins what is one alarm.
func TestEpisodes(t *testing.T) {
	alarm := make([]float64, 100)
	for _, i := range []int{10, 11, 11 + perHour, 60, 61, 90} {
		alarm[i] = -5
	}
	for _, c := range []struct {
		hold int
		want []episode
	}{
		{1, []episode{{10, 11 + perHour}, {60, 61}, {90, 90}}},
		{2, []episode{{11, 11}, {61, 61}}},
	} {
		got := episodes(alarm, 4, c.hold)
		if len(got) != len(c.want) {
			t.Errorf("held for %d: %v, want %v", c.hold, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("held for %d: %v, want %v", c.hold, got, c.want)
			}
		}
	}
}
