package visit

import (
	"bytes"
	"math"
	"time"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/slots"
)

// Some apps fetch the preview while the address is being typed, and so once for
// every prefix of it (Telegram, Signal); others fetch one link several times, or
// from several of their servers. A share is what is left when those are one.
const (
	// typing is how long a share waits for a longer prefix of the same address.
	typing = int64(30 * time.Second)
	// sameShare is how long the same page by the same sharer is the same share.
	sameShare = int64(10 * time.Minute)
	// A sharer that asks sharerMissing times for what does not exist, and more
	// often than not, looks for something: it is a scanner with a preview's agent.
	sharerMissing = 8
)

// A sharer is an app at one network: a phone, or an app's servers.
type sharer struct {
	key        uint64
	seen       int64
	prev, next int32 // of those that wait, the one due first at the head
	app        attribution.Source
	scope      schema.Scope
	site       int32
	waiting    bool
	since      int64 // when the waiting page was last asked for
	deadline   int64
	page       []byte // the waiting page; its memory is used again
	pageHash   uint64
	shared     [8]share // counted of late
	oldest     uint8

	found, missing uint16
	hostile        bool
}

// A share is a page, by its hash, and when it was last asked for.
type share struct {
	page uint64
	time int64
}

type sharers struct {
	index slots.Index
	slots.Slab[sharer]
	limit   int
	hand    int
	evicted uint64
	// The sharers that wait.
	head, tail int32
}

func newSharers(limit int) sharers {
	return sharers{index: slots.NewIndex(), limit: limit, head: none, tail: none}
}

// observePreview takes an app's fetch of a link preview.
func (t *Tracker) observePreview(e *Event) {
	i := t.sharer(e)
	s := t.sharers.At(i)
	s.judge(e)
	if s.hostile {
		t.sink.Request(e, schema.KindBot)
		return
	}
	t.sink.Request(e, schema.KindPreview)
	if len(e.Page) == 0 || e.Status != 0 && e.Status != 304 && (e.Status < 200 || e.Status > 299) {
		return
	}
	t.sharers.fetch(i, e, t.sink)
}

func (s *sharer) judge(e *Event) {
	if e.Signals&attribution.SignalAttack != 0 {
		s.hostile = true
		return
	}
	if e.Status >= 400 && e.Status < 500 {
		s.missing = increase(s.missing)
	} else {
		s.found = increase(s.found)
	}
	s.hostile = s.hostile || s.missing >= sharerMissing && s.missing > s.found
}

// fetch takes a sharer's successful fetch of a page.
func (ss *sharers) fetch(i int32, e *Event, sink Sink) {
	s := ss.At(i)
	if s.waiting && string(s.page) == string(e.Page) {
		return
	}
	if s.waiting && within(s.since, e.Time, typing) && sameAddress(s.page, e.Page) {
		ss.unqueue(i)
		ss.wait(i, e)
		return
	}
	for i := range s.shared {
		r := &s.shared[i]
		if r.page == e.PageHash && within(r.time, e.Time, sameShare) {
			r.time = max(r.time, e.Time)
			return
		}
	}
	if s.waiting {
		ss.count(i, sink)
	}
	s.app, s.scope, s.site = e.App, e.Scope, int32(e.Site)
	ss.wait(i, e)
}

// sameAddress reports whether one page is a piece of the other, so that both can
// be one address being typed. The home page is a piece of every address, but a
// share of its own.
func sameAddress(a, b []byte) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return len(a) > 1 && bytes.HasPrefix(b, a)
}

// wait lets the sharer wait with the event's page.
func (ss *sharers) wait(i int32, e *Event) {
	s := ss.At(i)
	s.waiting, s.since, s.deadline = true, e.Time, e.Time+typing
	s.page, s.pageHash = append(s.page[:0], e.Page...), e.PageHash
	s.prev, s.next = ss.tail, none
	if ss.tail != none {
		ss.At(ss.tail).next = i
	} else {
		ss.head = i
	}
	ss.tail = i
}

func (ss *sharers) unqueue(i int32) {
	s := ss.At(i)
	if s.prev != none {
		ss.At(s.prev).next = s.next
	} else {
		ss.head = s.next
	}
	if s.next != none {
		ss.At(s.next).prev = s.prev
	} else {
		ss.tail = s.prev
	}
}

// count counts the share that waits.
func (ss *sharers) count(i int32, sink Sink) {
	ss.unqueue(i)
	s := ss.At(i)
	s.waiting = false
	s.shared[s.oldest] = share{s.pageHash, s.since}
	s.oldest = (s.oldest + 1) % uint8(len(s.shared))
	sink.Share(int(s.site), s.app, s.scope, s.page)
}

// expire counts the shares that have waited long enough by now.
func (ss *sharers) expire(now int64, sink Sink) {
	for ss.head != none && ss.At(ss.head).deadline <= now {
		ss.count(ss.head, sink)
	}
}

// sharer returns the event's sharer, made new where there is none.
func (t *Tracker) sharer(e *Event) int32 {
	ss, day := &t.sharers, e.Time/dayNanos
	key := sharerKey(t.salts.of(day), e.Client, e)
	i := ss.find(key)
	if i == none {
		// As for visitors, the salt may have changed within the share.
		if other, seed, ok := t.salts.nearby(e.Time, sameShare); ok {
			old := sharerKey(seed, e.client(other), e)
			if i = ss.find(old); i != none && other < day {
				ss.index.Remove(old, i)
				ss.index.Put(key, i)
				ss.At(i).key = key
			}
		}
	}
	if i == none {
		return ss.add(key, e, t.sink)
	}
	s := ss.At(i)
	if e.Time-s.seen > sameShare {
		s.found, s.missing, s.hostile = 0, 0, false
	}
	s.seen = max(s.seen, e.Time)
	return i
}

func sharerKey(seed *salt, client []byte, e *Event) uint64 {
	return orOne(mix(seed.hash(Network(client), uint64(e.App)<<32^uint64(e.Site))))
}

// add makes a sharer of the key, which must not be in the table; where that is
// full, in the place of one not seen for long.
func (ss *sharers) add(key uint64, e *Event, sink Sink) int32 {
	var i int32
	if ss.Len() < ss.limit {
		i = ss.Slab.Add()
	} else {
		i = ss.victim()
		old := ss.At(i)
		if old.waiting {
			ss.count(i, sink)
		}
		if e.Time-old.seen <= sameShare {
			ss.evicted++
		}
		ss.index.Remove(old.key, i)
	}
	s := ss.At(i)
	*s = sharer{key: key, seen: e.Time, page: s.page[:0]}
	for j := range s.shared {
		s.shared[j].time = never
	}
	ss.index.Put(key, i)
	return i
}

// forget forgets all sharers, of whom none may wait.
func (ss *sharers) forget() {
	ss.index.Clear()
	ss.Slab.Clear()
	ss.hand = 0
}

// victim looks at the next few sharers in turn for the one not seen for longest.
func (ss *sharers) victim() int32 {
	oldest, victim := int64(math.MaxInt64), 0
	for range 16 {
		ss.hand = (ss.hand + 1) % ss.Len()
		if seen := ss.At(int32(ss.hand)).seen; seen < oldest {
			oldest, victim = seen, ss.hand
		}
	}
	return int32(victim)
}

// Network cuts an address to the network that an app's servers share: the first
// three bytes of IPv4, the first three groups of IPv6.
func Network(addr []byte) []byte {
	if i := bytes.LastIndexByte(addr, '.'); i > 0 {
		return addr[:i]
	}
	groups := 0
	for i, c := range addr {
		if c == ':' {
			if groups++; groups == 3 {
				return addr[:i]
			}
		}
	}
	return addr
}

// find returns the sharer of that key, or none.
func (ss *sharers) find(key uint64) int32 {
	for probe := ss.index.Probe(key); ; {
		if i := probe.Next(); i == none || ss.At(i).key == key {
			return i
		}
	}
}
