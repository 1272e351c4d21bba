package shift_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/darkshare/darkshare/dashboards/shift"
	"github.com/darkshare/darkshare/exporter/history"
)

const (
	perDay = 24 * 60 / 5
	// days are a day to learn in, four weeks to compare with, and four days to look at.
	days = 33
	// nought is a score that says nothing: one sees as much on most quiet days.
	nought = 0.2
)

// TestRulesAgree has the rules evaluated by a real store over a simulated history, live or
// afterwards being the same there, and compares each of their verdicts over the last days
// with the one of this package on the slices that they recorded: the score to within 1 %, and
// shifted itself. The dispersion is a median of hours, some of which fall to either side.
func TestRulesAgree(t *testing.T) {
	store, err := history.Open(t.TempDir(), history.Options{Replay: true, Retention: 100 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	begin := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	sizes := map[string]float64{"small.example": 60, "large.example": 3000}
	tell(t, store, begin, sizes)
	end := begin.AddDate(0, 0, days)
	ctx := context.Background()
	if err := store.Backfill(ctx, begin.UnixMilli(), end.UnixMilli()); err != nil {
		t.Fatal(err)
	}
	p := shift.Default
	first := (days - 3) * perDay
	grid := func(expr string, begin time.Time) map[string][]float64 {
		t.Helper()
		matrix, err := store.Range(ctx, expr, begin.Add(p.Slice), end, p.Slice)
		if err != nil {
			t.Fatal(err)
		}
		n := int(end.Sub(begin) / p.Slice)
		all := map[string][]float64{}
		for _, s := range matrix {
			values := make([]float64, n)
			for i := range values {
				values[i] = math.NaN()
			}
			for _, f := range s.Floats {
				values[int(time.UnixMilli(f.T).Sub(begin)/p.Slice)-1] = f.F
			}
			all[s.Metric.Get("site")+s.Metric.Get("window")] = values
		}
		return all
	}
	dark, visits := grid("site:darkshare_dark_visits:increase5m", begin), grid("site:darkshare_visits:increase5m", begin)
	from := begin.Add(time.Duration(first) * p.Slice)
	scores := grid("site:darkshare_dark_share:shift_score", from)
	shifted := grid("site:darkshare_dark_share:shifted", from)
	points, expected := grid("site:darkshare_dark_share:shift_points", from), grid("site:darkshare_dark_share:expected", from)
	weeks, dispersion := grid("site:darkshare_dark_share:shift_weeks", from), grid("site:darkshare_dark_share:dispersion", from)
	names := []string{"1h15m", "2h", "3h", "4h", "6h", "9h", "27h"}
	compared, wrong, found, worst := 0, 0, map[string]int{}, 0.0
	for _, site := range slices.Sorted(maps.Keys(sizes)) {
		verdicts := p.Verdicts(shift.Counts{Step: p.Slice, Dark: dark[site], All: visits[site]}, begin, first)
		for i := range verdicts {
			v := &verdicts[i]
			same := func(what string, got, want, tolerance float64) {
				if math.IsNaN(got) && math.IsNaN(want) {
					return
				}
				if d := math.Abs(got - want); !(d <= tolerance) {
					if wrong++; wrong > 20 {
						t.FailNow()
					}
					t.Errorf("%s at %s: %s is %v by the rules, %v by the package", site, from.Add(time.Duration(i+1)*p.Slice).Format("Mon 15:04"), what, got, want)
				}
			}
			for j, s := range v.Sights {
				got := math.NaN()
				if of := scores[site+names[j]]; of != nil {
					got = of[i]
				}
				same("score "+names[j], got, s.Score, 0.01*max(math.Abs(s.Score), nought))
				if !math.IsNaN(s.Score) {
					compared++
					worst = max(worst, math.Abs(got-s.Score)/max(math.Abs(s.Score), nought))
				}
			}
			s := v.Sights[v.Window]
			if math.IsNaN(s.Score) {
				continue
			}
			// What is by 1 % on the one side or the other of the limit may be on either.
			if strongest := math.Abs(s.Score); strongest < 0.99*p.Score || strongest > 1.01*p.Score {
				same("shifted", shifted[site][i], v.Shifted, 0.01*math.Abs(v.Shifted))
			}
			same("the distance", points[site][i], s.Share-s.Expected, 1e-9)
			same("what is expected", expected[site][i], s.Expected, 1e-9)
			same("the weeks", weeks[site][i], float64(v.Weeks), 0)
			same("the dispersion", dispersion[site][i], v.Dispersion, 0.02*v.Dispersion)
			if v.Shifted != 0 {
				found[site]++
			}
		}
	}
	t.Logf("%d scores differ by %.4f %% at most; shifted: %v", compared, 100*worst, found)
	if compared < 1500 || found["large.example"] < 30 || found["small.example"] < 30 {
		t.Errorf("only %d scores were compared, and shifts: %v", compared, found)
	}
}

// tell puts the sites' counters into the store, every five minutes: with a daily rhythm, a burst now
// and then, and two days before the end a shift that lasts until then.
func tell(t *testing.T, store *history.Store, begin time.Time, sizes map[string]float64) {
	t.Helper()
	type counter struct {
		series *history.Series
		value  float64
	}
	random := rand.New(rand.NewPCG(7, 7))
	channels := []string{"dark_social", "search"}
	counters := map[string]*counter{}
	for site := range sizes {
		for _, channel := range channels {
			counters[site+channel] = &counter{series: &history.Series{Labels: labels.FromStrings(
				model.MetricNameLabel, "darkshare_visits_total", "site", site, "channel", channel, "source", "other", "evidence", "deep_link", "device", "phone")}}
		}
	}
	sites := []string{"small.example", "large.example"}
	for i := range days*perDay + 1 {
		at := begin.Add(time.Duration(i) * 5 * time.Minute)
		rhythm := math.Sin(2 * math.Pi * float64(i%perDay) / perDay)
		share := 0.25 + 0.03*rhythm
		if i > (days-2)*perDay {
			share += 0.12
		}
		var all []history.Point
		for _, site := range sites {
			rate := sizes[site] / 12 * (1 + 0.7*rhythm)
			dark := rate * share
			if i%911 < 3 {
				dark += rate * 2
			}
			for channel, mean := range []float64{dark, rate * (1 - share)} {
				c := counters[site+channels[channel]]
				if i > 0 {
					c.value += math.Round(max(0, mean+math.Sqrt(1.5*mean)*random.NormFloat64()))
				}
				all = append(all, history.Point{Series: c.series, At: at.UnixMilli(), Value: c.value})
			}
		}
		if err := store.Append(all); err != nil {
			t.Fatal(fmt.Errorf("%s: %w", at, err))
		}
	}
}
