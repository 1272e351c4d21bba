package history

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/series"
)

// A naiveRecorder says of each moment by itself what is to be recorded.
type naiveRecorder struct {
	interval, floor, last int64
	blocks                bool
	shown                 map[string]shownSeries // at the last sample
	goneOn                map[string]uint64      // what a gap has ended, and may go on behind it
	samples               map[string][]naiveSample
}

type shownSeries struct {
	generation uint64
	counter    bool
	value      float64
}

type naiveSample struct {
	At    int64
	Value string
}

func newNaive(interval time.Duration, blocks bool) *naiveRecorder {
	return &naiveRecorder{interval: interval.Milliseconds(), blocks: blocks, shown: map[string]shownSeries{}, samples: map[string][]naiveSample{}}
}

func (n *naiveRecorder) add(name string, at int64, v float64) {
	text := fmt.Sprint(v)
	if value.IsStaleNaN(v) {
		text = "stale"
	}
	n.samples[name] = append(n.samples[name], naiveSample{at, text})
}

func (n *naiveRecorder) newest(name string) int64 {
	if s := n.samples[name]; len(s) > 0 {
		return s[len(s)-1].At
	}
	return 0
}

func (n *naiveRecorder) sample(at int64, now map[string]shownSeries) {
	if at <= n.last {
		return
	}
	next := map[string]shownSeries{}
	for name, s := range now {
		before, was := n.shown[name]
		if !was || before.generation != s.generation {
			switch {
			case !s.counter || s.value == 0 || n.goneOn[name] == s.generation && s.generation != 0:
				n.add(name, at, s.value)
			case at-n.interval >= n.floor && at-n.interval > n.newest(name):
				n.add(name, at-n.interval, 0)
				n.add(name, at, s.value)
			default:
				n.add(name, at, 0)
			}
		} else {
			n.add(name, at, s.value)
		}
		next[name] = s
	}
	for name := range n.shown {
		if _, is := now[name]; !is {
			n.add(name, at, math.Float64frombits(value.StaleNaN))
		}
	}
	n.shown, n.last, n.goneOn = next, at, nil
}

func (n *naiveRecorder) gap() {
	n.goneOn = map[string]uint64{}
	for name, s := range n.shown {
		n.add(name, n.last+n.interval, math.Float64frombits(value.StaleNaN))
		n.goneOn[name] = s.generation
	}
	n.shown = map[string]shownSeries{}
}

func (n *naiveRecorder) mark() {
	if n.blocks {
		n.floor = n.last + 1
	}
}

// restart is another life, which knows what there was at the last moment.
func (n *naiveRecorder) restart(next int64, now map[string]shownSeries) {
	n.floor, n.last, n.shown, n.goneOn = next, next-n.interval, map[string]shownSeries{}, nil
	for name, s := range now {
		n.shown[name] = s
	}
}

// take adds what the recorder hands out, in the order of time.
func take(t *testing.T, r *Recorder, samples map[string][]naiveSample) *Batch {
	t.Helper()
	r.Mark()
	b := r.Take()
	if b == nil {
		return nil
	}
	var n uint64
	last := int64(math.MinInt64)
	from, to := b.Range()
	for points := range b.Points() {
		if points[0].At <= last || points[0].At < from || points[0].At > to {
			t.Fatalf("points of %d after those of %d, from %d to %d", points[0].At, last, from, to)
		}
		last = points[0].At
		for _, p := range points {
			if p.At != last {
				t.Fatalf("one moment has points of %d and %d", last, p.At)
			}
			text := fmt.Sprint(p.Value)
			if value.IsStaleNaN(p.Value) {
				text = "stale"
			}
			name := p.Series.Labels.String()
			samples[name] = append(samples[name], naiveSample{p.At, text})
			n++
		}
	}
	if n != b.Samples() {
		t.Fatalf("%d points of %d samples", n, b.Samples())
	}
	return b
}

// A tableStory is what random series do, as a table and as a map.
type tableStory struct {
	r          *rand.Rand
	table      series.Table
	generation uint64
	now        map[string]shownSeries
	labels     map[string]string // by name
	created    map[string]time.Time
}

func newTableStory(seed uint64) *tableStory {
	return &tableStory{r: rand.New(rand.NewPCG(seed, 2)), now: map[string]shownSeries{}, labels: map[string]string{}, created: map[string]time.Time{}}
}

// step lets some time pass. busy is how much happens, of 100.
func (s *tableStory) step(busy int) {
	for i := range 12 {
		m, label := metricOf(i%4 != 0), fmt.Sprint("in", i)
		name := labels.FromStrings(model.MetricNameLabel, m.Name, "input", label, "job", "test").String()
		s.labels[name] = label
		old, is := s.now[name]
		if s.r.IntN(100) >= busy && is {
			continue
		}
		switch what := s.r.IntN(10); {
		case is && what < 7 && m == schema.LogLines:
			old.value += float64(s.r.IntN(3))
			s.now[name] = old
		case is && what < 7:
			old.value = float64(s.r.IntN(3))
			s.now[name] = old
		case is && what == 7:
			delete(s.now, name)
		default: // new, or anew
			s.generation++
			s.created[name] = recordEpoch.Add(time.Duration(s.generation))
			s.now[name] = shownSeries{s.generation, m == schema.LogLines, float64(s.r.IntN(4))}
		}
	}
	s.show()
}

// metricOf returns a metric with one label.
func metricOf(counter bool) *schema.Metric {
	if counter {
		return schema.LogLines
	}
	return schema.InputUp
}

var recordEpoch = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// show puts what there is now into the table, in any order.
func (s *tableStory) show() {
	names := make([]string, 0, len(s.now))
	for name := range s.now {
		names = append(names, name)
	}
	slices.Sort(names)
	s.r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	s.table.Begin()
	for _, name := range names {
		s.table.Put(metricOf(s.now[name].counter), s.now[name].value, s.created[name], s.labels[name])
	}
	s.table.End()
}

// TestRecorderIsNaive: what series do at random moments is recorded as a naive one says,
// however often it is handed out, and whatever life goes on with it.
func TestRecorderIsNaive(t *testing.T) {
	const interval = time.Minute
	external := labels.FromStrings("job", "test")
	for seed := range uint64(36) {
		blocks := seed%2 == 0
		story := newTableStory(seed)
		recorder, naive := NewRecorder(interval, external, blocks), newNaive(interval, blocks)
		got := map[string][]naiveSample{}
		at := recordEpoch
		busy := []int{5, 30, 80}[seed%3]
		for range 400 {
			switch story.r.IntN(60) {
			case 0, 1, 2:
				take(t, recorder, got)
				naive.mark()
			case 3:
				recorder.Mark() // and nobody takes it
				naive.mark()
			case 4: // a gap in the log: nothing happens until the next line
				if naive.last > 0 {
					recorder.Gap()
					naive.gap()
					at = at.Add(time.Duration(1+story.r.IntN(100)) * 24 * time.Hour)
				}
			case 5: // killed, and begun again
				take(t, recorder, got)
				naive.mark()
				story.table = series.Table{}
				story.show()
				recorder = NewRecorder(interval, external, blocks)
				recorder.Known(at.UnixNano(), &story.table)
				naive.restart(at.UnixMilli(), story.now)
			case 6: // the clock was set back
				recorder.Sample(at.Add(-2*interval).UnixNano(), &story.table)
			}
			story.step(busy)
			if story.r.IntN(10) == 0 {
				story.step(busy) // nobody sees what was between
			}
			recorder.Sample(at.UnixNano(), &story.table)
			naive.sample(at.UnixMilli(), story.now)
			at = at.Add(interval)
		}
		take(t, recorder, got)
		if !maps.EqualFunc(naive.samples, got, slices.Equal) {
			diff := cmp.Diff(naive.samples, got)
			lines := strings.SplitAfterN(diff, "\n", 60)
			t.Fatalf("seed %d, blocks %t (-naive +recorder):\n%s", seed, blocks, strings.Join(lines[:len(lines)-1], ""))
		}
	}
}
