package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"
	"github.com/prometheus/prometheus/tsdb"

	darkrules "github.com/darkshare/darkshare/dashboards/rules"
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
	blocks, err := db.Blocks()
	until := int64(math.MinInt64) // what is behind the last block would be looked for in a log
	for _, b := range blocks {
		until = max(until, b.Meta().MaxTime-1)
	}
	if err == nil {
		err = WriteOpenMetrics(ctx, w, db, math.MinInt64, until)
	}
	return errors.Join(err, db.Close())
}

// Flush makes blocks of the samples that a store has in its log yet, since the store
// would drop them where newer blocks come beside them. A directory without a store is
// left alone.
func Flush(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "wal")); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	s, err := Open(dir, Options{Replay: true})
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

// completed is the name of the file that says for which past the rules were evaluated.
const completed = "rules.completed"

// completion is what is in it.
type completion struct {
	// Rules is a hash of all rule files.
	Rules uint64 `json:"rules"`
	// Until is in milliseconds since the Unix epoch.
	Until int64 `json:"until"`
}

// Complete evaluates the recording rules over all the past that the store has, where
// that was not done yet: over what replay has put into it, or for new rules over
// everything.
func (s *Store) Complete(ctx context.Context) error {
	now := completion{Until: s.Newest()}
	var err error
	if now.Rules, err = s.hashRules(); err != nil || now.Until == 0 {
		return err
	}
	path := filepath.Join(s.dir, completed)
	var done completion
	if text, err := os.ReadFile(path); err != nil || json.Unmarshal(text, &done) != nil || done.Rules != now.Rules {
		done = completion{}
	}
	if err := s.Backfill(ctx, done.Until, now.Until); err != nil {
		return err
	}
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	if err := writeSynced(path+".new", text); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (s *Store) hashRules() (uint64, error) {
	h := xxhash.New()
	for _, name := range []string{darkrules.Recording, darkrules.Shift} {
		text, err := darkrules.Files.ReadFile(name)
		if err != nil {
			return 0, err
		}
		_, _ = h.Write(text)
	}
	for _, file := range s.options.RuleFiles {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		_, _ = h.Write(text)
	}
	return h.Sum64(), nil
}
