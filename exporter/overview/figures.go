package overview

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

const (
	// How many rows the lists have.
	mostApps     = 8
	mostPages    = 10
	mostPreviews = 10
)

// figures are the numbers of a page, for one site and one stretch of time. Counts
// are no whole numbers where the store extrapolates.
type figures struct {
	// from and to are what the counts are over; from is zero where nobody knows.
	from, to time.Time
	// since reports that the counts are since the start, not over a range.
	since bool

	// dark is the dark share, of visits.
	dark   bounds
	visits float64
	// lastDay is the dark share of the last 24 hours, where the rest is since the
	// start. Nil is none.
	lastDay *lastDay
	// social is the dark share of social, of socialVisits private and public ones.
	social       bounds
	socialVisits float64
	channels     []counts[schema.Channel]
	// apps are the sources of dark_social that have a name, unnamed is the rest.
	apps    []counts[string]
	unnamed float64
	// direct is what analytics calls Direct, in the order of directParts.
	direct   [len(directParts)]float64
	pages    []page
	previews []preview
	// buckets are in the order of time, all of length step. None without a store.
	buckets []bucket
	step    time.Duration
}

// bounds are the three numbers of a dark share.
type bounds [schema.NumBounds]float64

type lastDay struct {
	visits float64
	dark   bounds
}

type counts[K any] struct {
	of K
	n  float64
}

type page struct {
	name                 string
	visits, dark, shares float64
}

type preview struct {
	app    string
	scope  schema.Scope
	shares float64
}

// A bucket is the dark share of visits between two times, without meaning where
// visits is 0.
type bucket struct {
	from   time.Time
	visits float64
	dark   bounds
}

// directParts are the visits that come without a referrer and that analytics
// books as Direct; what carries a campaign tag is not among them. Each has a text of
// its own, "direct_" and its word.
var directParts = [...]struct {
	word     string
	channel  schema.Channel
	evidence schema.Evidence
}{
	{"app", schema.ChannelDarkSocial, schema.EvidenceApp},
	{"link", schema.ChannelDarkSocial, schema.EvidenceLink},
	{"deep_link", schema.ChannelDarkSocial, schema.EvidenceDeepLink},
	{"typed", schema.ChannelDirect, schema.EvidenceNone},
	{"unknown", schema.ChannelUnknown, schema.EvidenceNone},
}

// A visitCount adds visits up by everything that the page tells apart.
type visitCount struct {
	channels [schema.NumChannels]float64
	dark     [schema.NumBounds]float64
	apps     map[string]float64
	direct   [len(directParts)]float64
}

// add counts n visits. A label value that is in no closed set is left out: it is
// not from this version of darkshare.
func (c *visitCount) add(channel, source, evidence string, n float64) {
	ch, known := schema.ParseChannel(channel)
	if !known || !(n > 0) {
		return
	}
	e := parseEvidence(evidence)
	c.channels[ch] += n
	for b := range schema.NumBounds {
		if b.Dark(ch, e) {
			c.dark[b] += n
		}
	}
	if ch == schema.ChannelDarkSocial {
		if c.apps == nil {
			c.apps = map[string]float64{}
		}
		c.apps[source] += n
	}
	for i, part := range directParts {
		if part.channel == ch && (part.evidence == schema.EvidenceNone || part.evidence == e) {
			c.direct[i] += n
		}
	}
}

func parseEvidence(s string) schema.Evidence {
	for e := range schema.NumEvidence {
		if e.String() == s {
			return e
		}
	}
	return schema.EvidenceNone
}

func (c *visitCount) visits() (sum float64) {
	for _, n := range c.channels {
		sum += n
	}
	return sum
}

// share is the dark share of all that was counted.
func (c *visitCount) share() (b bounds) {
	if all := c.visits(); all > 0 {
		for i, n := range c.dark {
			b[i] = n / all
		}
	}
	return b
}

// fill writes what was counted into the figures.
func (c *visitCount) fill(f *figures) {
	f.visits, f.dark = c.visits(), c.share()
	public := c.channels[schema.ChannelSocial]
	f.socialVisits = c.dark[schema.BoundEstimate] + public
	for i, private := range c.dark {
		// The bounds differ in what they are of, too: see tally.Report.
		if private+public > 0 {
			f.social[i] = private / (private + public)
		}
	}
	for ch, n := range c.channels {
		if n > 0 {
			f.channels = append(f.channels, counts[schema.Channel]{schema.Channel(ch), n})
		}
	}
	slices.SortStableFunc(f.channels, func(a, b counts[schema.Channel]) int { return cmp.Compare(b.n, a.n) })
	for _, app := range slices.Sorted(maps.Keys(c.apps)) {
		if app == schema.SourceOther {
			f.unnamed += c.apps[app]
		} else {
			f.apps = append(f.apps, counts[string]{app, c.apps[app]})
		}
	}
	slices.SortStableFunc(f.apps, func(a, b counts[string]) int { return cmp.Compare(b.n, a.n) })
	f.direct = c.direct
}

// pageCount adds pages up by their name.
type pageCount map[string]*page

func (c pageCount) of(name string) *page {
	if c[name] == nil {
		c[name] = &page{name: name}
	}
	return c[name]
}

func (c pageCount) add(name, channel string, n float64) {
	p := c.of(name)
	p.visits += n
	if channel == schema.ChannelDarkSocial.String() {
		p.dark += n
	}
}

// top lists the pages with the most private visits, those with none left out.
func (c pageCount) top() (pages []page) {
	for _, p := range c {
		if p.name != schema.Overflow && p.dark >= 0.5 {
			pages = append(pages, *p)
		}
	}
	slices.SortFunc(pages, func(a, b page) int { return cmp.Or(cmp.Compare(b.dark, a.dark), cmp.Compare(a.name, b.name)) })
	return pages[:min(len(pages), mostPages)]
}

// topPreviews sorts the previews, most first, those with none left out.
func topPreviews(all []preview) []preview {
	all = slices.DeleteFunc(all, func(p preview) bool { return p.shares < 0.5 })
	slices.SortFunc(all, func(a, b preview) int {
		return cmp.Or(cmp.Compare(b.shares, a.shares), cmp.Compare(a.app, b.app), cmp.Compare(a.scope, b.scope))
	})
	return all[:min(len(all), mostPreviews)]
}
