package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"

	"github.com/prometheus/prometheus/tsdb"
)

// Remote is a server that takes the parts of an Archive by remote write.
type Remote struct {
	// Context ends the sending, also of what is tried again.
	Context context.Context
	Writer  *RemoteWriter
}

// atOnce is how many points are handed to the writer at a time, at the least.
const atOnce = 50_000

func (d Remote) prepare(b *Batch) (string, error) {
	var points []Point
	for moment := range b.Points() {
		points = append(points, moment...)
		if len(points) >= atOnce {
			if err := d.Writer.Send(d.Context, points); err != nil {
				return "", err
			}
			points = points[:0]
		}
	}
	return "", d.Writer.Send(d.Context, points)
}

func (d Remote) adopt(string) error { return nil }

// DumpBlocks writes the samples of a directory of blocks as OpenMetrics text.
func DumpBlocks(ctx context.Context, w io.Writer, dir string) error {
	db, err := tsdb.OpenDBReadOnly(dir, "", slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	err = WriteOpenMetrics(ctx, w, db, math.MinInt64, math.MaxInt64)
	return errors.Join(err, db.Close())
}

// Flush makes blocks of the samples that a store has in its log yet, since the store
// would drop them where newer blocks come beside them. A directory without a store is
// left alone.
func Flush(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "wal")); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	head := s.db.Head()
	if head.NumSeries() > 0 {
		err = s.db.CompactHead(tsdb.NewRangeHead(head, head.MinTime(), head.MaxTime()))
	}
	if err := errors.Join(err, s.Close()); err != nil {
		return fmt.Errorf("the newest samples cannot be written as a block: %w", err)
	}
	return nil
}

// Complete evaluates the recording rules over all the past that the store has, where
// that was not done yet: what replay has put into it, or what new rules make of it.
func (s *Store) Complete(ctx context.Context) error {
	from, to := int64(math.MaxInt64), int64(0)
	for _, b := range s.db.Blocks() {
		from, to = min(from, b.MinTime()), max(to, b.MaxTime())
	}
	if to == 0 {
		return nil
	}
	return s.Backfill(ctx, from, to)
}
