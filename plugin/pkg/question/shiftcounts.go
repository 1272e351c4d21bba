package question

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"

	"github.com/darkshare/darkshare/dashboards/shift"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/plugin/pkg/promapi"
)

const (
	// mostSlices bounds the points of one query, below what Prometheus answers, and mostCounted
	// those of one that sums the counters' own series, of which a server holds only so many samples.
	// No more than atOnce are asked for at a time.
	mostSlices  = 10_000
	mostCounted = 2_000
	atOnce      = 4
	// longestRaw bounds the range that is looked through without the recording rules, which
	// have counted it already.
	longestRaw = 62 * day
)

// A watched is a value of the split whose dark share is watched: the visits of each slice, NaN
// where nothing is known.
type watched struct {
	value string
	shift.Counts
	begin    time.Time // of the first slice
	first    int       // the first slice of the range
	verdicts []shift.Verdict
}

// at returns when a slice begins.
func (w *watched) at(slice int) time.Time { return w.begin.Add(time.Duration(slice) * w.Step) }

// watch counts the slices of the range and of the time before it, and judges them.
func (a *ask) watch(ctx context.Context, p shift.Parameters) ([]*watched, error) {
	slice := p.Slice
	to := a.To
	level, recorded := a.shiftLevel()
	if recorded {
		var err error
		if recorded, err = a.hasShiftRules(ctx, level); err != nil {
			return nil, err
		}
	}
	before := time.Duration(p.Weeks)*week + p.Windows[len(p.Windows)-1] + p.Widely + p.Learn
	if recorded {
		before = p.Before()
		if late := a.Now().Add(-lateRules); to.After(late) {
			to = late
		}
	} else if a.To.Sub(a.From) > longestRaw {
		return nil, invalid("The time range is too long to look for shifts without the recording rules: choose two months at most.")
	}
	from := a.From.UTC().Truncate(slice)
	first := int(before / slice)
	s := span{begin: from.Add(-time.Duration(first) * slice), step: slice}
	s.n = max(first+1, int(to.Sub(s.begin)/slice))
	exprs, most := a.recordedSlices(level), mostSlices
	if !recorded {
		most = mostCounted
		server, err := a.Client.Server(ctx)
		if err != nil {
			return nil, err
		}
		exprs = a.countedSlices(slice, server.Kind == promapi.VictoriaMetrics)
	}
	c, err := a.countSlices(ctx, exprs, s, most)
	if err != nil {
		return nil, err
	}
	var all []*watched
	for _, part := range c.split(a.By, a.limit()) {
		channel := c.place(schema.LabelChannel)
		w := &watched{value: part.value, begin: s.begin, first: first}
		w.Counts = shift.Counts{
			Step: slice,
			Dark: part.sumOf(func(v []string) bool { return v[channel] == schema.ChannelDarkSocial.String() }),
			All:  part.sumOf(func([]string) bool { return true }),
		}
		begun := false
		for i, n := range w.All {
			// Before its first visit there is no value to watch.
			if begun = begun || n > 0; !begun || !c.seen[i] {
				w.Dark[i], w.All[i] = math.NaN(), math.NaN()
			}
		}
		w.verdicts = p.Verdicts(w.Counts, s.begin, first)
		all = append(all, w)
	}
	return all, nil
}

// shiftLevel returns the level of the shift rules (dashboards/rules/shift.yaml) that has what is
// asked for, if one has.
func (a *ask) shiftLevel() (level string, ok bool) {
	level = schema.LabelSite
	if a.visits() == schema.SectionVisits {
		level = schema.LabelSite + "_" + schema.LabelSection
	}
	known := func(label string) bool { return slices.Contains(strings.Split(level, "_"), label) }
	if a.By != "" && !known(a.By) {
		return "", false
	}
	for _, m := range a.matchers() {
		if !known(m.label) {
			return "", false
		}
	}
	return level, true
}

// hasShiftRules looks at some moments of the range, and of four weeks before, whether there is the
// counter without the rules.
func (a *ask) hasShiftRules(ctx context.Context, level string) (bool, error) {
	to := a.To.Truncate(hour)
	from := a.From.Add(-4 * week)
	step := max(hour, (to.Sub(from) / looks).Truncate(hour))
	from = to.Add(-to.Sub(from) / step * step)
	var has, want model.Matrix
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		has, err = a.Client.Range(ctx, fmt.Sprintf("count(last_over_time(%s:darkshare_visits:increase5m[1h]))", level), from, to, step)
		return err
	})
	group.Go(func() (err error) {
		want, err = a.Client.Range(ctx, fmt.Sprintf("count(last_over_time(%s[%s]))", a.visits().Name, duration(max(5*time.Minute, 2*a.Interval))), from, to, step)
		return err
	})
	if err := group.Wait(); err != nil || len(has) == 0 {
		return false, err
	}
	at := map[model.Time]bool{}
	for _, p := range has[0].Values {
		at[p.Timestamp] = true
	}
	if len(want) > 0 {
		for i, p := range want[0].Values {
			if i > 0 && !at[p.Timestamp] {
				return false, nil
			}
		}
	}
	return true, nil
}

// rest is the channel under which the slices have all visits but the dark ones.
const rest = "rest"

// recordedSlices has the slices as the rules have recorded them, by channel.
func (a *ask) recordedSlices(level string) map[string]string {
	by := labelled(a.By)
	visits := func(name string) string { return sumBy(by, selector(level+name, a.matchers())) }
	dark, all := visits(":darkshare_dark_visits:increase5m"), visits(":darkshare_visits:increase5m")
	return map[string]string{schema.ChannelDarkSocial.String(): dark, rest: all + " - " + dark}
}

// countedSlices has the same from the counters, as the rules count them: half of what two slices
// had, since there may be no more than a sample in each.
func (a *ask) countedSlices(slice time.Duration, fromSampleBefore bool) map[string]string {
	channel := schema.ChannelDarkSocial.String()
	of := func(ms ...matcher) string {
		return increase(a.visits(), labelled(a.By), append(ms, a.matchers()...), 2*slice, fromSampleBefore) + " / 2"
	}
	dark, all := of(only(schema.LabelChannel, channel)), of()
	return map[string]string{channel: dark, rest: fmt.Sprintf("%s - (%s or 0 * %s)", all, dark, all)}
}

// countSlices evaluates expressions by channel, so many slices at a time at most.
func (a *ask) countSlices(ctx context.Context, exprs map[string]string, s span, most int) (*counts, error) {
	c := &counts{span: s, by: labelled(a.By, schema.LabelChannel), seen: make([]bool, s.n)}
	type part struct {
		channel string
		first   time.Time
		matrix  model.Matrix
	}
	var parts []*part
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for channel, expr := range exprs {
		for i := 0; i < s.n; i += most {
			p := &part{channel: channel, first: s.at(i + 1)}
			parts = append(parts, p)
			last := s.at(min(i+most, s.n))
			group.Go(func() (err error) {
				p.matrix, err = a.seriesOf(ctx, expr, p.first, last, s.step)
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	places := map[string]int{}
	for _, p := range parts {
		for _, series := range p.matrix {
			labels := series.Metric.Clone()
			labels[schema.LabelChannel] = model.LabelValue(p.channel)
			c.add(&model.SampleStream{Metric: labels, Values: series.Values}, s.at(1), places)
		}
	}
	if len(c.rows) > 0 {
		a.mu.Lock()
		a.filled = true
		a.mu.Unlock()
	}
	return c, nil
}
