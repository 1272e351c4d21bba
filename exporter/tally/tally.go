// Package tally counts: requests and visits by what they are, the dark share
// over sliding windows, and the pages and sections with the most visits. What it
// holds is bounded whatever the log says.
package tally

import (
	"slices"
	"time"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/series"
	"github.com/darkshare/darkshare/exporter/visit"
)

// Options say what a Tally may hold and where it gets its words from.
type Options struct {
	// Pages and Sections are how many of each have series of their own, per site.
	// Default 100 and 20; None leaves all of them under schema.Overflow.
	Pages, Sections int
	// Steady ranks pages and sections by all their visits, for a report of a whole
	// log, rather than by the latest, for series that are followed.
	Steady bool
	// SiteName and SourceName give the label values behind numbers; Goal likewise,
	// by site.
	SiteName   func(site int) string
	SourceName func(attribution.Source) string
	GoalName   func(site, goal int) string
	// Section gives the section of a page, empty where it has none.
	Section func(site int, page []byte) []byte
	// Clock gives the creation time of counters. Default time.Now.
	Clock func() time.Time
	// Table is where Show shows the series. Default one of the Tally's own.
	Table *series.Table
}

// None is an Options.Pages or Options.Sections of none at all.
const None = -1

// A Tally is a visit.Sink. It is not safe for concurrent use.
type Tally struct {
	opt     Options
	now     int64 // the log's time
	steps   [len(windowSpans)]step
	inputs  []input
	sites   []*siteTally
	visits  map[visitKey]*visits
	unconf  map[siteChannel]*counter
	shares  map[shareKey]*counter
	goals   map[goalKey]*counter
	limited limits
}

// A counter has its creation time beside its value, so that increase() sees its
// first events.
type counter struct {
	n       uint64
	created time.Time
	ref     series.Ref
}

// visits counts those of a kind, with what is expected beside each of them.
type visits struct {
	counter
	excess parts
	cause  schema.Cause
}

type input struct {
	name   string
	lines  counter
	errors [schema.NumReasons]counter
	newest int64
}

// A visitKey is the labels of a visit in one word, which a map finds faster than
// a struct.
type visitKey uint64

func keyOf(o *visit.Outcome) visitKey {
	return visitKey(o.Site)<<48 | visitKey(o.Source)<<32 | visitKey(o.Channel)<<16 | visitKey(o.Evidence)<<8 | visitKey(o.Device)
}

func (k visitKey) site() int                  { return int(k >> 48) }
func (k visitKey) source() attribution.Source { return attribution.Source(k >> 32) }
func (k visitKey) channel() schema.Channel    { return schema.Channel(k >> 16) }
func (k visitKey) evidence() schema.Evidence  { return schema.Evidence(k >> 8) }
func (k visitKey) device() schema.Device      { return schema.Device(k) }

type siteChannel struct {
	site    int
	channel schema.Channel
}

type shareKey struct {
	site  int
	app   string
	scope schema.Scope
}

type goalKey struct {
	site         int
	goal, source string
	channel      schema.Channel
}

type siteTally struct {
	created  time.Time
	requests [schema.NumKinds]uint64
	refs     [schema.NumKinds]series.Ref
	excess   [schema.NumCauses]parts // scratch
	windows  [len(windowSpans)]window
	pages    *top
	sections *top
}

// New returns an empty Tally.
func New(o Options) *Tally {
	o.Pages, o.Sections = limit(o.Pages, 100), limit(o.Sections, 20)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Table == nil {
		o.Table = new(series.Table)
	}
	t := &Tally{
		opt:    o,
		visits: map[visitKey]*visits{},
		unconf: map[siteChannel]*counter{},
		shares: map[shareKey]*counter{},
		goals:  map[goalKey]*counter{},
	}
	t.setClock(0)
	t.Limit("pages", t.overflowed(func(s *siteTally) *top { return s.pages }))
	t.Limit("sections", t.overflowed(func(s *siteTally) *top { return s.sections }))
	return t
}

func limit(n, def int) int {
	if n == 0 {
		return def
	}
	return max(n, 0)
}

func (t *Tally) overflowed(of func(*siteTally) *top) func() uint64 {
	return func() (n uint64) {
		for _, s := range t.sites {
			if s != nil {
				n += of(s).overflowed
			}
		}
		return n
	}
}

// Input returns the number of the input of that name. A new one gets the next,
// from 0 on.
func (t *Tally) Input(name string) int {
	if i := slices.IndexFunc(t.inputs, func(in input) bool { return in.name == name }); i >= 0 {
		return i
	}
	now := t.opt.Clock()
	in := input{name: name}
	in.lines.created = now
	for i := range in.errors {
		in.errors[i].created = now
	}
	t.inputs = append(t.inputs, in)
	return len(t.inputs) - 1
}

// Line counts a record of the input: an access record where reason is
// schema.ReasonNone, with its time or 0.
func (t *Tally) Line(input int, reason schema.Reason, at int64) {
	in := &t.inputs[input]
	in.lines.n++
	if reason != schema.ReasonNone {
		in.errors[reason].n++
		return
	}
	in.newest = max(in.newest, at)
}

// Advance sets the log's clock, by which the windows slide.
func (t *Tally) Advance(now int64) {
	if now > t.now {
		t.setClock(now)
	}
}

// Rewind sets the log's clock back.
func (t *Tally) Rewind(now int64) {
	if now < t.now {
		t.setClock(max(0, now))
	}
}

func (t *Tally) setClock(now int64) {
	t.now = now
	for i := range t.steps {
		t.steps[i] = windowSpans[i].at(now)
	}
}

// Request implements visit.Sink.
func (t *Tally) Request(e *visit.Event, kind schema.Kind) {
	t.site(e.Site).requests[kind]++
}

// Landing implements visit.Sink.
func (t *Tally) Landing(o *visit.Outcome) {
	if !o.Visit {
		count(t, t.unconf, siteChannel{o.Site, o.Channel})
		return
	}
	t.visitsOf(keyOf(o)).n++
	s := t.site(o.Site)
	for i := range s.windows {
		s.windows[i].add(t.steps[i], o.Channel, o.Evidence)
	}
	s.pages.visit(o.Page, o.Channel, t.now, t.opt.Clock)
	if section := t.opt.Section(o.Site, o.Page); len(section) > 0 {
		s.sections.visit(section, o.Channel, t.now, t.opt.Clock)
	}
}

// Share implements visit.Sink.
func (t *Tally) Share(site int, app attribution.Source, scope schema.Scope, page []byte) {
	count(t, t.shares, shareKey{site, t.opt.SourceName(app), scope})
	t.site(site).pages.share(page, t.now, t.opt.Clock)
}

// Conversion implements visit.Sink.
func (t *Tally) Conversion(site, goal int, channel schema.Channel, source attribution.Source) {
	count(t, t.goals, goalKey{site, t.opt.GoalName(site, goal), t.opt.SourceName(source), channel})
}

// site returns the site's counters, made at its first record.
func (t *Tally) site(id int) *siteTally {
	for id >= len(t.sites) {
		t.sites = append(t.sites, nil)
	}
	if t.sites[id] == nil {
		t.sites[id] = &siteTally{
			created:  t.opt.Clock(),
			pages:    newTop(t.opt.Pages, t.opt.Steady),
			sections: newTop(t.opt.Sections, t.opt.Steady),
		}
	}
	return t.sites[id]
}

// visitsOf returns the counter of such visits, made at the first.
func (t *Tally) visitsOf(k visitKey) *visits {
	v := t.visits[k]
	if v == nil {
		v = t.newVisits(k, counter{created: t.opt.Clock()})
		t.visits[k] = v
	}
	return v
}

func (t *Tally) newVisits(k visitKey, c counter) *visits {
	v := &visits{counter: c}
	v.excess, v.cause = t.excess(k.channel(), k.source(), k.evidence())
	return v
}

func count[K comparable](t *Tally, counters map[K]*counter, key K) {
	c := counters[key]
	if c == nil {
		c = &counter{created: t.opt.Clock()}
		counters[key] = c
	}
	c.n++
}

// limits counts the times that a limit was met, by the limit's name.
type limits struct {
	names   []string
	counts  []func() uint64
	created []time.Time
}

// Limit adds a limit that others keep: reached says how often it was met.
func (t *Tally) Limit(name string, reached func() uint64) {
	t.limited.names = append(t.limited.names, name)
	t.limited.counts = append(t.limited.counts, reached)
	t.limited.created = append(t.limited.created, t.opt.Clock())
}
