package tally

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/visit"
)

var now = time.Date(2026, 9, 2, 12, 0, 0, 0, time.UTC)

func newTally(pages int) *Tally { return newTallyWith(Options{Pages: pages, Sections: 2}) }

func newTallyWith(o Options) *Tally {
	return New(Options{
		Pages:      o.Pages,
		Sections:   o.Sections,
		Steady:     o.Steady,
		SiteName:   func(site int) string { return []string{schema.Overflow, "example.com", "example.org"}[site] },
		SourceName: func(s attribution.Source) string { return []string{"other", "whatsapp", "google"}[s] },
		GoalName:   func(int, int) string { return "order" },
		Section: func(_ int, page []byte) []byte {
			first, _, _ := strings.Cut(string(page[1:]), "/")
			return []byte("/" + first)
		},
		Clock: func() time.Time { return now },
	})
}

func (t *Tally) land(site int, page string, c schema.Channel, source attribution.Source, e schema.Evidence, at time.Time) {
	t.Advance(at.UnixNano())
	t.Request(&visit.Event{Site: site}, schema.KindLanding)
	t.Landing(&visit.Outcome{Site: site, Page: []byte(page), Channel: c, Source: source, Evidence: e, Device: schema.DeviceMobile, Visit: true})
}

// series lists a metric's series as `label,label value`.
func (t *Tally) series(m *schema.Metric) (out []string) {
	for _, f := range t.Snapshot() {
		if f.Metric == m {
			for _, s := range f.Samples {
				out = append(out, fmt.Sprintf("%s %.4g", strings.Join(s.Labels, ","), s.Value))
			}
		}
	}
	return out
}

func TestSnapshot(t *testing.T) {
	ty := newTally(10)
	in := ty.Input("access.log")
	ty.Line(in, schema.ReasonNone, now.UnixNano())
	ty.Line(in, schema.ReasonFormat, 0)
	ty.land(1, "/blog/a", schema.ChannelDarkSocial, 1, schema.EvidenceApp, now)
	ty.land(1, "/blog/a", schema.ChannelDarkSocial, 0, schema.EvidenceDeepLink, now)
	ty.land(1, "/shop/b", schema.ChannelSearch, 2, schema.EvidenceReferrer, now)
	ty.land(1, "/", schema.ChannelDirect, 0, schema.EvidenceEntryPage, now)
	ty.Request(&visit.Event{Site: 1}, schema.KindLanding)
	ty.Landing(&visit.Outcome{Site: 1, Page: []byte("/x"), Channel: schema.ChannelSearch})
	ty.Share(1, 1, schema.ScopePrivate, []byte("/blog/a"))
	ty.Conversion(1, 0, schema.ChannelDarkSocial, 1)

	f := func(m *schema.Metric, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, ty.series(m)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", m.Name, diff)
		}
	}
	f(schema.LogLines, "access.log 2")
	f(schema.LogErrors, "access.log,empty 0", "access.log,format 1", "access.log,json 0", "access.log,not_access 0",
		"access.log,status 0", "access.log,time 0", "access.log,too_long 0")
	f(schema.Visits, "example.com,dark_social,other,deep_link,mobile 1", "example.com,dark_social,whatsapp,app,mobile 1",
		"example.com,direct,other,entry_page,mobile 1", "example.com,search,google,referrer,mobile 1")
	f(schema.UnconfirmedLandings, "example.com,search 1")
	f(schema.Ratio,
		"example.com,1h,ceiling 0.75", "example.com,1h,estimate 0.5", "example.com,1h,known 0.25",
		"example.com,24h,ceiling 0.75", "example.com,24h,estimate 0.5", "example.com,24h,known 0.25",
		"example.com,5m,ceiling 0.75", "example.com,5m,estimate 0.5", "example.com,5m,known 0.25")
	f(schema.DeepLinkExcess, "example.com,referrer_lost 0.03093", "example.com,typed 0.05")
	f(schema.PageVisits, "example.com,(other),dark_social 0", "example.com,(other),rest 0",
		"example.com,/,dark_social 0", "example.com,/,rest 1", "example.com,/blog/a,dark_social 2",
		"example.com,/blog/a,rest 0", "example.com,/shop/b,dark_social 0", "example.com,/shop/b,rest 1")
	f(schema.LinkPreviews, "example.com,whatsapp,private 1")
	f(schema.Conversions, "example.com,order,dark_social,whatsapp 1")

	r := ty.Report()
	if r.Visits != 4 || r.Unconfirmed != 1 || r.Lines != 2 || r.Requests["landing"] != 5 {
		t.Errorf("report: %+v", r)
	}
	want := DarkShare{Known: 0.25, Estimate: 0.5, Ceiling: 0.75, Visits: 4, DarkVisits: 2, Interval: r.DarkShare.Interval, Adjusted: r.DarkShare.Adjusted}
	if r.DarkShare != want {
		t.Errorf("dark share %+v, want %+v", r.DarkShare, want)
	}
	if r.OfSocial.Estimate != 1 || r.OfSocial.Visits != 2 {
		t.Errorf("of social: %+v", r.OfSocial)
	}
}

// TestWindows: a visit is in a window as long as the window is, and no longer.
func TestWindows(t *testing.T) {
	ty := newTally(10)
	ty.land(1, "/a", schema.ChannelDarkSocial, 1, schema.EvidenceApp, now)
	f := func(after time.Duration, want ...string) {
		t.Helper()
		ty.Advance(now.Add(after).UnixNano())
		if diff := cmp.Diff(want, ty.series(schema.RatioVisits)); diff != "" {
			t.Errorf("after %v (-want +got):\n%s", after, diff)
		}
	}
	f(0, "example.com,1h 1", "example.com,24h 1", "example.com,5m 1")
	f(4*time.Minute+50*time.Second, "example.com,1h 1", "example.com,24h 1", "example.com,5m 1")
	f(5*time.Minute, "example.com,1h 1", "example.com,24h 1", "example.com,5m 0")
	f(time.Hour, "example.com,1h 0", "example.com,24h 1", "example.com,5m 0")
	f(24*time.Hour, "example.com,1h 0", "example.com,24h 0", "example.com,5m 0")
	if got := ty.series(schema.Ratio); got != nil {
		t.Errorf("a ratio of no visits: %v", got)
	}
}

// TestInput: an input that is there again goes on counting where it was.
func TestInput(t *testing.T) {
	ty := newTally(10)
	for _, x := range []struct {
		name string
		want int
	}{{"a", 0}, {"b", 1}, {"a", 0}, {"c", 2}, {"b", 1}} {
		got := ty.Input(x.name)
		if got != x.want {
			t.Errorf("input %s is number %d, want %d", x.name, got, x.want)
		}
		ty.Line(got, schema.ReasonNone, 1)
	}
	if diff := cmp.Diff([]string{"a 2", "b 2", "c 1"}, ty.series(schema.LogLines)); diff != "" {
		t.Error(diff)
	}
}

// TestRanking: the lowest is always first, and it is known where every name is.
func TestRanking(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var at, all []int32
	r := ranking{at: &at}
	for i := range int32(5000) {
		at = append(at, -1)
		switch {
		case len(all) < 10 || rnd.IntN(3) == 0:
			all = append(all, i)
			r.add(ranked{float64(rnd.IntN(50)), rnd.Uint64N(50), i})
		case rnd.IntN(2) == 0:
			r.raise(int(at[all[rnd.IntN(len(all))]]), float64(rnd.IntN(20)))
		default:
			k := rnd.IntN(len(all))
			if got := r.remove(int(at[all[k]])); got.slot != all[k] {
				t.Fatalf("step %d: removed %d, not %d", i, got.slot, all[k])
			}
			all[k] = all[len(all)-1]
			all = all[:len(all)-1]
		}
		if r.len() != len(all) {
			t.Fatalf("step %d: %d names of %d", i, r.len(), len(all))
		}
		for k := range r.len() {
			if int(at[r.heap[k].slot]) != k || k > 0 && r.less(k, (k-1)/2) {
				t.Fatalf("step %d: place %d is wrong", i, k)
			}
		}
	}
}
