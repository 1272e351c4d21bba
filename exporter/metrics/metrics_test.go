package metrics

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/darkshare/darkshare/exporter/schema"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// A board is a tally that a test writes on: series by metric and labels.
type board struct {
	mu       sync.Mutex
	families map[*schema.Metric]*schema.Family
	now      func() time.Time
}

func newBoard() *board {
	return &board{families: map[*schema.Metric]*schema.Family{}, now: time.Now}
}

func (b *board) set(m *schema.Metric, value float64, labels ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.families[m]
	if f == nil {
		f = &schema.Family{Metric: m}
		b.families[m] = f
	}
	for i := range f.Samples {
		if fmt.Sprint(f.Samples[i].Labels) == fmt.Sprint(labels) {
			f.Samples[i].Value = value
			return
		}
	}
	f.Add(value, b.now(), labels...)
}

func (b *board) snapshot() []schema.Family {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []schema.Family
	for _, m := range schema.Metrics {
		if f := b.families[m]; f != nil {
			out = append(out, schema.Family{Metric: m, Samples: append([]schema.Sample(nil), f.Samples...)})
		}
	}
	return out
}

// everyMetric is a board with one series of each metric.
func everyMetric() *board {
	b := newBoard()
	for i, m := range schema.Metrics {
		labels := make([]string, len(m.Labels))
		for j, name := range m.Labels {
			labels[j] = "some " + name
		}
		b.set(m, float64(i+1), labels...)
	}
	return b
}
