package history

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/fileutil"
	"github.com/prometheus/prometheus/tsdb/index"
	"github.com/prometheus/prometheus/tsdb/tombstones"
)

// A Batch is samples of many series, as a Recorder hands them out.
type Batch struct {
	series []batchSeries // by labels
}

type batchSeries struct {
	*Series
	chunks []chunks.Meta
}

// with returns both as one, o being the later.
func (b *Batch) with(o *Batch) *Batch {
	at := make(map[*Series]int, len(b.series))
	for i, s := range b.series {
		at[s.Series] = i
	}
	for _, s := range o.series {
		if i, ok := at[s.Series]; ok {
			b.series[i].chunks = append(b.series[i].chunks, s.chunks...)
		} else {
			b.series = append(b.series, s)
		}
	}
	slices.SortStableFunc(b.series, func(x, y batchSeries) int { return labels.Compare(x.Labels, y.Labels) })
	return b
}

// Range returns the times of the oldest and of the newest sample, in milliseconds.
func (b *Batch) Range() (from, to int64) {
	from, to = math.MaxInt64, math.MinInt64
	for _, s := range b.series {
		from = min(from, s.chunks[0].MinTime)
		to = max(to, s.chunks[len(s.chunks)-1].MaxTime)
	}
	return from, to
}

// Samples returns how many samples there are.
func (b *Batch) Samples() (n uint64) {
	for _, s := range b.series {
		for _, c := range s.chunks {
			n += uint64(c.Chunk.NumSamples())
		}
	}
	return n
}

// Points returns the samples in the order of time, a moment's at a time. The slice is
// used again.
func (b *Batch) Points() iter.Seq[[]Point] {
	return func(yield func([]Point) bool) {
		type cursor struct {
			s    batchSeries
			it   chunkenc.Iterator
			more bool
		}
		cursors := make([]cursor, len(b.series))
		next := func(c *cursor) {
			for {
				if c.it != nil && c.it.Next() != chunkenc.ValNone {
					c.more = true
					return
				}
				if len(c.s.chunks) == 0 {
					c.more = false
					return
				}
				c.it = c.s.chunks[0].Chunk.Iterator(c.it)
				c.s.chunks = c.s.chunks[1:]
			}
		}
		for i, s := range b.series {
			cursors[i].s = s
			next(&cursors[i])
		}
		var points []Point
		for {
			at := int64(math.MaxInt64)
			for i := range cursors {
				if c := &cursors[i]; c.more {
					at = min(at, c.it.AtT())
				}
			}
			if at == math.MaxInt64 {
				return
			}
			points = points[:0]
			for i := range cursors {
				c := &cursors[i]
				if !c.more {
					continue
				}
				if t, v := c.it.At(); t == at {
					points = append(points, Point{c.s.Series, t, v})
					next(c)
				}
			}
			if !yield(points) {
				return
			}
		}
	}
}

// writeBlock writes the batch as a block of the TSDB into dir, beside others, and
// returns its name. Until it is whole it is not there.
func (b *Batch) writeBlock(dir string) (name string, err error) {
	id := ulid.MustNew(ulid.Now(), rand.Reader)
	from, to := b.Range()
	meta := &tsdb.BlockMeta{ULID: id, MinTime: from, MaxTime: to + 1, Version: 1,
		Compaction: tsdb.BlockMetaCompaction{Level: 1, Sources: []ulid.ULID{id}}}
	tmp := filepath.Join(dir, id.String()+".tmp-for-creation")
	if err := os.MkdirAll(tmp, 0o777); err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp) // what is left of a failure
	if err := b.writeChunks(filepath.Join(tmp, "chunks"), meta); err != nil {
		return "", err
	}
	if err := b.writeIndex(filepath.Join(tmp, "index")); err != nil {
		return "", err
	}
	if _, err := tombstones.WriteFile(slog.New(slog.DiscardHandler), tmp, tombstones.NewMemTombstones()); err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(meta, "", "\t")
	if err != nil {
		return "", err
	}
	if err := writeSynced(filepath.Join(tmp, "meta.json"), text); err != nil {
		return "", err
	}
	return id.String(), fileutil.Replace(tmp, filepath.Join(dir, id.String()))
}

// segmentSize bounds a file of chunks. Its room is reserved at once.
const segmentSize = 32 << 20

func (b *Batch) writeChunks(dir string, meta *tsdb.BlockMeta) error {
	w, err := chunks.NewWriter(dir, chunks.WithSegmentSize(segmentSize))
	if err != nil {
		return err
	}
	for _, s := range b.series {
		if err := w.WriteChunks(s.chunks...); err != nil {
			return fmt.Errorf("%w (and %v)", err, w.Close())
		}
		meta.Stats.NumSeries++
		meta.Stats.NumChunks += uint64(len(s.chunks))
	}
	meta.Stats.NumSamples = b.Samples()
	meta.Stats.NumFloatSamples = meta.Stats.NumSamples
	return w.Close()
}

func (b *Batch) writeIndex(path string) error {
	w, err := index.NewWriter(context.Background(), path)
	if err != nil {
		return err
	}
	symbols := map[string]struct{}{}
	for _, s := range b.series {
		s.Labels.Range(func(l labels.Label) {
			symbols[l.Name], symbols[l.Value] = struct{}{}, struct{}{}
		})
	}
	for _, symbol := range slices.Sorted(maps.Keys(symbols)) {
		if err := w.AddSymbol(symbol); err != nil {
			return fmt.Errorf("%w (and %v)", err, w.Close())
		}
	}
	for i, s := range b.series {
		if err := w.AddSeries(storage.SeriesRef(i), s.Labels, s.chunks...); err != nil {
			return fmt.Errorf("%w (and %v)", err, w.Close())
		}
	}
	return w.Close()
}

func writeSynced(path string, data []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return cmp.Or(err, f.Sync(), f.Close())
}
