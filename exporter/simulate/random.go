package simulate

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// random is the one source of chance of a run. Its methods are built on the
// generator's raw numbers rather than on rand.Rand, whose algorithms may change
// with a Go release: the same seed is to give the same bytes for years.
type random struct{ pcg rand.PCG }

func newRandom(seed uint64) *random {
	r := &random{}
	r.pcg.Seed(seed, 0x6461726b73686172)
	return r
}

func (r *random) uint64() uint64 { return r.pcg.Uint64() }

// unit returns a number in [0, 1).
func (r *random) unit() float64 { return float64(r.pcg.Uint64()>>11) / (1 << 53) }

// below returns a number in [0, n).
func (r *random) below(n int) int {
	hi, _ := bits.Mul64(r.pcg.Uint64(), uint64(n))
	return int(hi)
}

// between returns a number in [lo, hi].
func (r *random) between(lo, hi int) int { return lo + r.below(hi-lo+1) }

func (r *random) chance(p float64) bool { return r.unit() < p }

// exp returns an exponentially distributed number.
func (r *random) exp(mean float64) float64 { return -mean * math.Log(1-r.unit()) }

// geometric returns a number from 1 up with that mean, at most limit.
func (r *random) geometric(mean float64, limit int) int {
	n := 1
	for n < limit && r.chance(1-1/mean) {
		n++
	}
	return n
}

// of returns one of the list, each as likely.
func of[T any](r *random, list []T) T { return list[r.below(len(list))] }

// choice picks indexes by weight in constant time (Walker's alias method).
type choice struct {
	keep  []float64
	other []int32
}

func newChoice(weights []float64) choice {
	n := len(weights)
	c := choice{keep: make([]float64, n), other: make([]int32, n)}
	var sum float64
	for _, w := range weights {
		sum += w
	}
	var small, large []int32
	for i, w := range weights {
		c.keep[i] = w * float64(n) / sum
		c.other[i] = int32(i)
		if c.keep[i] < 1 {
			small = append(small, int32(i))
		} else {
			large = append(large, int32(i))
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		c.other[s] = l
		c.keep[l] -= 1 - c.keep[s]
		if c.keep[l] < 1 {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	// What is left over should be 1 and misses it by rounding only.
	for _, rest := range [][]int32{small, large} {
		for _, i := range rest {
			c.keep[i] = 1
		}
	}
	return c
}

func (c *choice) pick(r *random) int {
	i := r.below(len(c.keep))
	if r.unit() < c.keep[i] {
		return i
	}
	return int(c.other[i])
}

// zipf returns the weights 1, 1/2^s, 1/3^s …
func zipf(n int, s float64) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = math.Pow(float64(i+1), -s)
	}
	return w
}
