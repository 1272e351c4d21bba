package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/prometheus/prometheus/util/compression"
)

const (
	// walSegmentSize keeps small what a repair after a kill copies: it writes the
	// segment with the torn record again.
	walSegmentSize = 16 << 20
	// reserve is the free space, in bytes, below which nothing is written. A write
	// that fails halfway leaves a torn record in the middle of the log, and the
	// repair at the next start would drop whatever was written after it. Twice a
	// segment: one for the repair, one for the blocks that give room again.
	reserve = 2 * walSegmentSize
	// outOfOrder is how far behind the newest sample Backfill may still add to what
	// is in memory; older times have a block already. Points do not use it.
	outOfOrder = 12 * time.Hour
	// headLimit is the time span in memory from which Append waits for a compaction.
	// Live it is 3 h at most; replay runs faster than the compaction in the background.
	headLimit = 6 * time.Hour
)

// Options say how a store keeps and answers. The zero value of each means its default.
type Options struct {
	// Retention is how long before the newest block a sample is kept; 0 is for ever.
	Retention time.Duration
	// RetentionSize bounds the bytes on disk; 0 does not. The oldest go first.
	RetentionSize int64
	// Interval is the time between samples, and between evaluations of rule groups
	// that do not say; 1m.
	Interval time.Duration
	// LateBy is how late a sample may come: rules look that far back; 1m.
	LateBy time.Duration
	// Replay says that points of the past come. Rules are then not evaluated on the
	// clock: a sample of today would make the past too old to be taken. Call Backfill
	// when all has come.
	Replay bool
	// RuleFiles are rule files of the user's own, as Prometheus reads them.
	RuleFiles []string

	// QueryTimeout bounds a query's time; 2m.
	QueryTimeout time.Duration
	// MaxSamples bounds the samples of a query in memory, 16 bytes each; 10 million.
	MaxSamples int
	// MaxConcurrency bounds the queries that run at once; the others wait; 4.
	MaxConcurrency int
	// LookbackDelta is for how long a sample without a successor is valid; 5m.
	LookbackDelta time.Duration

	// Version is darkshare's own, for status/buildinfo.
	Version    string
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

func (o *Options) defaults() {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.Interval, time.Minute)
	def(&o.LateBy, time.Minute)
	def(&o.QueryTimeout, 2*time.Minute)
	def(&o.LookbackDelta, 5*time.Minute)
	if o.MaxSamples <= 0 {
		o.MaxSamples = 10_000_000
	}
	if o.MaxConcurrency <= 0 {
		o.MaxConcurrency = 4
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// A Store is Prometheus's time series database in a directory, with its query
// engine, its rules and its HTTP API. Blocks, log and lock file are Prometheus's: a
// Prometheus server can take the directory over.
//
// A kill loses nothing that Append has returned from; a power cut loses what the
// system had not written yet (the log is not synced at each Append, as in
// Prometheus), which is the end of the log, never its middle.
type Store struct {
	dir      string
	options  Options
	logger   *slog.Logger
	registry *registerer
	lock     *tsdbutil.DirLocker
	db       *tsdb.DB
	engine   *promql.Engine
	gate     gate
	manager  *rules.Manager
	groups   []*rules.Group // with Replay
	stop     context.CancelFunc
	ruling   sync.WaitGroup
	started  time.Time

	skipped prometheus.Counter
	reserve int64

	mu     sync.Mutex // serializes Append
	newest int64      // of the blocks found at Open; 0 is none

	closed atomic.Bool
	broken atomic.Pointer[error]
}

// Open opens the store in the directory, which is made if it is missing, and starts
// its rules. Whatever is damaged, of a newer version, in use or not writable is an
// error that names the file and says what to do; then nothing has been changed. Close
// the store when done.
func Open(dir string, o Options) (_ *Store, err error) {
	o.defaults()
	logger := slog.New(quiet{o.Logger.Handler()})
	s := &Store{dir: dir, options: o, logger: logger, registry: &registerer{to: o.Registerer}, started: time.Now(), reserve: reserve}
	defer func() {
		if err != nil {
			s.close()
		}
	}()

	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("make the store's directory: %w", err)
	}
	// The lock comes first: the database itself takes it only after it has removed what
	// looks like another's unfinished work.
	if s.lock, err = tsdbutil.NewDirLocker(dir, "tsdb", logger, nil); err != nil {
		return nil, err
	}
	if err := s.lock.Lock(); err != nil {
		return nil, adviseLock(dir, err)
	}
	if s.newest, err = check(dir, logger); err != nil {
		return nil, err
	}
	if err := room(dir, s.reserve); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(filepath.Join(dir, scratch)); err != nil {
		return nil, fmt.Errorf("remove what a backfill has left: %w", err)
	}

	if s.db, err = tsdb.Open(dir, logger, s.registry.orNil(), tsdbOptions(o), nil); err != nil {
		return nil, fmt.Errorf("open the store %s: %w", dir, err)
	}
	s.skipped = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "darkshare_store_skipped_points_total",
		Help: "Points that the store has already, or that are older than what it still takes.",
	})
	if o.Registerer != nil {
		s.registry.MustRegister(s.skipped)
	}
	s.gate = newGate(o.MaxConcurrency, o.QueryTimeout)
	s.engine = newEngine(o, s.gate, logger, s.registry.orNil())
	if err := s.startRules(); err != nil {
		return nil, err
	}
	return s, nil
}

func tsdbOptions(o Options) *tsdb.Options {
	t := tsdb.DefaultOptions()
	t.RetentionDuration = o.Retention.Milliseconds()
	t.MaxBytes = o.RetentionSize
	t.NoLockfile = true // it is taken already
	t.WALSegmentSize = walSegmentSize
	t.WALCompression = compression.Snappy
	t.OutOfOrderTimeWindow = outOfOrder.Milliseconds()
	t.BlockQuerierFunc = blockQuerier
	// As the Prometheus server does: a block is deleted as a whole, so that the largest
	// must be a small part of what is kept.
	t.MaxBlockDuration = (31 * 24 * time.Hour).Milliseconds()
	if part := t.RetentionDuration / 10; part > 0 {
		t.MaxBlockDuration = max(t.MinBlockDuration, min(t.MaxBlockDuration, part))
	}
	return t
}

func newEngine(o Options, g gate, logger *slog.Logger, r prometheus.Registerer) *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		Logger:                   logger,
		Reg:                      r,
		MaxSamples:               o.MaxSamples,
		Timeout:                  o.QueryTimeout,
		LookbackDelta:            o.LookbackDelta,
		ActiveQueryTracker:       g,
		NoStepSubqueryIntervalFn: func(int64) int64 { return o.Interval.Milliseconds() },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
	})
}

// Append stores the points in one commit: all, or after an error none (but where a
// write failed halfway, which the error says, a restart may yet find them all). A point that
// its series has already, or that is older than the newest of its series or than the
// store still takes, is skipped and counted. A Series belongs to the first store that
// it was handed to.
func (s *Store) Append(points []Point) error {
	if len(points) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	if err := s.shrink(context.Background()); err != nil {
		return err
	}

	app := s.Appender(context.Background())
	app.SetOptions(&storage.AppendOptions{DiscardOutOfOrder: true})
	var skipped float64
	for i := range points {
		p := &points[i]
		ref, err := app.Append(p.Series.ref, p.Series.Labels, p.At, p.Value)
		switch {
		case err == nil:
			p.Series.ref = ref
		case tooLate(err):
			skipped++
		default:
			return errors.Join(fmt.Errorf("store a sample of %s: %w", p.Series.Labels, err), app.Rollback())
		}
	}
	if err := app.Commit(); err != nil {
		return err
	}
	s.skipped.Add(skipped)
	return nil
}

// tooLate reports whether the error says that the store has the sample or newer ones.
func tooLate(err error) bool {
	return errors.Is(err, storage.ErrOutOfOrderSample) || errors.Is(err, storage.ErrOutOfBounds) ||
		errors.Is(err, storage.ErrTooOldSample) || errors.Is(err, storage.ErrDuplicateSampleForTimestamp)
}

// shrink writes what is in memory to blocks where it spans more than headLimit.
func (s *Store) shrink(ctx context.Context) error {
	head := s.db.Head()
	if head.MaxTime() == math.MinInt64 || head.MaxTime()-head.MinTime() <= headLimit.Milliseconds() {
		return nil
	}
	if err := s.db.Compact(ctx); err != nil {
		return fmt.Errorf("write the store's samples to blocks in %s: %w", s.dir, adviseWrite(err))
	}
	return nil
}

// writable says whether a sample can be written as a whole.
func (s *Store) writable() error {
	if s.closed.Load() {
		return errors.New("the store is closed")
	}
	if err := s.broken.Load(); err != nil {
		return *err
	}
	return room(s.dir, s.reserve)
}

// Appender returns what rules and Backfill write through. It makes the store a
// storage.Appendable; points go through Append.
func (s *Store) Appender(ctx context.Context) storage.Appender {
	return appender{s.db.Appender(ctx), s}
}

// An appender commits only where there is room, and nothing more once a commit has
// failed: see reserve.
type appender struct {
	storage.Appender
	store *Store
}

func (a appender) Commit() error {
	if err := a.store.writable(); err != nil {
		return errors.Join(err, a.Rollback())
	}
	err := a.Appender.Commit()
	if err != nil {
		err = fmt.Errorf("write to the store %s: %w; nothing more is written to it until darkshare is restarted", a.store.dir, adviseWrite(err))
		a.store.broken.CompareAndSwap(nil, &err)
	}
	return err
}

// Newest is the time of the newest sample, in milliseconds since the Unix epoch; 0
// where there is none.
func (s *Store) Newest() int64 {
	newest := s.newest
	if t := s.db.Head().MaxTime(); t != math.MinInt64 {
		newest = max(newest, t)
	}
	return newest
}

// Query evaluates the expression, a vector or a scalar, at the time.
func (s *Store) Query(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	return rules.EngineQueryFunc(s.engine, s.db)(ctx, expr, at)
}

// Range evaluates the expression from start to end at each step.
func (s *Store) Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (promql.Matrix, error) {
	return s.rangeOver(ctx, s.db, expr, start, end, step)
}

func (s *Store) rangeOver(ctx context.Context, q storage.Queryable, expr string, start, end time.Time, step time.Duration) (promql.Matrix, error) {
	query, err := s.engine.NewRangeQuery(ctx, q, nil, expr, start, end, step)
	if err != nil {
		return nil, err
	}
	defer query.Close()
	matrix, err := query.Exec(ctx).Matrix()
	if err != nil {
		return nil, err
	}
	// The engine uses the points' memory again once the query is closed: that of whatever
	// the series in its own matrix have then, so the copies must not be in it.
	own := slices.Clone(matrix)
	for i := range own {
		own[i].Floats = slices.Clone(own[i].Floats)
	}
	return own, nil
}

// Close stops rules and queries and closes the store. No call of another method may
// be under way, but for requests to the Handler, which then answer that it is closed.
func (s *Store) Close() error {
	if !s.closed.CompareAndSwap(false, true) {
		return nil
	}
	return s.close()
}

func (s *Store) close() error {
	if s.stop != nil {
		s.stop()
		s.manager.Stop()
		s.ruling.Wait()
	}
	var errs []error
	if s.engine != nil {
		errs = append(errs, s.engine.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Release())
	}
	s.registry.unregister()
	return errors.Join(errs...)
}
