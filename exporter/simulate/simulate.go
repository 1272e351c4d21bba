// Package simulate writes access logs of traffic that is made up, and tells the
// truth about it: who really sent each visitor. It is what the classifier is
// measured against and what the demo shows, so it shares no table and no rule
// with the classifier: its agents, referrers and tags are its own, from what
// apps are known to send.
//
// A run is a queue of actors in the order of time: visitors who load pages with
// their assets, read and go on; apps that fetch previews; bots. Each writes the
// line that is due and says when it acts next, so memory depends on how many act
// at a time and not on the length of the log.
//
// Not simulated: bots that run a whole browser and so cannot be told from
// people by any log, and visitors who change their address within a visit.
package simulate

import (
	"errors"
	"fmt"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

// Options say what to simulate.
type Options struct {
	// Seed decides everything else: the same options give the same bytes.
	Seed uint64
	// Start is the time of the beginning; its zone is the log's, with the offset
	// of Start throughout.
	Start time.Time
	// Duration is how long the log is.
	Duration time.Duration
	// Lead is simulated before Start and not written, counted or told of, so that
	// the log begins amid the traffic: with people who are reading and people who
	// were here before. Without it the first hours of a log are short of both. Who
	// landed before Start reads on after it: such lines and conversions are counted.
	Lead time.Duration
	// Visits is the mean number of visits an hour.
	Visits float64
	// Growth is the part by which the visits grow a week: 0.02 is 2 %.
	Growth float64
	// Bots is the share of lines by bots, from 0 to 0.9. It is met within a few
	// points over a day, and closer over more; the bots of events come on top.
	Bots float64
	// Site is the site. Its kind is the mix's if Kind is zero.
	Site Site
	Mix  Mix
	// PublishedLosses is true where public senders lose as many referrers as has been
	// published, and those of whom nothing has been, none; else these lose as many as is
	// assumed.
	PublishedLosses bool
	// Events are what happens out of the ordinary.
	Events []Event
	Format Format
	// OnVisit and OnShare, where set, are told of each visit and share when its
	// line has been written.
	OnVisit func(Visit)
	OnShare func(Share)
}

func (o *Options) check() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("simulate: "+format, args...)) }
	if o.Start.IsZero() {
		fail("no start time")
	}
	if o.Duration <= 0 {
		fail("duration %v: want more than 0", o.Duration)
	}
	if o.Lead < 0 {
		fail("a lead of %v: want 0 or more", o.Lead)
	}
	if o.Start.Add(-max(0, o.Lead)).Unix() < int64(24*time.Hour/time.Second) {
		fail("a start at %v: want one after 1970", o.Start)
	}
	if !(o.Visits > 0 && o.Visits <= 1e7) {
		fail("%v visits an hour: want more than 0, at most 10,000,000", o.Visits)
	}
	if !(o.Bots >= 0 && o.Bots <= 0.9) {
		fail("a share of bots of %v: want 0 to 0.9", o.Bots)
	}
	if !(o.Mix.TypedDeep >= 0 && o.Mix.TypedDeep <= 0.5) {
		fail("a share of typed deep visits of %v: want 0 to 0.5", o.Mix.TypedDeep)
	}
	if o.Site.Articles < 0 || o.Site.Articles > 1_000_000 {
		fail("%d articles: want 0 to 1,000,000", o.Site.Articles)
	}
	if int(o.Format) >= len(formatNames) {
		fail("unknown format %d", o.Format)
	}
	if !(o.Mix.Weekend >= 0) {
		fail("a weekend of %v of a weekday's visits: want 0 or more", o.Mix.Weekend)
	}
	if len(o.Mix.Senders) == 0 {
		fail("the mix has no senders; see Mixes")
	}
	return errors.Join(errs...)
}

// simulation is the state of a run.
type simulation struct {
	*Options
	*random
	now, end int64
	// leading is true before Start.
	leading bool
	queue   queue
	out     lineWriter
	truth   *Truth
	site    *site
	rhythm  *rhythm

	senders map[string]*sender
	mix     []*sender
	bySend  choice

	desktops, phones, old *agentPool
	crowd                 crowd
	free                  []*session
	fleet                 *fleet

	scratch request
}

// newSimulation sets up a run and brings it to its start.
func newSimulation(o *Options, to *sink) (*simulation, error) {
	o.Site = o.Site.filled()
	if o.Site.Kind == 0 {
		o.Site.Kind = o.Mix.Site
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &simulation{
		Options: o, random: newRandom(o.Seed),
		now: o.Start.Add(-o.Lead).UnixNano(), end: o.Start.Add(o.Duration).UnixNano(), senders: newSenders(), rhythm: newRhythm(o),
		desktops: newAgentPool(desktopFamilies, true), phones: newAgentPool(phoneFamilies, true), old: newAgentPool(oldFamilies, false),
		truth: newTruth(),
	}
	_, offset := o.Start.Zone()
	// Logs have no zone of odd seconds.
	zone := time.FixedZone("", offset-offset%60)
	s.out = lineWriter{sink: to, format: o.Format, host: o.Site.Host, zone: zone}
	s.site = newSite(o.Site, s.random)
	s.crowd.init(s)
	if err := s.addSenders(); err != nil {
		return nil, err
	}
	s.queue.add(s.rhythm.next(s.now, s.random), (*arrivals)(s))
	s.addBots()
	if err := s.addEvents(); err != nil {
		return nil, err
	}
	if o.Lead > 0 {
		s.leading = true
		s.runTo(o.Start.UnixNano())
		s.leading, s.truth = false, newTruth()
	}
	return s, nil
}

func (s *simulation) addSenders() error {
	var weights []float64
	for _, w := range s.Mix.Senders {
		from := s.senders[w.Sender]
		if from == nil {
			return fmt.Errorf("simulate: mix %q: unknown sender %q", s.Mix.Name, w.Sender)
		}
		if !(w.Visits > 0) {
			return fmt.Errorf("simulate: mix %q: sender %q has a weight of %v: want more than 0", s.Mix.Name, w.Sender, w.Visits)
		}
		s.mix = append(s.mix, from)
		weights = append(weights, w.Visits)
	}
	s.bySend = newChoice(weights)
	if from := s.senders[newsletter]; s.Mix.Tagged > 0 {
		from.tagged = s.Mix.Tagged
	}
	return nil
}

// next returns the time of the next act, and false where none comes before the end.
func (s *simulation) next() (at int64, ok bool) {
	if len(s.queue.events) == 0 || s.queue.events[0].at >= s.end {
		return 0, false
	}
	return s.queue.events[0].at, true
}

// runTo lets everybody act whose time is before that one.
func (s *simulation) runTo(before int64) {
	before = min(before, s.end)
	for len(s.queue.events) > 0 && s.out.err == nil {
		first := s.queue.events[0]
		if first.at >= before {
			return
		}
		s.now = first.at
		// What the actor adds to the queue is due now or later and comes after it,
		// so it is still the first when it has acted.
		if next := first.who.act(s); next == done {
			s.queue.dropFirst()
		} else {
			s.queue.moveFirst(next)
		}
	}
}

// who causes a line.
type who uint8

const (
	byPerson who = iota
	byPreview
	byBot
)

// blank returns the run's one request, with the fields that every line has.
func (s *simulation) blank(addr, agent, proto string) *request {
	s.scratch = request{addr: addr, agent: agent, proto: proto, method: "GET"}
	return &s.scratch
}

func (s *simulation) write(by who, r *request) {
	switch by {
	case byPerson:
		s.truth.People++
	case byPreview:
		s.truth.Previews++
	default:
		s.truth.Bots++
	}
	if by != byBot && s.fleet != nil {
		s.fleet.owe()
	}
	if !s.leading {
		s.out.write(s.now, r)
	}
}

func (s *simulation) time() time.Time { return time.Unix(0, s.now).In(s.out.zone) }

// millis returns a duration in nanoseconds between lo and hi milliseconds.
func (s *simulation) millis(lo, hi int) int64 {
	return int64(lo)*1e6 + int64(s.unit()*float64(hi-lo)*1e6)
}

// arrivals is the stream of new visitors.
type arrivals simulation

func (a *arrivals) act(s *simulation) int64 {
	s.arrive(s.mix[s.bySend.pick(s.random)])
	return s.rhythm.next(s.now, s.random)
}

// arrive makes one visit of a sender, or with a share the visits that it brings.
func (s *simulation) arrive(from *sender) {
	if from.reach > 0 {
		// One share brings reach visits, so there is a share every reach visits.
		if s.chance(1 / from.reach) {
			s.share(from, s.landing(from))
		}
		return
	}
	page := s.landing(from)
	if from.channel == schema.ChannelSocial && s.chance(0.05) {
		s.preview(from, page, "", s.homeAddress())
	}
	s.visit(arrival{from: from, page: page, query: s.tag(from)})
}

// landing picks the page that a sender's visitor comes to.
func (s *simulation) landing(from *sender) int32 {
	u := s.unit()
	switch from.channel {
	case schema.ChannelDirect:
		if u < 0.72 {
			return s.site.home
		}
		return of(s.random, s.site.fronts)
	case schema.ChannelDarkSocial:
		// Some do send the home page.
		if u < 0.03 {
			return s.site.home
		}
	case schema.ChannelSearch:
		if u < 0.12 {
			return s.site.home
		}
		if u < 0.17 {
			return of(s.random, s.site.fronts)
		}
		// People find all of a site, not only what is talked about.
		if u < 0.55 {
			return of(s.random, s.site.articles)
		}
	default:
		if u < 0.08 {
			return s.site.home
		}
	}
	return s.site.article(s.now, s.random)
}

// tag returns the query that the sender's link has, or none.
func (s *simulation) tag(from *sender) string {
	if len(from.tags) > 0 && s.chance(from.tagged) {
		return of(s.random, from.tags)
	}
	return ""
}
