// Package series keeps the value of every exported series at one moment. Whoever
// counts writes the values into a [Table], again at every moment that somebody wants
// to see; the table knows which series are new since the last time, and which are
// gone. A scrape reads it as a list of families, history by what has changed.
package series

import (
	"slices"
	"strings"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

// A Ref says where a counter's series is in the table, so that its labels are made
// once. The zero Ref is that of a counter without a series yet. Whoever ends a
// counter forgets its Ref: the table gives it to another series.
type Ref uint32

// A Series is one series and its value at the moment of the table.
type Series struct {
	Metric *schema.Metric
	// Labels holds the label values in the order of the metric's Labels.
	Labels []string
	// Created is the wall-clock time at which a counter began at zero.
	Created time.Time
	Value   float64
	// ID is the number of the series since the table was made, from 1; 0 is that of a
	// place without a series. One that has ended and come back has a new one.
	ID uint64

	round uint64
}

// A Table has every series at one moment, between End and the next Begin. The zero
// Table is empty. It is not safe for concurrent use.
type Table struct {
	all   []Series // Ref r is at r-1
	free  []Ref
	ids   uint64
	round uint64
	named map[string]Ref
	key   []byte
	// sorted are the Refs in the order of families, nil where that has changed.
	sorted []Ref
}

// Begin begins the next moment.
func (t *Table) Begin() { t.round++ }

// Set gives the series of that Ref its value. A new counter has none: add it.
func (t *Table) Set(r Ref, value float64) {
	s := &t.all[r-1]
	s.Value, s.round = value, t.round
}

// Add adds a series, with a value, and returns its Ref. The slice of labels is kept.
func (t *Table) Add(m *schema.Metric, value float64, created time.Time, labels ...string) Ref {
	var r Ref
	if n := len(t.free); n > 0 {
		r, t.free = t.free[n-1], t.free[:n-1]
	} else {
		t.all = append(t.all, Series{})
		r = Ref(len(t.all))
	}
	t.ids++
	t.all[r-1] = Series{Metric: m, Labels: labels, Created: created, Value: value, ID: t.ids, round: t.round}
	t.sorted = nil
	return r
}

// Put gives a series its value that is found by its labels, for those who keep no
// Ref.
func (t *Table) Put(m *schema.Metric, value float64, created time.Time, labels ...string) {
	t.key = append(t.key[:0], m.Name...)
	for _, l := range labels {
		t.key = append(append(t.key, 0xff), l...)
	}
	if r, ok := t.named[string(t.key)]; ok && t.all[r-1].Created.Equal(created) {
		t.Set(r, value)
		return
	}
	if t.named == nil {
		t.named = map[string]Ref{}
	}
	t.named[string(t.key)] = t.Add(m, value, created, slices.Clone(labels)...)
}

// End ends the moment: series that were given no value are gone.
func (t *Table) End() {
	gone := false
	for i := range t.all {
		s := &t.all[i]
		if s.ID != 0 && s.round != t.round {
			*s = Series{}
			t.free = append(t.free, Ref(i+1))
			t.sorted, gone = nil, true
		}
	}
	if gone {
		for key, r := range t.named {
			if t.all[r-1].ID == 0 {
				delete(t.named, key)
			}
		}
	}
}

// All returns the series by their places; a place whose ID is 0 has none. The slice
// is the table's own, to be read before the next Begin.
func (t *Table) All() []Series { return t.all }

// Families returns the series in the order of schema.Metrics and sorted by label
// values within. The caller owns what it gets but the labels.
func (t *Table) Families() []schema.Family {
	if t.sorted == nil {
		t.sort()
	}
	samples := make([]schema.Sample, len(t.sorted))
	var families []schema.Family
	from := 0
	for i, r := range t.sorted {
		s := &t.all[r-1]
		samples[i] = schema.Sample{Labels: s.Labels, Value: s.Value, Created: s.Created}
		if i+1 == len(t.sorted) || t.all[t.sorted[i+1]-1].Metric != s.Metric {
			families = append(families, schema.Family{Metric: s.Metric, Samples: samples[from : i+1 : i+1]})
			from = i + 1
		}
	}
	return families
}

func (t *Table) sort() {
	place := make(map[*schema.Metric]int, len(schema.Metrics))
	for i, m := range schema.Metrics {
		place[m] = i
	}
	t.sorted = make([]Ref, 0, len(t.all))
	for i := range t.all {
		if t.all[i].ID != 0 {
			t.sorted = append(t.sorted, Ref(i+1))
		}
	}
	slices.SortFunc(t.sorted, func(a, b Ref) int {
		x, y := &t.all[a-1], &t.all[b-1]
		if x.Metric != y.Metric {
			return place[x.Metric] - place[y.Metric]
		}
		return slices.CompareFunc(x.Labels, y.Labels, strings.Compare)
	})
}
