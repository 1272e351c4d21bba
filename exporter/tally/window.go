package tally

import (
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

// A span is the length of a window, which slides in steps.
type span struct {
	name  string
	step  int64
	steps int
}

// A step is where a time is in the ring of a span.
type step struct {
	n     int64 // since the epoch
	place int
	of    int
}

func (s span) at(now int64) step {
	n := now / s.step
	return step{n, int(n % int64(s.steps)), s.steps}
}

// windowSpans are the windows of darkshare_ratio.
var windowSpans = [...]span{
	{"5m", int64(10 * time.Second), 30},
	{"1h", int64(time.Minute), 60},
	{"24h", int64(15 * time.Minute), 96},
}

// A window is a ring of counts by step of the log's time.
type window struct {
	buckets []bucket
}

type bucket struct {
	step   int64
	visits uint64
	dark   [schema.NumBounds]uint64
}

// A Share is visits, and how many of them are dark social under each bound.
type Share struct {
	Visits uint64
	Dark   [schema.NumBounds]uint64
}

func (w *window) add(at step, c schema.Channel, e schema.Evidence) {
	if w.buckets == nil {
		w.buckets = make([]bucket, at.of)
	}
	b := &w.buckets[at.place]
	if b.step != at.n {
		*b = bucket{step: at.n}
	}
	b.visits++
	for bound := range b.dark {
		if schema.Bound(bound).Dark(c, e) {
			b.dark[bound]++
		}
	}
}

// share adds up the window that ends now.
func (w *window) share(s span, now int64) (sum Share) {
	last := now / s.step
	for i := range w.buckets {
		b := &w.buckets[i]
		if b.step > last-int64(s.steps) && b.step <= last {
			sum.Visits += b.visits
			for bound, n := range b.dark {
				sum.Dark[bound] += n
			}
		}
	}
	return sum
}
