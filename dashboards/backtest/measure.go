package main

import (
	"cmp"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"
)

const (
	before    = 9 * week
	watched   = 8 * week
	lasts     = 2 * day
	mergeOver = hour
)

// An episode is when a method fired; two with less than mergeOver between them are one.
type episode struct{ from, to int }

func episodes(alarm []float64, limit float64, hold int) (all []episode) {
	run := 0
	for i, v := range alarm {
		if !(math.Abs(v) >= limit) {
			run = 0
			continue
		}
		if run++; run < hold {
			continue
		}
		if n := len(all); n > 0 && i-all[n-1].to <= int(mergeOver/step) {
			all[n-1].to = i
		} else {
			all = append(all, episode{i, i})
		}
	}
	return all
}

// parallel runs do for 0 to n-1 on all processors.
func parallel(n int, do func(i int)) {
	var group sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	group.Wait()
}

// A quiet is what the methods did on a site on which nothing shifted.
type quiet struct {
	alarm     [][]float64 // by method
	incidents []incident
}

func seeded(seed uint64, size float64, points float64, i int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(size)<<32|uint64(points*1000)<<20|uint64(i)))
}

// quietSites simulates sites on which nothing shifts.
func quietSites(seed uint64, size float64, n int, harsh bool) []quiet {
	all := make([]quiet, n)
	first := int(before / step)
	parallel(n, func(i int) {
		s := newSite(seeded(seed, size, 0, i), size, int((before+watched)/step), change{}, harsh)
		q := quiet{incidents: s.incidents}
		for _, m := range methods {
			q.alarm = append(q.alarm, m.of(s, first))
		}
		all[i] = q
	})
	return all
}

// falseAlarms counts the episodes of a method, on average of a site in two months, and by cause.
func falseAlarms(all []quiet, m int, limit float64) (perSite float64, byCause [len(causes)]float64) {
	first := int(before / step)
	for _, q := range all {
		for _, e := range episodes(q.alarm[m], limit, methods[m].hold) {
			why := nothing
			for _, in := range q.incidents {
				// A window may reach back to it.
				if in.from-first <= e.from && e.from <= in.to-first+2*perHour {
					why = max(why, in.cause)
				}
			}
			byCause[why] += 1 / float64(len(all))
			perSite += 1 / float64(len(all))
		}
	}
	return perSite, byCause
}

// tune finds the limit at which a method gives no more false alarms than allowed.
func tune(all []quiet, m int, allowed float64) float64 {
	low, high := 0.0, 1000.0
	for range 40 {
		middle := (low + high) / 2
		if n, _ := falseAlarms(all, m, middle); n > allowed {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// A shifted is what the methods did from a shift on.
type shifted struct {
	alarm [][]float64 // by method
	up    bool
	// three and ten are the visits an hour in the first three and ten hours.
	three, ten float64
}

// shiftedSites simulates a shift on each of n sites, at any time of the week.
func shiftedSites(seed uint64, size, points float64, n int, harsh bool) []shifted {
	all := make([]shifted, n)
	first := int(before / step)
	parallel(n, func(i int) {
		r := seeded(seed, size, points, i)
		start := first + r.IntN(perWeek)
		end := start + int(lasts/step)
		c := change{points, start, end}
		if r.IntN(2) == 0 {
			c.points = -points
		}
		s := newSite(r, size, (end/perDay+1)*perDay, c, harsh)
		up := c.points > 0 || s.share+c.points < 0.03
		one := shifted{up: up}
		for j := range 10 * perHour {
			if one.ten += s.rate[start+j] / float64(10*perHour); j < 3*perHour {
				one.three += s.rate[start+j] / float64(3*perHour)
			}
		}
		for _, method := range methods {
			one.alarm = append(one.alarm, method.of(s, start)[:end-start])
		}
		all[i] = one
	})
	return all
}

// found is how long after its begin the method first fires on the right side; infinite if it
// does not while the shift lasts.
func (s shifted) found(m int, limit float64) time.Duration {
	run := 0
	for i, v := range s.alarm[m] {
		if !(math.Abs(v) >= limit) || v > 0 != s.up {
			run = 0
			continue
		}
		if run++; run >= methods[m].hold {
			return time.Duration(i+1) * step
		}
	}
	return never
}

const never = time.Duration(math.MaxInt64)

func foundIn(all []shifted, m int, limit float64) []time.Duration {
	out := make([]time.Duration, 0, len(all))
	for _, s := range all {
		out = append(out, s.found(m, limit))
	}
	slices.SortFunc(out, cmp.Compare[time.Duration])
	return out
}

// quantile returns the time within which a part of the shifts is found.
func quantile(sorted []time.Duration, part float64) time.Duration {
	return sorted[min(len(sorted)-1, int(math.Ceil(part*float64(len(sorted))))-1)]
}

// within returns the part that is found within a time.
func within(sorted []time.Duration, d time.Duration) float64 {
	n := 0
	for _, v := range sorted {
		if v <= d {
			n++
		}
	}
	return float64(n) / float64(len(sorted))
}
