package schema

import "time"

// A Sample is the value of one series at the moment of a snapshot.
type Sample struct {
	// Labels holds the label values in the order of the metric's Labels.
	Labels []string
	Value  float64
	// Created is the wall-clock time at which a counter began at zero.
	Created time.Time
}

// A Family is a metric with its series.
type Family struct {
	Metric  *Metric
	Samples []Sample
}

// Add appends a series. The slice of labels is kept.
func (f *Family) Add(value float64, created time.Time, labels ...string) {
	f.Samples = append(f.Samples, Sample{Labels: labels, Value: value, Created: created})
}
