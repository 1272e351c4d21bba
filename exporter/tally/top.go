package tally

import (
	"hash/maphash"
	"math"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/series"
	"github.com/darkshare/darkshare/exporter/slots"
)

// A top keeps counters for the names with the most visits, and one for the rest.
//
// Which those are is decided by the space-saving algorithm (Metwally, Agrawal
// and El Abbadi, Efficient Computation of Frequent and Top-k Elements in Data
// Streams, ICDT 2005) over scores that halve every day, so that yesterday's
// pages make room for today's. Each visit is counted in exactly one place: under
// its name if that has a counter at that moment, else under the rest. A name
// that loses its counter starts again from zero when it gets one back, with a
// new creation time, as Prometheus expects of a counter. A report wants no series,
// but all that is known of a name: that is summed up beside them.
type top struct {
	// Names are known by a hash of 64 bits with a seed that nobody outside knows.
	seed  maphash.Seed
	index slots.Index
	items slots.Slab[item]
	// keys has the hash of each name by its slot, and whether it is a leader.
	keys       []key
	at         []int32 // see ranking
	free       []int32 // slots of names that are watched no more
	leaders    ranking // with counters
	candidates ranking // without
	limit      int
	steady     bool // scores do not fall
	rest       item
	total      sums
	replaced   uint64
	admitted   uint64
	overflowed uint64 // counted under the rest
	epoch      int64
	// The weight of the newest time.
	weighed    int64
	lastWeight float64
}

type key struct {
	hash   uint64
	leader bool
}

type item struct {
	name    []byte // its memory is used again
	created time.Time
	visits  [schema.NumChannels]uint64
	shares  uint64
	// refs are its series: of page visits and shares, or of section visits by channel.
	refs [schema.NumChannels]series.Ref
	// sums counts the name since it is watched, with a series of its own or without.
	sums sums
}

// all returns the visits that its series count.
func (it *item) all() (n uint64) {
	for _, v := range it.visits {
		n += v
	}
	return n
}

// sums are what a report says of a name.
type sums struct{ visits, dark, shares uint64 }

func (s *sums) visit(c schema.Channel) {
	s.visits++
	if c == schema.ChannelDarkSocial {
		s.dark++
	}
}

const (
	// candidatesPerLeader bounds how many names are watched.
	candidatesPerLeader = 7
	// lead is by how much a candidate must be ahead of the last leader to take its
	// place, so that two of a size do not change places at every visit.
	lead = 1.25
	// halfLife of a score.
	halfLife = float64(24 * time.Hour)
)

func newTop(limit int, steady bool) *top {
	t := &top{seed: maphash.MakeSeed(), index: slots.NewIndex(), limit: limit, steady: steady, lastWeight: 1}
	t.leaders.at, t.candidates.at = &t.at, &t.at
	t.rest.name = []byte(schema.Overflow)
	return t
}

// find returns the name's slot, or slots.None, and its hash.
func (t *top) find(name []byte) (slot int32, hash uint64) {
	hash = maphash.Bytes(t.seed, name)
	for p := t.index.Probe(hash); ; {
		if slot = p.Next(); slot == slots.None || t.keys[slot].hash == hash {
			return slot, hash
		}
	}
}

// watch returns a slot for a name of that hash, which has none.
func (t *top) watch(name []byte, hash uint64) int32 {
	var slot int32
	if n := len(t.free); n > 0 {
		slot, t.free = t.free[n-1], t.free[:n-1]
	} else {
		slot = t.items.Add()
		t.keys, t.at = append(t.keys, key{}), append(t.at, 0)
	}
	t.keys[slot] = key{hash: hash}
	t.index.Put(hash, slot)
	it := t.items.At(slot)
	*it = item{name: append(it.name[:0], name...)}
	return slot
}

// unwatch forgets the name, which is in no ranking any more.
func (t *top) unwatch(slot int32) {
	t.index.Remove(t.keys[slot].hash, slot)
	t.free = append(t.free, slot)
}

// visit counts a visit to name.
func (t *top) visit(name []byte, c schema.Channel, now int64, clock func() time.Time) {
	it, series := t.counted(name, now, clock)
	series.visits[c]++
	it.sums.visit(c)
	t.total.visit(c)
}

// share counts a share of name.
func (t *top) share(name []byte, now int64, clock func() time.Time) {
	it, series := t.counted(name, now, clock)
	series.shares++
	it.sums.shares++
	t.total.shares++
}

// counted raises the name's score and returns its item, and the one whose series
// counts it.
func (t *top) counted(name []byte, now int64, clock func() time.Time) (it, series *item) {
	if t.rest.created.IsZero() {
		t.rest.created = clock()
	}
	weight := t.weight(now)
	slot, hash := t.find(name)
	switch {
	case slot == slots.None && (t.limit == 0 || string(name) == schema.Overflow):
		return &t.rest, &t.rest
	case slot == slots.None:
		slot = t.admit(name, hash, weight)
	case t.keys[slot].leader:
		t.leaders.raise(int(t.at[slot]), weight)
		it = t.items.At(slot)
		return it, it
	default:
		t.candidates.raise(int(t.at[slot]), weight)
	}
	it = t.items.At(slot)
	if t.leaders.len() >= t.limit {
		if t.candidates.heap[t.at[slot]].score < lead*t.leaders.heap[0].score {
			t.overflowed++
			return it, &t.rest
		}
		t.demote()
	}
	best := t.candidates.remove(int(t.at[slot]))
	t.keys[slot].leader, it.created = true, clock()
	t.leaders.add(best)
	return it, it
}

// demote takes the series of the last leader.
func (t *top) demote() {
	last := t.leaders.remove(0)
	t.keys[last.slot].leader = false
	it := t.items.At(last.slot)
	it.visits, it.shares, it.refs = [schema.NumChannels]uint64{}, 0, [schema.NumChannels]series.Ref{}
	t.candidates.add(last)
	t.replaced++
}

// admit makes a candidate of the name, in the place of the lowest where there is
// no room; that one's score is the most that the new one can have missed.
func (t *top) admit(name []byte, hash uint64, weight float64) int32 {
	t.admitted++
	if t.candidates.len() < t.limit*candidatesPerLeader {
		slot := t.watch(name, hash)
		t.candidates.add(ranked{weight, t.admitted, slot})
		return slot
	}
	lowest := &t.candidates.heap[0]
	t.unwatch(lowest.slot)
	slot := t.watch(name, hash) // the same
	lowest.since = t.admitted
	t.candidates.raise(0, weight)
	return slot
}

// weight is what a visit adds to a score at that time. Instead of all scores
// falling, what is added rises (Cormode et al., Forward Decay, ICDE 2009). Where
// the clock is set back, the scores so far are worth what they were at the last:
// to weigh by the true distance would make them count for ever.
func (t *top) weight(now int64) float64 {
	if t.steady || now == t.weighed {
		return t.lastWeight
	}
	w := math.Exp2(float64(now-t.epoch) / halfLife)
	switch {
	case now < t.weighed:
		t.rebase(now, t.lastWeight)
		w = 1
	case w > 1e100:
		t.rebase(now, w)
		w = 1
	}
	t.weighed, t.lastWeight = now, w
	return w
}

// rebase makes now the time whose weight is 1 instead of the given one.
func (t *top) rebase(now int64, weight float64) {
	t.leaders.scale(1 / weight)
	t.candidates.scale(1 / weight)
	t.epoch = now
}
