package datasource

import (
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// TestFrames holds every frame to its type's contract, and those for alert rules to what
// Grafana's server side expressions take: one number for each set of labels.
func TestFrames(t *testing.T) {
	d := newSource(t, aWorld(t).embedded(t), `{"timeInterval":"5m"}`)
	for _, c := range golden {
		for _, alert := range []bool{false, true} {
			f := answer(t, d, asked{model: c.model, alert: alert}.over(c.over))
			if f.Meta == nil || !(f.Meta.Type.IsKnownType() || f.Meta.Type == data.FrameTypeTable) || f.Meta.TypeVersion != (data.FrameTypeVersion{0, 1}) || f.Meta.ExecutedQueryString == "" {
				t.Errorf("%s: %+v", c.file, f.Meta)
				continue
			}
			schema := f.TimeSeriesSchema()
			names := map[string]bool{}
			numbers := 0
			for _, field := range f.Fields {
				if key := field.Name + field.Labels.String(); names[key] {
					t.Errorf("%s: %s twice", c.file, key)
				} else {
					names[key] = true
				}
				if field.Type().Numeric() {
					numbers++
					if field.Config == nil || field.Config.Unit == "" || field.Config.DisplayNameFromDS == "" {
						t.Errorf("%s: %s has no unit or name", c.file, field.Name)
					}
				}
			}
			switch f.Meta.Type {
			case data.FrameTypeTimeSeriesWide:
				if schema.Type != data.TimeSeriesTypeWide {
					t.Errorf("%s: %v", c.file, schema)
				}
				if _, err := data.WideToLong(f); err != nil {
					t.Errorf("%s: %v", c.file, err)
				}
				labels := map[string]bool{}
				for _, field := range f.Fields[1:] {
					if alert && labels[field.Labels.String()] {
						t.Errorf("%s: two numbers with the labels %q", c.file, field.Labels)
					}
					labels[field.Labels.String()] = true
				}
			case data.FrameTypeNumericLong:
				if !alert || schema.Type != data.TimeSeriesTypeNot || numbers != 1 {
					t.Errorf("%s: %v, %d numbers", c.file, schema, numbers)
				}
				rows := map[string]bool{}
				for i := range f.Rows() {
					key := ""
					for _, field := range f.Fields {
						if field.Type() == data.FieldTypeString {
							key += field.At(i).(string) + "\n"
						}
					}
					if rows[key] {
						t.Errorf("%s: two rows of %q", c.file, key)
					}
					rows[key] = true
				}
			case data.FrameTypeTable:
				if alert {
					t.Errorf("%s: an alert rule cannot take a table", c.file)
				}
			default:
				t.Errorf("%s: %v", c.file, f.Meta.Type)
			}
		}
	}
}
