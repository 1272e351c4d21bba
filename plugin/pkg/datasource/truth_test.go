package datasource

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/darkshare/darkshare/exporter/history"
	"github.com/darkshare/darkshare/exporter/schema"
)

// column returns the numbers of a field.
func column(t testing.TB, f *data.Frame, name string) (n []float64) {
	t.Helper()
	field, _ := f.FieldByName(name)
	if field == nil {
		t.Fatalf("no field %q", name)
	}
	for i := range field.Len() {
		v, err := field.NullableFloatAt(i)
		if err != nil {
			t.Fatal(err)
		}
		if v == nil {
			n = append(n, math.NaN())
		} else {
			n = append(n, *v)
		}
	}
	return n
}

// column of texts.
func words(t testing.TB, f *data.Frame, name string) (all []string) {
	t.Helper()
	field, _ := f.FieldByName(name)
	if field == nil {
		t.Fatalf("no field %q", name)
	}
	for i := range field.Len() {
		all = append(all, field.At(i).(string))
	}
	return all
}

func answer(t testing.TB, d *dataSource, q asked) *data.Frame {
	t.Helper()
	r := ask(t, d, q)
	if r.Error != nil || len(r.Frames) != 1 {
		t.Fatalf("%s: %v, %d frames", q.model, r.Error, len(r.Frames))
	}
	return r.Frames[0]
}

// TestCountsAreExact holds totals and points of up to three days against the counters
// themselves, to the visit.
func TestCountsAreExact(t *testing.T) {
	w := aWorld(t)
	store, err := history.Open(w.copied(t), history.Options{Replay: true, Interval: interval})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	d := newSource(t, w.embedded(t), `{"timeInterval":"5m"}`)
	counter := func(at time.Time) float64 {
		v, err := store.Query(context.Background(), `sum(`+schema.Visits.Name+`)`, at)
		if err != nil || len(v) != 1 {
			t.Fatal(v, err)
		}
		return v[0].F
	}
	for _, c := range []struct{ from, to time.Time }{
		{ended.Add(-day), ended},
		{ended.Add(-3 * day), ended},
		{ended.Add(-3*day + 7*time.Minute), ended.Add(-22*time.Hour + 3*time.Minute)},
		{ended.Add(-40 * time.Minute), ended.Add(-25 * time.Minute)},
		{began.Add(-2 * day), began.Add(12 * time.Hour)}, // from before the beginning
	} {
		from, to := c.from.Truncate(interval), c.to.Truncate(interval)
		want := counter(to)
		if from.After(began) {
			want -= counter(from)
		}
		f := answer(t, d, asked{model: `{"question":"visits","over":"range"}`, from: c.from, to: c.to})
		if got := column(t, f, "Visits")[0]; math.Abs(got-want) > 1e-3*max(1, want/1000) {
			t.Errorf("%v to %v: %v visits, want %v", c.from, c.to, got, want)
		}
	}
	f := answer(t, d, asked{model: `{"question":"visits"}`, from: ended.Add(-day + 8*time.Minute), to: ended.Add(-9 * time.Minute), every: 7 * time.Minute})
	times, _ := f.FieldByName("Time")
	got := column(t, f, "Visits")
	if first, last := times.At(0).(time.Time), times.At(f.Rows()-1).(time.Time); !first.Equal(ended.Add(-day)) || !last.Equal(ended.Add(-20*time.Minute)) {
		t.Errorf("from %v to %v", first, last)
	}
	for i := range f.Rows() {
		at := times.At(i).(time.Time)
		if want := counter(at.Add(10*time.Minute)) - counter(at); math.Abs(got[i]-want) > 1e-3 {
			t.Errorf("%v: %v visits, want %v", at, got[i], want)
		}
	}
}

// TestAgainstTruth holds the answers over all days against the pipeline's report, and
// against what really happened.
//
// From the counters themselves they are the report, to the visit. The hourly rules see a sample every
// five minutes here, so that increase() sees 11 of an hour's 12 intervals and takes the twelfth to
// be like them: of n in all it is wrong by chance, with a standard deviation of √(n/11) for n that
// come independently, because what is seen of each hour varies by n/12·11/11² and what is not by n/12.
// Four of them are let pass. What really happened is further off: not every visit is confirmed, some
// requests of another kind are taken for visits, and a share has to be made up of a burst of previews.
func TestAgainstTruth(t *testing.T) {
	w := aWorld(t)
	for name, c := range map[string]struct {
		dir  string
		off  func(n float64) float64
		says string
	}{
		"counters": {w.raw, func(float64) float64 { return 1e-3 }, "darkshare_"},
		"rules":    {w.dir, func(n float64) float64 { return 4 * math.Sqrt(n/11) }, ":increase1h"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newSource(t, serve(t, copied(t, c.dir), func(*history.Store) error { return nil }), `{"timeInterval":"5m"}`)
			whole := func(model string) *data.Frame {
				t.Helper()
				f := answer(t, d, asked{model: model}.over(allDays))
				if !strings.Contains(f.Meta.ExecutedQueryString, c.says) || name == "counters" && strings.Contains(f.Meta.ExecutedQueryString, ":increase1h") {
					t.Errorf("%s: %s", model, f.Meta.ExecutedQueryString)
				}
				return f
			}
			near := func(what string, got, want, off float64) {
				t.Helper()
				if !(math.Abs(got-want) <= off) {
					t.Errorf("%s: %v, want %v give or take %v", what, got, want, off)
				}
			}
			f := whole(`{"over":"range","by":"site"}`)
			for i, site := range words(t, f, "Site") {
				visits, private, share := column(t, f, "Visits")[i], column(t, f, "Private visits")[i], column(t, f, "Dark share")[i]
				for _, s := range w.report.Sites {
					if s.Site == site {
						all, dark := float64(s.Visits), s.DarkShare.Estimate*float64(s.Visits)
						near("visits counted of "+site, visits, all, c.off(all))
						near("private visits counted of "+site, private, dark, c.off(dark))
						// What is missed of the others moves the share, too.
						near("dark share counted of "+site, share, s.DarkShare.Estimate, c.off(dark)/all)
					}
				}
				truth := w.truth[map[string]int{news: 0, shop: 1}[site]]
				near("visits of "+site, visits, float64(truth.AllVisits()), 0.12*float64(truth.AllVisits()))
				if real := truth.DarkShare(); math.Abs(share-real) > 0.05 || real < column(t, f, "Known")[i] || real > column(t, f, "At most")[i] {
					t.Errorf("%s: dark share %v, really %v", site, share, real)
				}
			}

			f = whole(`{"question":"visits","by":"channel","over":"range"}`)
			for i, name := range words(t, f, "Channel") {
				for _, r := range w.report.Channels {
					if channel, _ := schema.ParseChannel(r.Channel); name == named(channel) {
						near(name, column(t, f, "Visits")[i], float64(r.Visits), c.off(float64(r.Visits)))
					}
				}
			}

			f = whole(`{"question":"conversions","by":"goal"}`)
			goals := map[string]float64{}
			for _, g := range w.report.Conversions {
				goals[g.Goal] += float64(g.Conversions)
			}
			for i, goal := range words(t, f, "Goal") {
				near(goal, column(t, f, "Conversions")[i], goals[goal], c.off(goals[goal]))
			}

			f = whole(`{"question":"shares","over":"range","by":"site"}`)
			for i, site := range words(t, f, "Site") {
				really := 0.0
				for _, n := range w.truth[map[string]int{news: 0, shop: 1}[site]].Shares {
					really += float64(n)
				}
				near("shares of "+site, column(t, f, "Shares")[i], really, 0.1*really)
			}
		})
	}
}

// named is what a channel is called.
func named(c schema.Channel) string {
	return map[schema.Channel]string{
		schema.ChannelDarkSocial: "Private sharing", schema.ChannelSearch: "Search", schema.ChannelDirect: "Typed or bookmarked",
		schema.ChannelSocial: "Public social networks", schema.ChannelEmail: "Newsletters",
	}[c]
}

// TestWithoutRules asks for ten days where the recording rules are not, or were loaded only
// a while ago: of the counters themselves, to the visit.
func TestWithoutRules(t *testing.T) {
	w := aWorld(t)
	for name, prepare := range map[string]func(*history.Store) error{
		"none": func(*history.Store) error { return nil },
		"late": func(s *history.Store) error {
			return s.Backfill(context.Background(), ended.Add(-4*day).UnixMilli(), ended.UnixMilli())
		},
	} {
		d := newSource(t, serve(t, copied(t, w.raw), prepare), `{"timeInterval":"5m"}`)
		q := asked{model: `{"question":"visits","over":"range"}`, from: began.Add(-day), to: ended}
		if got := column(t, answer(t, d, q), "Visits")[0]; math.Abs(got-float64(w.report.Visits)) > 0.01 {
			t.Errorf("rules: %s: %v visits, want %v", name, got, w.report.Visits)
		}
		f := answer(t, d, asked{model: `{"question":"visits"}`, from: began, to: ended.Add(6 * time.Hour), every: 6 * time.Hour})
		sum := 0.0
		for _, n := range column(t, f, "Visits") {
			if !math.IsNaN(n) {
				sum += n
			}
		}
		if math.Abs(sum-float64(w.report.Visits)) > 0.01 {
			t.Errorf("rules: %s: %v visits over time, want %v", name, sum, w.report.Visits)
		}
		// The last days are covered, where the rules were loaded late.
		f = answer(t, d, asked{model: `{}`, from: ended.Add(-3*day - time.Hour), to: ended})
		if recorded := strings.Contains(f.Meta.ExecutedQueryString, ":increase1h"); recorded != (name == "late") {
			t.Errorf("rules: %s: %s", name, f.Meta.ExecutedQueryString)
		}
	}
}

// TestShift finds the article that went round, and nothing else.
func TestShift(t *testing.T) {
	d := newSource(t, aWorld(t).embedded(t), `{"timeInterval":"5m"}`)
	begin := began.Add(viralAfter)
	f := answer(t, d, asked{model: `{"question":"shift","over":"range","by":"site"}`}.over(twoDays))
	if f.Rows() != 1 {
		s, _ := f.StringTable(-1, -1)
		t.Fatalf("%d shifts:\n%s", f.Rows(), s)
	}
	from, to := f.Fields[0].At(0).(time.Time), f.Fields[1].At(0).(time.Time)
	// It rises and falls slowly.
	if from.Before(begin.Add(-time.Hour)) || from.After(begin.Add(4*time.Hour)) || to.Before(begin.Add(10*time.Hour)) || to.After(begin.Add(20*time.Hour)) {
		t.Errorf("from %v to %v, began at %v", from, to, begin)
	}
	t.Log(words(t, f, "text")[0])

	for _, c := range []struct {
		what  string
		to    time.Time
		shift bool
	}{
		{"before", begin, false},
		{"while it goes round", begin.Add(8 * time.Hour), true},
		{"a day after", ended, false},
	} {
		q := asked{model: `{"question":"shift","over":"range","by":"site"}`, from: c.to.Add(-6 * time.Hour), to: c.to, alert: true}
		f := answer(t, d, q)
		for i, site := range words(t, f, "site") {
			score := column(t, f, "Score")[i]
			if want := c.shift && site == news; want != (score >= 4) || !want && score != 0 {
				t.Errorf("%s: %s has a score of %v", c.what, site, score)
			}
		}
	}
}

// TestSilence is a range without a line, and one without the metric asked for.
func TestSilence(t *testing.T) {
	d := newSource(t, aWorld(t).embedded(t), `{"timeInterval":"5m"}`)
	for _, c := range golden {
		// Everything ended long before, but the server knows darkshare.
		q := asked{model: c.model, from: began.Add(-30 * day), to: began.Add(-29 * day), alert: c.alert}
		r := ask(t, d, q)
		if r.Error != nil {
			t.Errorf("%s: %v", c.file, r.Error)
			continue
		}
		if len(r.Frames) == 0 || len(r.Frames[0].Meta.Notices) == 0 {
			t.Errorf("%s: not a word about it", c.file)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Errorf("%s: %v", c.file, err)
		}
	}
}
