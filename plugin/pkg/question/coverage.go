package question

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"golang.org/x/sync/singleflight"

	"github.com/darkshare/darkshare/exporter/schema"
)

const (
	// coverageKept is how long it is remembered what rules there are.
	coverageKept = 10 * time.Minute
	// maxCoverages bounds what is remembered.
	maxCoverages = 256
	// looks is at how many moments of a range one looks for a rule.
	looks = 24
)

// A Coverage remembers for which times a server has the recording rules. Its zero value
// is ready; it is safe for use by many goroutines.
type Coverage struct {
	flights singleflight.Group
	mu      sync.Mutex
	kept    map[string]coverage
}

// A coverage says whether a rule has all of a range, and when its hours end: that long
// after the full hour, to the minute above.
type coverage struct {
	whole bool
	phase time.Duration
	until time.Time
}

// of returns the coverage of a range. Ranges within the same hours share one.
func (c *Coverage) of(ctx context.Context, e Env, m *schema.Metric, from, to time.Time) (coverage, error) {
	from, to = from.Truncate(hour).Add(hour), to.Truncate(hour)
	key := fmt.Sprint(m.Name, from.Unix(), to.Unix())
	c.mu.Lock()
	found, ok := c.kept[key]
	c.mu.Unlock()
	if ok && time.Now().Before(found.until) {
		return found, nil
	}
	// Whoever asks first may go away; the others wait for a probe of their own then.
	v, err, _ := c.flights.Do(key, func() (any, error) { return e.probe(ctx, m, from, to) })
	if err != nil {
		if ctx.Err() == nil {
			v, err = e.probe(ctx, m, from, to)
		}
		if err != nil {
			return coverage{}, err
		}
	}
	found = v.(coverage)
	found.until = time.Now().Add(coverageKept)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || len(c.kept) >= maxCoverages {
		c.kept = map[string]coverage{}
	}
	c.kept[key] = found
	return found, nil
}

// probe looks at full hours throughout the range whether there is the counter without the
// rule: before the rules were loaded, or while nobody evaluated them. Where the counter
// begins the rule may come an hour later.
func (e Env) probe(ctx context.Context, m *schema.Metric, from, to time.Time) (c coverage, err error) {
	step := max(hour, (to.Sub(from) / looks).Truncate(hour))
	from = to.Add(-to.Sub(from) / step * step)
	rule := ruleName(m)
	recorded, err := e.Client.Range(ctx, fmt.Sprintf("count(last_over_time(%s[2h]))", rule), from, to, step)
	if err != nil {
		return c, err
	}
	if len(recorded) == 0 {
		return c, nil
	}
	counted, err := e.Client.Range(ctx, fmt.Sprintf("count(last_over_time(%s[%s]))", m.Name, duration(max(5*time.Minute, 2*e.Interval))), from, to, step)
	if err != nil {
		return c, err
	}
	has := map[model.Time]bool{}
	var last model.Time
	for _, p := range recorded[0].Values {
		has[p.Timestamp], last = true, p.Timestamp
	}
	if len(counted) > 0 {
		for i, p := range counted[0].Values {
			if i > 0 && !has[p.Timestamp] {
				return c, nil
			}
		}
	}
	stamps, err := e.Client.Range(ctx, fmt.Sprintf("max(max_over_time(timestamp(%s)[2h:1m]))", rule), last.Time(), last.Time(), hour)
	if err != nil || len(stamps) == 0 || len(stamps[0].Values) == 0 {
		return c, err
	}
	stamp := time.UnixMilli(int64(float64(stamps[0].Values[0].Value) * 1000))
	minute := stamp.Add(time.Minute - time.Millisecond).Truncate(time.Minute)
	c.whole, c.phase = true, minute.Sub(minute.Truncate(hour))
	return c, nil
}
