package visit

import (
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/slots"
)

// assetsFollow is how long after a page its assets are asked for at the latest. A
// browser that has shown itself by fetch metadata, but fetched no asset by then,
// will not tell any more whether it hides referrers.
const assetsFollow = int64(time.Minute)

// waitsPerVisitor is how many landings of one visitor may wait: past it, it is a
// scanner or a whole network, and the oldest is decided by what is known.
const waitsPerVisitor = 64

// A landing waits for its visitor to show itself as a browser.
type landing struct {
	Outcome
	page      []byte // its memory is used again
	key       uint64 // of the page
	visitor   int32
	next      int32 // of the visitor's
	prevQ     int32 // of the queue that it is in
	nextQ     int32
	queue     uint8
	deadline  int64
	entryPage bool
}

// landings holds those that wait, in two queues in the order of their arrival:
// soon, for the minute in which assets follow, then late, for the rest of the window.
type landings struct {
	slots.Slab[landing]
	free  int32 // linked by next
	queue [2]struct{ head, tail int32 }
	limit int
	n     int
}

const (
	soon = iota
	late
)

func newLandings(limit int) landings {
	l := landings{free: none, limit: limit}
	for q := range l.queue {
		l.queue[q].head, l.queue[q].tail = none, none
	}
	return l
}

func (l *landings) len() int { return l.n }

func (l *landings) add() int32 {
	i := l.free
	if i != none {
		l.free = l.At(i).next
	} else {
		i = l.Slab.Add()
	}
	l.n++
	return i
}

func (l *landings) remove(i int32) {
	l.dequeue(i)
	l.At(i).next = l.free
	l.free = i
	l.n--
}

func (l *landings) enqueue(i int32, queue uint8, deadline int64) {
	q, p := &l.queue[queue], l.At(i)
	p.queue, p.deadline = queue, deadline
	p.prevQ, p.nextQ = q.tail, none
	if q.tail != none {
		l.At(q.tail).nextQ = i
	} else {
		q.head = i
	}
	q.tail = i
}

func (l *landings) dequeue(i int32) {
	p := l.At(i)
	q := &l.queue[p.queue]
	if p.prevQ != none {
		l.At(p.prevQ).nextQ = p.nextQ
	} else {
		q.head = p.nextQ
	}
	if p.nextQ != none {
		l.At(p.nextQ).prevQ = p.prevQ
	} else {
		q.tail = p.prevQ
	}
}

// land takes a landing: it is a visit at once, where that is known, or waits.
func (t *Tracker) land(i int32, e *Event) {
	if t.landings.n >= t.opt.Pending {
		t.Hurry()
	}
	if v := t.visitors.At(i); v.waits >= waitsPerVisitor {
		t.stats.PendingEvicted++
		first := v.pending
		t.unlinkLanding(first)
		t.resolve(first, t.orElse(first, ReasonEvicted))
	}
	t.visitors.At(i).waits++
	n := t.landings.add()
	l := t.landings.At(n)
	l.Outcome = Outcome{
		ID: e.ID, Site: e.Site, Time: e.Time,
		Channel: e.Channel, Source: e.Source, Evidence: e.Evidence, Device: e.Device,
	}
	l.page = append(l.page[:0], e.Page...)
	l.key = hashedPageKey(e.Site, e.PageHash)
	l.entryPage = e.EntryPage
	v := t.visitors.At(i)
	l.visitor, l.next = i, none
	if v.pending == none {
		v.pending = n
	} else {
		t.landings.At(v.lastPending).next = n
	}
	v.lastPending = n
	if inControlGroup(&l.Outcome) {
		v.control = true
		t.observeControl(v)
	}
	arrival := max(e.Time, t.clock)
	t.landings.enqueue(n, soon, arrival+assetsFollow)
	t.confirm(i)
}

// Hurry resolves the landing that has waited longest by what is known of its
// visitor. It reports whether there was one.
func (t *Tracker) Hurry() bool {
	for q := late; q >= soon; q-- {
		if n := t.landings.queue[q].head; n != none {
			t.stats.PendingEvicted++
			t.unlinkLanding(n)
			t.resolve(n, t.orElse(n, ReasonEvicted))
			return true
		}
	}
	return false
}

// confirm resolves those of the visitor's landings that what it has shown so far
// decides.
func (t *Tracker) confirm(i int32) {
	v := t.visitors.At(i)
	prev := none
	for n := v.pending; n != none; {
		l := t.landings.At(n)
		next := l.next
		if reason, ok := t.decided(v, l); ok {
			t.unlink(v, prev, n)
			t.resolve(n, reason)
		} else {
			prev = n
		}
		n = next
	}
}

// decided reports whether the landing is known to be a visit before its window is
// over, and by what.
func (t *Tracker) decided(v *visitor, l *landing) (Reason, bool) {
	switch {
	case within(v.own, l.Time, t.window):
		return ReasonOwnReferrer, true
	case bare(&l.Outcome):
		// Whether the client hides referrers decides the channel: wait for its assets.
		return 0, false
	case within(v.metadata, l.Time, t.window):
		return ReasonMetadata, true
	case within(v.bare, l.Time, t.window):
		return ReasonBareAsset, true
	case !t.site(l.Site).confirming(t.opt.Confirmation) && !inControlGroup(&l.Outcome):
		return ReasonInvisible, true
	}
	return 0, false
}

// bare reports whether the landing came without a referrer and without another
// sign of its sender. That the browser calls it cross-site (schema.EvidenceLink)
// says that a page sent it; whether the page hid itself or the client hides every
// referrer, only the client's assets tell.
func bare(o *Outcome) bool {
	return o.Evidence == schema.EvidenceNone || o.Evidence == schema.EvidenceLink
}

// final says what the landing is when its window is over. The control group goes
// through it even where confirmation is off, to tell when it can be seen again.
func (t *Tracker) final(v *visitor, l *landing) Reason {
	switch {
	case within(v.own, l.Time, t.window):
		return ReasonOwnReferrer
	case within(v.bare, l.Time, t.window):
		return ReasonBareAsset
	case within(v.metadata, l.Time, t.window):
		return ReasonMetadata
	case !t.site(l.Site).confirming(t.opt.Confirmation):
		return ReasonInvisible
	}
	return ReasonUnconfirmed
}

// expireLandings resolves what has waited long enough by now.
func (t *Tracker) expireLandings(now int64) {
	for {
		n := t.landings.queue[soon].head
		if n == none || t.landings.At(n).deadline >= now {
			break
		}
		l := t.landings.At(n)
		reason := t.final(t.visitors.At(l.visitor), l)
		if reason == ReasonMetadata || reason == ReasonInvisible && !inControlGroup(&l.Outcome) {
			t.unlinkLanding(n)
			t.resolve(n, reason)
		} else {
			t.landings.dequeue(n)
			t.landings.enqueue(n, late, l.deadline-assetsFollow+t.window)
		}
	}
	for {
		n := t.landings.queue[late].head
		if n == none || t.landings.At(n).deadline >= now {
			return
		}
		l := t.landings.At(n)
		t.unlinkLanding(n)
		t.resolve(n, t.final(t.visitors.At(l.visitor), l))
	}
}

// resolvePending resolves all of the visitor's landings; those that nothing
// confirmed get the reason otherwise.
func (t *Tracker) resolvePending(i int32, otherwise Reason) {
	v := t.visitors.At(i)
	for v.pending != none {
		n := v.pending
		t.unlink(v, none, n)
		t.resolve(n, t.orElse(n, otherwise))
	}
}

// orElse is what the landing is by what its visitor has shown so far, or
// otherwise where that is nothing. Nothing speaks for a hostile visitor.
func (t *Tracker) orElse(n int32, otherwise Reason) Reason {
	if otherwise == ReasonHostile {
		return otherwise
	}
	l := t.landings.At(n)
	if reason := t.final(t.visitors.At(l.visitor), l); reason != ReasonUnconfirmed {
		return reason
	}
	return otherwise
}

// unlinkLanding takes the landing from its visitor's list.
func (t *Tracker) unlinkLanding(n int32) {
	v := t.visitors.At(t.landings.At(n).visitor)
	prev := none
	for i := v.pending; i != n; i = t.landings.At(i).next {
		prev = i
	}
	t.unlink(v, prev, n)
}

// unlink takes the landing n, which follows prev, from the visitor's list.
func (t *Tracker) unlink(v *visitor, prev, n int32) {
	next := t.landings.At(n).next
	if prev == none {
		v.pending = next
	} else {
		t.landings.At(prev).next = next
	}
	if v.lastPending == n {
		v.lastPending = prev
	}
	v.waits--
}

// resolve says what became of the landing, which is in no visitor's list any
// more, and frees it.
func (t *Tracker) resolve(n int32, reason Reason) {
	l := t.landings.At(n)
	o := &l.Outcome
	o.Page, o.Reason = l.page, reason
	o.Visit = reason == ReasonOwnReferrer || reason == ReasonMetadata || reason == ReasonBareAsset || reason == ReasonInvisible
	s := t.site(o.Site)
	if bare(o) {
		switch {
		case reason == ReasonBareAsset && !s.hidesReferrers():
			o.Channel, o.Evidence = schema.ChannelUnknown, schema.EvidenceSuppressed
			v := t.visitors.At(l.visitor)
			if v.suppressed {
				o.Visit, o.Reason = false, ReasonSameVisit
			}
			v.suppressed = true
		case o.Evidence == schema.EvidenceLink:
		case t.entries.typed(l):
			o.Channel, o.Evidence = schema.ChannelDirect, schema.EvidenceEntryPage
		default:
			o.Channel, o.Evidence = schema.ChannelDarkSocial, schema.EvidenceDeepLink
		}
	}
	if o.Visit {
		t.divide(o)
	}
	t.learn(o)
	t.sink.Landing(o)
	v := t.visitors.At(l.visitor)
	if o.Visit {
		t.entries.landed(l.key, o)
		v.begin(o)
	}
	if o.Visit || v.pending == none {
		t.convert(v, o.Site, v.waiting)
		v.waiting = 0
	}
	t.landings.remove(n)
}

// begin makes the visit the one that the visitor's goals belong to, unless that
// one is newer: landings are not resolved in the order of their arrival.
func (v *visitor) begin(o *Outcome) {
	if !v.visiting || o.Time >= v.began {
		v.visiting, v.began, v.channel, v.source, v.reached = true, o.Time, o.Channel, o.Source, 0
	}
}

// reach notes the goals that the event reaches.
func (t *Tracker) reach(v *visitor, e *Event) {
	if v.pending != none {
		v.waiting |= e.Goals
		return
	}
	t.convert(v, e.Site, e.Goals)
}

// convert counts the goals for the visitor's visit, if it has one.
func (t *Tracker) convert(v *visitor, site int, goals uint32) {
	if !v.visiting {
		return
	}
	for goal := 0; goals != 0; goal, goals = goal+1, goals>>1 {
		if goals&1 != 0 && v.reached&(1<<goal) == 0 {
			v.reached |= 1 << goal
			t.sink.Conversion(site, goal, v.channel, v.source)
		}
	}
}
