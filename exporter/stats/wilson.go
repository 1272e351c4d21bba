// Package stats holds the few formulas behind the intervals that darkshare shows.
package stats

import "math"

// Wilson returns the ends of the 95 % score interval for k successes of n
// (E. B. Wilson, Probable Inference, the Law of Succession, and Statistical
// Inference, JASA 22, 1927). It is 0 to 1 where n is 0.
func Wilson(k, n float64) (lower, upper float64) {
	if n <= 0 {
		return 0, 1
	}
	const z = 1.959963984540054
	p := k / n
	centre := p + z*z/(2*n)
	half := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	d := 1 + z*z/n
	return max(0, (centre-half)/d), min(1, (centre+half)/d)
}
