package tally

import (
	"math"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

// A top keeps counters for the names with the most visits, and one for the rest.
//
// Which those are is decided by the space-saving algorithm (Metwally, Agrawal
// and El Abbadi, Efficient Computation of Frequent and Top-k Elements in Data
// Streams, ICDT 2005) over scores that halve every day, so that yesterday's
// pages make room for today's. Each visit is counted in exactly one place: under
// its name if that has a counter at that moment, else under the rest. A name
// that loses its counter starts again from zero when it gets one back, with a
// new creation time, as Prometheus expects of a counter.
type top struct {
	items      map[string]*item
	leaders    ranking // with counters
	candidates ranking // without
	limit      int
	rest       item
	replaced   uint64
	overflowed uint64 // counted under the rest
	epoch      int64
	// The weight of the newest time.
	weighed    int64
	lastWeight float64
}

type item struct {
	name    string
	leader  bool
	at      int // in its ranking
	created time.Time
	visits  [schema.NumChannels]uint64
	shares  uint64
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

func newTop(limit int) *top {
	return &top{items: map[string]*item{}, limit: limit}
}

// visit counts a visit to name.
func (t *top) visit(name []byte, c schema.Channel, now int64, clock func() time.Time) {
	t.counted(name, now, clock).visits[c]++
}

// share counts a share of name.
func (t *top) share(name []byte, now int64, clock func() time.Time) {
	t.counted(name, now, clock).shares++
}

// counted raises the name's score and returns what counts it.
func (t *top) counted(name []byte, now int64, clock func() time.Time) *item {
	if t.rest.created.IsZero() {
		t.rest.created = clock()
	}
	weight := t.weight(now)
	it := t.items[string(name)]
	switch {
	case it == nil:
		it = t.admit(string(name), weight)
	case it.leader:
		t.leaders.raise(it.at, weight)
		return it
	default:
		t.candidates.raise(it.at, weight)
	}
	if len(t.leaders) >= t.limit {
		if t.candidates[it.at].score < lead*t.leaders[0].score {
			t.overflowed++
			return &t.rest
		}
		last := t.leaders.remove(0)
		last.leader, last.visits, last.shares = false, [schema.NumChannels]uint64{}, 0
		t.candidates.add(last)
		t.replaced++
	}
	best := t.candidates.remove(it.at)
	it.leader, it.created = true, clock()
	t.leaders.add(best)
	return it
}

// admit makes a candidate of the name, in the place of the lowest where there is
// no room; that one's score is the most that the new one can have missed.
func (t *top) admit(name string, weight float64) *item {
	if len(t.candidates) >= t.limit*candidatesPerLeader {
		lowest := t.candidates[0].item
		delete(t.items, lowest.name)
		lowest.name = name
		t.items[name] = lowest
		t.candidates.raise(0, weight)
		return lowest
	}
	it := &item{name: name}
	t.items[name] = it
	t.candidates.add(ranked{weight, it})
	return it
}

// weight is what a visit adds to a score at that time. Instead of all scores
// falling, what is added rises (Cormode et al., Forward Decay, ICDE 2009).
func (t *top) weight(now int64) float64 {
	if t.epoch == 0 {
		t.epoch = now
	}
	if now == t.weighed {
		return t.lastWeight
	}
	w := math.Exp2(float64(now-t.epoch) / halfLife)
	if w > 1e100 {
		t.leaders.scale(1 / w)
		t.candidates.scale(1 / w)
		t.epoch, w = now, 1
	}
	t.weighed, t.lastWeight = now, w
	return w
}
