package tally

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stats"
)

// TestExcess: the visits that are expected not to be private sharing are counted
// beside the others. The estimate has them, everywhere the same; adjusted has not,
// and is never below what is known.
func TestExcess(t *testing.T) {
	const (
		other attribution.Source = iota
		linkedin
		google
		facebook
	)
	type visits struct {
		n int
		c schema.Channel
		s attribution.Source
		e schema.Evidence
	}
	deep := func(n int) visits {
		return visits{n, schema.ChannelDarkSocial, other, schema.EvidenceDeepLink}
	}
	f := func(name string, adjusted, dark, all float64, counted ...visits) {
		t.Helper()
		ty := New(Options{
			SiteName:   func(int) string { return "example.com" },
			SourceName: func(s attribution.Source) string { return [...]string{"other", "linkedin", "google", "facebook"}[s] },
			GoalName:   func(int, int) string { return "" },
			Section:    func(int, []byte) []byte { return nil },
		})
		ty.Advance(now.UnixNano())
		for _, v := range counted {
			for range v.n {
				ty.land(0, "/", v.c, v.s, v.e, now)
			}
		}
		lower, upper := stats.Wilson(dark, all)
		got := ty.Report().DarkShare
		if got.Visits != uint64(all) || got.DarkVisits != uint64(dark) || got.Estimate != dark/all || got.Interval != [2]float64{lower, upper} {
			t.Errorf("%s: %+v, want an estimate of %v/%v", name, got, dark, all)
		}
		if math.Abs(got.Adjusted*all-adjusted) > 1e-3 {
			t.Errorf("%s: adjusted to %v of %v visits, want %v", name, got.Adjusted*all, all, adjusted)
		}
		var excess float64
		for _, family := range ty.Snapshot() {
			for _, s := range family.Samples {
				labels, want := strings.Join(s.Labels, ","), s.Value
				switch {
				case family.Metric == schema.DeepLinkExcess:
					excess += s.Value
				case family.Metric == schema.Ratio && strings.HasSuffix(labels, "estimate"):
					want = dark / all
				case family.Metric == schema.EstimateInterval && strings.HasSuffix(labels, "lower"):
					want = lower
				case family.Metric == schema.EstimateInterval:
					want = upper
				}
				if s.Value != want {
					t.Errorf("%s: %s{%s} is %v, want %v", name, family.Metric.Name, labels, s.Value, want)
				}
			}
		}
		// As a query on the counters would have it.
		if byCounters := max(got.Known*all, dark-excess); math.Abs(byCounters-adjusted) > 1e-3 {
			t.Errorf("%s: by the counters %v, want %v", name, byCounters, adjusted)
		}
	}
	f("typed", 95, 100, 100, deep(100))
	// 14 % of a hundred visits came without a referrer: 86 are seen with theirs.
	f("a network that loses its referrers", 95-14, 100, 186, deep(100), visits{86, schema.ChannelSocial, linkedin, schema.EvidenceReferrer})
	f("a channel", 95-3, 100, 197, deep(100), visits{97, schema.ChannelSearch, google, schema.EvidenceReferrer})
	f("what is known by its tag, its app or itself loses none", 95+20, 120, 180, deep(100),
		visits{30, schema.ChannelSocial, facebook, schema.EvidenceTag}, visits{30, schema.ChannelSocial, facebook, schema.EvidenceApp},
		visits{20, schema.ChannelDarkSocial, other, schema.EvidenceReferrer})
	f("nothing measured", 95, 100, 150, deep(100), visits{50, schema.ChannelAI, other, schema.EvidenceReferrer})
	f("more than there is", 2, 3, 973, deep(1), visits{970, schema.ChannelSearch, google, schema.EvidenceReferrer}, visits{2, schema.ChannelDarkSocial, other, schema.EvidenceLink})
}

// TestExcessOrder: sums are the same in whatever order the maps give the visits.
func TestExcessOrder(t *testing.T) {
	ty := newTally(10)
	for i := range 400 {
		ty.land(1+i%2, "/", schema.Channel(i)%schema.NumChannels, attribution.Source(i%3), schema.Evidence(i/3)%schema.NumEvidence, now)
	}
	report, snapshot := ty.Report(), ty.Snapshot()
	for range 50 {
		if again := ty.Report(); !reflect.DeepEqual(again.DarkShare, report.DarkShare) || !reflect.DeepEqual(ty.Snapshot(), snapshot) {
			t.Fatal("another sum")
		}
	}
}

// TestExcessData: what excess.yaml names is there.
func TestExcessData(t *testing.T) {
	rules, err := attribution.New(attribution.Options{})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, name := range rules.Sources() {
		known[name] = true
	}
	for c := range schema.NumChannels {
		known[c.String()] = true
	}
	for name, ratio := range expected.Lost {
		if !known[name] || ratio <= 0 || ratio > 1 {
			t.Errorf("%s: %v beside one: want a channel or source, and a loss of at most half", name, ratio)
		}
	}
	if expected.Typed <= 0 || expected.Typed > 0.1 || len(expected.Lost) == 0 {
		t.Errorf("%+v", expected)
	}
}
