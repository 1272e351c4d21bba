package question

import (
	"math"
	"time"

	"github.com/darkshare/darkshare/dashboards/shift"
)

const (
	// mergeShifts is how much time may lie between two parts of one shift.
	mergeShifts = 9 * hour
	// leastNow is for how long a shift that is over is still told of as the present one.
	leastNow = 20 * time.Minute
)

// A shifted is a run of slices in which the dark share was not what it usually is.
type shifted struct {
	// first and last are its slices.
	first, last int
	// up reports a rise.
	up bool
	// share is the dark share over the run, expected what it usually is there.
	share, expected float64
	// more is how many more dark visits there were than usual, moreOthers how many
	// more of the others; negative for fewer.
	more, moreOthers float64
	// score is the one furthest from 0.
	score float64
	weeks int
}

// shifts finds the runs in the range.
func (w *watched) shifts(p shift.Parameters) []shifted {
	var all []shifted
	merge := int(mergeShifts / w.Step)
	for i := range w.verdicts {
		v := &w.verdicts[i]
		if v.Deviates == 0 {
			continue
		}
		up, at := v.Deviates > 0, w.first+i
		from := max(w.first, at+1-int(p.Windows[v.Window]/w.Step))
		if n := len(all); n > 0 && all[n-1].up == up && from-all[n-1].last-1 <= merge {
			all[n-1].last = at
		} else {
			if n > 0 && from <= all[n-1].last {
				from = min(at, all[n-1].last+1)
			}
			all = append(all, shifted{first: from, last: at, up: up})
		}
		if s := &all[len(all)-1]; math.Abs(v.Deviates) > math.Abs(s.score) {
			s.score, s.weeks = v.Deviates, v.Weeks
		}
	}
	for i := range all {
		w.narrow(p, &all[i], p.Points)
		w.measure(p, &all[i])
		// What rises and falls slowly is told of from a third of its height on.
		if d := math.Abs(all[i].share-all[i].expected) / 3; d > p.Points {
			w.narrow(p, &all[i], d)
			w.measure(p, &all[i])
		}
	}
	return all
}

// narrow leaves the part of a run in which most lies further than some points from what is usual,
// since windows begin before a shift does, and end after it (J. Kadane's maximum subarray).
func (w *watched) narrow(p shift.Parameters, s *shifted, points float64) {
	side := -1.0
	if s.up {
		side = 1
	}
	most, sum, from := 0.0, 0.0, s.first
	first, last := s.first, s.last
	for i := s.first; i <= s.last; i++ {
		if sum <= 0 {
			sum, from = 0, i
		}
		if usual, all, _ := w.usual(p, i); all > 0 && !math.IsNaN(w.All[i]) {
			sum += side*(w.Dark[i]-w.All[i]*usual/all) - points*w.All[i]
		}
		if sum > most {
			most, first, last = sum, from, i
		}
	}
	s.first, s.last = first, last
}

// usual returns how many dark visits, and how many of all, the slice had in earlier weeks, on
// average, and in how many.
func (w *watched) usual(p shift.Parameters, slice int) (dark, all float64, weeks int) {
	perWeek := int(week / w.Step)
	for i := 1; i <= p.Weeks; i++ {
		at := slice - i*perWeek
		if at < 0 || math.IsNaN(w.All[at]) {
			break
		}
		dark, all, weeks = dark+w.Dark[at], all+w.All[at], weeks+1
	}
	if weeks > 0 {
		dark, all = dark/float64(weeks), all/float64(weeks)
	}
	return dark, all, weeks
}

// measure adds up what happened in a run.
func (w *watched) measure(p shift.Parameters, s *shifted) {
	var dark, all, usualDark, usualAll float64
	for i := s.first; i <= s.last; i++ {
		k, n, weeks := w.usual(p, i)
		if weeks == 0 || math.IsNaN(w.All[i]) {
			continue
		}
		dark, all, usualDark, usualAll = dark+w.Dark[i], all+w.All[i], usualDark+k, usualAll+n
	}
	s.share, s.expected = over(dark, all), over(usualDark, usualAll)
	s.more, s.moreOthers = dark-usualDark, all-dark-(usualAll-usualDark)
}

// now is the score where the dark share is shifted at the end of the range, else 0.
func (w *watched) now() float64 {
	for i := len(w.verdicts) - 1; i >= 0 && time.Duration(len(w.verdicts)-1-i)*w.Step <= leastNow; i-- {
		if v := &w.verdicts[i]; v.Shifted != 0 {
			return v.Shifted
		}
	}
	return 0
}
