package visit

import (
	"bytes"
	"math"
	"math/bits"
	"time"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/slots"
)

// entryPages learns which pages people type or have bookmarked: the hubs, from
// which visitors go on to many different pages. In real logs home pages had 12
// to 237 distinct onward pages, section fronts and searches 16 to 83, articles 0
// to 14; neither depth nor length of the path tells them apart. Where few visitors
// have come yet, the site's own structure tells earlier: pages below the page, and
// links to it from all over the site.
type entryPages struct {
	index slots.Index
	slots.Slab[entryPage]
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
	// Visits here that were known to be private, those without a referrer, and
	// those that somebody public is known to have sent.
	private, bare, public float32
}

// onward is how a page was connected with others in one period.
type onward struct {
	// The pages that visitors went on to, and how many clicks that took.
	pages  targets
	clicks float32
	// The pages that visitors came from, and those below this one that people
	// landed on.
	from, below few
	// Of a directory: the pages right in it that enough visitors have gone on from
	// to tell, and those of them that are hubs.
	judged, hubs few
}

// few is a set of pages as targets is, for sets whose size matters up to a few
// dozen only.
type few uint64

func (b *few) add(hash uint64) { *b |= 1 << (hash & 63) }

// count estimates how many distinct pages are in the union of the two.
func (b few) count(c few) float64 {
	const m = 64
	set := min(bits.OnesCount64(uint64(b|c)), m-1)
	return -m * math.Log(1-float64(set)/m)
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
	// And earlier still where visitors came to it from menuSources pages of the site,
	// as they do to what stands in its menus, and most visits from outside have no
	// referrer: menuTargets. What goes round in private is in no menu, and what all
	// pages praise as the most read comes from search engines and networks, too.
	menuSources = 5
	menuTargets = 5
	// A page is the front of what lies below it in the tree of paths where people
	// landed on frontBelow such pages and went on from it to frontTargets pages. The
	// steps of a form lie below its page, too, but nobody lands on them.
	frontBelow   = 8
	frontTargets = 2
	// Where siblingHubs pages right in a directory are hubs (/category/shoes), and at
	// least half of those that judgedClicks tell of, its other pages are, too. The
	// root is no such directory: on many sites everything is in it.
	siblingHubs  = 3
	judgedClicks = 10
	// Where private visits are known to come to a page, those without a referrer
	// are most likely private too, whatever else the page is.
	privateVisits = 10
	privateShare  = 0.20
)

func newEntryPages(limit int) entryPages { return entryPages{index: slots.NewIndex(), limit: limit} }

// follow takes a visitor going from one page of the site to another: e is an
// internal page view.
func (p *entryPages) follow(e *Event) {
	period := e.Time / forgetAfter
	from, to := hashedPageKey(e.Site, e.RefererHash), hashedPageKey(e.Site, e.PageHash)
	if i := p.find(to); i != none {
		target := p.At(i)
		target.went.turn(period)
		target.went.now.from.add(mix(from))
	}
	source := p.page(from, period)
	source.went.turn(period)
	source.went.now.clicks++
	was := source.went.now.pages
	source.went.now.pages.add(mix(e.PageHash))
	fresh := source.went.now.pages != was
	if fresh {
		for e.Site >= len(p.broadest) {
			p.broadest = append(p.broadest, lately[float64]{})
		}
		b := &p.broadest[e.Site]
		b.turn(period)
		b.now = max(b.now, source.went.now.pages.count(&source.went.before.pages))
	}
	// What the page's directory learns of it changes where somebody goes a new way.
	if clicks := source.went.now.clicks; clicks == judgedClicks || fresh && clicks > judgedClicks {
		p.judge(e, from, source.hub(period, p.most(e.Site, period)))
	}
}

// judge tells the directory that the page is in whether the page is a hub.
func (p *entryPages) judge(e *Event, page uint64, hub bool) {
	dir := directory(e.RefererPage)
	if dir == nil {
		return
	}
	period := e.Time / forgetAfter
	d := p.page(pageKey(e.Site, dir), period)
	d.went.turn(period)
	d.went.now.judged.add(mix(page))
	if hub {
		d.went.now.hubs.add(mix(page))
	}
}

// directory returns the directory that the page is right in, with its slash, or
// nil if that is the root.
func directory(page []byte) []byte {
	i := bytes.LastIndexByte(bytes.TrimSuffix(page, slash), '/')
	if i <= 0 {
		return nil
	}
	return page[:i+1]
}

var slash = []byte("/")

// most is how many onward pages the site's broadest page has.
func (p *entryPages) most(site int, period int64) float64 {
	if site >= len(p.broadest) {
		return 0
	}
	return max(p.broadest[site].at(period))
}

// hub reports whether the page is a hub by what is known of itself, where the
// site's broadest page has most onward pages.
func (e *entryPage) hub(period int64, most float64) bool {
	now, before := e.went.at(period)
	// The ways of last week count half: the longer a front is known, the more often
	// two will have gone the same.
	onward, clicks := now.pages.count(&before.pages), float64(now.clicks+before.clicks/2)
	early := float64(earlyTargets)
	if now.from.count(before.from) >= menuSources && e.bare >= e.public {
		early = menuTargets
	}
	return onward >= max(hubTargets, hubShare*most) ||
		onward >= early && onward >= earlyShare*clicks && onward >= hubShare*most ||
		onward >= frontTargets && now.below.count(before.below) >= frontBelow
}

// narrow reports whether visitors are known to go the same few ways from the page,
// whatever they do on those beside it.
func (e *entryPage) narrow(period int64) bool {
	now, before := e.went.at(period)
	clicks := float64(now.clicks + before.clicks)
	return clicks >= judgedClicks && now.pages.count(&before.pages) < clicks/2
}

// amongHubs reports whether the pages beside this one are hubs.
func (p *entryPages) amongHubs(site int, page []byte, period int64) bool {
	dir := directory(page)
	if dir == nil {
		return false
	}
	i := p.find(pageKey(site, dir))
	if i == none {
		return false
	}
	now, before := p.At(i).went.at(period)
	hubs := now.hubs.count(before.hubs)
	return hubs >= siblingHubs && hubs >= now.judged.count(before.judged)/2
}

// landed takes a visit to the page, which teaches how it is reached.
func (p *entryPages) landed(key uint64, o *Outcome) {
	p.above(key, o)
	private := o.Channel == schema.ChannelDarkSocial && o.Evidence.Known()
	bare := o.Evidence == schema.EvidenceEntryPage || o.Evidence == schema.EvidenceDeepLink
	if o.Channel == schema.ChannelUnknown {
		return
	}
	// Pages without a referrer teach something only where there is something to
	// compare them with.
	i := p.find(key)
	if i == none && !private {
		return
	}
	e := p.page(key, o.Time/forgetAfter)
	switch {
	case private:
		e.private++
	case bare:
		e.bare++
	default:
		// A page that many find does not forget its private visits for that.
		e.public = min(e.public+1, 2000)
	}
	if e.private+e.bare > 1000 {
		e.private, e.bare, e.public = e.private/2, e.bare/2, e.public/2
	}
}

// levels is how many of the pages above a page in the tree of paths are its fronts.
const levels = 4

// above notes for the pages above the visit's in the tree of paths that people land
// below them. It makes none of them known: a front will be as soon as a visitor
// goes on from it.
func (p *entryPages) above(key uint64, o *Outcome) {
	dir := bytes.TrimRight(o.Page, "/")
	for range levels {
		i := bytes.LastIndexByte(dir, '/')
		if i <= 0 {
			return
		}
		n := p.find(pageKey(o.Site, dir[:i+1]))
		if n == none {
			n = p.find(pageKey(o.Site, dir[:i]))
		}
		if n != none {
			e := p.At(n)
			e.went.turn(o.Time / forgetAfter)
			e.went.now.below.add(mix(key))
		}
		dir = dir[:i]
	}
}

// typed reports whether people come to the landing's page by typing or from a
// bookmark, and notes in the landing whether that was learned.
func (p *entryPages) typed(l *landing) bool {
	i := p.find(l.key)
	if i != none && p.At(i).shared() {
		return false
	}
	if l.entryPage {
		return true
	}
	period := l.Time / forgetAfter
	if i != none {
		e := p.At(i)
		if l.Learned = e.hub(period, p.most(l.Site, period)); l.Learned || e.narrow(period) {
			return l.Learned
		}
	}
	l.Learned = p.amongHubs(l.Site, l.page, period)
	return l.Learned
}

// shared reports whether the page is known to go round in private.
func (e *entryPage) shared() bool {
	return e.private >= privateVisits && e.private >= privateShare*(e.private+e.bare)
}

// rewind sets back the periods of what was learned.
func (p *entryPages) rewind(now int64) {
	period := now / forgetAfter
	for i := range int32(p.Len()) {
		p.At(i).went.rewind(period)
	}
	for i := range p.broadest {
		p.broadest[i].rewind(period)
	}
}

// page returns the page of that key, new if need be; where the table is full, in
// the place of a page that has taught little.
func (p *entryPages) page(key uint64, period int64) *entryPage {
	i := p.find(key)
	if i != none {
		return p.At(i)
	}
	if p.Len() < p.limit {
		i = p.Slab.Add()
	} else {
		i = p.victim(period)
		p.index.Remove(p.At(i).key, i)
		p.evicted++
	}
	*p.At(i) = entryPage{key: key}
	p.index.Put(key, i)
	return p.At(i)
}

// victim looks at the next few pages in turn for the one that has taught least.
func (p *entryPages) victim(period int64) int32 {
	least, victim := math.Inf(1), 0
	for range 16 {
		p.hand = (p.hand + 1) % p.Len()
		e := p.At(int32(p.hand))
		now, before := e.went.at(period)
		if worth := now.pages.count(&before.pages) + now.hubs.count(before.hubs) + float64(e.private); worth < least {
			least, victim = worth, p.hand
		}
	}
	return int32(victim)
}

// pageKey makes a key of a page of a site.
func pageKey(site int, page []byte) uint64 { return hashedPageKey(site, attribution.HashPage(page)) }

// hashedPageKey is pageKey for a page whose hash is known.
func hashedPageKey(site int, page uint64) uint64 {
	// The golden ratio spreads the sites' numbers over all bits.
	return orOne(page ^ uint64(site)*0x9e3779b97f4a7c15)
}

// find returns the page of that key, or none.
func (p *entryPages) find(key uint64) int32 {
	for probe := p.index.Probe(key); ; {
		if i := probe.Next(); i == none || p.At(i).key == key {
			return i
		}
	}
}
