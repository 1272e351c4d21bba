package main

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/darkshare/darkshare/dashboards/shift"
)

const (
	step       = 5 * time.Minute
	hour       = time.Hour
	day        = 24 * hour
	week       = 7 * day
	perHour    = int(hour / step)
	perDay     = int(day / step)
	perWeek    = int(week / step)
	clustering = 1.5
)

// byHour is how visits spread over a day, by the local hour; its mean is 1. It is that of
// the simulated logs in exporter/simulate.
var byHour = [24]float64{
	0.45, 0.27, 0.18, 0.13, 0.12, 0.18, 0.42, 0.85, 1.15, 1.30, 1.35, 1.38,
	1.45, 1.42, 1.35, 1.30, 1.30, 1.32, 1.35, 1.42, 1.55, 1.55, 1.25, 0.80,
}

const (
	weekend      = 0.75 // of a weekday's visits
	shareByDay   = 0.03 // the share's swing over a day, up and down
	shareWeekend = 0.02 // how much higher it is on weekends
	// On harsh sites the share wanders by so much (standard deviation), over so long.
	drift       = 0.004
	driftMemory = day
)

// A cause is what else happens than visits.
type cause uint8

const (
	nothing cause = iota
	holiday
	bots
	burst
)

var causes = [...]string{"chance", "holiday", "bot wave", "burst"}

// An incident is when something else happened.
type incident struct {
	cause    cause
	from, to int // steps
}

// A site is a simulated one: what was counted, and what happened.
type site struct {
	shift.Counts
	rate      []float64 // expected visits an hour
	incidents []incident
	share     float64
}

// A change is a shift of the dark share by some points, which lasts from a step to another:
// visits of other channels become dark ones, or the other way.
type change struct {
	points   float64
	from, to int
}

// newSite simulates so many steps of a site with that many visits an hour on average; on a harsh
// one there are bursts, and the share wanders.
func newSite(r *rand.Rand, perHourMean float64, steps int, c change, harsh bool) *site {
	s := &site{Counts: shift.Counts{Step: step, Dark: make([]float64, steps), All: make([]float64, steps)}, rate: make([]float64, steps)}
	s.share = between(r, 0.15, 0.35)
	growth := between(r, -0.01, 0.03) // a week
	swing := between(r, 0, 2*math.Pi)
	if s.share+c.points < 0.03 {
		c.points = -c.points
	}
	s.happen(r, steps, harsh)
	sunday := make([]bool, steps/perDay+1)
	for _, in := range s.incidents {
		if in.cause == holiday {
			sunday[in.from/perDay] = true
		}
	}
	mean := 7.0 / (5 + 2*weekend)
	wander, keep := 0.0, math.Exp(-float64(step)/float64(driftMemory))
	for i := range steps {
		d, at := i/perDay, i%perDay
		h, part := at/perHour, float64(at%perHour)/float64(perHour)
		rate := perHourMean * mean * (byHour[h] + (byHour[(h+1)%24]-byHour[h])*part) * (1 + growth*float64(i-steps)/float64(perWeek))
		if harsh {
			wander = keep*wander + math.Sqrt(1-keep*keep)*drift*r.NormFloat64()
		}
		share := s.share + shareByDay*math.Sin(2*math.Pi*float64(at)/float64(perDay)+swing) + wander
		if d%7 >= 5 || sunday[d] {
			rate *= weekend
			share += shareWeekend
		}
		if i >= c.from && i < c.to {
			share += c.points
		}
		share = min(max(share, 0), 1)
		s.rate[i] = rate
		rate /= float64(perHour)
		s.Dark[i] = visits(r, rate*share, clustering)
		s.All[i] = s.Dark[i] + visits(r, rate*(1-share), clustering)
	}
	for _, in := range s.incidents {
		s.disturb(r, in)
	}
	return s
}

// happen draws when there are holidays, bot waves and, on a harsh site, bursts.
func (s *site) happen(r *rand.Rand, steps int, harsh bool) {
	add := func(c cause, every, shortest, longest time.Duration) {
		for range int(poisson(r, float64(steps)*float64(step)/float64(every))) {
			from := r.IntN(steps)
			length := max(1, int(math.Round(betweenLog(r, float64(shortest), float64(longest))/float64(step))))
			if c == holiday {
				from = from / perDay * perDay
			}
			s.incidents = append(s.incidents, incident{c, from, min(steps, from+length)})
		}
	}
	add(holiday, 4*week, day, day)
	add(bots, 2*week, 5*time.Minute, hour)
	if harsh {
		add(burst, week, 5*time.Minute, 20*time.Minute)
	}
}

// disturb adds the visits of a bot wave or a burst.
//
// Of a wave's landings, five to twenty times the usual, one in fifty is taken for a
// person's; half of them on pages nobody types. A burst is a link in a large private group:
// a tenth to a whole hour's visits within minutes.
func (s *site) disturb(r *rand.Rand, in incident) {
	var dark, others float64 // in parts of the visits
	switch in.cause {
	case bots:
		n := betweenLog(r, 5, 20) / 50
		dark, others = n/2, n/2
	case burst:
		dark = betweenLog(r, 0.1, 1) * float64(perHour) / float64(in.to-in.from)
	default:
		return
	}
	for i := in.from; i < in.to; i++ {
		rate := s.rate[i] / float64(perHour)
		k := visits(r, rate*dark, clustering)
		s.Dark[i] += k
		s.All[i] += k + visits(r, rate*others, clustering)
	}
}

// slices are the counts as the rules record them: of five minutes, half of what ten had.
func (s *site) slices() shift.Counts {
	return shift.Counts{Step: step, Dark: smooth(s.Dark), All: smooth(s.All)}
}

func smooth(counts []float64) []float64 {
	out := make([]float64, len(counts))
	before := math.NaN()
	for i, v := range counts {
		out[i], before = (before+v)/2, v
	}
	return out
}
