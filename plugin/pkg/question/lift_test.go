package question

import (
	"math"
	"strings"
	"testing"
)

// The example is of A. Agresti, Categorical Data Analysis, 2nd edition, 2002, 3.1: heart
// attacks with placebo, 189 of 11,034, and with aspirin, 104 of 11,037; the ratio is 1.82,
// its interval 1.43 to 2.30.
func TestLift(t *testing.T) {
	ratio, low, high := lift(rate{189, 11034}, rate{104, 11037})
	if math.Abs(ratio-1.818) > 0.001 || math.Abs(low-1.433) > 0.001 || math.Abs(high-2.306) > 0.001 {
		t.Errorf("%.3f (%.3f to %.3f)", ratio, low, high)
	}
	for _, c := range [][2]rate{{{0, 10}, {1, 10}}, {{1, 10}, {0, 10}}, {{0, 0}, {0, 0}}, {{1, 0}, {1, 1}}} {
		if ratio, low, high := lift(c[0], c[1]); !math.IsNaN(ratio) || !math.IsNaN(low) || !math.IsNaN(high) {
			t.Errorf("%v: %v", c, ratio)
		}
	}
}

func TestInWords(t *testing.T) {
	for _, c := range []struct {
		a, b rate
		want string
	}{
		{rate{200, 4000}, rate{1000, 40000}, "These visits convert better than the rest: 2.0 times as often (1.7 to 2.3)."},
		{rate{50, 4000}, rate{1000, 40000}, "These visits convert worse than the rest: 0.5 times as often (0.4 to 0.7)."},
		{rate{100, 4000}, rate{1000, 40000}, "No sure difference to the rest: 1.0 times as often (0.8 to 1.2)."},
		{rate{3, 1234}, rate{1000, 40000}, "Too few to tell: 3 of 1,234 visits converted."},
		{rate{300, 1234567}, rate{2, 40000}, "Too few to tell: of the rest, 2 of 40,000 visits converted."},
		{rate{0, 0}, rate{2, 4}, "There were no visits."},
		{rate{8, 9}, rate{0, 0}, "There is nothing to compare with."},
		{rate{12, 9}, rate{5, 4}, "better or worse or no"}, // more conversions than visits: two goals
	} {
		if got := inWords("These visits", c.a, c.b, "the rest"); got != c.want && !strings.Contains(c.want, " or no") {
			t.Errorf("%q, want %q", got, c.want)
		} else if strings.Contains(got, "NaN") {
			t.Error(got)
		}
	}
}

func TestWhole(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 999.4: "999", 1000: "1,000", -1234567.8: "1,234,568"} {
		if got := whole(n); got != want {
			t.Errorf("%v: %s, want %s", n, got, want)
		}
	}
}
