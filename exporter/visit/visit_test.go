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
	e.Page, e.PageHash = []byte(a.page), attribution.HashPage([]byte(a.page))
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
		e.Kind, e.Signals = schema.KindInternal, attribution.SignalOwnReferrer
		e.RefererPage, e.RefererHash = []byte(a.from), attribution.HashPage([]byte(a.from))
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
	case "silent goal": // without the site's own referrer
		e.Kind, e.Goals = schema.KindAPI, 1
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

	f("while the next page waits, which turns out to be the same visit", "1=visit/unknown/suppressed 3=unconfirmed/unknown/suppressed goal0/unknown",
		a(0, "landing", "/x", ""), a(s, "bare", "", ""), a(20*m, "landing", "/y", ""), a(20*m+s, "bare", "", ""), a(35*m, "silent goal", "", ""))
	f("to the newest visit, though an older landing was decided later", "2=visit/search/referrer 1=visit/dark_social/deep_link goal0/search",
		a(0, "landing+metadata", "/x", ""), a(10*s, "landing", "/y", "search"), a(2*m, "silent goal", "", ""))
	f("of a landing that is no visit, to none that comes later", "1=unconfirmed/search/referrer 4=visit/dark_social/referrer",
		a(0, "landing", "/x", "search"), a(m, "silent goal", "", ""), a(20*m, "missing", "", ""), a(35*m, "landing", "/y", "whatsapp"), a(36*m, "asset", "", ""))

	// The salt changes at midnight.
	f("a visit over midnight", "1=visit/search/referrer", a(12*time.Hour-s, "landing", "/x", "search"), a(12*time.Hour+s, "asset", "", ""))
	f("its records out of order", "2=visit/search/referrer", a(12*time.Hour, "asset", "", ""), a(12*time.Hour-s, "landing", "/x", "search"))
	f("and known as before from then on", "2=visit/search/referrer 4=reload", a(12*time.Hour, "asset", "", ""), a(12*time.Hour-s, "landing", "/x", "search"),
		a(12*time.Hour+10*m, "asset", "", ""), a(12*time.Hour+20*m, "landing", "/x", "search"))
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
	f("over midnight", "share/7/a", p(12*time.Hour-s, "192.0.2.1", "/a"), p(12*time.Hour+s, "192.0.2.1", "/a"))
	f("over midnight, out of order", "share/7/a", p(12*time.Hour, "192.0.2.1", "/a"), p(12*time.Hour-s, "192.0.2.1", "/a"))
	f("while it is typed at midnight", "share/7/telegram", p(12*time.Hour-s, "2001:db8::1", "/te"), p(12*time.Hour, "2001:db8::1", "/telegram"))
	f("two pages", "share/7/a share/7/b", p(0, "192.0.2.1", "/a"), p(s, "192.0.2.1", "/b"))
	f("not there", "", act{who: "192.0.2.1", what: "preview", page: "/a", status: 404})
	f("a scanner", "1=bot 2=bot", act{who: "192.0.2.1", what: "preview+attack", page: "/.env"}, p(s, "192.0.2.1", "/a"))
	var storm []act
	for i := range 9 {
		storm = append(storm, act{at: time.Duration(i) * s, who: "192.0.2.1", what: "preview", page: fmt.Sprint("/", i), status: 404})
	}
	f("a scanner without attacks", "8=bot 9=bot", storm...)
}

// TestForgotten: visitors are forgotten when the window is over, those too who came
// after one who comes back just then.
func TestForgotten(t *testing.T) {
	tr := NewTracker(Options{}, &recorder{})
	observe := func(at time.Duration, who string) {
		e := act{at: at, who: who, what: "asset"}.event(1)
		tr.Advance(e.Time)
		tr.Observe(e)
	}
	observe(0, "stays for a while")
	observe(time.Second, "comes back")
	observe(50*time.Second, "stays for a while")
	for minute := range 19 {
		observe(time.Duration(minute+1)*time.Minute, fmt.Sprint("passer-by ", minute))
	}
	observe(30*time.Minute+20*time.Second, "comes back")
	observe(55*time.Minute, "another")
	if got := tr.Stats().Visitors; got != 2 {
		t.Errorf("%d visitors are remembered, want those 2 of the last half hour", got)
	}
}
