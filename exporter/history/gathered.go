package history

import (
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/darkshare/darkshare/exporter/schema"
)

// Gathered makes points of what a registry gathers, and of families that no Recorder
// samples: what the process says of itself.
type Gathered struct {
	series map[string]*Series
	key    []byte
}

// Points returns the counters and gauges as they are at that time, in milliseconds
// since the Unix epoch. Histograms and summaries are left out.
func (g *Gathered) Points(at int64, gathered []*dto.MetricFamily, families []schema.Family) (points []Point) {
	for _, f := range gathered {
		for _, m := range f.GetMetric() {
			var value float64
			switch {
			case m.Gauge != nil:
				value = m.Gauge.GetValue()
			case m.Counter != nil:
				value = m.Counter.GetValue()
			default:
				continue
			}
			pairs := make([]string, 0, 2*len(m.GetLabel()))
			for _, l := range m.GetLabel() {
				pairs = append(pairs, l.GetName(), l.GetValue())
			}
			points = append(points, Point{g.of(f.GetName(), pairs), at, value})
		}
	}
	for _, f := range families {
		for _, s := range f.Samples {
			pairs := make([]string, 0, 2*len(s.Labels))
			for i, name := range f.Metric.Labels {
				pairs = append(pairs, name, s.Labels[i])
			}
			points = append(points, Point{g.of(f.Metric.Name, pairs), at, s.Value})
		}
	}
	return points
}

// of returns the series of that name and of pairs of label name and value.
func (g *Gathered) of(name string, pairs []string) *Series {
	g.key = append(g.key[:0], name...)
	for _, p := range pairs {
		g.key = append(append(g.key, 0xff), p...)
	}
	s := g.series[string(g.key)]
	if s == nil {
		b := labels.NewBuilder(labels.EmptyLabels()).Set(model.MetricNameLabel, name)
		for i := 0; i < len(pairs); i += 2 {
			b.Set(pairs[i], strings.ToValidUTF8(pairs[i+1], "\uFFFD"))
		}
		s = &Series{Labels: b.Labels()}
		if g.series == nil {
			g.series = map[string]*Series{}
		}
		g.series[string(g.key)] = s
	}
	return s
}
