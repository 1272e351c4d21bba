package stats

import (
	"math"
	"testing"
)

func TestWilson(t *testing.T) {
	f := func(k, n, lower, upper float64) {
		t.Helper()
		l, u := Wilson(k, n)
		if math.Abs(l-lower) > 5e-5 || math.Abs(u-upper) > 5e-5 {
			t.Errorf("Wilson(%v, %v) = %.4f, %.4f; want %.4f, %.4f", k, n, l, u, lower, upper)
		}
	}
	f(0, 0, 0, 1)
	f(0, 35, 0, 0.0989)
	f(10, 10, 0.7225, 1)
	// R. G. Newcombe, Statistics in Medicine 17, 1998, table I, method 3.
	f(81, 263, 0.2553, 0.3662)
	f(15, 148, 0.0624, 0.1605)
	f(0, 20, 0, 0.1611)
	f(1, 29, 0.0061, 0.1718)
}
