package shift

import (
	"math"
	"slices"
	"time"
)

// calibrate estimates the dispersion at each full hour, for the steps until the next, and with
// it what excess is within bounds.
//
// An estimate is of the squared scores at the full hours of Memory until Learn ago, and what counts
// is the mean of a day's estimates: a median of some hundred numbers jumps, and it
// may be an hour old in the rules.
func (w *watch) calibrate(begin time.Time) {
	n := len(w.weeks)
	w.dispersion, w.excess = make([]float64, n), emptyPile(n)
	f := w.Unsure
	var squares []float64 // by hour
	var recent sorted
	var ofDay []float64 // estimates
	memory, learn := int(w.Memory/hour), int(w.Learn/hour)
	for i := range n {
		full := begin.Add(time.Duration(i+1) * w.step)
		full = full.Truncate(hour)
		isFull := begin.Add(time.Duration(i) * w.step).Before(full)
		if isFull {
			h := len(squares)
			if in := h - learn; in >= 0 {
				recent.add(squares[in])
			}
			if out := h - learn - memory; out >= 0 {
				recent.remove(squares[out])
			}
			ofDay = append(ofDay, math.NaN())
			if n := len(recent); n >= w.LeastScores {
				ofDay[len(ofDay)-1] = max(1, (recent[(n-1)/2]+recent[n/2])/2/chanceMedian)
			}
			ofDay = ofDay[max(0, len(ofDay)-int(day/hour)):]
			if f = meanOf(ofDay); math.IsNaN(f) {
				f = w.Unsure
			}
		}
		w.dispersion[i] = f
		w.excess.set(i, w.bounded(i))
		if isFull {
			squares = append(squares, w.square(i))
		}
	}
}

// meanOf is the mean of what is known.
func meanOf(values []float64) float64 {
	var sum, n float64
	for _, v := range values {
		if !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	return sum / n
}

// square is the square of the score that the window for calibration would have with a
// dispersion of 1, and without Spread; NaN where it has none.
func (w *watch) square(i int) float64 {
	s, ok := w.see(i, w.Calibrate)
	if !ok || s.chance <= 0 {
		return math.NaN()
	}
	return s.distance * s.distance / s.chance
}

// sorted are values in order; NaN is never among them.
type sorted []float64

func (s *sorted) add(v float64) {
	if !math.IsNaN(v) {
		i, _ := slices.BinarySearch(*s, v)
		*s = slices.Insert(*s, i, v)
	}
}

func (s *sorted) remove(v float64) {
	if !math.IsNaN(v) {
		i, _ := slices.BinarySearch(*s, v)
		*s = slices.Delete(*s, i, i+1)
	}
}
