package simulate

import (
	"slices"
	"time"
)

// hours is how traffic spreads over a day, by local hour: a trough at four in
// the morning, peaks at noon and in the evening. Its mean is 1.
var hours = normal([]float64{
	0.45, 0.27, 0.18, 0.13, 0.12, 0.18, 0.42, 0.85, 1.15, 1.30, 1.35, 1.38,
	1.45, 1.42, 1.35, 1.30, 1.30, 1.32, 1.35, 1.42, 1.55, 1.55, 1.25, 0.80,
})

// busiest is the most of hours.
var busiest = slices.Max(hours)

// hourly returns how busy it is at a local time, over a day's mean.
func hourly(local int64) float64 {
	const hour = int64(time.Hour)
	i := local / hour % 24
	part := float64(local%hour) / float64(hour)
	return hours[i] + (hours[(i+1)%24]-hours[i])*part
}

func normal(w []float64) []float64 {
	var sum float64
	for _, v := range w {
		sum += v
	}
	for i := range w {
		w[i] *= float64(len(w)) / sum
	}
	return w
}

// rhythm is the rate of arrivals over time.
type rhythm struct {
	start  int64
	end    int64
	offset int64 // of local time, in nanoseconds
	base   float64
	growth float64 // a week
	days   [7]float64
	most   float64 // no rate of the run is above it
	quiet  []quiet
}

// quiet is a time in which a part of the visits is left.
type quiet struct {
	from, to int64
	left     float64
}

func newRhythm(o *Options) *rhythm {
	_, offset := o.Start.Zone()
	h := &rhythm{
		start: o.Start.UnixNano(), end: o.Start.Add(o.Duration).UnixNano(), offset: int64(offset) * int64(time.Second),
		base: o.Visits, growth: o.Growth,
	}
	week := 7 / (5 + 2*o.Mix.Weekend)
	for d := range h.days {
		h.days[d] = week
		if d == int(time.Saturday) || d == int(time.Sunday) {
			h.days[d] = week * o.Mix.Weekend
		}
	}
	for _, e := range o.Events {
		if e.Kind == Quiet {
			from := h.start + int64(e.After)
			h.quiet = append(h.quiet, quiet{from, from + int64(e.Duration), e.Left})
		}
	}
	weeks := float64(o.Duration) / float64(7*24*time.Hour)
	h.most = h.base * busiest * week * max(1, o.Mix.Weekend) * max(1, 1+h.growth*weeks)
	return h
}

// at returns the visits an hour at that time.
func (h *rhythm) at(now int64) float64 {
	local := now + h.offset
	const hour = int64(time.Hour)
	weekday := (local/(24*hour) + int64(time.Thursday)) % 7
	weeks := float64(now-h.start) / float64(7*24*hour)
	rate := max(0, h.base*hourly(local)*h.days[weekday]*(1+h.growth*weeks))
	for _, q := range h.quiet {
		if now >= q.from && now < q.to {
			rate *= q.left
		}
	}
	return rate
}

// next returns the time of the arrival after now, past the end if there is none:
// a Poisson process thinned to the rate.
func (h *rhythm) next(now int64, r *random) int64 {
	for now < h.end {
		now += int64(r.exp(float64(time.Hour) / h.most))
		if r.unit()*h.most < h.at(now) {
			break
		}
	}
	return now
}
