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

func (w *window) add(s span, now int64, c schema.Channel, e schema.Evidence) {
	if w.buckets == nil {
		w.buckets = make([]bucket, s.steps)
	}
	step := now / s.step
	b := &w.buckets[step%int64(s.steps)]
	if b.step != step {
		*b = bucket{step: step}
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
