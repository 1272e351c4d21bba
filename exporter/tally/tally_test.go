package tally

import (
	"fmt"
	"math"
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

func newTally(pages int) *Tally {
	return New(Options{
		Pages:      pages,
		Sections:   2,
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
	f(schema.PageVisits, "example.com,(other),dark_social 0", "example.com,(other),rest 0",
		"example.com,/,dark_social 0", "example.com,/,rest 1", "example.com,/blog/a,dark_social 2",
		"example.com,/blog/a,rest 0", "example.com,/shop/b,dark_social 0", "example.com,/shop/b,rest 1")
	f(schema.LinkPreviews, "example.com,whatsapp,private 1")
	f(schema.Conversions, "example.com,order,dark_social,whatsapp 1")

	r := ty.Report()
	if r.Visits != 4 || r.Unconfirmed != 1 || r.Lines != 2 || r.Requests["landing"] != 5 {
		t.Errorf("report: %+v", r)
	}
	want := DarkShare{Known: 0.25, Estimate: 0.5, Ceiling: 0.75, Visits: 4, DarkVisits: 2, Interval: r.DarkShare.Interval}
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

// TestTop: each visit is in exactly one series at its time, the pages with the
// most visits have series of their own, and new favourites take the place of old.
func TestTop(t *testing.T) {
	ty := newTally(10)
	rnd := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(rnd, 1.3, 1, 5000)
	total := uint64(0)
	seen := map[string]float64{}
	sum := 0.0
	for i := range 20_000 {
		ty.land(1, fmt.Sprint("/p", zipf.Uint64()), schema.ChannelSearch, 2, schema.EvidenceReferrer, now.Add(time.Duration(i)*time.Second))
		total++
		if i%500 != 0 && i != 19_999 {
			continue
		}
		// What a counter had when it went stays counted; one that comes again starts from 0.
		for _, f := range ty.Snapshot() {
			if f.Metric != schema.PageVisits {
				continue
			}
			current := map[string]float64{}
			for _, s := range f.Samples {
				current[strings.Join(s.Labels, ",")] = s.Value
			}
			for k, v := range current {
				if v >= seen[k] {
					sum += v - seen[k]
				} else {
					sum += v
				}
			}
			seen = current
		}
	}
	s := ty.sites[1].pages
	if len(s.leaders) != 10 || len(s.items) > 80 || len(s.items) != len(s.leaders)+len(s.candidates) {
		t.Errorf("%d leaders, %d names, %d candidates", len(s.leaders), len(s.items), len(s.candidates))
	}
	for _, page := range []string{"/p0", "/p1", "/p2", "/p3"} {
		if it := s.items[page]; it == nil || !it.leader {
			t.Errorf("%s is not among the top pages", page)
		}
	}
	// Between two looks a page can come and go, so the sum may fall short by a few.
	if missing := float64(total) - sum; missing < 0 || missing > 0.001*float64(total) {
		t.Errorf("series add up to %v visits of %d", sum, total)
	}
	before := len(s.items)
	for i := range 300 {
		ty.land(1, "/viral", schema.ChannelDarkSocial, 1, schema.EvidenceApp, now.Add(30*time.Hour+time.Duration(i)*time.Second))
	}
	if it := s.items["/viral"]; it == nil || !it.leader {
		t.Error("a page with 300 visits today is not among the top pages")
	}
	if s.overflowed == 0 || s.replaced == 0 || len(s.items) > max(before, 80) {
		t.Errorf("%d replaced, %d names", s.replaced, len(s.items))
	}
}

// TestTopForever: scores stay finite over years of log time.
func TestTopForever(t *testing.T) {
	top := newTop(3)
	clock := func() time.Time { return now }
	for day := range 5000 {
		at := now.Add(time.Duration(day) * 24 * time.Hour).UnixNano()
		for range 3 {
			top.visit([]byte("/always"), schema.ChannelSearch, at, clock)
		}
		top.visit(fmt.Append(nil, "/day", day), schema.ChannelSearch, at, clock)
	}
	for _, r := range append(top.leaders, top.candidates...) {
		if math.IsInf(r.score, 0) || math.IsNaN(r.score) {
			t.Fatalf("score of %s is %v", r.name, r.score)
		}
	}
	if it := top.items["/always"]; !it.leader || it.visits[schema.ChannelSearch] != 15_000 {
		t.Errorf("the page of every day: %+v", it)
	}
}

// TestRanking: the lowest is always first, and every item knows its place.
func TestRanking(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var r ranking
	var all []*item
	for i := range 5000 {
		switch {
		case len(all) < 10 || rnd.IntN(3) == 0:
			it := &item{name: fmt.Sprint(i)}
			all = append(all, it)
			r.add(ranked{float64(rnd.IntN(50)), it})
		case rnd.IntN(2) == 0:
			r.raise(all[rnd.IntN(len(all))].at, float64(rnd.IntN(20)))
		default:
			k := rnd.IntN(len(all))
			if got := r.remove(all[k].at); got.item != all[k] {
				t.Fatalf("step %d: removed %s, not %s", i, got.name, all[k].name)
			}
			all[k] = all[len(all)-1]
			all = all[:len(all)-1]
		}
		for k := range r {
			if r[k].at != k || k > 0 && r.less(k, (k-1)/2) {
				t.Fatalf("step %d: place %d is wrong", i, k)
			}
		}
	}
}
