package tally

import (
	"slices"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/slots"
	"github.com/darkshare/darkshare/exporter/state"
)

// Save writes all that is counted. Sites and sources are written as their numbers:
// Restore wants them numbered as they are now.
func (t *Tally) Save(e *state.Encoder) {
	for _, w := range allWords {
		e.Words(w)
	}
	e.Int(t.now)
	e.Num(len(t.inputs))
	for i := range t.inputs {
		t.inputs[i].save(e)
	}
	e.Num(len(t.sites))
	for _, s := range t.sites {
		e.Bool(s != nil)
		if s != nil {
			s.save(e)
		}
	}
	e.Num(len(t.visits))
	for k, c := range t.visits {
		e.Num(k.site())
		e.Num(int(k.source()))
		e.Num(int(k.channel()))
		e.Num(int(k.evidence()))
		e.Num(int(k.device()))
		c.save(e)
	}
	e.Num(len(t.unconf))
	for k, c := range t.unconf {
		e.Num(k.site)
		e.Num(int(k.channel))
		c.save(e)
	}
	e.Num(len(t.shares))
	for k, c := range t.shares {
		e.Num(k.site)
		e.String(k.app)
		e.Num(int(k.scope))
		c.save(e)
	}
	e.Num(len(t.goals))
	for k, c := range t.goals {
		e.Num(k.site)
		e.String(k.goal)
		e.String(k.source)
		e.Num(int(k.channel))
		c.save(e)
	}
	e.Num(len(t.limited.names))
	for i, name := range t.limited.names {
		e.String(name)
		e.Time(t.limited.created[i])
	}
}

// Restore takes up what Save has written, in a Tally that has counted nothing and
// has all its limits. Where a limit on pages or sections is lower now, those with
// the fewest visits lose their series. sites and sources are how many there are.
func (t *Tally) Restore(d *state.Decoder, sites, sources int) {
	w := readWords(d)
	t.setClock(max(d.Int(), 0))
	t.inputs = make([]input, d.Len())
	for i := range t.inputs {
		t.inputs[i].restore(d, &w)
	}
	t.sites = make([]*siteTally, d.Below(sites+1))
	for id := range t.sites {
		if d.Bool() {
			t.site(id).restore(d, &w)
		}
	}
	for range d.Len() {
		k := visitKey(d.Below(sites))<<48 | visitKey(d.Below(sources))<<32
		k |= visitKey(w.channels.Read())<<16 | visitKey(w.evidence.Read())<<8 | visitKey(w.devices.Read())
		t.visits[k] = t.newVisits(k, *restoreCounter(d))
	}
	for range d.Len() {
		k := siteChannel{site: d.Below(sites)}
		k.channel = schema.Channel(w.channels.Read())
		t.unconf[k] = restoreCounter(d)
	}
	for range d.Len() {
		k := shareKey{site: d.Below(sites), app: d.String()}
		k.scope = schema.Scope(w.scopes.Read())
		t.shares[k] = restoreCounter(d)
	}
	for range d.Len() {
		k := goalKey{site: d.Below(sites), goal: d.String(), source: d.String()}
		k.channel = schema.Channel(w.channels.Read())
		t.goals[k] = restoreCounter(d)
	}
	for range d.Len() {
		name, created := d.String(), d.Time()
		if i := slices.Index(t.limited.names, name); i >= 0 {
			t.limited.created[i] = created
		}
	}
}

// The closed sets that keys and arrays are numbered by.
var allWords = [][]string{
	schema.Words(schema.NumChannels), schema.Words(schema.NumEvidence), schema.Words(schema.NumDevices), schema.Words(schema.NumScopes),
	schema.Words(schema.NumKinds), schema.Words(schema.NumReasons), schema.Words(schema.NumBounds),
}

// restoredWords are the closed sets as they were numbered when the state was saved.
type restoredWords struct {
	channels, evidence, devices, scopes, kinds, reasons, bounds state.Words
}

func readWords(d *state.Decoder) (w restoredWords) {
	for i, at := range []*state.Words{&w.channels, &w.evidence, &w.devices, &w.scopes, &w.kinds, &w.reasons, &w.bounds} {
		*at = d.Words(allWords[i])
	}
	return w
}

func (c *counter) save(e *state.Encoder) {
	e.Uint(c.n)
	e.Time(c.created)
}

func restoreCounter(d *state.Decoder) *counter {
	return &counter{n: d.Uint(), created: d.Time()}
}

func (in *input) save(e *state.Encoder) {
	e.String(in.name)
	in.lines.save(e)
	for i := range in.errors {
		in.errors[i].save(e)
	}
	e.Int(in.newest)
}

func (in *input) restore(d *state.Decoder, w *restoredWords) {
	in.name = d.String()
	in.lines = *restoreCounter(d)
	for i := range in.errors {
		in.errors[i].created = in.lines.created // of a reason that is new
	}
	for i := range w.reasons.Len() {
		in.errors[w.reasons.Now(i)] = *restoreCounter(d)
	}
	in.newest = d.Int()
}

func (s *siteTally) save(e *state.Encoder) {
	e.Time(s.created)
	for _, n := range s.requests {
		e.Uint(n)
	}
	for i := range s.windows {
		s.windows[i].save(e)
	}
	s.pages.save(e)
	s.sections.save(e)
}

func (s *siteTally) restore(d *state.Decoder, w *restoredWords) {
	s.created = d.Time()
	for i := range w.kinds.Len() {
		s.requests[w.kinds.Now(i)] = d.Uint()
	}
	for i := range s.windows {
		s.windows[i].restore(d, w, windowSpans[i].steps)
	}
	s.pages.restore(d, w)
	s.sections.restore(d, w)
}

// save writes the steps that have any visits.
func (win *window) save(e *state.Encoder) {
	n := 0
	for i := range win.buckets {
		if win.buckets[i].visits > 0 {
			n++
		}
	}
	e.Num(n)
	for i := range win.buckets {
		b := &win.buckets[i]
		if b.visits == 0 {
			continue
		}
		e.Int(b.step)
		e.Uint(b.visits)
		for _, dark := range b.dark {
			e.Uint(dark)
		}
	}
}

func (win *window) restore(d *state.Decoder, w *restoredWords, steps int) {
	for range d.Len() {
		b := bucket{step: d.Int(), visits: d.Uint()}
		for i := range w.bounds.Len() {
			b.dark[w.bounds.Now(i)] = d.Uint()
		}
		if b.step < 0 {
			d.Fail("a window's step is %d", b.step)
			return
		}
		if win.buckets == nil {
			win.buckets = make([]bucket, steps)
		}
		win.buckets[b.step%int64(steps)] = b
	}
}

func (s *sums) save(e *state.Encoder) {
	e.Uint(s.visits)
	e.Uint(s.dark)
	e.Uint(s.shares)
}

func restoreSums(d *state.Decoder) sums {
	return sums{visits: d.Uint(), dark: d.Uint(), shares: d.Uint()}
}

func (t *top) save(e *state.Encoder) {
	t.rest.save(e)
	t.total.save(e)
	e.Uint(t.replaced)
	e.Uint(t.overflowed)
	e.Int(t.epoch)
	e.Int(t.weighed)
	e.Float(t.lastWeight)
	for _, r := range []*ranking{&t.leaders, &t.candidates} {
		e.Num(r.len())
		for _, x := range r.heap {
			it := t.items.At(x.slot)
			e.Bytes(it.name)
			e.Float(x.score)
			it.save(e)
		}
	}
}

func (t *top) restore(d *state.Decoder, w *restoredWords) {
	t.rest.restore(d, w)
	t.total = restoreSums(d)
	t.replaced, t.overflowed = d.Uint(), d.Uint()
	t.epoch, t.weighed, t.lastWeight = d.Int(), d.Int(), d.Float()
	for _, r := range []*ranking{&t.leaders, &t.candidates} {
		for range d.Len() {
			name := d.Bytes()
			slot, hash := t.find(name)
			if slot != slots.None {
				d.Fail("%q is there twice", name)
				return
			}
			x := ranked{slot: t.watch(name, hash), score: d.Float()}
			t.keys[x.slot].leader = r == &t.leaders
			t.items.At(x.slot).restore(d, w)
			r.add(x)
		}
	}
	for t.leaders.len() > t.limit {
		t.demote()
	}
	for t.candidates.len() > t.limit*candidatesPerLeader {
		t.unwatch(t.candidates.remove(0).slot)
	}
}

func (it *item) save(e *state.Encoder) {
	e.Time(it.created)
	for _, n := range it.visits {
		e.Uint(n)
	}
	e.Uint(it.shares)
	it.sums.save(e)
}

func (it *item) restore(d *state.Decoder, w *restoredWords) {
	it.created = d.Time()
	for i := range w.channels.Len() {
		it.visits[w.channels.Now(i)] = d.Uint()
	}
	it.shares = d.Uint()
	it.sums = restoreSums(d)
}
