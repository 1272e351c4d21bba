package main

import (
	"math"
	"time"

	"github.com/darkshare/darkshare/dashboards/shift"
)

// A method says at each step how alarmed it is, signed; from its limit on it fires.
type method struct {
	name  string
	limit float64 // as it is usually set
	of    func(s *site, first int) []float64
	hold  int // for how many steps it must last
}

// methods are ours, first, and its rivals.
var methods = []method{
	{"darkshare", 1, ours, 1},
	{"fixed threshold", 10, fixed, 1},
	{"three standard deviations of the last day", 3, lastDay, 1},
	{"adaptive rules, share of 5 minutes", 1, func(s *site, first int) []float64 { return adaptive(s, first, 1) }, 2},
	{"adaptive rules, share of the hour", 1, func(s *site, first int) []float64 { return adaptive(s, first, perHour) }, 2},
}

var parameters = shift.Default

func ours(s *site, first int) []float64 {
	begin := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	all := parameters.Verdicts(s.slices(), begin, first)
	out := make([]float64, len(all))
	for i, v := range all {
		out[i] = v.Shifted
	}
	return out
}

// shares are the dark shares of the last steps, as darkshare_ratio has them.
func shares(s *site, length int) []float64 {
	out := make([]float64, len(s.All))
	var k, n float64
	for i := range s.All {
		k, n = k+s.Dark[i], n+s.All[i]
		if i >= length {
			k, n = k-s.Dark[i-length], n-s.All[i-length]
		}
		out[i] = math.NaN()
		if n > 0.5 {
			out[i] = k / n
		}
	}
	return out
}

// fixed is the distance, in points, of the last hour's share from the share that the site had
// over its first four weeks: abs(darkshare_ratio{window="1h"} - 0.25) > 0.1.
func fixed(s *site, first int) []float64 {
	var k, n float64
	for i := range 4 * perWeek {
		k, n = k+s.Dark[i], n+s.All[i]
	}
	x := shares(s, perHour)[first:]
	for i := range x {
		x[i] = 100 * (x[i] - k/n)
	}
	return x
}

// moments are the mean and standard deviation over so many steps, as avg_over_time and
// stddev_over_time have them.
func moments(x []float64, length int) (mean, deviation []float64) {
	mean, deviation = make([]float64, len(x)), make([]float64, len(x))
	var n, sum, squares float64
	count := func(v, sign float64) {
		if !math.IsNaN(v) {
			n, sum, squares = n+sign, sum+sign*v, squares+sign*v*v
		}
	}
	for i, v := range x {
		count(v, 1)
		if i >= length {
			count(x[i-length], -1)
		}
		mean[i], deviation[i] = math.NaN(), math.NaN()
		if n >= 1 {
			mean[i] = sum / n
			deviation[i] = math.Sqrt(max(0, squares/n-mean[i]*mean[i]))
		}
	}
	return mean, deviation
}

// lastDay is how many standard deviations of the last day the last hour's share is from the
// day's mean.
func lastDay(s *site, first int) []float64 {
	x := shares(s, perHour)
	mean, deviation := moments(x, perDay)
	out := make([]float64, len(x)-first)
	for i := range out {
		j := first + i
		out[i] = (x[j] - mean[j]) / deviation[j]
	}
	return out
}

// adaptive is by which factor the multipliers of the adaptive rules of
// grafana/promql-anomaly-detection (rules/adaptive.yml, commit 738e34e) would have to be
// larger so that the share would not leave their bands: their bands are the mean of the last
// hour and, whichever is furthest out,
//
//   - 2 times the mean over 26 hours of the hourly standard deviation where that is more than
//     half the hourly mean,
//   - half of the mean,
//   - and the mean of the same hour, half an hour on, a day and a week ago with 2 of its
//     standard deviations.
func adaptive(s *site, first, length int) []float64 {
	x := shares(s, length)
	for i, v := range x {
		if v <= 0 { // they select what is > 0
			x[i] = math.NaN()
		}
	}
	mean, deviation := moments(x, perHour)
	high := make([]float64, len(x))
	for i := range x {
		high[i] = math.NaN()
		if deviation[i] > 0.5*mean[i] {
			high[i] = deviation[i]
		}
	}
	smooth, _ := moments(high, 26*perHour)
	half := perHour / 2
	out := make([]float64, len(x)-first)
	for i := range out {
		j := first + i
		d := x[j] - mean[j]
		q := math.Abs(d) / (0.5 * mean[j])
		if v := math.Abs(d) / (2 * smooth[j]); v < q {
			q = v
		}
		for _, ago := range []int{perDay - half, perWeek - half} {
			l := x[j] - mean[j-ago]
			if l*d <= 0 {
				q = 0
			} else if v := math.Abs(l) / (2 * deviation[j-ago]); v < q {
				q = v
			}
		}
		out[i] = math.Copysign(q, d)
	}
	return out
}
