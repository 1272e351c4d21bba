package question

import (
	"context"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stats"
)

// darkShare answers how much was shared in private: the estimate, what is known and what
// it could be at most, and of how many visits.
func (a *ask) darkShare(ctx context.Context) (data.Frames, error) {
	s, err := a.span(ctx, a.visits())
	if err != nil {
		return nil, err
	}
	c, err := a.darkCounts(ctx, s)
	if err != nil {
		return nil, err
	}
	slices := c.split(a.By, a.limit())
	var frame *data.Frame
	switch {
	case s.n == 1 && a.Over == overRange:
		frame = a.darkShareTable(slices)
	case a.Single || a.By != "":
		var fields []*data.Field
		for _, part := range slices {
			d := a.darkOf(part.counts)
			looks := []look{percent, coloured(colourDark)}
			if a.By != "" {
				looks = []look{percent, valueLook(a.By, part.value)}
			}
			fields = append(fields, numbers(nameShare, labelsOf(a.By, part.value), d.share(schema.BoundEstimate), looks...))
		}
		frame = series(nameShare, s, fields...)
	default:
		frame = a.darkShareBand(s, a.darkOf(c))
	}
	switch {
	case a.Single:
	case a.sections():
		frame.AppendNotices(info("Of sections it is not counted how visits are known: the share is the estimate."))
	case a.pages():
		frame.AppendNotices(info("Of pages it is counted which visits are private, and no more: the share is the estimate."))
	}
	return data.Frames{frame}, nil
}

// darkCounts counts visits by what it takes to tell dark ones, and by the split.
func (a *ask) darkCounts(ctx context.Context, s span) (*counts, error) {
	by := labelled(a.By, schema.LabelChannel, schema.LabelEvidence)
	if a.sections() || a.pages() {
		by = labelled(a.By, schema.LabelChannel)
	}
	return a.counts(ctx, a.visits(), by, a.matchers(), s)
}

// dark are the three counts of dark visits, and of what they are a part. Those of social
// differ, because the bounds differ in what is private.
type dark struct {
	n, of [schema.NumBounds][]float64
	// sure reports that it was counted how visits are known, told that it was who sent them.
	sure, told bool
}

func (d *dark) share(b schema.Bound) []float64 { return ratio(d.n[b], d.of[b]) }

// darkOf counts the dark visits among some.
func (a *ask) darkOf(c *counts) *dark {
	d := &dark{sure: !a.sections() && !a.pages(), told: !a.pages()}
	channel, evidence := c.place(schema.LabelChannel), -1
	if d.sure {
		evidence = c.place(schema.LabelEvidence)
	}
	of := func(values []string) (schema.Channel, schema.Evidence, bool) {
		if values[channel] == schema.PageChannelRest {
			return schema.NumChannels, schema.EvidenceNone, true
		}
		ch, ok := schema.ParseChannel(values[channel])
		e := schema.EvidenceNone
		if evidence >= 0 {
			e = parseEvidence(values[evidence])
		}
		return ch, e, ok
	}
	all := c.sumOf(func(values []string) bool { _, _, ok := of(values); return ok })
	public := c.sumOf(func(values []string) bool { ch, _, ok := of(values); return ok && ch == schema.ChannelSocial })
	for b := range schema.NumBounds {
		d.n[b] = c.sumOf(func(values []string) bool { ch, e, ok := of(values); return ok && b.Dark(ch, e) })
		d.of[b] = all
		if a.Of == ofSocial {
			d.of[b] = append([]float64(nil), public...)
			addTo(d.of[b], d.n[b])
		}
	}
	return d
}

func parseEvidence(s string) schema.Evidence {
	for e := range schema.NumEvidence {
		if e.String() == s {
			return e
		}
	}
	return schema.EvidenceNone
}

// darkShareBand draws the estimate as a line, known to ceiling as a band, and the visits
// behind them.
func (a *ask) darkShareBand(s span, d *dark) *data.Frame {
	fields := []*data.Field{numbers(nameShare, nil, d.share(schema.BoundEstimate), percent, coloured(colourDark), custom("lineWidth", 2),
		described("The best estimate: visits known to be private, and those without a sender on pages that nobody types."))}
	below := nameShare
	if d.sure {
		below = nameKnown
		fields = append(fields, numbers(nameKnown, nil, d.share(schema.BoundKnown), percent, edge(""),
			described("Visits whose request shows that they are private.")))
	}
	if d.told {
		fields = append(fields, numbers(nameCeiling, nil, d.share(schema.BoundCeiling), percent, edge(below),
			described("Every visit that could be private, typed addresses included.")))
	}
	fields = append(fields,
		numbers(nameVisits, nil, d.of[schema.BoundEstimate], count, beside, described("Of how many visits the dark share is.")))
	return series(nameShare, s, fields...)
}

// darkShareTable has a row for each value of the split, or one.
func (a *ask) darkShareTable(slices []slice) *data.Frame {
	var values []string
	var estimate, low, high, known, ceiling, private, visits []float64
	for _, part := range slices {
		d := a.darkOf(part.counts)
		k, n := d.n[schema.BoundEstimate][0], d.of[schema.BoundEstimate][0]
		l, h := stats.Wilson(k, n)
		values = append(values, part.value)
		estimate = append(estimate, d.share(schema.BoundEstimate)...)
		low, high = append(low, l), append(high, h)
		known = append(known, d.share(schema.BoundKnown)...)
		ceiling = append(ceiling, d.share(schema.BoundCeiling)...)
		private, visits = append(private, k), append(visits, n)
	}
	share := numbers(nameShare, nil, estimate, percent, coloured(colourDark))
	if a.Single {
		return single(nameShare, a.By, values, share)
	}
	fields := []*data.Field{share, numbers(nameLow, nil, low, percent, described("Chance alone explains a share between these two.")), numbers(nameHigh, nil, high, percent)}
	if a.By != "" {
		fields = append([]*data.Field{texts(headOf(a.By), named(a.By, values))}, fields...)
	}
	if !a.sections() && !a.pages() {
		fields = append(fields, numbers(nameKnown, nil, known, percent))
	}
	if !a.pages() {
		fields = append(fields, numbers(nameCeiling, nil, ceiling, percent))
	}
	fields = append(fields, numbers(namePrivate, nil, private, count), numbers(nameVisits, nil, visits, count))
	return rowsOf(nameShare, fields...)
}
