package question

import (
	"fmt"
	"math"
)

// A rate is k of n.
type rate struct{ k, n float64 }

// minus returns the rate of the others.
func (r rate) minus(o rate) rate { return rate{max(0, r.k-o.k), max(0, r.n-o.n)} }

// fewConversions is below how many conversions there is nothing to compare.
const fewConversions = 5

// lift is how many times as high the rate a is as b, with the ends of its 95 % interval:
// the log method of Katz, Baptista, Azen and Pike (Obtaining confidence intervals for the
// risk ratio in cohort studies, Biometrics 34, 1978). It has no value where either has
// no conversion; the method is then not defined.
func lift(a, b rate) (ratio, low, high float64) {
	if !(a.k > 0 && b.k > 0 && a.n > 0 && b.n > 0) {
		return math.NaN(), math.NaN(), math.NaN()
	}
	const z = 1.959963984540054
	ratio = a.k / a.n / (b.k / b.n)
	half := z * math.Sqrt(max(0, 1/a.k-1/a.n)+max(0, 1/b.k-1/b.n))
	return ratio, ratio * math.Exp(-half), ratio * math.Exp(half)
}

// inWords says what the comparison of some visits with others comes to.
func inWords(these string, a, b rate, others string) string {
	ratio, low, high := lift(a, b)
	switch {
	case b.n < 1:
		return "There is nothing to compare with."
	case a.n < 1:
		return "There were no visits."
	case a.k < fewConversions:
		return fmt.Sprintf("Too few to tell: %s of %s visits converted.", whole(a.k), whole(a.n))
	case b.k < fewConversions:
		return fmt.Sprintf("Too few to tell: of %s, %s of %s visits converted.", others, whole(b.k), whole(b.n))
	case low > 1:
		return fmt.Sprintf("%s convert better than %s: %.1f times as often (%.1f to %.1f).", these, others, ratio, low, high)
	case high < 1:
		return fmt.Sprintf("%s convert worse than %s: %.1f times as often (%.1f to %.1f).", these, others, ratio, low, high)
	}
	return fmt.Sprintf("No sure difference to %s: %.1f times as often (%.1f to %.1f).", others, ratio, low, high)
}

// whole writes a count with commas: 1,234.
func whole(n float64) string {
	s := fmt.Sprintf("%.0f", math.Abs(n))
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
