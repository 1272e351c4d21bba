package visit

import (
	"math"
	"math/bits"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

// entryPages learns which pages people type or have bookmarked: the hubs, from
// which visitors go on to many different pages. In real logs home pages had 12
// to 237 distinct onward pages, section fronts and searches 16 to 83, articles 0
// to 14; neither depth nor length of the path tells them apart.
type entryPages struct {
	index   index
	slab    []entryPage
	limit   int
	evicted uint64
	hand    int
	// broadest is, per site, how many onward pages the broadest page has.
	broadest []lately[float64]
}

// targets is the set of the pages that visitors went on to, as a bitmap by hash
// (linear counting; Whang, Vander-Zanden and Taylor, ACM TODS 15, 1990).
type targets [4]uint64

func (b *targets) add(hash uint64) { b[hash>>6&3] |= 1 << (hash & 63) }

// count estimates how many distinct pages are in the union of the two.
func (b *targets) count(c *targets) float64 {
	const m = 256
	set := 0
	for i := range b {
		set += bits.OnesCount64(b[i] | c[i])
	}
	if set == m {
		set = m - 1
	}
	return -m * math.Log(1-float64(set)/m)
}

type entryPage struct {
	key  uint64
	went lately[onward]
	// Visits here that were known to be private, and those without a referrer.
	private, bare float32
}

// onward is where visitors went on to from a page in one period.
type onward struct {
	pages  targets
	clicks float32
}

// lately holds what was learned in the newest period, and in the one before.
type lately[T any] struct {
	period      int64
	now, before T
}

// turn begins the period if it is a new one. What comes late, from the period
// before, counts in the newest: it must not throw that away.
func (l *lately[T]) turn(period int64) {
	var nothing T
	switch d := period - l.period; {
	case d <= 0:
		return
	case d == 1:
		l.before = l.now
	default:
		l.before = nothing
	}
	l.now, l.period = nothing, period
}

// at returns what is known in the period, which begins nothing: one record with a
// wrong time forgets nothing.
func (l lately[T]) at(period int64) (now, before T) {
	l.turn(period)
	return l.now, l.before
}

// rewind takes what was learned with it where the clock is set back.
func (l *lately[T]) rewind(period int64) { l.period = min(l.period, period) }

const (
	// forgetAfter is the period of what is learned: a page is judged by this week
	// and the last.
	forgetAfter = int64(7 * 24 * time.Hour)
	// A hub has hubTargets onward pages, and hubShare of those that the site's
	// broadest page has: a busy site's articles reach the first by their menus alone.
	hubTargets = 16
	hubShare   = 1.0 / 16
	// A page is known for a hub earlier where hardly two visitors went the same way.
	earlyTargets = 10
	earlyShare   = 0.8
	// Where private visits are known to come to a page, those without a referrer
	// are most likely private too, whatever else the page is.
	privateVisits = 10
	privateShare  = 0.20
)

func newEntryPages(limit int) entryPages { return entryPages{index: newIndex(), limit: limit} }

// follow takes a visitor going from one page of the site to another.
func (p *entryPages) follow(site int, from, to []byte, now int64) {
	period := now / forgetAfter
	e := p.page(pageKey(site, from), period)
	e.went.turn(period)
	e.went.now.clicks++
	was := e.went.now.pages
	e.went.now.pages.add(mix(hashBytes(to)))
	if e.went.now.pages == was {
		return
	}
	for site >= len(p.broadest) {
		p.broadest = append(p.broadest, lately[float64]{})
	}
	b := &p.broadest[site]
	b.turn(period)
	b.now = max(b.now, e.went.now.pages.count(&e.went.before.pages))
}

// landed takes a visit to the page, which teaches how it is reached.
func (p *entryPages) landed(key uint64, o *Outcome) {
	private := o.Channel == schema.ChannelDarkSocial && o.Evidence.Known()
	bare := o.Evidence == schema.EvidenceEntryPage || o.Evidence == schema.EvidenceDeepLink
	if !private && !bare {
		return
	}
	// Pages without a referrer teach something only where there is something to
	// compare them with.
	i := p.index.get(key)
	if i == none && !private {
		return
	}
	e := p.page(key, o.Time/forgetAfter)
	if private {
		e.private++
	} else {
		e.bare++
	}
	if e.private+e.bare > 1000 {
		e.private, e.bare = e.private/2, e.bare/2
	}
}

// typed reports whether people come to the landing's page by typing or from a
// bookmark, and notes in the landing whether that was learned.
func (p *entryPages) typed(l *landing) bool {
	i := p.index.get(l.key)
	if i == none {
		return l.entryPage
	}
	e := &p.slab[i]
	if e.private >= privateVisits && e.private >= privateShare*(e.private+e.bare) {
		return false
	}
	if l.entryPage {
		return true
	}
	period := l.Time / forgetAfter
	var most float64
	if l.Site < len(p.broadest) {
		most = max(p.broadest[l.Site].at(period))
	}
	now, before := e.went.at(period)
	// The ways of last week count half: the longer a front is known, the more often
	// two will have gone the same.
	onward, clicks := now.pages.count(&before.pages), float64(now.clicks+before.clicks/2)
	l.Learned = onward >= max(hubTargets, hubShare*most) ||
		onward >= earlyTargets && onward >= earlyShare*clicks && onward >= hubShare*most
	return l.Learned
}

// rewind sets back the periods of what was learned.
func (p *entryPages) rewind(now int64) {
	period := now / forgetAfter
	for i := range p.slab {
		p.slab[i].went.rewind(period)
	}
	for i := range p.broadest {
		p.broadest[i].rewind(period)
	}
}

// page returns the page of that key, new if need be; where the table is full, in
// the place of a page that has taught little.
func (p *entryPages) page(key uint64, period int64) *entryPage {
	i := p.index.get(key)
	if i != none {
		return &p.slab[i]
	}
	if len(p.slab) < p.limit {
		i = int32(len(p.slab))
		p.slab = append(p.slab, entryPage{})
	} else {
		i = p.victim(period)
		p.index.remove(p.slab[i].key)
		p.evicted++
	}
	p.slab[i] = entryPage{key: key}
	p.index.put(key, i)
	return &p.slab[i]
}

// victim looks at the next few pages in turn for the one that has taught least.
func (p *entryPages) victim(period int64) int32 {
	least, victim := math.Inf(1), 0
	for range 16 {
		p.hand = (p.hand + 1) % len(p.slab)
		e := &p.slab[p.hand]
		now, before := e.went.at(period)
		if worth := now.pages.count(&before.pages) + float64(e.private); worth < least {
			least, victim = worth, p.hand
		}
	}
	return int32(victim)
}

// pageKey hashes a page of a site.
func pageKey(site int, page []byte) uint64 {
	// The golden ratio spreads the sites' numbers over all bits.
	return orOne(hashBytes(page) ^ uint64(site)*0x9e3779b97f4a7c15)
}

// hashBytes is FNV-1a, eight bytes at a time: it must give the same in every
// process, since what is learned depends on it.
func hashBytes(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for ; len(b) >= 8; b = b[8:] {
		w := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		h = (h ^ w) * 1099511628211
		h ^= h >> 29
	}
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return mix(h)
}
