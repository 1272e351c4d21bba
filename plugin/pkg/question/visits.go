package question

import (
	"context"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// visitsBy answers how many visits there were, by whatever they are split.
func (a *ask) visitsBy(ctx context.Context) (data.Frames, error) {
	s, err := a.span(ctx, a.visits())
	if err != nil {
		return nil, err
	}
	c, err := a.counts(ctx, a.visits(), labelled(a.By), a.matchers(), s)
	if err != nil {
		return nil, err
	}
	return data.Frames{a.countFrame(c, nameVisits)}, nil
}

// countFrame shows counts by the split as the request wants them: as counts, by the hour,
// or as shares; over time or as totals.
func (a *ask) countFrame(c *counts, name string) *data.Frame {
	all := c.sum()
	shown := []look{count}
	as := func(n []float64) []float64 { return c.known(n) }
	switch a.As {
	case asRate:
		name += " per hour"
		shown = []look{count, func(f *data.FieldConfig) { f.SetDecimals(1) }}
		as = func(n []float64) []float64 {
			out := c.known(n)
			for i := range out {
				out[i] /= c.span.step.Hours()
			}
			return out
		}
	case asShare:
		name = "Share of visits"
		shown = []look{percent}
		as = func(n []float64) []float64 { return ratio(n, all) }
	}
	slices := c.split(a.By, a.limit())
	if a.Over != overRange {
		var fields []*data.Field
		for _, part := range slices {
			looks := shown
			if a.By != "" {
				looks = append(append([]look{}, shown...), valueLook(a.By, part.value), custom("fillOpacity", 20), custom("stacking", map[string]any{"mode": "normal", "group": "A"}))
			}
			fields = append(fields, numbers(name, labelsOf(a.By, part.value), as(part.sum()), looks...))
		}
		return series(name, c.span, fields...)
	}
	var values []string
	var n, share []float64
	for _, part := range slices {
		values = append(values, part.value)
		n = append(n, as(part.sum())...)
		share = append(share, ratio(part.sum(), all)...)
	}
	field := numbers(name, nil, n, shown...)
	switch {
	case a.Single:
		return single(name, a.By, values, field)
	case a.By == "":
		return rowsOf(name, field)
	case a.As == asShare:
		return rowsOf(name, texts(headOf(a.By), named(a.By, values)), field)
	}
	return rowsOf(name, texts(headOf(a.By), named(a.By, values)), field, numbers("Share", nil, share, percent))
}

// sum is the count of all rows.
func (c *counts) sum() []float64 { return c.sumOf(func([]string) bool { return true }) }
