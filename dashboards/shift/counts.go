package shift

import (
	"math"
	"time"
)

// Counts are the visits of the Slice that ends with each step of a grid, the dark ones and
// all, as the rules record them (increase20m). A step is a Slice or a part of it. NaN
// is where nothing is known.
type Counts struct {
	Step      time.Duration
	Dark, All []float64
}

// A pile adds up slices that follow one another. Slices that begin a step apart overlap, so
// that there are as many piles beside each other as a slice has steps.
type pile struct {
	stride  int
	sum     []float64 // of this and all earlier slices
	unknown []int32
}

func newPile(slices []float64, stride int) pile {
	p := emptyPile(len(slices), stride)
	for i, v := range slices {
		p.set(i, v)
	}
	return p
}

func emptyPile(n, stride int) pile { return pile{stride, make([]float64, n), make([]int32, n)} }

// set puts a slice on its pile, after all slices before it.
func (p pile) set(i int, v float64) {
	unknown := int32(0)
	if math.IsNaN(v) {
		v, unknown = 0, 1
	}
	if i >= p.stride {
		v, unknown = v+p.sum[i-p.stride], unknown+p.unknown[i-p.stride]
	}
	p.sum[i], p.unknown[i] = v, unknown
}

// of adds up the slices of so many steps that end with the last; NaN where one is unknown.
func (p pile) of(last, length int) float64 {
	before := last - length
	switch {
	case before < -p.stride || last >= len(p.sum):
		return math.NaN()
	case before < 0:
		if p.unknown[last] > 0 {
			return math.NaN()
		}
		return p.sum[last]
	case p.unknown[last] != p.unknown[before]:
		return math.NaN()
	}
	return p.sum[last] - p.sum[before]
}
