// Package visit decides which landings are visits. It remembers visitors for as
// long as a window lasts, confirms that they are browsers, tells reloads,
// learns which pages people type, counts the fetches of one share once, and
// follows visits to their goals: everything about a request that takes more
// than the request.
//
// What it remembers is bounded, and hashed with a salt that changes every day
// and is never written. All its time is the log's, so that a log replayed and
// the same log followed live come to the same counts.
package visit

import (
	"time"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
)

// Options are a Tracker's limits and times. The zero value of a field stands for
// its default.
type Options struct {
	// Window is how long before and after a landing its visitor may show itself
	// as a browser, how long the same landing again is a reload, and how long a
	// visit lasts without a request. Default 30 minutes.
	Window time.Duration
	// Visitors is how many are remembered at the most. Default 100,000.
	Visitors int
	// Pending is how many landings may wait for confirmation. Default 32,768.
	Pending int
	// Pages is how many pages are remembered to learn which are entry pages.
	// Default 8,192.
	Pages int
	// Sharers is how many fetchers of link previews are remembered. Default 4,096.
	Sharers int
	// Confirmation says whether a landing must be confirmed to count.
	Confirmation Confirmation
	// Mixed, where it is not nil, reports whether an app shows private chats and
	// public posts in one browser, and has tags that tell them apart.
	Mixed func(attribution.Source) bool
	// OnConfirmation, where it is not nil, is called from within the methods that
	// call the Sink when ConfirmAuto switches confirmation of a site off or on.
	OnConfirmation func(site int, enabled bool)
}

// Confirmation says whether a landing must be confirmed to count as a visit.
type Confirmation uint8

// ConfirmAuto asks for confirmation where the control group shows that it can be
// seen; ConfirmAlways and ConfirmNever do not look.
const (
	ConfirmAuto Confirmation = iota
	ConfirmAlways
	ConfirmNever
)

func (o Options) withDefaults() Options {
	if o.Window <= 0 {
		o.Window = 30 * time.Minute
	}
	orElse(&o.Visitors, 100_000)
	orElse(&o.Pending, 32_768)
	orElse(&o.Pages, 8_192)
	orElse(&o.Sharers, 4_096)
	return o
}

func orElse(n *int, def int) {
	if *n <= 0 {
		*n = def
	}
}

// An Event is one classified request.
type Event struct {
	// Site numbers the site from 0; it replaces Verdict.Site, which knows only
	// the configured ones.
	Site int
	// Time is in nanoseconds since the Unix epoch.
	Time int64
	// Who is HashVisitor(Client, Agent), or 0, which makes Observe find it out.
	Who uint64
	// Status is the response's, 0 where it is not logged.
	Status int
	// Client is the address of whoever asked, or a name that stands for it.
	Client []byte
	// Renamed, where it is not nil, has the names that Client had the day before and
	// will have the day after.
	Renamed *Names
	// ID is the caller's, and comes back with the Outcome of a landing.
	ID uint64

	attribution.Verdict
}

// Names are a client's, where they change with the day (UTC). One that no window
// reaches is empty.
type Names struct{ Before, After []byte }

// client returns what the event's client is called on a day, which is that of the
// event or one beside it.
func (e *Event) client(day int64) []byte {
	today := e.Time / dayNanos
	switch {
	case e.Renamed == nil:
	case day < today && len(e.Renamed.Before) > 0:
		return e.Renamed.Before
	case day > today && len(e.Renamed.After) > 0:
		return e.Renamed.After
	}
	return e.Client
}

// whoOn returns what Who is on such a day.
func (e *Event) whoOn(day int64) uint64 {
	if e.Renamed == nil {
		return e.Who
	}
	return HashVisitor(e.client(day), e.Agent)
}

// An Outcome is what became of a landing.
type Outcome struct {
	ID       uint64
	Site     int
	Time     int64
	Page     []byte // valid during the call
	Channel  schema.Channel
	Source   attribution.Source
	Evidence schema.Evidence
	Device   schema.Device
	// Visit tells a visit from an unconfirmed landing.
	Visit bool
	// Reason says what confirmed the visitor, or why that was not needed.
	Reason Reason
	// Learned reports that the page is an entry page by what visitors did there
	// rather than by a rule.
	Learned bool
}

// A Reason says why a landing is a visit, or is not.
type Reason uint8

// The reasons.
const (
	// ReasonUnconfirmed: the visitor never showed itself as a browser.
	ReasonUnconfirmed Reason = iota
	// ReasonOwnReferrer: it fetched something with the site's own referrer.
	ReasonOwnReferrer
	// ReasonMetadata: it sent fetch metadata.
	ReasonMetadata
	// ReasonBareAsset: it fetched assets, all without a referrer.
	ReasonBareAsset
	// ReasonInvisible: confirmation cannot be seen on this site, or is switched off.
	ReasonInvisible
	// ReasonSameVisit: it hides referrers and was counted a moment ago: its way
	// through the site looks like one landing after the other.
	ReasonSameVisit
	// ReasonHostile: it behaves like a scanner.
	ReasonHostile
	// ReasonEvicted: a limit was reached before its window was over.
	ReasonEvicted
)

// A Sink takes what a Tracker finds. Its methods are called from within
// Observe, Advance, Rewind, Hurry and Flush.
type Sink interface {
	// Request takes every event once, with its final kind.
	Request(e *Event, kind schema.Kind)
	// Landing takes every landing once, as soon as it is known whether it is a visit.
	Landing(o *Outcome)
	// Share takes a share: the fetches of a link preview that belong together.
	Share(site int, app attribution.Source, scope schema.Scope, page []byte)
	// Conversion takes the first time that a visit reaches a goal.
	Conversion(site, goal int, channel schema.Channel, source attribution.Source)
}

// A Tracker turns events into visits. It is not safe for concurrent use.
type Tracker struct {
	opt  Options
	sink Sink
	// window is Options.Window in nanoseconds.
	window int64
	clock  int64

	visitors visitors
	landings landings
	entries  entryPages
	sharers  sharers
	sites    []site
	salts    salts
	stats    Stats
	// fetched keeps the compiler from leaving out what only brings memory near.
	fetched uint64
}

// Stats counts what a Tracker holds and what its limits cost.
type Stats struct {
	// Visitors and Pending are held now.
	Visitors, Pending int
	// VisitorsEvicted, PendingEvicted, PagesEvicted and SharersEvicted were
	// forgotten before their time, because a limit was reached.
	VisitorsEvicted, PendingEvicted, PagesEvicted, SharersEvicted uint64
}

// NewTracker returns a Tracker that hands what it finds to sink.
func NewTracker(o Options, sink Sink) *Tracker {
	o = o.withDefaults()
	return &Tracker{
		opt:      o,
		sink:     sink,
		window:   int64(o.Window),
		visitors: newVisitors(o.Visitors),
		landings: newLandings(o.Pending),
		entries:  newEntryPages(o.Pages),
		sharers:  newSharers(o.Sharers),
	}
}

// Window returns the window in force.
func (t *Tracker) Window() time.Duration { return t.opt.Window }

// Stats returns what the tracker holds.
func (t *Tracker) Stats() Stats {
	s := t.stats
	s.Visitors = t.visitors.len()
	s.Pending = t.landings.len()
	s.PagesEvicted = t.entries.evicted
	s.SharersEvicted = t.sharers.evicted
	return s
}

// Observe takes the next event of the log. The event and what it points to are
// the caller's again when it returns.
func (t *Tracker) Observe(e *Event) {
	switch e.Kind {
	case schema.KindBot:
		t.sink.Request(e, e.Kind)
		return
	case schema.KindPreview:
		t.observePreview(e)
		return
	}
	if e.Kind != schema.KindLanding && e.Signals == 0 && e.Goals == 0 {
		t.sink.Request(e, e.Kind)
		return
	}
	i := t.visitor(e)
	v := t.visitors.At(i)
	t.judge(v, e)
	kind := e.Kind
	switch {
	case v.hostile && (kind == schema.KindLanding || kind == schema.KindInternal):
		kind = schema.KindBot
	case kind == schema.KindLanding && v.reload(e, t.window):
		kind = schema.KindReload
	}
	t.sink.Request(e, kind)
	if v.hostile {
		t.resolvePending(i, ReasonHostile)
		return
	}
	signals := e.Signals
	if e.Kind == schema.KindInternal && signals&attribution.SignalOwnReferrer != 0 {
		// Whoever makes up referrers names the site's own, too: they show something
		// only where the visitor did come from there.
		if t.visitors.At(i).hasSeen(e.RefererHash) && e.RefererHash != e.PageHash {
			t.entries.follow(e)
			t.observeWalk(i, true, false)
		} else {
			signals &^= attribution.SignalOwnReferrer
		}
	} else if signals&(attribution.SignalOwnReferrer|attribution.SignalBareAsset) != 0 {
		t.observeWalk(i, false, true)
	}
	if e.Kind == schema.KindLanding || e.Kind == schema.KindInternal {
		t.visitors.At(i).sawPage(e.PageHash)
	}
	t.signals(i, signals, e.Time)
	if kind == schema.KindLanding {
		t.land(i, e)
	}
	if e.Goals != 0 && e.Status < 400 {
		t.reach(t.visitors.At(i), e)
	}
}

// signals notes what a client has shown of itself, and resolves the landings that
// waited for it.
func (t *Tracker) signals(i int32, shown attribution.Signal, now int64) {
	v := t.visitors.At(i)
	if shown&attribution.SignalBareAsset != 0 {
		v.bare = now
	}
	if shown&attribution.SignalMetadata != 0 {
		v.metadata = now
	}
	if shown&attribution.SignalOwnReferrer != 0 {
		v.own = now
	}
	if v.control {
		t.observeControl(v)
	}
	if v.pending != none {
		t.confirm(i)
	}
}

// Advance says that no event before the time now is to be expected any more, but
// for a few that are a little late. It resolves the landings and shares whose
// window has passed.
func (t *Tracker) Advance(now int64) {
	if now <= t.clock {
		return
	}
	t.clock = now
	t.expireLandings(now)
	t.sharers.expire(now, t.sink)
	t.visitors.expire(now - t.window)
}

// Rewind sets the clock back: the log's own clock was wrong, or an older log
// follows. It resolves what is pending and forgets who came, since nothing of a
// time to come may wait in front of what comes now. What was learned of sites and
// pages stays.
func (t *Tracker) Rewind(now int64) {
	if now >= t.clock {
		return
	}
	t.Flush()
	t.visitors.forget()
	t.sharers.forget()
	t.salts = salts{}
	t.entries.rewind(now)
	t.clock = now
}

// Flush resolves everything that is pending as if its window had passed.
func (t *Tracker) Flush() {
	t.expireLandings(forever)
	t.sharers.expire(forever, t.sink)
}

const forever int64 = 1<<63 - 1
