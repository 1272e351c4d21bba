package tally

import (
	"container/heap"
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
	leaders    items // with counters, the lowest score first
	candidates items // without
	limit      int
	rest       item
	replaced   uint64
	overflowed uint64 // counted under the rest
	epoch      int64
}

type item struct {
	name    string
	score   float64
	leader  bool
	at      int // in its heap
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
		it.score += weight
		heap.Fix(&t.leaders, it.at)
		return it
	default:
		it.score += weight
		heap.Fix(&t.candidates, it.at)
	}
	if len(t.leaders) >= t.limit {
		last := t.leaders[0]
		if it.score < lead*last.score {
			t.overflowed++
			return &t.rest
		}
		heap.Remove(&t.leaders, last.at)
		last.leader, last.visits, last.shares = false, [schema.NumChannels]uint64{}, 0
		heap.Push(&t.candidates, last)
		t.replaced++
	}
	heap.Remove(&t.candidates, it.at)
	it.leader, it.created = true, clock()
	heap.Push(&t.leaders, it)
	return it
}

// admit makes a candidate of the name, in the place of the lowest where there is
// no room; that one's score is the most that the new one can have missed.
func (t *top) admit(name string, weight float64) *item {
	it := &item{name: name, score: weight}
	if len(t.candidates) >= t.limit*candidatesPerLeader {
		lowest := heap.Pop(&t.candidates).(*item)
		delete(t.items, lowest.name)
		it.score += lowest.score
	}
	t.items[name] = it
	heap.Push(&t.candidates, it)
	return it
}

// weight is what a visit adds to a score at that time. Instead of all scores
// falling, what is added rises (Cormode et al., Forward Decay, ICDE 2009).
func (t *top) weight(now int64) float64 {
	if t.epoch == 0 {
		t.epoch = now
	}
	w := math.Exp2(float64(now-t.epoch) / halfLife)
	if w > 1e100 {
		for _, it := range t.items {
			it.score /= w
		}
		t.epoch, w = now, 1
	}
	return w
}

// items is a heap by score; equal scores are in the order of their names, so
// that the same log gives the same leaders.
type items []*item

func (h items) Len() int { return len(h) }
func (h items) Less(i, j int) bool {
	return h[i].score < h[j].score || h[i].score == h[j].score && h[i].name > h[j].name
}
func (h items) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}
func (h *items) Push(x any) {
	it := x.(*item)
	it.at = len(*h)
	*h = append(*h, it)
}
func (h *items) Pop() any {
	old := *h
	it := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return it
}
