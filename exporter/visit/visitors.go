package visit

import (
	"slices"
	"time"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/slots"
)

// none is the index of no element.
const none = slots.None

// never is a time before every window of every log.
const never = -int64(1) << 62

// A visitor is what is remembered of one client with one user agent on one site.
type visitor struct {
	// What every request of the visitor reads comes first, in one line of the
	// processor's cache.
	key  uint64
	seen int64
	// When it last showed each signal.
	own, bare, metadata int64
	moved               int64 // when it last moved to the front of the list
	// Its landings that wait, oldest first.
	pending, lastPending int32
	site                 int16
	waits                uint8
	hostile              bool
	// control: it came from a search engine; shown is what observeControl has
	// counted of it.
	control bool
	shown   attribution.Signal
	// Whether it went from page to page as browsers do; whether it fetched more
	// than pages.
	walked, fetched bool

	// What page views read as well comes in the next line. By when it was last seen,
	// newest first, to the minute:
	prev, next int32
	// Since the visitor appeared: its page views, and how many of its requests
	// were for what does not exist; and its page views since burstStart.
	pages, missing, burst uint16
	nextSeen, oldest      uint8 // the places to be used next
	// Whether it was counted as a client that hides referrers.
	suppressed bool
	// The visit that goals belong to.
	visiting   bool
	channel    schema.Channel
	source     attribution.Source
	burstStart int64
	// The pages it asked for last, by half of their hashes.
	pagesSeen [8]uint32

	// When the visit began, and the goals it has reached.
	began   int64
	reached uint32
	// Goals reached while the landing still waited for confirmation.
	waiting uint32
	// Recent landings, to tell reloads, by half of their hashes.
	recentTimes [4]int64
	recentKeys  [4]uint32
}

func (v *visitor) reset(key uint64, site int, now int64) {
	*v = visitor{
		key: key, prev: v.prev, next: v.next, pending: none, lastPending: none, site: int16(site), seen: now, moved: now,
		own: never, bare: never, metadata: never, burstStart: never,
	}
	for i := range v.recentTimes {
		v.recentTimes[i] = never
	}
}

// sawPage remembers a page, by its hash, that the visitor asked for.
func (v *visitor) sawPage(page uint64) {
	v.pagesSeen[v.nextSeen] = uint32(page)
	v.nextSeen = (v.nextSeen + 1) % uint8(len(v.pagesSeen))
}

// hasSeen reports whether the page is among those that the visitor asked for last.
func (v *visitor) hasSeen(page uint64) bool {
	return slices.Contains(v.pagesSeen[:], uint32(page))
}

// reload reports whether the visitor landed on the same page from the same
// sender within the window, and remembers the landing. A page that reloads by
// itself all day is one visit.
func (v *visitor) reload(e *Event, window int64) bool {
	key := uint32(e.PageHash ^ mix(uint64(e.Channel)|uint64(e.Evidence)<<8|uint64(e.Source)<<16))
	for i, k := range v.recentKeys {
		if last := &v.recentTimes[i]; k == key && within(*last, e.Time, window) {
			*last = max(*last, e.Time)
			return true
		}
	}
	v.recentKeys[v.oldest], v.recentTimes[v.oldest] = key, e.Time
	v.oldest = (v.oldest + 1) % uint8(len(v.recentKeys))
	return false
}

func within(a, b, window int64) bool {
	d := a - b
	return -window <= d && d <= window
}

// visitors is a bounded table of visitors by key, in the order of their last
// request. Slots are used again, so that the steady state allocates nothing.
type visitors struct {
	slots.Slab[visitor]
	index      slots.Index
	head, tail int32
	free       int32 // linked by next
	limit      int
	n          int
	// lately holds who came of late, by the low bits of the key: most requests are
	// by somebody whose page is loading.
	lately [512]struct {
		key  uint64
		slot int32
	}
}

func newVisitors(limit int) visitors {
	return visitors{index: slots.NewIndex(), head: none, tail: none, free: none, limit: limit}
}

func (vs *visitors) len() int { return vs.n }

// get returns the visitor of that key, or none.
func (vs *visitors) get(key uint64) int32 {
	last := &vs.lately[key%uint64(len(vs.lately))]
	if i := last.slot; last.key == key && int(i) < vs.Len() && vs.At(i).key == key {
		return i
	}
	for p := vs.index.Probe(key); ; {
		i := p.Next()
		if i == none {
			return none
		}
		if vs.At(i).key == key {
			last.key, last.slot = key, i
			return i
		}
	}
}

// fetch brings near what get reads of the visitor of that key. What it returns is of no
// use but for having been read.
func (vs *visitors) fetch(key uint64) uint64 {
	if last := &vs.lately[key%uint64(len(vs.lately))]; last.key == key && int(last.slot) < vs.Len() {
		return vs.At(last.slot).key
	}
	return vs.index.Fetch(key)
}

// add makes a slot for the key, which must not be in the table. Where the table
// is full, the visitor not seen for the longest time goes first; evict is called
// with it while it is still whole.
func (vs *visitors) add(key uint64, site int, now int64, evict func(int32)) int32 {
	if vs.n >= vs.limit {
		evict(vs.tail)
		vs.remove(vs.tail)
	}
	i := vs.free
	if i != none {
		vs.free = vs.At(i).next
	} else {
		i = vs.Slab.Add()
	}
	vs.At(i).reset(key, site, now)
	vs.index.Put(key, i)
	vs.pushFront(i)
	vs.n++
	return i
}

func (vs *visitors) remove(i int32) {
	vs.index.Remove(vs.At(i).key, i)
	vs.At(i).key = 0 // for lately
	vs.unlink(i)
	vs.At(i).next = vs.free
	vs.free = i
	vs.n--
}

// forget forgets all visitors.
func (vs *visitors) forget() {
	vs.index.Clear()
	vs.Slab.Clear()
	vs.n = 0
	vs.head, vs.tail, vs.free = none, none, none
}

// expire forgets the visitors not seen since.
func (vs *visitors) expire(since int64) {
	for vs.tail != none {
		v := vs.At(vs.tail)
		if v.seen >= since || v.pending != none {
			return
		}
		vs.remove(vs.tail)
	}
}

// touch notes that the visitor was seen. It moves to the front once a minute only:
// who goes first when the table is full need not be known to the second.
func (vs *visitors) touch(i int32, now int64) {
	v := vs.At(i)
	v.seen = max(v.seen, now)
	if now-v.moved < coarse {
		return
	}
	v.moved = now
	if vs.head != i {
		vs.unlink(i)
		vs.pushFront(i)
	}
}

const coarse = int64(time.Minute)

func (vs *visitors) unlink(i int32) {
	v := vs.At(i)
	if v.prev != none {
		vs.At(v.prev).next = v.next
	} else {
		vs.head = v.next
	}
	if v.next != none {
		vs.At(v.next).prev = v.prev
	} else {
		vs.tail = v.prev
	}
}

func (vs *visitors) pushFront(i int32) {
	v := vs.At(i)
	v.prev, v.next = none, vs.head
	if vs.head != none {
		vs.At(vs.head).prev = i
	}
	vs.head = i
	if vs.tail == none {
		vs.tail = i
	}
}

// visitor returns the event's visitor, made new where there is none.
func (t *Tracker) visitor(e *Event) int32 {
	if e.Who == 0 {
		e.Who = HashVisitor(e.Client, e.Agent)
	}
	key := visitorKey(t.salts.of(e.Time/dayNanos), e.Who, e.Site)
	i := t.visitors.get(key)
	if i == none {
		i = t.overMidnight(e, key)
	}
	if i == none {
		return t.visitors.add(key, e.Site, e.Time, t.evictVisitor)
	}
	v := t.visitors.At(i)
	if e.Time-v.seen > t.window {
		t.resolvePending(i, ReasonUnconfirmed)
		v.reset(key, e.Site, e.Time)
		v.moved = never // to the front with it: whoever is last there is forgotten first
	}
	t.visitors.touch(i, e.Time)
	return i
}

// overMidnight finds the visitor of that key, or none, where the salt changed
// within the window: as it was known the day before, when it moves to its new key;
// or as it is known the day after, where records are a little out of order.
func (t *Tracker) overMidnight(e *Event, key uint64) int32 {
	day, seed, ok := t.salts.nearby(e.Time, t.window)
	if !ok {
		return none
	}
	other := visitorKey(seed, e.whoOn(day), e.Site)
	i := t.visitors.get(other)
	if i != none && day < e.Time/dayNanos {
		t.visitors.index.Remove(other, i)
		t.visitors.index.Put(key, i)
		t.visitors.At(i).key = key
	}
	return i
}

func (t *Tracker) evictVisitor(i int32) {
	if t.visitors.At(i).seen > t.clock-t.window {
		t.stats.VisitorsEvicted++
	}
	t.resolvePending(i, ReasonEvicted)
}

// Fetch brings near what Observe will read of the visitor, who is what HashVisitor says,
// at that time. It changes nothing: no day begins before its records are observed.
func (t *Tracker) Fetch(at int64, who uint64, site int) {
	if day := t.salts.known(at / dayNanos); day != nil {
		t.fetched += t.visitors.fetch(visitorKey(day, who, site))
	}
}

func visitorKey(day *salt, who uint64, site int) uint64 {
	return orOne(fold(who^day[0]^uint64(site)<<48, day[1]))
}

// orOne keeps 0 from being a key.
func orOne(key uint64) uint64 { return max(key, 1) }

// mix is the finalizer of MurmurHash3.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return h
}
