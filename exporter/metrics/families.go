package metrics

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/darkshare/darkshare/exporter/schema"
)

// A definition is what all scrapes share of a metric.
type definition struct {
	desc *prometheus.Desc
	typ  *dto.MetricType
	// names holds the label names in the order of the exposition, by name, and
	// order where each stands in Sample.Labels.
	names []string
	order []int
}

type definitions map[*schema.Metric]*definition

func newDefinitions() definitions {
	defs := make(definitions, len(schema.Metrics))
	for _, m := range schema.Metrics {
		d := &definition{
			desc:  prometheus.NewDesc(m.Name, m.Help, m.Labels, nil),
			typ:   dto.MetricType_GAUGE.Enum(),
			names: slices.Sorted(slices.Values(m.Labels)),
		}
		if m.Type == schema.Counter {
			d.typ = dto.MetricType_COUNTER.Enum()
		}
		for _, n := range d.names {
			d.order = append(d.order, slices.Index(m.Labels, n))
		}
		defs[m] = d
	}
	return defs
}

// families translates a snapshot, sorted by name. Counters created after since
// are shown at zero. What cannot be translated is left out and said in the error.
func (defs definitions) families(snapshot []schema.Family, since threshold) ([]*dto.MetricFamily, error) {
	var errs []error
	mfs := make([]*dto.MetricFamily, 0, len(snapshot))
	for _, f := range snapshot {
		mf, err := defs.family(f, since)
		if err != nil {
			errs = append(errs, err)
		}
		// The text formats cannot show a family without a series.
		if len(mf.GetMetric()) > 0 {
			mfs = append(mfs, mf)
		}
	}
	sortFamilies(mfs)
	return mfs, errors.Join(errs...)
}

func sortFamilies(mfs []*dto.MetricFamily) {
	slices.SortFunc(mfs, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
}

// family translates one family. A scrape has many series, so their parts are
// allocated together and point into the snapshot where they can.
func (defs definitions) family(f schema.Family, since threshold) (*dto.MetricFamily, error) {
	d, ok := defs[f.Metric]
	if !ok {
		return nil, fmt.Errorf("metrics: a snapshot holds a metric that is not in schema.Metrics: %+v", f.Metric)
	}
	var (
		samples  = f.Samples
		k        = len(d.names)
		wrong    = 0
		metrics  = make([]dto.Metric, len(samples))
		pairs    = make([]dto.LabelPair, len(samples)*k)
		pairRefs = make([]*dto.LabelPair, len(samples)*k)
		values   = make([]float64, len(samples))
		counters []dto.Counter
		created  []timestamppb.Timestamp
		gauges   []dto.Gauge
	)
	if f.Metric.Type == schema.Counter {
		counters = make([]dto.Counter, len(samples))
		created = make([]timestamppb.Timestamp, len(samples))
	} else {
		gauges = make([]dto.Gauge, len(samples))
	}

	mf := &dto.MetricFamily{
		Name: &f.Metric.Name, Help: &f.Metric.Help, Type: d.typ,
		Metric: make([]*dto.Metric, 0, len(samples)),
	}
	for i := range samples {
		s := &samples[i]
		if len(s.Labels) != k {
			wrong++
			continue
		}
		m := &metrics[i]
		m.Label = pairRefs[i*k : (i+1)*k : (i+1)*k]
		for j := range d.names {
			p := &pairs[i*k+j]
			p.Name, p.Value = &d.names[j], validUTF8(&s.Labels[d.order[j]])
			m.Label[j] = p
		}
		values[i] = s.Value
		if counters == nil {
			gauges[i].Value = &values[i]
			m.Gauge = &gauges[i]
		} else {
			c := &counters[i]
			c.Value = &values[i]
			if !s.Created.IsZero() {
				created[i].Seconds, created[i].Nanos = s.Created.Unix(), int32(s.Created.Nanosecond())
				c.CreatedTimestamp = &created[i]
				if since.before(s.Created) {
					values[i] = 0
				}
			}
			m.Counter = c
		}
		mf.Metric = append(mf.Metric, m)
	}
	if wrong > 0 {
		return mf, fmt.Errorf("metrics: %d series of %s do not have its %d labels", wrong, f.Metric.Name, k)
	}
	return mf, nil
}

// validUTF8 keeps one hostile path of a log from making a whole scrape or push
// unreadable: all three formats demand UTF-8.
func validUTF8(s *string) *string {
	if utf8.ValidString(*s) {
		return s
	}
	valid := strings.ToValidUTF8(*s, string(utf8.RuneError))
	return &valid
}
