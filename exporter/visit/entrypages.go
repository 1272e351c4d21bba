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
	broadest []broadest
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
	key uint64
	// This period's onward pages and the period's before.
	period      int64
	now, before targets
	clicks      float32
	// Visits here that were known to be private, and those without a referrer.
	private, bare float32
}

type broadest struct {
	period      int64
	now, before float64
}

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
	e := p.page(pageKey(site, from))
	period := now / forgetAfter
	e.turn(period)
	e.clicks++
	was := e.now
	e.now.add(mix(hashBytes(to)))
	if e.now == was {
		return
	}
	for site >= len(p.broadest) {
		p.broadest = append(p.broadest, broadest{})
	}
	b := &p.broadest[site]
	if b.period != period {
		b.before, b.now, b.period = b.now, 0, period
	}
	b.now = max(b.now, e.now.count(&e.before))
}

func (e *entryPage) turn(period int64) {
	switch period - e.period {
	case 0:
	case 1:
		e.before, e.now = e.now, targets{}
		e.clicks /= 2
	case -1:
		// A little out of order, at the turn of the period.
		return
	default:
		e.before, e.now, e.clicks = targets{}, targets{}, 0
	}
	e.period = period
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
	e := p.page(key)
	if private {
		e.private++
	} else {
		e.bare++
	}
	if e.private+e.bare > 1000 {
		e.private, e.bare = e.private/2, e.bare/2
	}
}

// typed reports whether people come to the page by typing or from a bookmark,
// and whether that was learned. rule says that a rule makes it an entry page.
func (p *entryPages) typed(key uint64, rule bool, learned *bool) bool {
	i := p.index.get(key)
	if i == none {
		return rule
	}
	e := &p.slab[i]
	if e.private >= privateVisits && e.private >= privateShare*(e.private+e.bare) {
		return false
	}
	if rule {
		return true
	}
	site := siteOf(key)
	var most float64
	if site < len(p.broadest) {
		most = max(p.broadest[site].now, p.broadest[site].before)
	}
	onward := e.now.count(&e.before)
	*learned = onward >= max(hubTargets, hubShare*most) ||
		onward >= earlyTargets && onward >= earlyShare*float64(e.clicks) && onward >= hubShare*most
	return *learned
}

// page returns the page of that key, new if need be; where the table is full, in
// the place of a page that has taught little.
func (p *entryPages) page(key uint64) *entryPage {
	i := p.index.get(key)
	if i != none {
		return &p.slab[i]
	}
	if len(p.slab) < p.limit {
		i = int32(len(p.slab))
		p.slab = append(p.slab, entryPage{})
	} else {
		i = p.victim()
		p.index.remove(p.slab[i].key)
		p.evicted++
	}
	p.slab[i] = entryPage{key: key}
	p.index.put(key, i)
	return &p.slab[i]
}

// victim looks at the next few pages in turn for the one that has taught least.
func (p *entryPages) victim() int32 {
	least, victim := math.Inf(1), 0
	for range 16 {
		p.hand = (p.hand + 1) % len(p.slab)
		e := &p.slab[p.hand]
		if worth := e.now.count(&e.before) + float64(e.private); worth < least {
			least, victim = worth, p.hand
		}
	}
	return int32(victim)
}

// pageKey hashes a page; its lowest byte is the site's.
func pageKey(site int, page []byte) uint64 {
	h := hashBytes(page)&^0xff | uint64(site)&0xff
	if h == 0 {
		return 1 << 8
	}
	return h
}

func siteOf(key uint64) int { return int(key & 0xff) }

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
