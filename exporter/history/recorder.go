package history

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/series"
)

// samplesPerChunk is Prometheus's own.
const samplesPerChunk = 120

// A Recorder keeps the samples that the engine takes, compressed as Prometheus does,
// until somebody takes them as a [Batch]. It is a pipeline.History.
//
// A counter begins with a zero at the sample before its first, so that increase() sees
// its first events; where there can be no sample before, it is shown one sample late.
// A series that ends has a stale marker.
type Recorder struct {
	interval int64 // in milliseconds, as all times here
	labels   labels.Labels
	// last is when the last sample was taken, and floor the end of what was handed out,
	// before which no sample may lie; 0 where there is none.
	last, floor int64
	// blocks says that each Batch raises the floor.
	blocks bool
	// old is the highest ID of the series that the last gap has ended: they have not
	// begun at zero when they go on.
	old uint64

	columns []*column // by the place in the table
	byName  map[string]*column
	ended   []*column // scratch
	key     []byte
	marked  *Batch
}

// A column is the samples of a series that have not been handed out.
type column struct {
	Series
	key string
	id  uint64 // in the table, 0 where it has ended
	// bits are the value since from, of which no sample has been added yet.
	bits uint64
	from int64

	chunk  *chunkenc.XORChunk
	app    chunkenc.Appender
	meta   chunks.Meta
	full   []chunks.Meta
	behind int64 // the newest sample added
}

// NewRecorder returns a Recorder for samples at that interval. Every series has the
// labels, too. Batches must not reach behind those before where they become blocks.
func NewRecorder(interval time.Duration, external labels.Labels, blocks bool) *Recorder {
	return &Recorder{interval: interval.Milliseconds(), labels: external, blocks: blocks, byName: map[string]*column{}}
}

// Known implements pipeline.History.
func (r *Recorder) Known(next int64, t *series.Table) {
	now := next / int64(time.Millisecond)
	for i, s := range t.All() {
		if s.ID != 0 {
			c := r.column(i, &s)
			c.bits, c.from = math.Float64bits(s.Value), now
		}
	}
	// What the earlier life has handed out reaches to the sample before.
	r.last, r.floor = now-r.interval, now
}

// Sample implements pipeline.History.
func (r *Recorder) Sample(at int64, t *series.Table) {
	now := at / int64(time.Millisecond)
	if now <= r.last {
		return // the clock was set back
	}
	all := t.All()
	changed := len(all) > len(r.columns)
	for i, c := range r.columns {
		switch s := &all[i]; {
		case c == nil && s.ID == 0:
		case c == nil || c.id != s.ID:
			changed = true
		default:
			if bits := math.Float64bits(s.Value); bits != c.bits {
				c.add(now, r.interval)
				c.bits = bits
			}
		}
	}
	if changed {
		r.change(all, now)
	}
	r.last = now
}

// change ends the series that are not in their places of the table any more, and
// begins those that are new there. One may do both in the same sample: it has not
// ended then, but begun anew.
func (r *Recorder) change(all []series.Series, now int64) {
	r.ended = r.ended[:0]
	for i, c := range r.columns {
		if c != nil && c.id != all[i].ID {
			c.add(now, r.interval)
			c.id = 0
			r.columns[i] = nil
			r.ended = append(r.ended, c)
		}
	}
	for len(r.columns) < len(all) {
		r.columns = append(r.columns, nil)
	}
	for i := range all {
		if r.columns[i] == nil && all[i].ID != 0 {
			r.begin(i, &all[i], now)
		}
	}
	for _, c := range r.ended {
		if c.id == 0 {
			c.append(now, math.Float64frombits(value.StaleNaN))
		}
	}
}

// begin begins the series at a place of the table.
func (r *Recorder) begin(place int, s *series.Series, now int64) {
	c := r.column(place, s)
	c.bits, c.from = math.Float64bits(s.Value), now
	if s.Metric.Type != schema.Counter || s.Value == 0 || s.ID <= r.old {
		return
	}
	if before := now - r.interval; before > c.behind && before >= r.floor {
		c.append(before, 0)
	} else {
		c.append(now, 0)
		c.from = now + r.interval
	}
}

// column returns the column for a series at a place of the table.
func (r *Recorder) column(place int, s *series.Series) *column {
	for len(r.columns) <= place {
		r.columns = append(r.columns, nil)
	}
	r.key = append(r.key[:0], s.Metric.Name...)
	for _, l := range s.Labels {
		r.key = append(append(r.key, 0xff), l...)
	}
	c := r.byName[string(r.key)]
	if c == nil {
		c = &column{key: string(r.key)}
		c.Labels = r.labelsOf(s)
		r.byName[c.key] = c
	}
	c.id = s.ID
	r.columns[place] = c
	return c
}

func (r *Recorder) labelsOf(s *series.Series) labels.Labels {
	b := labels.NewBuilder(r.labels)
	b.Set(model.MetricNameLabel, s.Metric.Name)
	for i, name := range s.Metric.Labels {
		// Hostile bytes of a log are no label value: see package metrics.
		b.Set(name, strings.ToValidUTF8(s.Labels[i], "\uFFFD"))
	}
	return b.Labels()
}

// Gap implements pipeline.History.
func (r *Recorder) Gap() {
	now := r.last + r.interval
	for i, c := range r.columns {
		if c != nil {
			c.add(now, r.interval)
			c.append(now, math.Float64frombits(value.StaleNaN))
			r.old = max(r.old, c.id)
			c.id = 0
			r.columns[i] = nil
		}
	}
}

// add adds the samples before now, which all have the same value.
func (c *column) add(now, interval int64) {
	v := math.Float64frombits(c.bits)
	for ; c.from < now; c.from += interval {
		c.append(c.from, v)
	}
}

func (c *column) append(at int64, v float64) {
	if at <= c.behind {
		return
	}
	if c.chunk == nil || c.chunk.NumSamples() >= samplesPerChunk {
		c.finish()
		c.chunk = chunkenc.NewXORChunk()
		c.app, _ = c.chunk.Appender() // of an empty chunk it has no error
		c.meta = chunks.Meta{MinTime: at, Chunk: c.chunk}
	}
	c.app.Append(0, at, v)
	c.meta.MaxTime, c.behind = at, at
}

func (c *column) finish() {
	if c.chunk != nil {
		c.full = append(c.full, c.meta)
		c.chunk, c.app = nil, nil
	}
}

// Mark implements pipeline.History.
func (r *Recorder) Mark() {
	b := &Batch{}
	for _, c := range r.byName {
		if c.id != 0 {
			c.add(r.last+1, r.interval)
		}
		c.finish()
		if len(c.full) > 0 {
			b.series = append(b.series, batchSeries{&c.Series, c.full})
			c.full = nil
		}
		if c.id == 0 && c.behind < r.last {
			// Before that it may come back and have no room for its zero but behind.
			delete(r.byName, c.key)
		}
	}
	if r.blocks {
		r.floor = r.last + 1
	}
	slices.SortFunc(b.series, func(x, y batchSeries) int { return labels.Compare(x.Labels, y.Labels) })
	// Bytes that are no text have become the same: one of them is there, not both.
	b.series = slices.CompactFunc(b.series, func(x, y batchSeries) bool { return labels.Equal(x.Labels, y.Labels) })
	if r.marked != nil {
		// Nobody has taken it: the two are one.
		b = r.marked.with(b)
	}
	r.marked = b
}

// Take returns what Mark has marked and nobody has taken, nil where there is nothing.
// It must not be called at the same time as Mark.
func (r *Recorder) Take() *Batch {
	b := r.marked
	r.marked = nil
	if b == nil || len(b.series) == 0 {
		return nil
	}
	return b
}
