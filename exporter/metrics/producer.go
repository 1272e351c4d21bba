package metrics

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/darkshare/darkshare/exporter/schema"
)

const scopeName = "github.com/darkshare/darkshare"

// A producer gives the snapshot to the OpenTelemetry SDK. The SDK's own
// instruments could not: theirs begin when the process does, and ours when the
// series do.
type producer struct {
	snapshot Snapshot
	version  string
	started  time.Time // the beginning of counters that do not know theirs
}

// Produce implements metric.Producer.
func (p *producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	families := p.snapshot()
	now := time.Now()
	metrics := make([]metricdata.Metrics, 0, len(families))
	for _, f := range families {
		if len(f.Samples) == 0 {
			continue
		}
		m := metricdata.Metrics{Name: f.Metric.OTel, Description: f.Metric.Help, Unit: f.Metric.Unit}
		if f.Metric.Type == schema.Counter {
			m.Data = metricdata.Sum[float64]{
				Temporality: metricdata.CumulativeTemporality,
				IsMonotonic: true,
				DataPoints:  p.points(f, now),
			}
		} else {
			m.Data = metricdata.Gauge[float64]{DataPoints: p.points(f, now)}
		}
		metrics = append(metrics, m)
	}
	return []metricdata.ScopeMetrics{{
		Scope:   instrumentation.Scope{Name: scopeName, Version: p.version},
		Metrics: metrics,
	}}, nil
}

func (p *producer) points(f schema.Family, now time.Time) []metricdata.DataPoint[float64] {
	points := make([]metricdata.DataPoint[float64], 0, len(f.Samples))
	attrs := make([]attribute.KeyValue, len(f.Metric.Labels))
	for i := range f.Samples {
		s := &f.Samples[i]
		if len(s.Labels) != len(attrs) {
			continue // /metrics reports it
		}
		for j, name := range f.Metric.Labels {
			attrs[j] = attribute.String(name, *validUTF8(&s.Labels[j]))
		}
		point := metricdata.DataPoint[float64]{Attributes: attribute.NewSet(attrs...), Time: now, Value: s.Value}
		if f.Metric.Type == schema.Counter {
			point.StartTime = s.Created
			if s.Created.IsZero() {
				point.StartTime = p.started
			}
		}
		points = append(points, point)
	}
	return points
}
