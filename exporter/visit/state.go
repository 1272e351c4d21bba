package visit

import (
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/state"
)

// Save writes what was learned of sites and pages, and what waits. Of visitors it
// writes nothing by which one could be known again: no hash, no salt, no time of
// theirs; only what becomes of their landings if they are never seen again, for
// they will not be: whoever restores this knows none of them. What is written of a
// page is its hash, without a salt, and of a landing that waits its masked path.
func (t *Tracker) Save(e *state.Encoder) {
	for _, w := range allWords {
		e.Words(w)
	}
	e.Int(t.clock)
	e.Uint(t.stats.VisitorsEvicted)
	e.Uint(t.stats.PendingEvicted)
	e.Uint(t.sharers.evicted)
	e.Num(len(t.sites))
	for i := range t.sites {
		t.sites[i].save(e)
	}
	t.entries.save(e)
	t.saveLandings(e)
	t.sharers.save(e)
}

// Restore takes up what Save has written, in a Tracker that has observed nothing.
// What had waited is resolved at once, by what was known then. sites and sources
// are how many there are, which have to be numbered as they were; goals has, by
// site, a bit for every goal that still has its number.
func (t *Tracker) Restore(d *state.Decoder, sites, sources int, goals func(site int) uint32) {
	r := &restoring{
		Decoder: d, sites: sites, sources: sources, goals: goals,
		channels: d.Words(allWords[0]), evidence: d.Words(allWords[1]), devices: d.Words(allWords[2]), scopes: d.Words(allWords[3]),
	}
	t.clock = d.Int()
	t.stats.VisitorsEvicted, t.stats.PendingEvicted, t.sharers.evicted = d.Uint(), d.Uint(), d.Uint()
	t.sites = make([]site, d.Below(sites+1))
	for i := range t.sites {
		t.sites[i].restore(d)
	}
	t.entries.restore(d)
	t.restoreLandings(r)
	t.visitors.forget()
	for d.Bool() {
		app, scope, id, page := r.source(), schema.Scope(r.scopes.Read()), r.site(), d.Bytes()
		if d.Err() == nil {
			t.sink.Share(id, app, scope, page)
		}
	}
}

// allWords are the closed sets that the values are numbered by.
var allWords = [][]string{
	schema.Words(schema.NumChannels), schema.Words(schema.NumEvidence), schema.Words(schema.NumDevices), schema.Words(schema.NumScopes),
}

// restoring is a Decoder with what the numbers in the state mean.
type restoring struct {
	*state.Decoder
	sites, sources                      int
	goals                               func(site int) uint32
	channels, evidence, devices, scopes state.Words
}

func (r *restoring) site() int                  { return r.Below(r.sites) }
func (r *restoring) source() attribution.Source { return attribution.Source(r.Below(r.sources)) }
func (r *restoring) channel() schema.Channel    { return schema.Channel(r.channels.Read()) }

func (s *site) save(e *state.Encoder) {
	for _, x := range []float64{s.control, s.confirmed, s.walkers, s.fetchers, s.visible, s.bare, s.mixed.private, s.mixed.public, s.mixed.owed} {
		e.Float(x)
	}
	e.Bool(s.fetched)
	e.Bool(s.invisible)
}

func (s *site) restore(d *state.Decoder) {
	for _, x := range []*float64{&s.control, &s.confirmed, &s.walkers, &s.fetchers, &s.visible, &s.bare, &s.mixed.private, &s.mixed.public, &s.mixed.owed} {
		*x = d.Float()
	}
	s.fetched, s.invisible = d.Bool(), d.Bool()
}

func (p *entryPages) save(e *state.Encoder) {
	e.Uint(p.evicted)
	e.Num(len(p.broadest))
	for i := range p.broadest {
		b := &p.broadest[i]
		e.Int(b.period)
		e.Float(b.now)
		e.Float(b.before)
	}
	e.Num(p.Len())
	for i := range int32(p.Len()) {
		page := p.At(i)
		e.Fixed(page.key)
		e.Int(page.went.period)
		page.went.now.save(e)
		page.went.before.save(e)
		for _, x := range []float32{page.private, page.bare, page.public} {
			e.Float(float64(x))
		}
	}
}

func (p *entryPages) restore(d *state.Decoder) {
	p.evicted = d.Uint()
	p.broadest = make([]lately[float64], d.Len())
	for i := range p.broadest {
		p.broadest[i] = lately[float64]{period: d.Int(), now: d.Float(), before: d.Float()}
	}
	for range d.Len() {
		page := entryPage{key: orOne(d.Fixed())}
		page.went.period = d.Int()
		page.went.now.restore(d)
		page.went.before.restore(d)
		for _, x := range []*float32{&page.private, &page.bare, &page.public} {
			*x = float32(d.Float())
		}
		if p.Len() < p.limit && p.find(page.key) == none && d.Err() == nil {
			i := p.Slab.Add()
			*p.At(i) = page
			p.index.Put(page.key, i)
		}
	}
}

// save writes the words of the bitmaps that have any bits.
func (w *onward) save(e *state.Encoder) {
	bits := [...]uint64{w.pages[0], w.pages[1], w.pages[2], w.pages[3], uint64(w.from), uint64(w.below), uint64(w.judged), uint64(w.hubs)}
	which := 0
	for i, word := range bits {
		if word != 0 {
			which |= 1 << i
		}
	}
	e.Num(which)
	for _, word := range bits {
		if word != 0 {
			e.Fixed(word)
		}
	}
	e.Float(float64(w.clicks))
}

func (w *onward) restore(d *state.Decoder) {
	var bits [len(w.pages) + 4]uint64
	which := d.Below(1 << len(bits))
	for i := range bits {
		if which&(1<<i) != 0 {
			bits[i] = d.Fixed()
		}
	}
	n := copy(w.pages[:], bits[:])
	w.from, w.below, w.judged, w.hubs = few(bits[n]), few(bits[n+1]), few(bits[n+2]), few(bits[n+3])
	w.clicks = float32(d.Float())
}

// saveLandings writes the landings that wait, by visitor, with what would become
// of each if its window were over now.
func (t *Tracker) saveLandings(e *state.Encoder) {
	t.eachWaiting(func(v *visitor) {
		e.Bool(true)
		e.Bool(v.suppressed)
		e.Bool(v.visiting)
		if v.visiting {
			e.Int(v.began)
			e.Num(int(v.channel))
			e.Num(int(v.source))
			e.Uint(uint64(v.reached))
		}
		e.Uint(uint64(v.waiting))
		e.Num(int(v.site))
		for n := v.pending; n != none; n = t.landings.At(n).next {
			e.Bool(true)
			t.landings.At(n).save(e, t.final(v, t.landings.At(n)))
		}
		e.Bool(false)
	})
	e.Bool(false)
}

// eachWaiting calls f with every visitor that has landings waiting.
func (t *Tracker) eachWaiting(f func(*visitor)) {
	for q := range t.landings.queue {
		for n := t.landings.queue[q].head; n != none; n = t.landings.At(n).nextQ {
			if v := t.visitors.At(t.landings.At(n).visitor); v.pending == n {
				f(v)
			}
		}
	}
}

func (l *landing) save(e *state.Encoder, reason Reason) {
	e.Num(l.Site)
	e.Int(l.Time)
	e.Bytes(l.page)
	e.Num(int(l.Channel))
	e.Num(int(l.Source))
	e.Num(int(l.Evidence))
	e.Num(int(l.Device))
	e.Bool(l.entryPage)
	e.Num(int(reason))
}

// restoreLandings resolves the landings that waited, each with a visitor that is
// nobody and has all that matters of the one it was.
func (t *Tracker) restoreLandings(r *restoring) {
	i := t.visitors.add(1, 0, 0, func(int32) {})
	for r.Bool() {
		v := t.visitors.At(i)
		v.reset(1, 0, 0)
		v.suppressed, v.visiting = r.Bool(), r.Bool()
		if v.visiting {
			v.began, v.channel, v.source, v.reached = r.Int(), r.channel(), r.source(), uint32(r.Uint())
		}
		waiting, id := uint32(r.Uint()), r.site()
		v.site, v.waiting = int16(id), waiting&r.goals(id)
		for more := r.Bool(); more; {
			n := t.landings.add()
			l := t.landings.At(n)
			reason := l.restore(r)
			more = r.Bool()
			l.visitor = i
			t.landings.enqueue(n, soon, 0)
			if r.Err() != nil {
				return
			}
			// The goals wait for the visitor's last landing.
			v.pending = none
			if more {
				v.pending = n
			}
			t.resolve(n, reason)
		}
	}
}

func (l *landing) restore(r *restoring) Reason {
	l.Outcome = Outcome{Site: r.site(), Time: r.Int()}
	l.page = append(l.page[:0], r.Bytes()...)
	l.key = pageKey(l.Site, l.page)
	l.Channel, l.Source = r.channel(), r.source()
	l.Evidence, l.Device = schema.Evidence(r.evidence.Read()), schema.Device(r.devices.Read())
	l.entryPage = r.Bool()
	l.next = none
	return Reason(r.Below(int(ReasonEvicted) + 1))
}

// save writes the shares that wait.
func (ss *sharers) save(e *state.Encoder) {
	for i := ss.head; i != none; i = ss.At(i).next {
		s := ss.At(i)
		e.Bool(true)
		e.Num(int(s.app))
		e.Num(int(s.scope))
		e.Num(int(s.site))
		e.Bytes(s.page)
	}
	e.Bool(false)
}
