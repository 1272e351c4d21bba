package question

import (
	"math"
	"time"
	"unicode/utf8"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/darkshare/darkshare/exporter/schema"
)

// What fields are called, as column heads and in legends.
const (
	nameShare   = "Dark share"
	nameKnown   = "Known"
	nameCeiling = "At most"
	nameVisits  = "Visits"
	namePrivate = "Private visits"
	nameLow     = "From (95 %)"
	nameHigh    = "To (95 %)"
)

// colourDark is the colour of what is about private sharing.
var colourDark = colours[schema.ChannelDarkSocial.String()]

// frameVersion is that of the contract that the frames' types keep
// (https://grafana.github.io/dataplane/contract/).
var frameVersion = data.FrameTypeVersion{0, 1}

func info(text string) data.Notice { return data.Notice{Severity: data.NoticeSeverityInfo, Text: text} }

// series returns a frame with a point for each bucket.
func series(name string, s span, fields ...*data.Field) *data.Frame {
	times := make([]time.Time, s.n)
	for i := range times {
		times[i] = s.at(i).UTC()
	}
	t := data.NewField("Time", nil, times)
	t.Config = &data.FieldConfig{Interval: float64(s.step.Milliseconds())}
	f := data.NewFrame(name, append([]*data.Field{t}, fields...)...)
	f.Meta = &data.FrameMeta{Type: data.FrameTypeTimeSeriesWide, TypeVersion: frameVersion, PreferredVisualization: data.VisTypeGraph}
	return f
}

// rowsOf returns a frame with a row for each of something.
func rowsOf(name string, fields ...*data.Field) *data.Frame {
	f := data.NewFrame(name, fields...)
	f.Meta = &data.FrameMeta{Type: data.FrameTypeTable, TypeVersion: frameVersion, PreferredVisualization: data.VisTypeTable}
	return f
}

// single returns a frame with one number for each value of the split, as alert rules and
// expressions take it.
func single(name, by string, values []string, n *data.Field) *data.Frame {
	fields := []*data.Field{n}
	if by != "" {
		fields = []*data.Field{data.NewField(by, nil, values), n}
	}
	f := data.NewFrame(name, fields...)
	f.Meta = &data.FrameMeta{Type: data.FrameTypeNumericLong, TypeVersion: frameVersion}
	return f
}

// A look is how a field is shown.
type look func(*data.FieldConfig)

// numbers returns a field of numbers, in which what is not known has no value.
func numbers(name string, labels data.Labels, n []float64, looks ...look) *data.Field {
	values := make([]*float64, len(n))
	for i, v := range n {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			values[i] = &v
		}
	}
	f := data.NewField(name, labels, values)
	f.Config = &data.FieldConfig{DisplayNameFromDS: name}
	for _, l := range looks {
		l(f.Config)
	}
	return f
}

// texts returns a field of texts. As a column of a table it is as wide as they are.
func texts(name string, values []string) *data.Field {
	f := data.NewField(name, nil, values)
	f.Config = &data.FieldConfig{}
	custom("width", textWidth(name, values))(f.Config)
	return f
}

// textWidth is how wide a column of texts is, in pixels, within bounds: Grafana makes all
// columns equal, and the names of pages are long.
func textWidth(name string, values []string) int {
	const letter, margin, least, most = 8, 24, 120, 440
	longest := utf8.RuneCountInString(name)
	for _, v := range values {
		longest = max(longest, utf8.RuneCountInString(v))
	}
	return min(max(letter*longest+margin, least), most)
}

// called is a name other than the field's.
func called(name string) look { return func(c *data.FieldConfig) { c.DisplayNameFromDS = name } }

// percent is a part of a whole.
func percent(c *data.FieldConfig) {
	c.Unit = "percentunit"
	c.SetDecimals(1).SetMin(0).SetMax(1)
}

// change is a change by a part of what was.
func change(c *data.FieldConfig) {
	c.Unit = "percentunit"
	c.SetDecimals(0)
}

// count is a number of things, written out: 8,997.
func count(c *data.FieldConfig) {
	c.Unit = "locale"
	c.SetDecimals(0).SetMin(0)
}

// times is how many times as much.
func times(c *data.FieldConfig) {
	c.Unit = "short"
	c.SetDecimals(2).SetMin(0)
}

// score is a distance, in standard deviations.
func score(c *data.FieldConfig) {
	c.Unit = "short"
	c.SetDecimals(1)
}

func described(text string) look { return func(c *data.FieldConfig) { c.Description = text } }

func coloured(colour string) look {
	return func(c *data.FieldConfig) {
		if colour != "" {
			c.Color = map[string]any{"mode": "fixed", "fixedColor": colour}
		}
	}
}

func custom(key string, value any) look {
	return func(c *data.FieldConfig) {
		if c.Custom == nil {
			c.Custom = map[string]any{}
		}
		c.Custom[key] = value
	}
}

// beside draws a count in the background, on an axis of its own.
func beside(c *data.FieldConfig) {
	for key, value := range map[string]any{
		"axisPlacement": "right", "drawStyle": "bars", "lineWidth": 0, "fillOpacity": 12, "barAlignment": 1,
	} {
		custom(key, value)(c)
	}
	coloured(colours[schema.ChannelDirect.String()])(c)
}

// edge is the upper or lower edge of a band, thin, filled down to the field of that
// name, if any.
func edge(below string) look {
	return func(c *data.FieldConfig) {
		custom("lineWidth", 0)(c)
		if below != "" {
			custom("fillBelowTo", below)(c)
			custom("fillOpacity", 18)(c)
		}
		coloured(colourDark)(c)
	}
}

// valueLook is how a value of a split is shown: its name and, for channels, its colour.
func valueLook(label, value string) look {
	return func(c *data.FieldConfig) {
		called(Named(label, value))(c)
		switch label {
		case schema.LabelChannel:
			if value == schema.PageChannelRest {
				value = schema.ChannelDirect.String() // grey, and in no graph beside it
			}
			coloured(colours[value])(c)
		case schema.LabelScope:
			coloured(colours[scopeChannels[value]])(c)
		}
	}
}

// scopeChannels are the channels whose colours the scopes of shares have: what is shown in
// private that of private sharing, what in public that of the public networks.
var scopeChannels = map[string]string{
	schema.ScopePrivate.String(): schema.ChannelDarkSocial.String(),
	schema.ScopePublic.String():  schema.ChannelSocial.String(),
	schema.ScopeMixed.String():   schema.ChannelUnknown.String(),
}

// labelsOf are the labels of a field of a split.
func labelsOf(by, value string) data.Labels {
	if by == "" {
		return nil
	}
	return data.Labels{by: value}
}

// headOf is what the column of a split is called.
func headOf(by string) string {
	return map[string]string{
		schema.LabelSite: "Site", schema.LabelSection: "Section", schema.LabelDevice: "Device", schema.LabelChannel: "Channel",
		schema.LabelSource: "Source", schema.LabelEvidence: "Evidence", schema.LabelApp: "App", schema.LabelScope: "Shown", schema.LabelPage: "Page", schema.LabelGoal: "Goal",
	}[by]
}

// named returns the names of a split's values.
func named(by string, values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = Named(by, v)
	}
	return out
}

// known returns the counts with nothing where nothing is known.
func (c *counts) known(n []float64) []float64 {
	out := make([]float64, len(n))
	for i, v := range n {
		if out[i] = v; !c.seen[i] {
			out[i] = math.NaN()
		}
	}
	return out
}

// ratio is a over b, nothing where b is 0.
func ratio(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		if out[i] = math.NaN(); b[i] > 0 {
			out[i] = a[i] / b[i]
		}
	}
	return out
}
