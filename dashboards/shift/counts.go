package shift

import (
	"math"
	"time"
)

// Counts are the visits of slices that follow one another, the dark ones and all, as the rules
// record them (increase5m). Step is a Slice. NaN is where nothing is known.
type Counts struct {
	Step      time.Duration
	Dark, All []float64
}

// A pile adds up slices.
type pile struct {
	sum     []float64 // of this and all earlier slices
	unknown []int32
}

func newPile(slices []float64) pile {
	p := emptyPile(len(slices))
	for i, v := range slices {
		p.set(i, v)
	}
	return p
}

func emptyPile(n int) pile { return pile{make([]float64, n), make([]int32, n)} }

// set puts a slice on the pile, after all slices before it.
func (p pile) set(i int, v float64) {
	unknown := int32(0)
	if math.IsNaN(v) {
		v, unknown = 0, 1
	}
	if i > 0 {
		v, unknown = v+p.sum[i-1], unknown+p.unknown[i-1]
	}
	p.sum[i], p.unknown[i] = v, unknown
}

// of adds up so many slices that end with the last; NaN where one is unknown.
func (p pile) of(last, length int) float64 {
	before := last - length
	switch {
	case before < -1 || last >= len(p.sum):
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
