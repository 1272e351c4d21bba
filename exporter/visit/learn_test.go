package visit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestLearnedEntryPages: a hub becomes an entry page once visitors have gone on
// from it to many pages, an article does not, nor a page where private visits
// are known to come.
func TestLearnedEntryPages(t *testing.T) {
	// browse lets visitors go on to that many pages, each of them that many times.
	browse := func(from string, targets, times int) (acts []act) {
		for i := range targets * times {
			acts = append(acts, act{at: time.Duration(i) * time.Second, who: fmt.Sprint("v", i), what: "landing", page: from, from: "search"},
				act{at: time.Duration(i) * time.Second, who: fmt.Sprint("v", i), what: "internal", page: fmt.Sprintf("/article-%d", i%targets), from: from})
		}
		return acts
	}
	after := func(d time.Duration, acts []act) []act {
		for i := range acts {
			acts[i].at += d
			acts[i].who += fmt.Sprint("+", d)
		}
		return acts
	}
	const week = 7 * 24 * time.Hour
	// The periods turn on Thursdays at midnight, as the epoch did.
	turn := 12 * time.Hour
	visits := func(page, from string, n int) (acts []act) {
		for i := range n {
			who := fmt.Sprint(page, from, i)
			acts = append(acts, act{at: time.Hour, who: who, what: "landing", page: page, from: from}, act{at: time.Hour, who: who, what: "asset"})
		}
		return acts
	}
	f := func(name, want string, acts ...[]act) {
		t.Helper()
		all := slices.Concat(acts...)
		at := 2 * time.Hour
		if len(all) > 0 {
			at = max(at, all[len(all)-1].at)
		}
		got := run(Options{}, append(all, act{at: at, who: "last", what: "landing", page: "/page"}, act{at: at, who: "last", what: "asset"}), true).got
		if last := got[len(got)-1]; !strings.HasSuffix(last, want) {
			t.Errorf("%s: got %s, want %s", name, last, want)
		}
	}
	f("nothing known", "visit/dark_social/deep_link")
	f("an article", "visit/dark_social/deep_link", browse("/page", 14, 3))
	f("a page with few visitors", "visit/dark_social/deep_link", browse("/page", 8, 1))
	f("a front with few visitors", "visit/direct/entry_page", browse("/page", 11, 1))
	f("a hub", "visit/direct/entry_page", browse("/page", 40, 2))
	f("a busy article beside a broad home page", "visit/dark_social/deep_link", browse("/page", 20, 2), browse("/", 400, 1))
	f("a hub beside a broad home page", "visit/direct/entry_page", browse("/page", 40, 2), browse("/", 400, 1))
	f("a hub that is shared in private", "visit/dark_social/deep_link", browse("/page", 40, 2), visits("/page", "whatsapp", 12), visits("/page", "", 20))
	f("a hub that is seldom shared in private", "visit/direct/entry_page", browse("/page", 40, 2), visits("/page", "whatsapp", 5))

	later := func(d time.Duration) []act { return after(d, browse("/other", 1, 1)) }
	f("a hub of last week", "visit/direct/entry_page", browse("/page", 40, 2), later(week))
	f("a hub of the week before", "visit/dark_social/deep_link", browse("/page", 40, 2), later(2*week))
	f("a hub of long ago", "visit/dark_social/deep_link", browse("/page", 40, 2), later(60*24*time.Hour))
	f("a front with few visitors, for its second week", "visit/direct/entry_page", browse("/page", 11, 1), after(week, browse("/page", 6, 1)))
	f("an article, for its second week", "visit/dark_social/deep_link", browse("/page", 12, 3), after(week, browse("/page", 1, 1)))
	f("a front beside what was a broad home page", "visit/direct/entry_page", browse("/", 400, 1), after(3*week, browse("/page", 20, 1)))
	f("a busy article while the week turns, out of order", "visit/dark_social/deep_link",
		browse("/", 400, 1), browse("/page", 20, 2), after(turn, browse("/a", 2, 1)), after(turn-time.Second, browse("/b", 1, 1)), after(turn, browse("/c", 2, 1)))
}

// TestControlGroup: where search visitors are never seen to be browsers,
// confirmation is switched off, and on again when they are.
func TestControlGroup(t *testing.T) {
	r := &recorder{}
	var switched []string
	tr := NewTracker(Options{OnConfirmation: func(site int, enabled bool) {
		switched = append(switched, fmt.Sprintf("site %d: %t", site, enabled))
	}}, r)
	now := time.Duration(0)
	land := func(n int, confirmed bool) {
		for i := range n {
			who := fmt.Sprint(now, i)
			acts := []act{{at: now, who: who, what: "landing", page: "/x", from: "search"}}
			if confirmed {
				acts = append(acts, act{at: now + time.Second, who: who, what: "asset"})
			}
			for _, a := range acts {
				e := a.event(0)
				tr.Advance(e.Time)
				tr.Observe(e)
			}
			now += time.Minute
		}
		now += time.Hour
		tr.Advance(start.Add(now).UnixNano())
	}
	if !tr.Control(0).Enabled {
		t.Fatal("confirmation is off before anything is known")
	}
	land(30, false)
	if !tr.Control(0).Enabled {
		t.Error("30 unconfirmed landings switch confirmation off")
	}
	land(10, false)
	if c := tr.Control(0); c.Enabled || c.Landings != 40 || c.Confirmed != 0 {
		t.Errorf("after 40 unconfirmed landings: %+v", c)
	}
	r.got = nil
	e := act{at: now, who: "z", what: "landing", page: "/y", from: "whatsapp"}.event(99)
	tr.Observe(e)
	if want := []string{"99=visit/dark_social/referrer"}; !slices.Equal(r.got, want) {
		t.Errorf("with confirmation off: %v, want %v", r.got, want)
	}
	land(60, true)
	if c := tr.Control(0); !c.Enabled {
		t.Errorf("confirmed search landings do not switch confirmation on again: %+v", c)
	}
	if want := []string{"site 0: false", "site 0: true"}; !slices.Equal(switched, want) {
		t.Errorf("told of %v, want %v", switched, want)
	}
}

// TestConfirmationByOption: what does not look at the control group switches
// nothing, whatever that says.
func TestConfirmationByOption(t *testing.T) {
	for _, c := range []Confirmation{ConfirmAlways, ConfirmNever} {
		var acts []act
		for i := range 100 {
			acts = append(acts, act{at: time.Duration(i) * time.Minute, who: fmt.Sprint(i), what: "landing", page: "/x", from: "search"})
		}
		run(Options{Confirmation: c, OnConfirmation: func(int, bool) { t.Errorf("%d: switched", c) }}, acts, true)
	}
}

// TestSiteWithoutReferrers: on a site whose own policy hides referrers, bare
// assets say nothing about the visitor.
func TestSiteWithoutReferrers(t *testing.T) {
	var acts []act
	for i := range 20 {
		who := fmt.Sprint("s", i)
		acts = append(acts, act{at: time.Duration(i) * time.Minute, who: who, what: "landing", page: "/x", from: "search"}, act{at: time.Duration(i) * time.Minute, who: who, what: "bare"})
	}
	acts = append(acts, act{at: time.Hour, who: "a", what: "landing", page: "/x/y"}, act{at: time.Hour, who: "a", what: "bare"})
	got := run(Options{}, acts, true).got
	if last := got[len(got)-1]; last != "41=visit/dark_social/deep_link" {
		t.Errorf("got %s", last)
	}
}
