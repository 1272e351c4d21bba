package question

import (
	"math"
	"math/rand/v2"
	"testing"
)

// weeksOf are hours with a daily rhythm, with binomial chance and a spread of the share
// from hour to hour besides.
func weeksOf(n int, visits, spread float64, seed uint64) hours {
	random := rand.New(rand.NewPCG(seed, 1))
	h := hours{make([]float64, n), make([]float64, n)}
	for i := range n {
		rhythm := 1 + 0.8*math.Sin(2*math.Pi*float64(i)/24)
		all := math.Round(visits * rhythm)
		share := 0.2 + 0.05*math.Sin(2*math.Pi*float64(i)/24) + spread*random.NormFloat64()
		k := 0.0
		for range int(all) {
			if random.Float64() < share {
				k++
			}
		}
		h.dark[i], h.all[i] = k, all
	}
	return h
}

const (
	fiveWeeks = 5*hoursPerWeek + 3
	firstHour = 4*hoursPerWeek + 3
)

// TestQuietWeeks holds that chance alone is no shift, and overdispersion neither.
func TestQuietWeeks(t *testing.T) {
	for _, c := range []struct{ visits, spread float64 }{{30, 0}, {300, 0}, {3000, 0}, {300, 0.03}, {3000, 0.03}} {
		false_ := 0
		for seed := range uint64(20) {
			h := weeksOf(fiveWeeks, c.visits, c.spread, seed)
			false_ += len(DefaultShift.shifts(h, DefaultShift.moments(h, firstHour), firstHour))
		}
		if false_ > 1 { // in 20 weeks
			t.Errorf("%v visits an hour, a spread of %v: %d shifts in 20 weeks", c.visits, c.spread, false_)
		}
	}
}

// TestShifts puts shifts in and finds them, with their hours, size and excess.
func TestShifts(t *testing.T) {
	for _, c := range []struct {
		name         string
		from, length int
		more         float64 // dark visits an hour
		up           bool
	}{
		{"a page goes round", 60, 30, 150, true},
		{"tags are lost", 80, 12, 60, true},
		{"an app hides its links", 30, 10, -50, false},
	} {
		h := weeksOf(fiveWeeks, 300, 0, 5)
		var added float64
		for i := firstHour + c.from; i < firstHour+c.from+c.length; i++ {
			d := max(c.more, -h.dark[i])
			h.dark[i], h.all[i], added = h.dark[i]+d, h.all[i]+d, added+d
		}
		moments := DefaultShift.moments(h, firstHour)
		all := DefaultShift.shifts(h, moments, firstHour)
		if len(all) != 1 {
			t.Errorf("%s: %d shifts: %+v", c.name, len(all), all)
			continue
		}
		s := all[0]
		if s.up != c.up || abs(s.first-c.from) > 2 || abs(s.last+1-c.from-c.length) > 3 || s.weeks != 4 || math.Abs(s.score) < 4 {
			t.Errorf("%s: %+v", c.name, s)
		}
		if math.Abs(s.more-added) > 0.25*math.Abs(added) {
			t.Errorf("%s: %v more, want %v", c.name, s.more, added)
		}
	}
}

// TestNoEcho holds that a shift is none again a week after.
func TestNoEcho(t *testing.T) {
	h := weeksOf(fiveWeeks+hoursPerWeek, 300, 0, 9)
	for i := firstHour + 60; i < firstHour+90; i++ {
		h.dark[i], h.all[i] = h.dark[i]+200, h.all[i]+200
	}
	all := DefaultShift.shifts(h, DefaultShift.moments(h, firstHour), firstHour)
	if len(all) != 1 {
		t.Errorf("%+v", all)
	}
}

// TestLittleHistory holds the scores to what there is: nothing without a week before.
func TestLittleHistory(t *testing.T) {
	h := weeksOf(fiveWeeks, 300, 0, 3)
	for weeks := range 5 {
		from := (4-weeks)*hoursPerWeek + 3
		young := hours{append(make([]float64, from), h.dark[from:]...), append(make([]float64, from), h.all[from:]...)}
		m := DefaultShift.moments(young, firstHour+5)[0]
		if m.weeks != weeks || math.IsNaN(m.score) != (weeks == 0) || math.IsNaN(m.share) {
			t.Errorf("with %d weeks: %+v", weeks, m)
		}
	}
	empty := hours{make([]float64, fiveWeeks), make([]float64, fiveWeeks)}
	for _, m := range DefaultShift.moments(empty, firstHour) {
		if !math.IsNaN(m.share) || !math.IsNaN(m.score) {
			t.Fatalf("%+v", m)
		}
	}
}

func abs(n int) int { return max(n, -n) }
