package question

import (
	"math"
	"slices"
)

// ShiftParameters are what decides whether the dark share has shifted.
//
// The dark share of the last Window is compared with that of the same hours of up to
// Weeks earlier weeks. What one expects is the median of theirs, so that one odd week does
// not tell of a shift again each week after it. The score is the difference over
//
//	sqrt(F × e(1−e) × (1/n + 1/N) + Spread²)
//
// with e expected, n the visits of the window, N those of the weeks together, and F
// how much more than binomial the weeks differ among each other: the median of their
// chi² per degree of freedom, in parts of what chance alone has as its median, 1 at
// least (P. McCullagh and J. A. Nelder, Generalized Linear Models, 1989, 4.5).
//
// All of it can be said in PromQL: n and the weeks' are sum(increase(…[3h] offset 1w)), the
// median is quantile(0.5, …) over them, and F a recording rule.
type ShiftParameters struct {
	// Window is what is looked at together, in hours.
	Window int
	// Weeks is how many earlier weeks are compared with at most.
	Weeks int
	// Score is from what distance on, in standard deviations, a window is shifted, and
	// Points what the shares must differ by besides.
	Score, Points float64
	// Spread is a deviation that the share has whatever its counts are.
	Spread float64
	// LeastVisits is below how many visits a window says nothing.
	LeastVisits float64
	// Merge is how many hours may lie between two parts of one shift.
	Merge int
}

// DefaultShift is what the shift question goes by.
var DefaultShift = ShiftParameters{Window: 3, Weeks: 4, Score: 4, Points: 0.03, Spread: 0.005, LeastVisits: 50, Merge: 9}

// hoursPerWeek is how far apart the same hours of two weeks are.
const hoursPerWeek = int(week / hour)

// chanceMedian is the median of chi² per degree of freedom, for 1, 2 and 3 of them and
// by Wilson and Hilferty's approximation for more.
func chanceMedian(degrees int) float64 {
	switch degrees {
	case 1:
		return 0.4549
	case 2:
		return 0.6931
	case 3:
		return 0.7887
	}
	return math.Pow(1-2/(9*float64(degrees)), 3)
}

// hours are the visits by the hour, the dark ones and all.
type hours struct{ dark, all []float64 }

// A moment is the window that ends with an hour, and what was to be expected of it.
type moment struct {
	share, expected float64
	// low and high are between what the share is no shift.
	low, high float64
	// score is how far the share is from what is expected; NaN where nothing is.
	score float64
	// weeks is with how many weeks it was compared.
	weeks int
	// usual is how many dark visits the hour itself has in those weeks, on average, and
	// usualAll how many of all.
	usual, usualAll float64
}

// window adds up the hours of the window that ends with an hour.
func (p ShiftParameters) window(n []float64, last int) (sum float64) {
	for i := last - p.Window + 1; i <= last; i++ {
		if i < 0 || i >= len(n) {
			return 0
		}
		sum += n[i]
	}
	return sum
}

// earlier returns the windows of the same hours in earlier weeks, as rates.
func (p ShiftParameters) earlier(h hours, last int) (weeks []rate) {
	for w := 1; w <= p.Weeks; w++ {
		at := last - w*hoursPerWeek
		if n := p.window(h.all, at); n >= p.LeastVisits {
			weeks = append(weeks, rate{p.window(h.dark, at), n})
		}
	}
	return weeks
}

// moments scores each hour from the first on.
func (p ShiftParameters) moments(h hours, first int) []moment {
	excess := p.dispersion(h)
	out := make([]moment, 0, len(h.all)-first)
	for i := first; i < len(h.all); i++ {
		out = append(out, p.moment(h, i, excess))
	}
	return out
}

func (p ShiftParameters) moment(h hours, i int, excess float64) moment {
	nan := math.NaN()
	m := moment{share: nan, expected: nan, low: nan, high: nan, score: nan}
	n := p.window(h.all, i)
	if n > 0 {
		m.share = p.window(h.dark, i) / n
	}
	weeks := p.earlier(h, i)
	if m.weeks = len(weeks); m.weeks == 0 {
		return m
	}
	var shares []float64
	var earlier float64
	for _, w := range weeks {
		shares = append(shares, w.k/w.n)
		earlier += w.n
	}
	m.expected = median(shares)
	for w := 1; w <= p.Weeks; w++ {
		if at := i - w*hoursPerWeek; p.window(h.all, at) >= p.LeastVisits {
			m.usual += h.dark[at] / float64(m.weeks)
			m.usualAll += h.all[at] / float64(m.weeks)
		}
	}
	if n < p.LeastVisits {
		return m
	}
	// A share of 0 or 1 among n is no certainty.
	e := min(max(m.expected, 0.5/earlier), 1-0.5/earlier)
	deviation := math.Sqrt(excess*e*(1-e)*(1/n+1/earlier) + p.Spread*p.Spread)
	m.low, m.high = max(0, m.expected-p.Score*deviation), min(1, m.expected+p.Score*deviation)
	m.score = (m.share - m.expected) / deviation
	return m
}

// dispersion is how much more than by chance the same hours of different weeks differ.
func (p ShiftParameters) dispersion(h hours) float64 {
	var all []float64
	for i := range h.all {
		weeks := p.earlier(h, i)
		if len(weeks) < 2 {
			continue
		}
		var sum rate
		for _, w := range weeks {
			sum.k += w.k
			sum.n += w.n
		}
		mean := sum.k / sum.n
		if mean <= 0 || mean >= 1 {
			continue
		}
		chi := 0.0
		for _, w := range weeks {
			d := w.k/w.n - mean
			chi += w.n * d * d / (mean * (1 - mean))
		}
		degrees := len(weeks) - 1
		all = append(all, chi/float64(degrees)/chanceMedian(degrees))
	}
	if len(all) == 0 {
		return 1
	}
	return max(1, median(all))
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// A shifted is a run of hours in which the dark share was not what it usually is.
type shifted struct {
	// first and last are the hours, as their moments are numbered.
	first, last int
	// up reports a rise.
	up bool
	// share is the dark share over the hours, expected what it usually is there.
	share, expected float64
	// more is how many more dark visits there were than usual, moreOthers how many
	// more of the others; negative for fewer.
	more, moreOthers float64
	// score is the one furthest from 0.
	score float64
	weeks int
}

// shifts finds the runs in the moments, whose first is hour number first.
func (p ShiftParameters) shifts(h hours, moments []moment, first int) []shifted {
	var all []shifted
	for i, m := range moments {
		if !(math.Abs(m.score) >= p.Score && math.Abs(m.share-m.expected) >= p.Points) {
			continue
		}
		up := m.score > 0
		from := max(0, i-p.Window+1)
		// Not all of the window is, where the shift begins.
		for from < i && !p.leans(h, moments[from], from+first, up) {
			from++
		}
		if n := len(all); n > 0 && all[n-1].up == up && from-all[n-1].last-1 <= p.Merge {
			all[n-1].last = i
			continue
		}
		if n := len(all); n > 0 && from <= all[n-1].last {
			from = min(i, all[n-1].last+1)
		}
		all = append(all, shifted{first: from, last: i, up: up})
	}
	for i := range all {
		s := &all[i]
		for s.last > s.first && !p.leans(h, moments[s.last], s.last+first, s.up) {
			s.last--
		}
		p.measure(s, h, moments, first)
	}
	return all
}

// leans reports whether an hour by itself is on that side of what is expected.
func (p ShiftParameters) leans(h hours, m moment, i int, up bool) bool {
	if h.all[i] <= 0 || math.IsNaN(m.expected) {
		return false
	}
	d := h.dark[i]/h.all[i] - m.expected
	return up && d >= p.Points || !up && d <= -p.Points
}

// measure adds up what happened in the hours of a shift.
func (p ShiftParameters) measure(s *shifted, h hours, moments []moment, first int) {
	var dark, all, expected float64
	for i := s.first; i <= s.last; i++ {
		m, k, n := moments[i], h.dark[i+first], h.all[i+first]
		if math.IsNaN(m.expected) {
			continue
		}
		dark, all, expected = dark+k, all+n, expected+m.expected*n
		s.more += k - m.usual
		s.moreOthers += n - k - (m.usualAll - m.usual)
		if math.Abs(m.score) > math.Abs(s.score) {
			s.score = m.score
		}
		s.weeks = max(s.weeks, m.weeks)
	}
	s.share, s.expected = over(dark, all), over(expected, all)
}
