package question

import (
	"context"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

const (
	hour = time.Hour
	day  = 24 * hour
	week = 7 * day
	// long is the range from which on points are an hour apart or more, and come from
	// the recording rules where there are any.
	long = 3 * day
	// lateRules is how long after an hour its recorded samples may come.
	lateRules = 5 * time.Minute
)

// A span is a stretch of time in buckets of a step: one, for a total.
type span struct {
	begin time.Time
	step  time.Duration
	n     int
	// recorded reports that the recording rules have the span; phase is then when,
	// after each full hour, their hours end.
	recorded bool
	phase    time.Duration
}

// at returns when bucket i begins; that is where its point is drawn.
func (s span) at(i int) time.Time { return s.begin.Add(time.Duration(i) * s.step) }

// end returns when the last bucket ends.
func (s span) end() time.Time { return s.at(s.n) }

// steps are lengths of time that people know, the divisors of a day.
var steps = [...]time.Duration{
	10 * time.Second, 15 * time.Second, 20 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 20 * time.Minute, 30 * time.Minute,
	hour, 2 * hour, 3 * hour, 4 * hour, 6 * hour, 8 * hour, 12 * hour, day,
}

// roundStep returns the least such length that is not shorter than d, or whole days.
func roundStep(d time.Duration) time.Duration {
	for _, s := range steps {
		if d <= s {
			return s
		}
	}
	return (d + day - 1) / day * day
}

// span returns the request's time as the question wants it: in buckets, or as one.
func (a *ask) span(ctx context.Context, metrics ...*schema.Metric) (span, error) {
	if a.Over == overRange {
		return a.total(ctx, metrics...)
	}
	return a.buckets(ctx, metrics...)
}

// buckets returns the request's time in buckets. They begin where days and hours do, in
// the request's time zone, so that the first is whole, and begins before the range;
// one that has not ended yet is not among them. Where the zone's clock is changed
// within the range, days begin an hour off behind it.
func (a *ask) buckets(ctx context.Context, metrics ...*schema.Metric) (span, error) {
	length := a.To.Sub(a.From)
	points := min(max(a.Points, 1), maxPoints)
	step := max(a.Step, 2*a.Interval, (length+time.Duration(points)-1)/time.Duration(points))
	if length > long {
		step = max(step, hour)
	}
	step = min(roundStep(step), 400*day)
	s := span{begin: floor(a.From, step, a.location()), step: step}
	if err := a.record(ctx, &s, length, metrics); err != nil {
		return s, err
	}
	if s.recorded {
		// Its hours are not those of every clock.
		if s.begin = s.begin.Truncate(hour).Add(s.phase); s.begin.After(a.From) {
			s.begin = s.begin.Add(-step)
		}
	}
	to := a.To
	if late := a.Now().Add(-lateRules); s.recorded && to.After(late) {
		to = late
	}
	s.n = max(1, int(to.Sub(s.begin)/step))
	return s, nil
}

// total returns the request's time as one bucket, from sample to sample.
func (a *ask) total(ctx context.Context, metrics ...*schema.Metric) (span, error) {
	from, to := a.From.Truncate(a.Interval), a.To.Truncate(a.Interval)
	if !from.Before(to) {
		from = to.Add(-a.Interval)
	}
	s := span{begin: from, step: to.Sub(from), n: 1}
	return s, a.record(ctx, &s, s.step, metrics)
}

// before returns the span of the same length before that of a total.
func (a *ask) before(ctx context.Context, s span, metrics ...*schema.Metric) (span, error) {
	s = span{begin: s.begin.Add(-s.step), step: s.step, n: 1}
	return s, a.record(ctx, &s, s.step, metrics)
}

// record finds out whether the recording rules have the span for all metrics.
func (a *ask) record(ctx context.Context, s *span, length time.Duration, metrics []*schema.Metric) error {
	if length <= long || s.n != 1 && s.step%hour != 0 {
		return nil
	}
	for i, m := range metrics {
		c, err := a.Coverage.of(ctx, a.Env, m, s.begin, s.begin.Add(length))
		if err != nil {
			return err
		}
		if !c.whole || i > 0 && c.phase != s.phase {
			*s = span{begin: s.begin, step: s.step, n: s.n}
			return nil
		}
		s.recorded, s.phase = true, c.phase
	}
	return nil
}

// floor returns the last moment not after t at which a step begins: at a divisor of the
// day from midnight, else at days counted from a Monday.
func floor(t time.Time, step time.Duration, loc *time.Location) time.Time {
	t = t.In(loc)
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, loc)
	if step <= day {
		return midnight.Add(t.Sub(midnight) / step * step)
	}
	monday := time.Date(1970, 1, 5, 0, 0, 0, 0, time.UTC)
	days := int(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Sub(monday) / day)
	return midnight.AddDate(0, 0, -(days % int(step/day)))
}
