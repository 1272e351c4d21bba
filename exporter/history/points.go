package history

import (
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// A Series is one series of the store. Whoever hands points of it to the store keeps
// it, so that the store finds the series again without looking for its labels.
type Series struct {
	// Labels are all labels, with the metric's name.
	Labels labels.Labels

	ref storage.SeriesRef
}

// A Point is a sample of a series.
type Point struct {
	Series *Series
	// At is in milliseconds since the Unix epoch.
	At int64
	// Value may be a stale marker (value.StaleNaN): the series has ended.
	Value float64
}
