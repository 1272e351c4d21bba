package question

import (
	"context"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"golang.org/x/sync/errgroup"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stats"
)

const (
	nameRate = "Conversion rate"
	// everythingElse is the row beside private sharing where there is no split.
	everythingElse = "Everything else"
)

// conversions answers how many visits reach a goal, and whether private ones do so
// more often.
func (a *ask) conversions(ctx context.Context) (data.Frames, error) {
	s, err := a.span(ctx, schema.Conversions, schema.Visits)
	if err != nil {
		return nil, err
	}
	visitsBy := a.By
	if a.By == schema.LabelGoal {
		visitsBy = "" // a visit has no goal before it reaches one
	}
	var reached, visits *counts
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		reached, err = a.counts(ctx, schema.Conversions, labelled(a.By, schema.LabelChannel), a.matchers(), s)
		return err
	})
	group.Go(func() (err error) {
		visits, err = a.counts(ctx, schema.Visits, labelled(visitsBy, schema.LabelChannel), a.matchers(), s)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	groups := a.groups(reached, visits)
	if a.Over == overRange {
		return data.Frames{a.conversionsTable(groups)}, nil
	}
	var fields []*data.Field
	for _, g := range groups {
		looks := []look{percent, func(c *data.FieldConfig) { c.SetDecimals(2).Max = nil }, valueLook(a.By, g.value)}
		if a.By == "" {
			looks = append(looks, called(g.value))
		}
		// The split's value tells the fields apart, or private from the rest.
		labels := labelsOf(a.By, g.value)
		if a.By == "" {
			labels = data.Labels{"visits": g.value}
		}
		fields = append(fields, numbers(nameRate, labels, ratio(g.reached.sum(), visits.known(g.visits.sum())), looks...))
	}
	return data.Frames{series(nameRate, s, fields...)}, nil
}

// A group is visits of one kind and the conversions among them, and with whom they
// are compared.
type group struct {
	value           string
	reached, visits *counts
	// these are compared with those, which are called others.
	these, those rate
	others       string
}

// groups takes the counts apart: by the split; without one, private visits and the rest.
// Where the split is who sent the visits, each is compared with the rest; elsewhere the
// private ones of each with its others.
func (a *ask) groups(reached, visits *counts) (groups []group) {
	dark := func(c *counts, is bool) *counts {
		at := c.place(schema.LabelChannel)
		return c.only(func(values []string) bool {
			return (values[at] == schema.ChannelDarkSocial.String()) == is
		})
	}
	rateOf := func(reached, visits *counts) rate { return rate{total(reached), total(visits)} }
	all := rateOf(reached, visits)
	switch a.By {
	case "":
		private, rest := rateOf(dark(reached, true), dark(visits, true)), rateOf(dark(reached, false), dark(visits, false))
		return []group{
			{Named(schema.LabelChannel, schema.ChannelDarkSocial.String()), dark(reached, true), dark(visits, true), private, rest, "everything else"},
			{everythingElse, dark(reached, false), dark(visits, false), rest, private, "private sharing"},
		}
	case schema.LabelGoal:
		for _, g := range reached.split(a.By, a.limit()) {
			groups = append(groups, group{g.value, g.counts, visits,
				rateOf(dark(g.counts, true), dark(visits, true)), rateOf(dark(g.counts, false), dark(visits, false)), "everything else"})
		}
		return groups
	}
	for _, v := range visits.split(a.By, a.limit()) {
		same := v.valuesOf(a.By)
		at := reached.place(a.By)
		r := reached.only(func(values []string) bool { return same[values[at]] })
		g := group{value: v.value, reached: r, visits: v.counts, these: rateOf(r, v.counts), others: "the rest"}
		g.those = all.minus(g.these)
		if a.By == schema.LabelSite {
			g.these, g.those, g.others = rateOf(dark(r, true), dark(v.counts, true)), rateOf(dark(r, false), dark(v.counts, false)), "everything else"
		}
		groups = append(groups, g)
	}
	return groups
}

// only returns the rows that pass.
func (c *counts) only(pass func(values []string) bool) *counts {
	out := *c
	out.rows = slices.DeleteFunc(slices.Clone(c.rows), func(r row) bool { return !pass(r.values) })
	return &out
}

// total is the count of all rows and buckets.
func total(c *counts) (sum float64) {
	for _, r := range c.rows {
		sum += r.sum()
	}
	return sum
}

func (a *ask) conversionsTable(groups []group) *data.Frame {
	subject := "These visits"
	if a.By == schema.LabelGoal || a.By == schema.LabelSite {
		subject = "Private visits"
	}
	var values, said []string
	var visits, reached, rates, low, high, lifts, liftLow, liftHigh []float64
	for _, g := range groups {
		r := rate{total(g.reached), total(g.visits)}
		l, h := stats.Wilson(min(r.k, r.n), r.n)
		values, visits, reached = append(values, g.value), append(visits, r.n), append(reached, r.k)
		rates, low, high = append(rates, over(r.k, r.n)), append(low, l), append(high, h)
		ratio, from, to := lift(g.these, g.those)
		lifts, liftLow, liftHigh = append(lifts, ratio), append(liftLow, from), append(liftHigh, to)
		said = append(said, inWords(subject, g.these, g.those, g.others))
	}
	fine := func(c *data.FieldConfig) { c.SetDecimals(2).Max = nil }
	rateField := numbers(nameRate, nil, rates, percent, fine, coloured(colourDark))
	by := a.By
	if a.Single {
		if by == "" {
			by = "visits"
		}
		return single(nameRate, by, values, rateField)
	}
	head, names, compared := headOf(by), named(by, values), "how often these visits convert, in times of the others"
	switch by {
	case "":
		head = "Visits from"
	case schema.LabelGoal, schema.LabelSite:
		compared = "how often private visits convert, in times of the others"
	}
	return rowsOf(nameRate,
		texts(head, names), numbers(nameVisits, nil, visits, count), numbers("Conversions", nil, reached, count), rateField,
		numbers(nameLow, nil, low, percent, fine, described("Chance alone explains a rate between these two.")), numbers(nameHigh, nil, high, percent, fine),
		numbers("Lift", nil, lifts, times, described("The lift: "+compared+".")),
		numbers("Lift from (95 %)", nil, liftLow, times), numbers("Lift to (95 %)", nil, liftHigh, times),
		texts("In words", said))
}
