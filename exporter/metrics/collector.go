// Package metrics shows a snapshot of the counters to the world: as a Prometheus
// collector, as the /metrics endpoint and as a push by OTLP. It counts nothing
// and knows no metric by name; what there is to show is in package schema.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/darkshare/darkshare/exporter/schema"
)

// A Snapshot returns the value of every series at one moment. It is called once
// a scrape or push, from several goroutines at a time if there are several
// scrapers. What it returns is read until the scrape has ended, and not changed:
// a snapshot may share its slices of labels with the next.
type Snapshot = func() []schema.Family

type collector struct {
	snapshot Snapshot
	defs     definitions
}

// NewCollector returns a collector of what snapshot returns, for a registry of
// the caller's. Counters carry Sample.Created as their creation time. A family
// that is not one of schema.Metrics and a sample with a wrong number of labels
// are errors of the collection; the other series are collected all the same.
//
// Handler does not need it: a registry checks and sorts every series at every
// scrape, which takes longer than all the rest.
func NewCollector(snapshot Snapshot) prometheus.Collector {
	return &collector{snapshot, newDefinitions()}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.defs {
		ch <- d.desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for _, f := range c.snapshot() {
		mf, err := c.defs.family(f, never)
		if err != nil {
			ch <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
		}
		for _, m := range mf.GetMetric() {
			ch <- series{c.defs[f.Metric].desc, m}
		}
	}
}

// A series is a metric that never changes.
type series struct {
	desc *prometheus.Desc
	dto  *dto.Metric
}

// Desc implements prometheus.Metric.
func (s series) Desc() *prometheus.Desc { return s.desc }

// Write implements prometheus.Metric.
func (s series) Write(out *dto.Metric) error {
	out.Label, out.Counter, out.Gauge = s.dto.Label, s.dto.Counter, s.dto.Gauge
	return nil
}
