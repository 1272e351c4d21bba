package question

import (
	"context"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stats"
)

// directParts are the visits that come without a referrer, so that a script in the page
// books them as Direct; one with a campaign tag is not among them. EvidenceNone is any.
var directParts = [...]struct {
	name     string
	channel  schema.Channel
	evidence schema.Evidence
	colour   string
}{
	{"Private: clicked in an app", schema.ChannelDarkSocial, schema.EvidenceApp, colourDark},
	{"Private: clicked on a page that hides itself", schema.ChannelDarkSocial, schema.EvidenceLink, "#E8862E"},
	{"Private: on a page that nobody types", schema.ChannelDarkSocial, schema.EvidenceDeepLink, "#F2B98A"},
	{"Typed or bookmarked", schema.ChannelDirect, schema.EvidenceNone, colours[schema.ChannelDirect.String()]},
	{"Browser hides every sender", schema.ChannelUnknown, schema.EvidenceNone, colours[schema.ChannelUnknown.String()]},
}

// privateParts is how many of directParts, from the first, are private.
const privateParts = 3

// direct answers what the visits were that analytics calls Direct.
func (a *ask) direct(ctx context.Context) (data.Frames, error) {
	s, err := a.span(ctx, schema.Visits)
	if err != nil {
		return nil, err
	}
	c, err := a.counts(ctx, schema.Visits, labelled(a.By, schema.LabelChannel, schema.LabelEvidence), a.matchers(), s)
	if err != nil {
		return nil, err
	}
	const name = "What analytics calls Direct"
	switch {
	case a.Over == overRange && (a.By != "" || a.Single):
		return data.Frames{a.directTable(name, c.split(a.By, a.limit()))}, nil
	case a.Over == overRange:
		return data.Frames{directRows(name, c)}, nil
	case a.By != "" || a.Single:
		var fields []*data.Field
		for _, part := range c.split(a.By, a.limit()) {
			private, all := privateOf(directOf(part.counts))
			looks := []look{percent, coloured(colourDark)}
			if a.By != "" {
				looks = []look{percent, valueLook(a.By, part.value)}
			}
			fields = append(fields, numbers("Private share of Direct", labelsOf(a.By, part.value), ratio(private, all), looks...))
		}
		return data.Frames{series(name, s, fields...)}, nil
	}
	var fields []*data.Field
	for i, n := range directOf(c) {
		fields = append(fields, numbers(directParts[i].name, nil, c.known(n), count, coloured(directParts[i].colour), custom("fillOpacity", 60),
			custom("lineWidth", 0), custom("stacking", map[string]any{"mode": "normal", "group": "A"})))
	}
	return data.Frames{series(name, s, fields...)}, nil
}

// directOf counts the parts.
func directOf(c *counts) (parts [len(directParts)][]float64) {
	channel, evidence := c.place(schema.LabelChannel), c.place(schema.LabelEvidence)
	for i, p := range directParts {
		parts[i] = c.sumOf(func(values []string) bool {
			return values[channel] == p.channel.String() && (p.evidence == schema.EvidenceNone || values[evidence] == p.evidence.String())
		})
	}
	return parts
}

func privateOf(parts [len(directParts)][]float64) (private, all []float64) {
	private, all = make([]float64, len(parts[0])), make([]float64, len(parts[0]))
	for i, n := range parts {
		addTo(all, n)
		if i < privateParts {
			addTo(private, n)
		}
	}
	return private, all
}

// directRows has a row for each part.
func directRows(name string, c *counts) *data.Frame {
	parts := directOf(c)
	_, all := privateOf(parts)
	var names []string
	var n, share, low, high []float64
	for i, k := range parts {
		l, h := stats.Wilson(k[0], all[0])
		names, n = append(names, directParts[i].name), append(n, k[0])
		share, low, high = append(share, over(k[0], all[0])), append(low, l), append(high, h)
	}
	return rowsOf(name, texts("What it was", names), numbers(nameVisits, nil, n, count), numbers("Share of Direct", nil, share, percent),
		numbers(nameLow, nil, low, percent, described("Chance alone explains a share between these two.")), numbers(nameHigh, nil, high, percent))
}

// directTable has a row for each value of the split.
func (a *ask) directTable(name string, slices []slice) *data.Frame {
	var values []string
	var private, typed, unknown, all, share, low, high []float64
	for _, s := range slices {
		parts := directOf(s.counts)
		k, n := privateOf(parts)
		l, h := stats.Wilson(k[0], n[0])
		values = append(values, s.value)
		private, all = append(private, k[0]), append(all, n[0])
		typed, unknown = append(typed, parts[3][0]), append(unknown, parts[4][0])
		share, low, high = append(share, over(k[0], n[0])), append(low, l), append(high, h)
	}
	shareField := numbers("Private share of Direct", nil, share, percent, coloured(colourDark))
	if a.Single {
		return single(name, a.By, values, shareField)
	}
	return rowsOf(name, texts(headOf(a.By), named(a.By, values)), numbers("Direct visits", nil, all, count), shareField,
		numbers(nameLow, nil, low, percent, described("Chance alone explains a share between these two.")), numbers(nameHigh, nil, high, percent),
		numbers(namePrivate, nil, private, count), numbers(directParts[3].name, nil, typed, count), numbers(directParts[4].name, nil, unknown, count))
}
