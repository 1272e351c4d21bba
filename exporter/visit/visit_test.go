package visit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
)

// recorder keeps what a Tracker finds as one word a finding.
type recorder struct {
	got   []string
	kinds [schema.NumKinds]int
	visit [2]int
}

func (r *recorder) Request(e *Event, kind schema.Kind) {
	r.kinds[kind]++
	if kind != e.Kind {
		r.add("%d=%s", e.ID, kind)
	}
}

func (r *recorder) Landing(o *Outcome) {
	word := "unconfirmed"
	if o.Visit {
		word = "visit"
		r.visit[1]++
	} else {
		r.visit[0]++
	}
	r.add("%d=%s/%s/%s", o.ID, word, o.Channel, o.Evidence)
}

func (r *recorder) Share(_ int, app attribution.Source, _ schema.Scope, page []byte) {
	r.add("share/%d%s", app, page)
}

func (r *recorder) Conversion(_, goal int, c schema.Channel, _ attribution.Source) {
	r.add("goal%d/%s", goal, c)
}

func (r *recorder) add(format string, args ...any) {
	r.got = append(r.got, fmt.Sprintf(format, args...))
}

// start is a Wednesday at noon, UTC.
var start = time.Date(2026, 9, 2, 12, 0, 0, 0, time.UTC)

// An act is one request, in the words of the tests.
type act struct {
	at     time.Duration
	who    string
	what   string // a kind, or one of the short forms below
	page   string
	from   string // for internal: the referrer's page; for landings: the channel
	status int
}

func (a act) event(id int) *Event {
	e := &Event{Time: start.Add(a.at).UnixNano(), Client: []byte(a.who), Status: 200, ID: uint64(id)}
	if a.status != 0 {
		e.Status = a.status
	}
	e.Page = []byte(a.page)
	switch a.what {
	case "landing", "landing+metadata", "home":
		e.Kind = schema.KindLanding
		e.EntryPage = a.what == "home"
		if a.what == "landing+metadata" {
			e.Signals = attribution.SignalMetadata
		}
		switch a.from {
		case "":
		case "whatsapp":
			e.Channel, e.Evidence = schema.ChannelDarkSocial, schema.EvidenceReferrer
		default:
			c, ok := schema.ParseChannel(a.from)
			if !ok {
				panic(a.from)
			}
			e.Channel, e.Evidence = c, schema.EvidenceReferrer
		}
	case "link":
		e.Kind, e.Signals = schema.KindLanding, attribution.SignalMetadata
		e.Channel, e.Evidence = schema.ChannelDarkSocial, schema.EvidenceLink
	case "internal":
		e.Kind, e.Signals, e.RefererPage = schema.KindInternal, attribution.SignalOwnReferrer, []byte(a.from)
	case "asset":
		e.Kind, e.Signals = schema.KindAsset, attribution.SignalOwnReferrer
	case "bare":
		e.Kind, e.Signals = schema.KindAsset, attribution.SignalBareAsset
	case "favicon":
		e.Kind = schema.KindAsset
	case "attack":
		e.Kind, e.Signals, e.Status = schema.KindError, attribution.SignalAttack, 404
	case "missing":
		e.Kind, e.Signals, e.Status = schema.KindError, attribution.SignalNotFound, 404
	case "goal":
		e.Kind, e.Signals, e.Goals = schema.KindAPI, attribution.SignalOwnReferrer, 1
	case "preview":
		e.Kind, e.App = schema.KindPreview, 7
	case "preview+attack":
		e.Kind, e.App, e.Signals = schema.KindPreview, 7, attribution.SignalAttack
	default:
		panic(a.what)
	}
	return e
}

// run observes the acts, and says what the Tracker found in them.
func run(o Options, acts []act, flush bool) *recorder {
	r := &recorder{}
	t := NewTracker(o, r)
	for i, a := range acts {
		e := a.event(i + 1)
		t.Advance(e.Time)
		t.Observe(e)
	}
	if flush {
		t.Flush()
	}
	return r
}

func TestVisits(t *testing.T) {
	s, m := time.Second, time.Minute
	f := func(name string, want string, acts ...act) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			got := strings.Join(run(Options{}, acts, true).got, " ")
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
	a := func(at time.Duration, what, page, from string) act {
		return act{at: at, who: "a", what: what, page: page, from: from}
	}

	// Who is a browser.
	f("an asset after the landing confirms it", "1=visit/dark_social/deep_link", a(0, "landing", "/x/y", ""), a(s, "asset", "", ""))
	f("an asset before the landing confirms it", "2=visit/search/referrer", a(0, "asset", "", ""), a(s, "landing", "/x", "search"))
	f("an internal page view from a page never seen does not", "1=unconfirmed/search/referrer", a(0, "landing", "/x", "search"), a(m, "internal", "/y", "/z"))
	f("nor one from itself", "1=unconfirmed/search/referrer", a(0, "landing", "/x", "search"), a(m, "internal", "/y", "/y"))
	f("an internal page view confirms it", "1=visit/search/referrer", a(0, "landing", "/x", "search"), a(m, "internal", "/y", "/x"))
	f("fetch metadata confirms it", "1=visit/social/referrer", a(0, "landing+metadata", "/x", "social"))
	f("nothing confirms it", "1=unconfirmed/dark_social/deep_link", a(0, "landing", "/x", ""), a(s, "favicon", "", ""))
	f("an asset too late does not", "1=unconfirmed/search/referrer", a(0, "landing", "/x", "search"), a(31*m, "asset", "", ""))
	f("an asset just in time does", "1=visit/search/referrer", a(0, "landing", "/x", "search"), a(30*m, "asset", "", ""))
	f("another visitor's asset does not", "1=unconfirmed/search/referrer", a(0, "landing", "/x", "search"), act{at: s, who: "b", what: "asset"})
	f("both of two landings", "1=visit/search/referrer 2=visit/dark_social/referrer",
		a(0, "landing", "/x", "search"), a(5*m, "landing", "/y", "whatsapp"), a(6*m, "asset", "", ""))

	// Who hides referrers.
	f("assets without a referrer: suppressed", "1=visit/unknown/suppressed", a(0, "landing", "/x", ""), a(s, "bare", "", ""))
	f("a link on a page that hides itself", "1=visit/dark_social/link", a(0, "link", "/x", ""), a(s, "asset", "", ""))
	f("a link, from a client that hides referrers", "1=visit/unknown/suppressed", a(0, "link", "/x", ""), a(s, "bare", "", ""))
	f("one asset with it: not suppressed", "1=visit/dark_social/deep_link", a(0, "landing", "/x", ""), a(s, "bare", "", ""), a(2*s, "asset", "", ""))
	f("and its next pages are the same visit", "1=visit/unknown/suppressed 3=unconfirmed/unknown/suppressed",
		a(0, "landing", "/x", ""), a(s, "bare", "", ""), a(m, "landing", "/y", ""))
	f("a known sender stays known", "1=visit/dark_social/referrer", a(0, "landing", "/x", "whatsapp"), a(s, "bare", "", ""))
	f("metadata, and assets without a referrer", "1=visit/unknown/suppressed", a(0, "landing+metadata", "/x", ""), a(s, "bare", "", ""))
	f("metadata, and no assets", "1=visit/dark_social/deep_link", a(0, "landing+metadata", "/x", ""))

	// Entry pages by rule.
	f("the home page", "1=visit/direct/entry_page", a(0, "home", "/", ""), a(s, "asset", "", ""))

	// Reloads.
	f("the same again is a reload", "1=visit/search/referrer 3=reload", a(0, "landing", "/x", "search"), a(s, "asset", "", ""), a(m, "landing", "/x", "search"))
	f("from elsewhere it is not", "1=visit/search/referrer 3=visit/dark_social/referrer", a(0, "landing", "/x", "search"), a(s, "asset", "", ""), a(m, "landing", "/x", "whatsapp"))
	f("another page is not", "1=visit/search/referrer 3=visit/search/referrer", a(0, "landing", "/x", "search"), a(s, "asset", "", ""), a(m, "landing", "/y", "search"))
	f("after the window it is not", "1=visit/search/referrer 3=visit/search/referrer", a(0, "landing", "/x", "search"), a(s, "asset", "", ""),
		a(31*m, "landing", "/x", "search"), a(31*m+s, "asset", "", ""))
	f("a page that reloads by itself is one visit", "1=visit/search/referrer 3=reload 4=reload 5=reload", a(0, "landing", "/x", "search"), a(s, "asset", "", ""),
		a(20*m, "landing", "/x", "search"), a(40*m, "landing", "/x", "search"), a(60*m, "landing", "/x", "search"))

	// Who is hostile.
	f("an attack makes all its pages a bot's", "1=unconfirmed/dark_social/deep_link 3=bot", a(0, "landing", "/x", ""), a(s, "attack", "", ""), a(2*s, "landing", "/y", ""), a(3*s, "asset", "", ""))
	storm := []act{}
	for i := range 10 {
		storm = append(storm, a(time.Duration(i)*s, "missing", "", ""))
	}
	f("a storm of 404s", "11=bot", append(storm, a(20*s, "landing", "/y", ""))...)
	f("nine are not a storm", "10=visit/search/referrer", append(slices.Clone(storm[:9]), a(20*s, "landing", "/y", "search"), a(21*s, "asset", "", ""))...)
	f("the visitor is forgiven after a window", "2=visit/search/referrer", a(0, "attack", "", ""), a(40*m, "landing", "/x", "search"), a(40*m+s, "asset", "", ""))

	// Goals.
	f("a goal belongs to the visit", "1=visit/dark_social/referrer goal0/dark_social", a(0, "landing", "/x", "whatsapp"), a(s, "asset", "", ""), a(m, "goal", "", ""))
	f("once", "1=visit/dark_social/referrer goal0/dark_social", a(0, "landing", "/x", "whatsapp"), a(s, "asset", "", ""), a(m, "goal", "", ""), a(2*m, "goal", "", ""))
	f("to the newest visit", "1=visit/dark_social/referrer 3=visit/search/referrer goal0/search", a(0, "landing", "/x", "whatsapp"), a(s, "asset", "", ""),
		a(m, "landing", "/y", "search"), a(2*m, "goal", "", ""))
	f("the goal itself confirms the landing", "1=visit/dark_social/referrer goal0/dark_social", a(0, "landing", "/x", "whatsapp"), a(m, "goal", "", ""))
	f("not after the window", "1=visit/dark_social/referrer", a(0, "landing", "/x", "whatsapp"), a(s, "asset", "", ""), a(40*m, "goal", "", ""))
	f("as long as the visit goes on", "1=visit/dark_social/referrer goal0/dark_social", a(0, "landing", "/x", "whatsapp"), a(20*m, "asset", "", ""), a(40*m, "goal", "", ""))

	// The salt changes at midnight.
	f("a visit over midnight", "1=visit/search/referrer", a(12*time.Hour-s, "landing", "/x", "search"), a(12*time.Hour+s, "asset", "", ""))
}

func TestShares(t *testing.T) {
	s, m := time.Second, time.Minute
	f := func(name string, want string, acts ...act) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			got := strings.Join(run(Options{}, acts, true).got, " ")
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
	p := func(at time.Duration, who, page string) act {
		return act{at: at, who: who, what: "preview", page: page}
	}
	f("one", "share/7/a", p(0, "192.0.2.1", "/a"))
	f("fetched again", "share/7/a", p(0, "192.0.2.1", "/a"), p(s, "192.0.2.1", "/a"), p(5*m, "192.0.2.1", "/a"))
	f("by the app's next server", "share/7/a", p(0, "192.0.2.1", "/a"), p(s, "192.0.2.9", "/a"))
	f("by somebody else", "share/7/a share/7/a", p(0, "192.0.2.1", "/a"), p(s, "198.51.100.1", "/a"))
	f("later", "share/7/a share/7/a", p(0, "192.0.2.1", "/a"), p(11*m, "192.0.2.1", "/a"))
	f("while it is typed", "share/7/telegram", p(0, "2001:db8::1", "/te"), p(s, "2001:db8::1", "/tele"), p(2*s, "2001:db8::1", "/telegram"))
	f("and corrected", "share/7/te", p(0, "2001:db8::1", "/tel"), p(s, "2001:db8::1", "/te"))
	f("the home page is no prefix", "share/7/ share/7/a", p(0, "192.0.2.1", "/"), p(s, "192.0.2.1", "/a"))
	f("two pages", "share/7/a share/7/b", p(0, "192.0.2.1", "/a"), p(s, "192.0.2.1", "/b"))
	f("not there", "", act{who: "192.0.2.1", what: "preview", page: "/a", status: 404})
	f("a scanner", "1=bot 2=bot", act{who: "192.0.2.1", what: "preview+attack", page: "/.env"}, p(s, "192.0.2.1", "/a"))
	var storm []act
	for i := range 9 {
		storm = append(storm, act{at: time.Duration(i) * s, who: "192.0.2.1", what: "preview", page: fmt.Sprint("/", i), status: 404})
	}
	f("a scanner without attacks", "8=bot 9=bot", storm...)
}

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
	visits := func(page, from string, n int) (acts []act) {
		for i := range n {
			who := fmt.Sprint(page, from, i)
			acts = append(acts, act{at: time.Hour, who: who, what: "landing", page: page, from: from}, act{at: time.Hour, who: who, what: "asset"})
		}
		return acts
	}
	f := func(name, want string, acts ...[]act) {
		t.Helper()
		got := run(Options{}, append(slices.Concat(acts...), act{at: 2 * time.Hour, who: "last", what: "landing", page: "/page"}, act{at: 2 * time.Hour, who: "last", what: "asset"}), true).got
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
}

// TestControlGroup: where search visitors are never seen to be browsers,
// confirmation is switched off, and on again when they are.
func TestControlGroup(t *testing.T) {
	r := &recorder{}
	tr := NewTracker(Options{}, r)
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

func TestLimits(t *testing.T) {
	r := &recorder{}
	tr := NewTracker(Options{Visitors: 100, Pending: 50, Pages: 64, Sharers: 32}, r)
	for i := range 10_000 {
		for _, a := range []act{
			{who: fmt.Sprint("l", i), what: "landing", page: fmt.Sprint("/", i)},
			{who: fmt.Sprint("i", i), what: "landing", page: fmt.Sprint("/f", i), from: "search"},
			{who: fmt.Sprint("i", i), what: "internal", page: "/t", from: fmt.Sprint("/f", i)},
			{who: fmt.Sprintf("10.%d.%d.1", i/256, i%256), what: "preview", page: fmt.Sprint("/", i)},
		} {
			e := a.event(i)
			e.Time += int64(i) * int64(time.Millisecond)
			tr.Advance(e.Time)
			tr.Observe(e)
			s := tr.Stats()
			if s.Visitors > 100 || s.Pending > 50 || len(tr.entries.slab) > 64 || len(tr.sharers.slab) > 32 {
				t.Fatalf("after %d: %+v", i, s)
			}
		}
	}
	s := tr.Stats()
	if s.VisitorsEvicted == 0 || s.PendingEvicted == 0 && r.visit[0] == 0 || s.PagesEvicted == 0 || s.SharersEvicted == 0 {
		t.Errorf("limits reached without a word: %+v", s)
	}
	tr.Flush()
	if got := r.visit[0] + r.visit[1]; got != r.kinds[schema.KindLanding] || got != 20_000 {
		t.Errorf("%d landings came out of %d", got, r.kinds[schema.KindLanding])
	}
}

// random acts over a few hours by a few hundred visitors.
func random(rnd *rand.Rand, n int) []act {
	whats := []string{"landing", "landing", "home", "landing+metadata", "internal", "asset", "asset", "asset", "bare", "favicon", "goal", "missing", "attack", "preview"}
	froms := []string{"", "", "search", "social", "whatsapp"}
	acts := make([]act, n)
	for i := range acts {
		acts[i] = act{
			at:   time.Duration(i) * time.Second,
			who:  fmt.Sprint("v", rnd.IntN(300)),
			what: whats[rnd.IntN(len(whats))],
			page: fmt.Sprint("/p", rnd.IntN(40)),
		}
		if acts[i].what == "attack" && rnd.IntN(20) > 0 {
			acts[i].what = "asset"
		}
		switch acts[i].what {
		case "internal":
			acts[i].from = fmt.Sprint("/p", rnd.IntN(40))
		case "landing", "landing+metadata":
			acts[i].from = froms[rnd.IntN(len(froms))]
		}
	}
	return acts
}

// TestEveryLandingComesOut is the invariant of shared/DESIGN.md: each landing
// becomes a visit or an unconfirmed landing, exactly once.
func TestEveryLandingComesOut(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		r := run(Options{Visitors: 50 + int(seed)*20, Pending: 10 + int(seed)*10}, random(rnd, 20_000), true)
		if got, want := r.visit[0]+r.visit[1], r.kinds[schema.KindLanding]; got != want {
			t.Errorf("seed %d: %d landings became %d visits and %d unconfirmed", seed, want, r.visit[1], r.visit[0])
		}
	}
}

// TestReplayAgrees: the same log gives the same findings, whatever the salt.
func TestReplayAgrees(t *testing.T) {
	acts := random(rand.New(rand.NewPCG(1, 2)), 20_000)
	if diff := cmp.Diff(run(Options{}, acts, true).got, run(Options{}, acts, true).got); diff != "" {
		t.Error(diff)
	}
}

// TestALittleOutOfOrder: proxies write a record when the response is done, so that
// the order of a few seconds is chance. What is counted does not depend on it.
func TestALittleOutOfOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var acts []act
	for i := range 2000 {
		who, at := fmt.Sprint("v", i), time.Duration(i)*3*time.Second
		acts = append(acts, act{at: at, who: who, what: "landing", page: fmt.Sprint("/", i%7), from: []string{"", "search", "whatsapp"}[i%3]})
		switch i % 5 {
		case 0:
		case 1:
			acts = append(acts, act{at: at + time.Second, who: who, what: "bare"})
		default:
			acts = append(acts, act{at: at + time.Second, who: who, what: "asset"}, act{at: at + 2*time.Second, who: who, what: "bare"})
		}
	}
	slices.SortStableFunc(acts, func(a, b act) int { return int(a.at - b.at) })
	want := run(Options{}, acts, true)
	for range 5 {
		shuffled := slices.Clone(acts)
		for i := range shuffled {
			j := min(len(shuffled)-1, i+rnd.IntN(6))
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		}
		got := run(Options{}, shuffled, true)
		if got.kinds != want.kinds || !cmp.Equal(tail(got.got), tail(want.got)) {
			t.Errorf("shuffled: %v %v, in order: %v %v", got.kinds, tail(got.got), want.kinds, tail(want.got))
		}
	}
}

// tail counts findings without the numbers of their records.
func tail(got []string) map[string]int {
	counts := map[string]int{}
	for _, g := range got {
		counts[g[strings.IndexByte(g, '=')+1:]]++
	}
	return counts
}

func TestIndex(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	x, want := newIndex(), map[uint64]int32{}
	for i := range int32(100_000) {
		key := rnd.Uint64N(500) + 1
		if _, ok := want[key]; ok {
			x.remove(key)
			delete(want, key)
		} else {
			x.put(key, i)
			want[key] = i
		}
		probe := rnd.Uint64N(500) + 1
		slot, ok := want[probe]
		if !ok {
			slot = none
		}
		if got := x.get(probe); got != slot {
			t.Fatalf("step %d: get(%d) = %d, want %d", i, probe, got, slot)
		}
	}
	if x.n != len(want) {
		t.Errorf("%d keys, want %d", x.n, len(want))
	}
}

type discard struct{}

func (discard) Request(*Event, schema.Kind)                             {}
func (discard) Landing(*Outcome)                                        {}
func (discard) Share(int, attribution.Source, schema.Scope, []byte)     {}
func (discard) Conversion(int, int, schema.Channel, attribution.Source) {}

// BenchmarkObserve is the steady state: visitors come, load a page with its
// assets, and are forgotten again. It allocates nothing.
func BenchmarkObserve(b *testing.B) {
	events := make([]Event, 0, 1<<16)
	rnd := rand.New(rand.NewPCG(7, 8))
	for i := range 1 << 13 {
		who := fmt.Sprint("10.0.", rnd.IntN(40), ".", rnd.IntN(250))
		events = append(events, *act{who: who, what: "landing", page: fmt.Sprint("/p", rnd.IntN(500))}.event(i))
		for range 7 {
			events = append(events, *act{who: who, what: "asset"}.event(i))
		}
	}
	tr := NewTracker(Options{}, discard{})
	now := start.UnixNano()
	pass := func() {
		for i := range events {
			now += int64(20 * time.Millisecond)
			events[i].Time = now
			tr.Advance(now)
			tr.Observe(&events[i])
		}
	}
	pass()
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		e := &events[i&(len(events)-1)]
		now += int64(20 * time.Millisecond)
		e.Time = now
		tr.Advance(now)
		tr.Observe(e)
	}
}
