package shift

import (
	"math"
	"slices"
	"time"
)

// A Verdict is what there is to say of the moment at which a step ends. Numbers are NaN where
// there is nothing to compare.
type Verdict struct {
	// Sights are what is seen of the windows, in the order of Parameters.Windows.
	Sights []Sight
	// Shifted is the score of the strongest window that has shifted, 0 if none has; or
	// if it had a day ago already.
	Shifted float64
	// Deviates is the same, but for as long as it lasts.
	Deviates float64
	// Window is the number of that window; without one, of the window with the strongest
	// score.
	Window int
	// Weeks is with how many earlier weeks it was compared.
	Weeks int
	// Dispersion is F.
	Dispersion float64
}

// A Sight is what is seen of one window: its dark share, what was expected of it, what one
// standard deviation is, and the score. Numbers are NaN where there is nothing to compare; the
// share only where there is no visit.
type Sight struct{ Share, Expected, Deviation, Score float64 }

// Verdicts returns the verdict at the end of each step from the first on. Begin is when
// step 0 begins: the dispersion is estimated at full hours.
func (p Parameters) Verdicts(c Counts, begin time.Time, first int) []Verdict {
	w := p.watch(c)
	w.calibrate(begin)
	from := max(0, first-w.steps(p.Settle+p.Echo))
	out := make([]Verdict, 0, len(c.All)-from)
	sights := make([]Sight, (len(c.All)-from)*len(p.Windows))
	for i := from; i < len(c.All); i++ {
		v := Verdict{Sights: sights[:len(p.Windows):len(p.Windows)]}
		sights = sights[len(p.Windows):]
		w.judge(&v, i)
		out = append(out, v)
	}
	w.settle(out, begin.Add(time.Duration(from+1)*c.Step))
	return out[first-from:]
}

// A watch judges one series of counts.
type watch struct {
	Parameters
	step   time.Duration
	counts Counts
	// dark, all and expected are the visits, and the dark ones that were expected of them;
	// excess is dark less expected, within bounds.
	dark, all, expected, excess pile
	// usual is the share that is expected of a step, and weeks from how many weeks.
	usual []float64
	weeks []uint8
	// dispersion is F by step.
	dispersion []float64
}

func (p Parameters) watch(c Counts) *watch {
	n := len(c.All)
	w := &watch{Parameters: p, step: c.Step, counts: c, dark: newPile(c.Dark), all: newPile(c.All), weeks: make([]uint8, n)}
	around := w.around()
	w.usual = make([]float64, n)
	w.expected = emptyPile(n)
	for i := range n {
		w.usual[i], w.weeks[i] = w.usually(around, i)
		w.expected.set(i, w.usual[i]*c.All[i])
	}
	return w
}

// steps is a time in steps.
func (w *watch) steps(d time.Duration) int { return int(d / w.step) }

// around returns the share around each slice, as the weeks after it look back to it: NaN where
// too few visits are known.
func (w *watch) around() []float64 {
	out := make([]float64, len(w.weeks))
	for i := range out {
		out[i] = math.NaN()
		for _, around := range [...]time.Duration{w.Around, w.Widely} {
			end := i + w.steps((around-w.Slice)/2)
			if n := w.all.of(end, w.steps(around)); n >= w.LeastVisits {
				out[i] = w.dark.of(end, w.steps(around)) / n
				break
			}
		}
	}
	return out
}

// usually returns the share that is expected of the slice that ends with a step, and from how many
// weeks.
func (w *watch) usually(around []float64, last int) (share float64, weeks uint8) {
	var shares [8]float64
	for i := 1; i <= w.Weeks; i++ {
		at := last - i*w.steps(week)
		if before := at - w.steps(w.Learn); before < 0 || math.IsNaN(w.counts.All[before]) || math.IsNaN(around[at]) {
			continue
		}
		shares[weeks] = around[at]
		weeks++
	}
	if weeks == 0 {
		return math.NaN(), 0
	}
	return median(shares[:weeks]), weeks
}

// bounded returns the excess of the slice that ends with a step, no further from 0 than Bound standard
// deviations, Burst points or Few visits, whichever is most: a burst counts for no more than that.
func (w *watch) bounded(i int) float64 {
	n, share := w.counts.All[i], w.usual[i]
	excess := w.counts.Dark[i] - n*share
	if math.IsNaN(share) || !(n > 0) {
		return excess
	}
	bound := max(w.Bound*math.Sqrt(w.dispersion[i]*share*(1-share)*n), w.Burst*n, w.Few)
	return min(max(excess, -bound), bound)
}

// A sight is what is seen of one window: its visits, their share, what was expected, and the
// distance between both, within bounds.
type sight struct {
	n, share, expected, distance float64
	// chance is the variance of the share by chance alone.
	chance float64
}

// see looks at the window that ends with a step; ok reports that there is enough to see.
func (w *watch) see(last int, window time.Duration) (s sight, ok bool) {
	length := w.steps(window)
	x := w.excess.of(last, length)
	s.n = w.all.of(last, length)
	k, e := w.dark.of(last, length), w.expected.of(last, length)
	s.share = k / s.n
	if !(s.n >= w.LeastVisits) || math.IsNaN(x) {
		return s, false
	}
	s.expected, s.distance = e/s.n, x/s.n
	m := s.expected + max(0, s.distance)/2
	s.chance = m * (1 - m) * (1 + w.ownVariance(window)/float64(w.weeks[last])) / s.n
	return s, true
}

// ownVariance is what one earlier week varies, in parts of what the window does.
func (p Parameters) ownVariance(window time.Duration) float64 {
	return medianOfWeeks * float64(window) / float64(window+p.Around-p.Slice)
}

func (w *watch) judge(v *Verdict, i int) {
	nan := math.NaN()
	v.Dispersion, v.Weeks = w.dispersion[i], int(w.weeks[i])
	strongest, found := -1.0, false
	for j, window := range w.Windows {
		s, ok := w.see(i, window)
		v.Sights[j] = Sight{s.share, nan, nan, nan}
		if !ok {
			continue
		}
		deviation := math.Sqrt(v.Dispersion*s.chance + w.Spread*w.Spread)
		score := s.distance / deviation * w.Score / w.Limits[j]
		v.Sights[j] = Sight{s.share, s.expected, deviation, score}
		shifted := math.Abs(score) >= w.Score && math.Abs(s.distance) >= w.Points+w.Sure*deviation && w.leans(i, window, s)
		if shifted && !found {
			found, strongest = true, -1
		}
		if shifted == found && math.Abs(score) > strongest {
			strongest, v.Window = math.Abs(score), j
			if shifted {
				v.Deviates = score
			}
		}
	}
}

// leans reports whether each third of the window is on the window's side of what is expected, by
// Even of the window's distance.
func (w *watch) leans(last int, window time.Duration, s sight) bool {
	side := math.Copysign(1, s.distance)
	third := w.steps(window / 3)
	for i := range 3 {
		at := last - i*third
		if side*w.excess.of(at, third) < w.Even*math.Abs(s.distance)*w.all.of(at, third) {
			return false
		}
	}
	return true
}

// settle ends what has lasted for long. What was a day ago is looked up at the slice before, too: the
// rules that are current at a full slice were evaluated a little before it.
func (w *watch) settle(all []Verdict, end time.Time) {
	settle, echo := w.steps(w.Settle), w.steps(w.Echo)
	// Until when a rise and a fall are none to tell of.
	up, down := -1, -1
	for i := range all {
		at := end.Add(time.Duration(i) * w.step)
		if ago := i - settle - w.steps(w.Slice); ago >= 0 && at.Equal(at.Truncate(w.Slice)) {
			if d := all[ago].Deviates; d > 0 {
				up = i + echo
			} else if d < 0 {
				down = i + echo
			}
		}
		if d := all[i].Deviates; d > 0 && i >= up || d < 0 && i >= down {
			all[i].Shifted = d
		}
	}
}

// median sorts the values.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
