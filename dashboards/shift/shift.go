// Package shift decides whether the dark share has shifted: whether it is so far from what
// the same hours of earlier weeks had that neither chance nor habit explains it.
//
// It is the one method behind the plugin's shift question, the recording rules in
// dashboards/rules/shift.yaml, which are made from the same parameters ([Parameters.Rules]), and the
// backtest. docs/shifts.md says why it is as it is, and how well it does.
//
// What one expects of a slice of five minutes is the median of the shares that up to four earlier
// weeks had around the same time, in five hours, or in 27 where five hours have too few
// visits. What one expects of a window is that of its slices, by their visits. Several windows are
// looked at together, from an hour to more than a day, since a large site shows a shift
// in an hour and a small one does not. With p the share of a window of n visits and e the
// expected one, the score is
//
//	(p − e) / sd,  sd = sqrt(F m(1−m) (1 + a)/n + Spread²),  m = e + max(0, p − e) / 2
//
// where a = 1.25 W / (weeks (W + 4 h 55 min)), for a window as long as W, is what e varies by itself
// (the median of some weeks about 1.25 times as much as their mean), and F how much more than
// binomial the share varies on this site: the median of the squared scores (F = 1) of the last four
// weeks over that of chi² with one degree of freedom (P. McCullagh and J. A. Nelder, Generalized
// Linear Models, 1989, 4.5), over a day on average. For a rise the variance is taken halfway between both shares, since few
// visits are skewed to that side. In the numerator the excess of each slice is bounded, so that a
// burst weighs no more than its bound (P. J. Huber, Robust Statistics, 1981).
//
// A window has shifted where the score is large enough, where the distance is surely one that matters
// (it is Points and Sure standard deviations besides, a test against the hypothesis that the
// shift is too small to matter: J. L. Hodges and E. L. Lehmann, Testing the approximate
// validity of statistical hypotheses, Journal of the Royal Statistical Society B 16, 1954), and where
// each of its three thirds leans the same way, so that no burst shorter than a third of it suffices.
package shift

import "time"

// Parameters are what decides. The defaults are for all sites.
type Parameters struct {
	// Slice is the time that is counted together; windows and their thirds are some of these.
	Slice time.Duration
	// Windows are the lengths looked at, and Limits how many standard deviations are as rare in
	// each of them: a score is scaled so that Limits of them are Score.
	Windows []time.Duration
	Limits  []float64
	// Weeks is how many earlier weeks are compared with at most; Around and, where that has
	// fewer than LeastVisits, Widely is the time around a slice that is looked at in each.
	Weeks          int
	Around, Widely time.Duration
	// Score is from what distance on, in standard deviations, a window has shifted. Points is
	// what the shares must differ by, with Sure standard deviations to spare.
	Score, Points, Sure float64
	// Even is by which part of the window's distance each third of it must differ.
	Even float64
	// Bound, Burst and Few are what a slice's excess counts at most: in its standard deviations, in
	// points, and in visits, whichever is most.
	Bound, Burst, Few float64
	// Spread is a deviation that the share has from week to week whatever its counts are.
	Spread float64
	// LeastVisits is below how many visits a window says nothing.
	LeastVisits float64
	// Unsure is F while there are fewer than LeastScores hours to estimate it from. Calibrate
	// is the window whose scores it is estimated from, over Memory, which ends Learn before
	// the present, so that a shift of today does not hide itself.
	Unsure      float64
	LeastScores int
	Calibrate   time.Duration
	Memory      time.Duration
	// Learn is how long the exporter learns at the beginning of a history (entry pages,
	// confirmation): a week counts only where there are visits recorded that long before.
	Learn time.Duration
	// Settle is for how long a lasting shift is told of: what had shifted the same way at any
	// time between Settle and Settle + Echo ago is not told again.
	Settle, Echo time.Duration
}

const (
	hour = time.Hour
	day  = 24 * hour
	week = 7 * day
)

// Default is what the plugin and the rules go by.
var Default = Parameters{
	Slice:       5 * time.Minute,
	Windows:     []time.Duration{75 * time.Minute, 2 * hour, 3 * hour, 4 * hour, 6 * hour, 9 * hour, 27 * hour},
	Limits:      []float64{4, 4, 3.75, 3.65, 3.7, 4.5, 5.3},
	Weeks:       4,
	Around:      5 * hour,
	Widely:      27 * hour,
	Score:       4,
	Points:      0.0225,
	Sure:        1.85,
	Even:        0.2,
	Bound:       1.75,
	Burst:       0.04,
	Few:         3,
	Spread:      0.003,
	LeastVisits: 50,
	Unsure:      2,
	LeastScores: 72,
	Calibrate:   3 * hour,
	Memory:      4 * week,
	Learn:       day,
	Settle:      day,
	Echo:        12 * hour,
}

const (
	// medianOfWeeks is about what the median of two to four weeks varies more than their mean.
	medianOfWeeks = 1.25
	// chanceMedian is the median of chi² with one degree of freedom.
	chanceMedian = 0.4549
)

// Before is how much history before a moment its verdict reads, at most: weeks for what is
// expected, and for the dispersion weeks and the weeks before those.
func (p Parameters) Before() time.Duration {
	longest := p.Windows[len(p.Windows)-1]
	return p.Memory + time.Duration(p.Weeks)*week + 2*p.Learn + p.Settle + p.Echo + longest + p.Widely
}
