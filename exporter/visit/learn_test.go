package visit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
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

// TestStructure: where few visitors have come, a page is an entry page by what lies
// below it, beside it, and leads to it.
func TestStructure(t *testing.T) {
	at := time.Duration(0)
	// one makes a visitor of each from, who goes on to each of the pages.
	one := func(page, from string, onward ...string) (acts []act) {
		at += time.Second
		who := fmt.Sprint("v", at)
		acts = append(acts, act{at: at, who: who, what: "landing", page: page, from: from}, act{at: at, who: who, what: "asset"})
		for _, to := range onward {
			acts = append(acts, act{at: at, who: who, what: "internal", page: to, from: page})
			page = to
		}
		return acts
	}
	each := func(n int, f func(i int) []act) (acts []act) {
		for i := range n {
			acts = append(acts, f(i)...)
		}
		return acts
	}
	last := ""
	f := func(name, page, want string, acts ...[]act) {
		t.Helper()
		got := run(Options{}, slices.Concat(append(acts, one(page, ""))...), true).got
		if last = got[len(got)-1]; !strings.HasSuffix(last, want) {
			t.Errorf("%s: got %s, want %s", name, last, want)
		}
	}
	const typed, private = "visit/direct/entry_page", "visit/dark_social/deep_link"
	below := func(dir string, n int) []act {
		return each(n, func(i int) []act { return one(fmt.Sprintf("%s%d.html", dir, i), "search") })
	}
	goOn := func(page string, n int) []act {
		return each(n, func(i int) []act { return one(page, "search", fmt.Sprintf("/other-%d", i)) })
	}
	f("a front", "/politics/", typed, goOn("/politics/", 2), below("/politics/", 12))
	f("a front, written without its slash", "/politics", typed, goOn("/politics", 2), below("/politics/", 12))
	f("a front of sections", "/news/", typed, goOn("/news/", 2), below("/news/politics/2026/", 12))
	f("a page with few below it", "/politics/", private, goOn("/politics/", 2), below("/politics/", 6))
	f("a page that nobody goes on from", "/politics/", private, below("/politics/", 12))
	f("a page of the same beginning", "/politics", private, goOn("/politics", 2), below("/politics-", 12))
	f("a form and its steps", "/invitation", private, each(40, func(i int) []act { return one("/invitation", "", fmt.Sprint("/invitation/step", i%9)) }))

	hubs := func(n int) []act {
		return each(n, func(i int) []act { return goOn(fmt.Sprintf("/c/hub-%d", i), 14) })
	}
	narrow := func(n int) []act {
		return each(n*14, func(i int) []act { return one(fmt.Sprintf("/c/page-%d", i/14), "search", "/other") })
	}
	f("beside hubs", "/c/new", typed, hubs(4))
	f("beside few hubs", "/c/new", private, hubs(2))
	f("beside more that are none", "/c/new", private, hubs(4), narrow(9))
	f("beside hubs, and known to be none", "/c/page-0", private, hubs(4), narrow(1))
	f("beside hubs in the root", "/new", private, each(4, func(i int) []act { return goOn(fmt.Sprintf("/hub-%d", i), 14) }))

	menu := func(n int, from string) []act {
		return each(n, func(i int) []act {
			return slices.Concat(one("/front", from, fmt.Sprintf("/other-%d", i)), one(fmt.Sprintf("/article-%d", i), "search", "/front"))
		})
	}
	f("in the menus", "/front", typed, menu(7, ""))
	f("in the menus, and found", "/front", private, menu(7, "search"))
	f("in no menu", "/front", private, each(7, func(i int) []act { return one("/front", "", fmt.Sprintf("/other-%d", i)) }))
}

// TestMixed: visits from an app that shows private and public alike are shared out
// as those are that the app's own tags tell of.
func TestMixed(t *testing.T) {
	f := func(name string, private, public, untagged, social int, mixed func(attribution.Source) bool) {
		t.Helper()
		r := &recorder{}
		tr := NewTracker(Options{Mixed: mixed}, r)
		n := 0
		land := func(times int, c schema.Channel, ev schema.Evidence) {
			for range times {
				n++
				at := time.Duration(n) * time.Second
				for _, what := range []string{"landing", "asset"} {
					e := act{at: at, who: fmt.Sprint(n), what: what, page: "/x"}.event(n)
					e.Source, e.Channel, e.Evidence = 5, c, ev
					tr.Observe(e)
				}
			}
		}
		land(private, schema.ChannelDarkSocial, schema.EvidenceTag)
		land(public, schema.ChannelSocial, schema.EvidenceTag)
		r.got = nil
		land(untagged, schema.ChannelDarkSocial, schema.EvidenceApp)
		got := 0
		for _, word := range r.got {
			if strings.HasSuffix(word, "visit/social/app") {
				got++
			}
		}
		if got != social || len(r.got) != untagged {
			t.Errorf("%s: %d of %d are social, want %d of %d", name, got, len(r.got), social, untagged)
		}
	}
	wechat := func(s attribution.Source) bool { return s == 5 }
	f("by the tags", 60, 40, 100, 40, wechat)
	f("only private tags", 60, 0, 100, 0, wechat)
	f("only public tags", 0, 60, 100, 100, wechat)
	f("too few tags", 6, 12, 100, 0, wechat)
	f("an app that does not mix", 60, 40, 100, 0, func(attribution.Source) bool { return false })
	f("no such app", 60, 40, 100, 0, nil)
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
