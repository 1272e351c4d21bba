package question

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/plugin/pkg/promapi"
)

// counts are how often something was counted in a span, by some labels.
type counts struct {
	span span
	by   []string
	rows []row
	// seen says in which buckets anything is known; elsewhere there is no zero, but nothing.
	seen []bool
}

// A row is the counts of one combination of values, by bucket.
type row struct {
	values []string
	n      []float64
}

// sum is the row's count over all buckets.
func (r row) sum() (sum float64) {
	for _, n := range r.n {
		sum += n
	}
	return sum
}

// A part is a query whose values belong to the buckets in their order.
type part struct {
	expr  string
	first time.Time // the first evaluation
}

// counts asks for the increase of a counter in the span, by some labels.
func (a *ask) counts(ctx context.Context, m *schema.Metric, by []string, ms []matcher, s span) (*counts, error) {
	server, err := a.Client.Server(ctx)
	if err != nil {
		return nil, err
	}
	parts := a.parts(m, by, ms, s, server.Kind == promapi.VictoriaMetrics)
	matrices := make([]model.Matrix, len(parts))
	group, ctx := errgroup.WithContext(ctx)
	for i, p := range parts {
		group.Go(func() (err error) {
			last := p.first.Add(time.Duration(s.n-1) * s.step)
			matrices[i], err = a.seriesOf(ctx, p.expr, p.first, last, s.step)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	c := &counts{span: s, by: by, seen: make([]bool, s.n)}
	places := map[string]int{}
	for i, matrix := range matrices {
		for _, series := range matrix {
			c.add(series, parts[i].first, places)
		}
	}
	if len(c.rows) > 0 {
		a.mu.Lock()
		a.filled = true
		a.mu.Unlock()
	}
	return c, nil
}

// parts returns the queries for the span: one, or for a long total the recorded hours
// and, on their both sides, what is no whole hour.
func (a *ask) parts(m *schema.Metric, by []string, ms []matcher, s span, fromSampleBefore bool) []part {
	raw := func(over time.Duration, at time.Time) part {
		return part{increase(m, by, ms, over, fromSampleBefore), at}
	}
	first := s.at(1)
	switch {
	case !s.recorded:
		return []part{raw(s.step, first)}
	case s.n > 1 || s.step <= long:
		return []part{{recorded(m, by, ms, s.step), first}}
	}
	end := s.end()
	if late := a.Now().Add(-lateRules); end.After(late) {
		end = late
	}
	from := s.begin.Add(-s.phase).Add(hour - 1).Truncate(hour).Add(s.phase)
	to := end.Add(-s.phase).Truncate(hour).Add(s.phase)
	all := []part{{recorded(m, by, ms, to.Sub(from)), to}}
	if from.After(s.begin) {
		all = append(all, raw(from.Sub(s.begin), from))
	}
	if s.end().After(to) {
		all = append(all, raw(s.end().Sub(to), s.end()))
	}
	return all
}

// add adds a series' values to the row of its labels.
func (c *counts) add(series *model.SampleStream, first time.Time, places map[string]int) {
	vs := make([]string, len(c.by))
	for i, name := range c.by {
		vs[i] = string(series.Metric[model.LabelName(name)])
	}
	key := strings.Join(vs, "\xff")
	place, ok := places[key]
	if !ok {
		place = len(c.rows)
		places[key] = place
		c.rows = append(c.rows, row{vs, make([]float64, c.span.n)})
	}
	n := c.rows[place].n
	step := c.span.step.Milliseconds()
	begin := first.UnixMilli() - step/2 // so that a time goes to the nearest step
	for _, p := range series.Values {
		since, v := int64(p.Timestamp)-begin, float64(p.Value)
		i := int(since / step)
		// What is no number, or no count, is nothing that we know.
		if since < 0 || i >= len(n) || math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			continue
		}
		n[i] += v
		c.seen[i] = true
	}
}

// place returns where a label is among the rows' values.
func (c *counts) place(label string) int {
	i := slices.Index(c.by, label)
	if i < 0 {
		panic(fmt.Sprintf("question: not counted by %s", label))
	}
	return i
}

// sumOf adds up the rows that pass.
func (c *counts) sumOf(pass func(values []string) bool) []float64 {
	sum := make([]float64, c.span.n)
	for _, r := range c.rows {
		if pass(r.values) {
			addTo(sum, r.n)
		}
	}
	return sum
}

func addTo(sum, n []float64) {
	for i, v := range n {
		sum[i] += v
	}
}

// A slice is the rows that have one value of the split, with another's beside.
type slice struct {
	value string
	*counts
}

// split takes the counts apart by a label, the largest first, and what is past the limit
// as one under schema.Overflow, at the end. Without a label there is one slice.
func (c *counts) split(label string, limit int) []slice {
	if label == "" {
		return []slice{{"", c}}
	}
	at := c.place(label)
	byValue := map[string]*counts{}
	total := map[string]float64{}
	for _, r := range c.rows {
		v := r.values[at]
		if byValue[v] == nil {
			byValue[v] = &counts{span: c.span, by: c.by, seen: c.seen}
		}
		byValue[v].rows = append(byValue[v].rows, r)
		total[v] += r.sum()
	}
	order := make([]string, 0, len(total))
	for v, n := range total {
		if n > 0 {
			order = append(order, v)
		}
	}
	slices.SortFunc(order, func(a, b string) int {
		return cmp.Or(boolCompare(a == schema.Overflow, b == schema.Overflow), cmp.Compare(countable(total[b]), countable(total[a])), cmp.Compare(a, b))
	})
	var all []slice
	rest := &counts{span: c.span, by: c.by, seen: c.seen}
	for i, v := range order {
		if i < limit && v != schema.Overflow {
			all = append(all, slice{v, byValue[v]})
		} else {
			rest.rows = append(rest.rows, byValue[v].rows...)
		}
	}
	if len(rest.rows) > 0 {
		all = append(all, slice{schema.Overflow, rest})
	}
	return all
}

// countable is a count to a thousandth: servers differ behind that, which must not decide
// who comes first.
func countable(n float64) int64 { return int64(math.Round(n * 1000)) }

// boolCompare puts false before true.
func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// labelled returns by with more labels, each once and without the empty one.
func labelled(by string, more ...string) []string {
	all := more
	if by != "" && !slices.Contains(more, by) {
		all = append([]string{by}, more...)
	}
	return all
}
