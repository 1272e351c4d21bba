package tally

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/slots"
	"github.com/darkshare/darkshare/exporter/visit"
)

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
	if s.leaders.len() != 10 || s.index.Len() > 80 || s.index.Len() != s.leaders.len()+s.candidates.len() {
		t.Errorf("%d leaders, %d names, %d candidates", s.leaders.len(), s.index.Len(), s.candidates.len())
	}
	for _, page := range []string{"/p0", "/p1", "/p2", "/p3"} {
		if it := s.leader(page); it == nil {
			t.Errorf("%s is not among the top pages", page)
		}
	}
	// Between two looks a page can come and go, so the sum may fall short by a few.
	if missing := float64(total) - sum; missing < 0 || missing > 0.001*float64(total) {
		t.Errorf("series add up to %v visits of %d", sum, total)
	}
	before := s.index.Len()
	for i := range 300 {
		ty.land(1, "/viral", schema.ChannelDarkSocial, 1, schema.EvidenceApp, now.Add(30*time.Hour+time.Duration(i)*time.Second))
	}
	if it := s.leader("/viral"); it == nil {
		t.Error("a page with 300 visits today is not among the top pages")
	}
	if s.overflowed == 0 || s.replaced == 0 || s.index.Len() > max(before, 80) {
		t.Errorf("%d replaced, %d names", s.replaced, s.index.Len())
	}
}

// leader returns the item of a name that has series, else nil.
func (t *top) leader(name string) *item {
	if slot, _ := t.find([]byte(name)); slot != slots.None && t.keys[slot].leader {
		return t.items.At(slot)
	}
	return nil
}

// TestTopForever: scores stay finite over years of log time.
func TestTopForever(t *testing.T) {
	top := newTop(3, false)
	clock := func() time.Time { return now }
	for day := range 5000 {
		at := now.Add(time.Duration(day) * 24 * time.Hour).UnixNano()
		for range 3 {
			top.visit([]byte("/always"), schema.ChannelSearch, at, clock)
		}
		top.visit(fmt.Append(nil, "/day", day), schema.ChannelSearch, at, clock)
	}
	for _, r := range append(top.leaders.heap, top.candidates.heap...) {
		if math.IsInf(r.score, 0) || math.IsNaN(r.score) {
			t.Fatalf("score of %s is %v", top.items.At(r.slot).name, r.score)
		}
	}
	if it := top.leader("/always"); it == nil || it.visits[schema.ChannelSearch] != 15_000 {
		t.Errorf("the page of every day: %+v", it)
	}
}

// TestTopClock: pages of one time compare by their visits, whatever the clock did
// before.
func TestTopClock(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, x := range []struct {
		name   string
		before []time.Duration
	}{
		{"right from the start", nil},
		{"a first record from a time to come", []time.Duration{12 * year}},
		{"a first record without a time", []time.Duration{-now.Sub(time.Unix(0, 0))}},
		{"a record from a time to come in between", []time.Duration{0, 12 * year}},
		{"newest log first", []time.Duration{8 * time.Hour, 0, 24 * time.Hour, -24 * time.Hour, 7 * 24 * time.Hour, -year}},
	} {
		t.Run(x.name, func(t *testing.T) {
			top := newTop(3, false)
			clock := func() time.Time { return now }
			for _, d := range x.before {
				top.visit([]byte("/"), schema.ChannelSearch, now.Add(d).UnixNano(), clock)
			}
			replaced := top.replaced
			for i := range 3000 {
				at := now.Add(time.Duration(i) * time.Second).UnixNano()
				top.visit([]byte("/big"), schema.ChannelSearch, at, clock)
				top.visit(fmt.Append(nil, "/p", i%10), schema.ChannelSearch, at, clock)
			}
			if it := top.leader("/big"); it == nil || it.visits[schema.ChannelSearch] != 3000 {
				t.Errorf("the page of half of all visits: %+v", it)
			}
			if n := top.replaced - replaced; n > 20 {
				t.Errorf("%d pages lost their place to pages of their size", n)
			}
			for _, r := range append(top.leaders.heap, top.candidates.heap...) {
				if math.IsInf(r.score, 0) || math.IsNaN(r.score) {
					t.Errorf("score of %s is %v", top.items.At(r.slot).name, r.score)
				}
			}
		})
	}
}

// TestReportPages: a report's pages are every visit and share once, each page with
// all that is known of it, whether it had a series at the time or not.
func TestReportPages(t *testing.T) {
	ty := newTallyWith(Options{Pages: 3, Sections: 2, Steady: true})
	count := func(ty *Tally, at time.Time, n int, page string) {
		for range n {
			ty.land(1, page, schema.ChannelSearch, 2, schema.EvidenceReferrer, at)
		}
		ty.land(1, page, schema.ChannelDarkSocial, 1, schema.EvidenceApp, at)
		ty.Share(1, 1, schema.ScopePrivate, []byte(page))
	}
	history := func(ty *Tally) {
		count(ty, now, 999, "/hit")
		for i := range 5 { // late is watched, without a series, before it has many
			count(ty, now, 9, fmt.Sprint("/early", i))
			count(ty, now, 1, "/late")
		}
		for i := range 4 {
			count(ty, now.AddDate(0, 0, 12), 2, fmt.Sprint("/new", i))
		}
		count(ty, now.AddDate(0, 0, 12), 89, "/late")
		count(ty, now.AddDate(0, 0, 12), 0, "/hit")
	}
	history(ty)
	pages := ty.Report().Sites[0].Pages
	want := []PageReport{
		{"/hit", 1001, 2, 2},
		{"/late", 100, 6, 6},
		{pages[2].Page, 10, 1, 1}, // one of five of a size
		{schema.Overflow, 4*10 + 4*3, 8, 8},
	}
	if diff := cmp.Diff(want, pages); diff != "" {
		t.Errorf("steady (-want +got):\n%s", diff)
	}

	latest := newTallyWith(Options{Pages: 3, Sections: 2})
	history(latest)
	r := latest.Report()
	var visits, shares uint64
	for _, p := range r.Sites[0].Pages {
		if p.Page == "/hit" {
			t.Error("a page of twelve days ago is among the latest")
		}
		visits, shares = visits+p.Visits, shares+p.LinkPreviews
	}
	if visits != r.Visits || visits != 1163 || shares != 17 {
		t.Errorf("pages have %d visits and %d shares of %d and 17", visits, shares, r.Visits)
	}
	if rest := r.Sites[0].Pages[3]; rest.Page != schema.Overflow || rest.Visits < 1000 {
		t.Errorf("the rest is %+v, without what a page had that lost its place", rest)
	}
}

// TestTopNone: where there are to be no pages, all are the rest.
func TestTopNone(t *testing.T) {
	ty := newTallyWith(Options{Pages: None, Sections: None})
	for i := range 100 {
		ty.land(1, fmt.Sprintf("/s%d/p", i), schema.ChannelSearch, 2, schema.EvidenceReferrer, now)
		ty.Share(1, 1, schema.ScopePrivate, []byte("/s/p"))
	}
	for _, f := range ty.Snapshot() {
		if f.Metric != schema.PageVisits && f.Metric != schema.SectionVisits {
			continue
		}
		for _, s := range f.Samples {
			if s.Labels[1] != schema.Overflow {
				t.Errorf("%s has the series %v", f.Metric.Name, s.Labels)
			}
		}
	}
	if diff := cmp.Diff([]string{"example.com,(other),dark_social 0", "example.com,(other),rest 100"}, ty.series(schema.PageVisits)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]PageReport{{schema.Overflow, 100, 0, 100}}, ty.Report().Sites[0].Pages); diff != "" {
		t.Error(diff)
	}
	if got := ty.series(schema.LimitReached); !cmp.Equal(got, []string{"pages 0", "sections 0"}) {
		t.Errorf("what nobody asked for is no limit: %v", got)
	}
	if got := newTallyWith(Options{}).opt; got.Pages != 100 || got.Sections != 20 {
		t.Errorf("by default %d pages and %d sections", got.Pages, got.Sections)
	}
}

// TestPageNamedOther: a page of the overflow's name is part of it, not a second
// series of the same labels.
func TestPageNamedOther(t *testing.T) {
	ty := newTally(3)
	ty.land(1, schema.Overflow, schema.ChannelSearch, 2, schema.EvidenceReferrer, now)
	ty.land(1, "!", schema.ChannelSearch, 2, schema.EvidenceReferrer, now)
	want := []string{"example.com,!,dark_social 0", "example.com,!,rest 1", "example.com,(other),dark_social 0", "example.com,(other),rest 1"}
	if diff := cmp.Diff(want, ty.series(schema.PageVisits)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]PageReport{{"!", 1, 0, 0}, {schema.Overflow, 1, 0, 0}}, ty.Report().Sites[0].Pages); diff != "" {
		t.Error(diff)
	}
}

// TestVisitAllocatesNothing for a page that is known.
func TestVisitAllocatesNothing(t *testing.T) {
	ty := newTally(3)
	o := &visit.Outcome{Site: 1, Page: []byte("/s/p"), Channel: schema.ChannelSearch, Visit: true}
	ty.opt.Section = func(_ int, page []byte) []byte { return page[:2] }
	ty.Landing(o)
	at := now.UnixNano()
	if n := testing.AllocsPerRun(1, func() {
		for range 1000 {
			at += int64(time.Minute)
			ty.Advance(at)
			ty.Landing(o)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
