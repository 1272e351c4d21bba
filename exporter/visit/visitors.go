package visit

import (
	"hash/maphash"
	"time"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
)

// none is the index of no element.
const none int32 = -1

// never is a time before every window of every log.
const never = -int64(1) << 62

// A visitor is what is remembered of one client with one user agent on one site.
type visitor struct {
	// What every request of the visitor reads comes first, to lie together.
	key  uint64
	seen int64
	// When it last showed each signal.
	own, bare, metadata int64
	// By when it was last seen, newest first, to the minute.
	prev, next int32
	moved      int64
	// Its landings that wait, oldest first.
	pending, lastPending int32
	waits                uint8
	hostile              bool
	// control: it came from a search engine; shown is what observeControl has
	// counted of it.
	control bool
	shown   attribution.Signal
	site    int32

	// The pages it asked for last.
	pagesSeen [8]uint64
	nextSeen  uint8
	// Whether it was counted as a client that hides referrers; whether it went
	// from page to page as browsers do; whether it fetched more than pages.
	suppressed, walked, fetched bool

	// Recent landings, to tell reloads.
	recent [4]recentLanding
	oldest uint8

	// Since the visitor appeared: its page views, and how many of its requests
	// were for what does not exist; and its page views since burstStart.
	pages, missing, burst uint16
	burstStart            int64

	// The visit that goals belong to, and the goals it has reached.
	visiting bool
	channel  schema.Channel
	source   attribution.Source
	reached  uint32
	// Goals reached while the landing still waited for confirmation.
	waiting uint32
}

type recentLanding struct {
	key  uint64
	time int64
}

func (v *visitor) reset(key uint64, site int, now int64) {
	*v = visitor{
		key: key, prev: v.prev, next: v.next, pending: none, lastPending: none, site: int32(site), seen: now, moved: now,
		own: never, bare: never, metadata: never, burstStart: never,
	}
	for i := range v.recent {
		v.recent[i].time = never
	}
}

// sawPage remembers a page that the visitor asked for.
func (v *visitor) sawPage(page []byte) {
	v.pagesSeen[v.nextSeen] = hashBytes(page)
	v.nextSeen = (v.nextSeen + 1) % uint8(len(v.pagesSeen))
}

// hasSeen reports whether the page is among those that the visitor asked for last.
func (v *visitor) hasSeen(page []byte) bool {
	key := hashBytes(page)
	for _, seen := range v.pagesSeen {
		if seen == key {
			return true
		}
	}
	return false
}

// reload reports whether the visitor landed on the same page from the same
// sender within the window, and remembers the landing. A page that reloads by
// itself all day is one visit.
func (v *visitor) reload(e *Event, window int64) bool {
	key := hashBytes(e.Page) ^ mix(uint64(e.Channel)|uint64(e.Evidence)<<8|uint64(e.Source)<<16)
	for i := range v.recent {
		r := &v.recent[i]
		if r.key == key && within(r.time, e.Time, window) {
			r.time = max(r.time, e.Time)
			return true
		}
	}
	v.recent[v.oldest] = recentLanding{key, e.Time}
	v.oldest = (v.oldest + 1) % uint8(len(v.recent))
	return false
}

func within(a, b, window int64) bool {
	d := a - b
	return -window <= d && d <= window
}

// visitors is a bounded table of visitors by key, in the order of their last
// request. Slots come from one slab and are used again, so that the steady
// state allocates nothing.
type visitors struct {
	slab       []visitor
	index      index
	head, tail int32
	free       int32 // linked by next
	limit      int
	n          int
	// latest is who came last: a page and its assets come in a row.
	latest int32
}

func newVisitors(limit int) visitors {
	// The memory is the system's until it is used, and never moves.
	return visitors{slab: make([]visitor, 0, limit), index: newIndex(), head: none, tail: none, free: none, limit: limit}
}

func (vs *visitors) len() int { return vs.n }

// get returns the visitor of that key, or none.
func (vs *visitors) get(key uint64) int32 {
	if int(vs.latest) < len(vs.slab) && vs.slab[vs.latest].key == key {
		return vs.latest
	}
	i := vs.index.get(key)
	if i != none {
		vs.latest = i
	}
	return i
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
		vs.free = vs.slab[i].next
	} else {
		i = int32(len(vs.slab))
		vs.slab = append(vs.slab, visitor{})
	}
	vs.slab[i].reset(key, site, now)
	vs.index.put(key, i)
	vs.pushFront(i)
	vs.n++
	return i
}

func (vs *visitors) remove(i int32) {
	vs.index.remove(vs.slab[i].key)
	vs.slab[i].key = 0 // for latest
	vs.unlink(i)
	vs.slab[i].next = vs.free
	vs.free = i
	vs.n--
}

// expire forgets the visitors not seen since.
func (vs *visitors) expire(since int64) {
	for vs.tail != none {
		v := &vs.slab[vs.tail]
		if v.seen >= since || v.pending != none {
			return
		}
		vs.remove(vs.tail)
	}
}

// touch notes that the visitor was seen. It moves to the front once a minute only:
// who goes first when the table is full need not be known to the second.
func (vs *visitors) touch(i int32, now int64) {
	v := &vs.slab[i]
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
	v := &vs.slab[i]
	if v.prev != none {
		vs.slab[v.prev].next = v.next
	} else {
		vs.head = v.next
	}
	if v.next != none {
		vs.slab[v.next].prev = v.prev
	} else {
		vs.tail = v.prev
	}
}

func (vs *visitors) pushFront(i int32) {
	v := &vs.slab[i]
	v.prev, v.next = none, vs.head
	if vs.head != none {
		vs.slab[vs.head].prev = i
	}
	vs.head = i
	if vs.tail == none {
		vs.tail = i
	}
}

// visitor returns the event's visitor, made new where there is none.
func (t *Tracker) visitor(e *Event) int32 {
	key, before := t.salts.keys(e, t.window)
	i := t.visitors.get(key)
	if i == none && before != 0 {
		// The salt changed within the window: the visitor moves to its new key.
		if i = t.visitors.get(before); i != none {
			t.visitors.index.remove(before)
			t.visitors.index.put(key, i)
			t.visitors.slab[i].key = key
		}
	}
	if i == none {
		return t.visitors.add(key, e.Site, e.Time, t.evictVisitor)
	}
	v := &t.visitors.slab[i]
	if e.Time-v.seen > t.window {
		t.resolvePending(i, ReasonUnconfirmed)
		v.reset(key, e.Site, e.Time)
	}
	t.visitors.touch(i, e.Time)
	return i
}

func (t *Tracker) evictVisitor(i int32) {
	if t.visitors.slab[i].seen > t.clock-t.window {
		t.stats.VisitorsEvicted++
	}
	t.resolvePending(i, ReasonEvicted)
}

// salts keeps the random seeds of the two newest days. They exist only in
// memory: who was who on a day cannot be told on the next.
type salts struct {
	day  [2]int64
	seed [2]maphash.Seed
}

const dayNanos = int64(24 * time.Hour)

// keys returns the visitor's key under the salt of the event's day and, within a
// window after midnight UTC, its key under the day before's, else 0.
func (s *salts) keys(e *Event, window int64) (key, before uint64) {
	day := e.Time / dayNanos
	key = visitorKey(s.of(day), e)
	if e.Time-day*dayNanos <= window {
		for i, d := range s.day {
			if d == day-1 && s.seed[i] != (maphash.Seed{}) {
				before = visitorKey(s.seed[i], e)
			}
		}
	}
	return key, before
}

func (s *salts) of(day int64) maphash.Seed {
	slot := day & 1
	// A record later than two days takes the newer salt: it must not throw away
	// the one in use.
	if s.day[slot] < day || s.seed[slot] == (maphash.Seed{}) {
		s.day[slot], s.seed[slot] = day, maphash.MakeSeed()
	}
	return s.seed[slot]
}

func visitorKey(seed maphash.Seed, e *Event) uint64 {
	// The salt is in the hash of the address, the part that could be guessed.
	h := mix(maphash.Bytes(seed, e.Client) ^ e.Agent ^ uint64(e.Site)<<48)
	if h == 0 {
		return 1
	}
	return h
}

// mix is the finalizer of MurmurHash3.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return h
}
