package shift_test

import (
	"math"
	"testing"
	"time"

	"github.com/darkshare/darkshare/dashboards/shift"
)

const (
	perHour = 12
	aDay    = 24 * perHour
	aWeek   = 7 * aDay
)

var monday = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// steady are slices without chance: so many visits, a quarter of them dark.
func steady(slices int, visits float64) shift.Counts {
	c := shift.Counts{Step: shift.Default.Slice, Dark: make([]float64, slices), All: make([]float64, slices)}
	for i := range c.All {
		c.Dark[i], c.All[i] = visits/4, visits
	}
	return c
}

// move makes some of the visits dark ones from one slice to another.
func move(c shift.Counts, from, to int, points float64) {
	for i := from; i < to; i++ {
		c.Dark[i] += points * c.All[i]
	}
}

// told returns the slices at which there is something to tell of, as runs.
func told(verdicts []shift.Verdict) (runs [][2]int) {
	for i, v := range verdicts {
		if v.Shifted == 0 {
			continue
		}
		if n := len(runs); n > 0 && runs[n-1][1] == i {
			runs[n-1][1] = i + 1
		} else {
			runs = append(runs, [2]int{i, i + 1})
		}
	}
	return runs
}

// TestLasting holds that a new level is told of within 75 minutes, for a day, and not again.
func TestLasting(t *testing.T) {
	for _, points := range []float64{0.1, -0.1} {
		first := 5 * aWeek
		c := steady(first+3*aWeek, 500)
		move(c, first, len(c.All), points)
		verdicts := shift.Default.Verdicts(c, monday, first)
		runs := told(verdicts)
		if len(runs) != 1 || runs[0][0] > perHour*5/4 || runs[0][1]-runs[0][0] < aDay || runs[0][1]-runs[0][0] > aDay+perHour/2 {
			t.Errorf("%v: told at %v", points, runs)
		}
		if v := verdicts[perHour*5/4]; v.Shifted > 0 != (points > 0) || v.Weeks != 4 {
			t.Errorf("%v: %+v", points, v)
		}
		if verdicts[3*aDay].Deviates == 0 {
			t.Errorf("%v: it is over after three days", points)
		}
		if v := verdicts[len(verdicts)-1]; v.Deviates != 0 {
			t.Errorf("%v: it is not adopted after three weeks", points)
		}
	}
}

// TestOver holds that a shift is none again in the weeks after it, nor the other way round.
func TestOver(t *testing.T) {
	first := 5 * aWeek
	c := steady(first+5*aWeek, 500)
	move(c, first, first+30*perHour, 0.15)
	if runs := told(shift.Default.Verdicts(c, monday, first)); len(runs) != 1 || runs[0][1] > 40*perHour {
		t.Errorf("told at %v", runs)
	}
}

// TestBurst holds that what comes and goes within a third of an hour is none, however large.
func TestBurst(t *testing.T) {
	first := 5 * aWeek
	for _, length := range []int{1, 2, perHour / 3} {
		c := steady(first+aWeek, 500)
		for i := first + aDay; i < first+aDay+length; i++ {
			c.Dark[i], c.All[i] = c.Dark[i]+5000, c.All[i]+5000
		}
		if runs := told(shift.Default.Verdicts(c, monday, first)); len(runs) > 0 {
			t.Errorf("%d slices: told at %v", length, runs)
		}
	}
}

// TestSize holds that what is sure but small is none.
func TestSize(t *testing.T) {
	first := 5 * aWeek
	c := steady(first+aWeek, 100_000)
	move(c, first+aDay, first+2*aDay, 0.025)
	if runs := told(shift.Default.Verdicts(c, monday, first)); len(runs) > 0 {
		t.Errorf("told at %v", runs)
	}
}

// TestLittleHistory holds that a week counts once it has a day before it.
func TestLittleHistory(t *testing.T) {
	c := steady(6*aWeek, 500)
	verdicts := shift.Default.Verdicts(c, monday, 0)
	for weeks := range 5 {
		before, after := verdicts[max(0, weeks*aWeek+aDay-1)], verdicts[weeks*aWeek+aDay]
		if weeks > 0 && before.Weeks != weeks-1 || after.Weeks != weeks {
			t.Errorf("after %d weeks and a day: %d, and %d just before", weeks, after.Weeks, before.Weeks)
		}
		if score := after.Sights[0].Score; weeks == 0 && !math.IsNaN(score) {
			t.Errorf("without a week to compare with the score is %v", score)
		}
	}
}

// TestUnknown holds that a gap is no zero.
func TestUnknown(t *testing.T) {
	first := 5 * aWeek
	c := steady(first+aWeek, 500)
	for i := first + aDay; i < first+aDay+2*perHour; i++ {
		c.Dark[i], c.All[i] = math.NaN(), math.NaN()
	}
	verdicts := shift.Default.Verdicts(c, monday, first)
	if runs := told(verdicts); len(runs) > 0 {
		t.Errorf("told at %v", runs)
	}
	if s := verdicts[aDay+2].Sights[0]; !math.IsNaN(s.Score) || !math.IsNaN(s.Share) {
		t.Errorf("in a gap: %+v", s)
	}
}

// TestFew holds that few visits say nothing.
func TestFew(t *testing.T) {
	first := 5 * aWeek
	c := steady(first+aWeek, 0.12)
	move(c, first, len(c.All), 0.7)
	for _, v := range shift.Default.Verdicts(c, monday, first) {
		if !math.IsNaN(v.Sights[v.Window].Score) || v.Shifted != 0 {
			t.Fatalf("%+v", v)
		}
	}
}
