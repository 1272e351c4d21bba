package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

const (
	// scratch is the directory inside the store in which Backfill prepares a block. The
	// system's own temporary directory may not be writable to a sidecar.
	scratch = "backfill.tmp"
	// backfillStep bounds the time of one query, and with it the samples in memory.
	backfillStep = 24 * time.Hour
)

// Backfill evaluates the recording rules over the past, from and to in milliseconds
// and included, at the very times at which they would have been evaluated live, and
// adds what is missing. What it has added is there for queries when it returns. A
// second call adds nothing; one that was interrupted goes on.
//
// Unlike a live evaluation it marks no series as ended; that matters for less than
// the lookback delta. And a rule that reads what other rules have recorded finds that
// from the time given on only.
func (s *Store) Backfill(ctx context.Context, from, to int64) error {
	// Points may have to wait meanwhile, and no longer than for the disk.
	if err := s.locked(func() error { return s.shrink(ctx) }); err != nil {
		return err
	}
	begin, ok := s.oldest()
	if !ok {
		return nil
	}
	from, to = max(from, begin), min(to, time.Now().UnixMilli())
	for _, w := range s.windows(from, to) {
		if err := s.backfillBlock(ctx, w); err != nil {
			return fmt.Errorf("evaluate the rules over the past: %w", err)
		}
	}
	head := window{max(from, s.headStart()), to}
	if head.from > head.to {
		return nil
	}
	if err := s.evaluate(ctx, head, s.db, s); err != nil {
		return fmt.Errorf("evaluate the rules over the last hours: %w", err)
	}
	return nil
}

func (s *Store) locked(do func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	return do()
}

// oldest is the time of the first sample; of a block, the time it begins at.
func (s *Store) oldest() (at int64, ok bool) {
	at = math.MaxInt64
	if s.db.Head().MaxTime() != math.MinInt64 {
		at = s.db.Head().MinTime()
	}
	for _, b := range s.db.Blocks() {
		at = min(at, b.Meta().MinTime)
	}
	return at, at != math.MaxInt64
}

// headStart is the first time that is in memory, not in blocks.
func (s *Store) headStart() (start int64) {
	if s.db.Head().MaxTime() != math.MinInt64 {
		return s.db.Head().MinTime()
	}
	for _, b := range s.db.Blocks() {
		start = max(start, b.Meta().MaxTime)
	}
	return start
}

// A window is a span of time in milliseconds, both ends included.
type window struct{ from, to int64 }

// windows cuts the time before what is in memory into the spans of the blocks, and of
// the gaps between them. A block is then overlapped by one block of recorded samples,
// with which the database merges it; one that overlapped several would make it merge
// them all into one.
func (s *Store) windows(from, to int64) []window {
	var spans []window
	for _, b := range s.db.Blocks() {
		spans = append(spans, window{b.Meta().MinTime, b.Meta().MaxTime - 1})
	}
	slices.SortFunc(spans, func(a, b window) int { return cmp.Compare(a.from, b.from) })
	if len(spans) == 0 {
		return nil
	}
	var (
		windows []window
		next    = max(from, spans[0].from)
		end     = min(to, s.headStart()-1)
	)
	add := func(until int64) {
		until = min(until, end)
		if next <= until {
			windows = append(windows, window{next, until})
			next = until + 1
		}
	}
	for _, span := range spans {
		add(span.from - 1)
		add(span.to)
	}
	add(end)
	return windows
}

// backfillBlock writes what the rules give in the window to a block.
func (s *Store) backfillBlock(ctx context.Context, w window) (err error) {
	if err := s.writable(); err != nil {
		return err
	}
	dir := filepath.Join(s.dir, scratch)
	options := tsdb.DefaultHeadOptions()
	options.ChunkDirRoot = dir
	// A head takes samples up to half its range behind the newest; here every rule
	// begins at the window's start again.
	options.ChunkRange = 2 * (w.to - w.from + 1)
	head, err := tsdb.NewHead(nil, s.logger, nil, nil, options, tsdb.NewHeadStats())
	if err != nil {
		return adviseWrite(err)
	}
	defer func() { err = errors.Join(err, head.Close(), os.RemoveAll(dir)) }()
	if err := head.Init(math.MinInt64); err != nil {
		return err
	}
	if err := s.evaluate(ctx, w, with{s.db, head}, head); err != nil {
		return err
	}
	if head.NumSeries() == 0 {
		return nil
	}
	if err := s.writable(); err != nil {
		return err
	}
	compactor, err := tsdb.NewLeveledCompactor(ctx, nil, s.logger, []int64{options.ChunkRange}, chunkenc.NewPool(), nil)
	if err != nil {
		return err
	}
	if _, err := compactor.Write(s.dir, head, head.MinTime(), head.MaxTime()+1, nil); err != nil {
		return adviseWrite(err)
	}
	// A rule may look at what is recorded in this block from the next.
	return s.reload()
}

// with answers from the database and a head, so that a rule sees what the rules
// before it have recorded.
type with struct {
	db   *tsdb.DB
	head *tsdb.Head
}

func (w with) Querier(mint, maxt int64) (storage.Querier, error) {
	db, err := w.db.Querier(mint, maxt)
	if err != nil {
		return nil, err
	}
	head, err := tsdb.NewBlockQuerier(tsdb.NewRangeHead(w.head, mint, maxt), mint, maxt)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return storage.NewMergeQuerier([]storage.Querier{db, head}, nil, storage.ChainedSeriesMerge), nil
}

// evaluate appends what the recording rules give in the window and what is not there, day by
// day: a rule finds what those of later groups have recorded until the day before.
func (s *Store) evaluate(ctx context.Context, w window, q storage.Queryable, to storage.Appendable) error {
	for start := w.from; start <= w.to; start += backfillStep.Milliseconds() {
		part := window{start, min(w.to, start+backfillStep.Milliseconds()-1)}
		for _, group := range s.ruleGroups() {
			begin := firstEvaluation(group, part.from)
			if begin > part.to {
				continue
			}
			for _, rule := range group.Rules() {
				recording, ok := rule.(*rules.RecordingRule)
				if !ok {
					continue
				}
				if err := s.evaluateRule(ctx, recording, group.Interval(), window{begin, part.to}, q, to); err != nil {
					return fmt.Errorf("rule %s: %w", rule.Name(), err)
				}
			}
		}
	}
	return nil
}

// firstEvaluation is the time, in milliseconds and from the one given on, of the first
// sample that the group would have recorded: it looks back by its query offset.
func firstEvaluation(g *rules.Group, from int64) int64 {
	at := g.EvalTimestamp(time.UnixMilli(from).Add(g.QueryOffset()).UnixNano())
	for {
		if t := at.Add(-g.QueryOffset()).UnixMilli(); t >= from {
			return t
		}
		at = at.Add(g.Interval())
	}
}

func (s *Store) evaluateRule(ctx context.Context, rule *rules.RecordingRule, interval time.Duration, w window, q storage.Queryable, to storage.Appendable) error {
	matrix, err := s.rangeOver(ctx, q, rule.Query().String(), time.UnixMilli(w.from), time.UnixMilli(w.to), interval)
	if err != nil || len(matrix) == 0 {
		return err
	}
	have, err := recorded(ctx, s.db, rule.Name(), w)
	if err != nil {
		return err
	}
	var (
		app     = to.Appender(ctx)
		builder = labels.NewBuilder(labels.EmptyLabels())
		added   bool
	)
	for _, series := range matrix {
		ruleLabels(builder, series, rule)
		ls := builder.Labels()
		times := have[ls.String()]
		var ref storage.SeriesRef
		for _, p := range series.Floats {
			if times[p.T] {
				continue
			}
			r, err := app.Append(ref, ls, p.T, p.F)
			switch {
			case err == nil:
				ref, added = r, true
			// The rule was evaluated live just now.
			case errors.Is(err, storage.ErrDuplicateSampleForTimestamp):
			default:
				return errors.Join(err, app.Rollback())
			}
		}
	}
	if !added {
		return app.Rollback()
	}
	return app.Commit()
}

// ruleLabels gives the series the name and the labels that the rule gives it.
func ruleLabels(b *labels.Builder, series promql.Series, rule *rules.RecordingRule) {
	b.Reset(series.Metric)
	b.Set(model.MetricNameLabel, rule.Name())
	rule.Labels().Range(func(l labels.Label) { b.Set(l.Name, l.Value) })
}

// recorded returns the times of the rule's samples in the window, by series.
func recorded(ctx context.Context, db *tsdb.DB, rule string, w window) (map[string]map[int64]bool, error) {
	q, err := db.Querier(w.from, w.to)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	var (
		have     = map[string]map[int64]bool{}
		set      = q.Select(ctx, false, nil, labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, rule))
		iterator chunkenc.Iterator
	)
	for set.Next() {
		times := map[int64]bool{}
		iterator = set.At().Iterator(iterator)
		for iterator.Next() != chunkenc.ValNone {
			times[iterator.AtT()] = true
		}
		if err := iterator.Err(); err != nil {
			return nil, err
		}
		have[set.At().Labels().String()] = times
	}
	return have, set.Err()
}

// reload makes the database see the blocks that were written beside it, which it
// does by itself once a minute. It has no call for it: writing an empty part of the
// time before what is in memory, which makes no block, does just that.
func (s *Store) reload() error {
	before := min(s.db.Head().MinTime(), s.db.Head().MaxTime(), time.Now().UnixMilli()) - 1
	before = max(before, 0)
	return s.db.CompactHead(tsdb.NewRangeHead(s.db.Head(), before, before))
}
