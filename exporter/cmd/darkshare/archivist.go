package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/darkshare/darkshare/exporter/config"
	"github.com/darkshare/darkshare/exporter/history"
	"github.com/darkshare/darkshare/exporter/schema"
)

const (
	// mostUnstored is how much of the log's time is kept in memory while the state or
	// the store cannot be written, in milliseconds.
	mostUnstored = int64(6 * time.Hour / time.Millisecond)
	// recent is how old samples may be that what the process says of itself joins.
	recent = 5 * time.Minute
)

// An archivist gives the store the samples that the engine has taken, once the state
// has them, too: what is in the store is never counted again.
type archivist struct {
	store    *history.Store
	recorder *history.Recorder
	registry *prometheus.Registry
	log      *slog.Logger
	started  time.Time

	gathered   history.Gathered
	waiting    []*history.Batch
	newest     atomic.Int64 // in milliseconds
	failures   atomic.Uint64
	lost       atomic.Uint64
	complained time.Time
	failing    bool

	stop    context.CancelFunc
	running sync.WaitGroup
}

// openArchivist opens the store of a configuration. head is what the state says of it.
func openArchivist(c config.Store, head history.Head, recorder *history.Recorder, registry *prometheus.Registry, log *slog.Logger) (*archivist, error) {
	if err := history.AdoptBlock(c.Dir, head.Block); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	store, err := history.Open(c.Dir, history.Options{
		Retention: time.Duration(c.RetentionDays) * 24 * time.Hour, RetentionSize: int64(c.RetentionBytes),
		Interval: c.Interval, RuleFiles: c.RuleFiles,
		QueryTimeout: c.QueryTimeout, MaxSamples: c.QuerySamples, MaxConcurrency: c.Queries,
		Version: version, Logger: log, Registerer: registry,
	})
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return &archivist{store: store, recorder: recorder, registry: registry, log: log, started: time.Now()}, nil
}

// newRecorder returns a recorder for a store that is live.
func newRecorder(c config.Store) *history.Recorder {
	return history.NewRecorder(c.Interval, labels.EmptyLabels(), false)
}

// stateOf makes the directory of a store, and returns the path of the state in it.
func stateOf(c config.Store) (string, error) {
	if err := os.MkdirAll(c.Dir, 0o777); err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	return filepath.Join(c.Dir, history.StateFile), nil
}

// complete gives what replay has put into the store what the rules make of it, beside
// all else.
func (a *archivist) complete() {
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.running.Go(func() {
		begun := time.Now()
		if err := a.store.Complete(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("what the recording rules make of the past is not whole; trying again at the next start", "err", err)
		} else if took := time.Since(begun); took > time.Second {
			a.log.Info("the recording rules have been evaluated over the past", "took", took)
		}
	})
}

// close ends the store.
func (a *archivist) close() {
	if a.stop != nil {
		a.stop()
		a.running.Wait()
	}
	if err := a.store.Close(); err != nil {
		a.log.Error("the store was not closed as it should be; it is looked through at the next start", "err", err)
	}
}

// take takes what was sampled before the last checkpoint. It belongs to the goroutine
// that saves, as append and bound do.
func (a *archivist) take() {
	if b := a.recorder.Take(); b != nil {
		a.waiting = append(a.waiting, b)
	}
}

// append stores what was taken, once the state is saved, with what the process says of
// itself now.
func (a *archivist) append(families []schema.Family) {
	if len(a.waiting) == 0 {
		return
	}
	now := time.Now()
	for len(a.waiting) > 0 {
		if err := a.put(a.waiting[0]); err != nil {
			a.failures.Add(1)
			if !a.failing || now.Sub(a.complained) > complainEvery {
				a.complained = now
				a.log.Error("the store cannot be written, trying on", "err", err)
			}
			a.failing = true
			a.bound()
			return
		}
		a.waiting = a.waiting[1:]
	}
	if a.failing {
		a.failing = false
		a.log.Info("the store is written again")
	}
	if at := a.newest.Load(); now.Sub(time.UnixMilli(at)) < recent {
		mfs, _ := a.registry.Gather() // what cannot be gathered is not there
		if err := a.store.Append(a.gathered.Points(at, mfs, families)); err != nil {
			a.failures.Add(1)
		}
	}
}

func (a *archivist) put(b *history.Batch) error {
	for points := range b.Points() {
		if err := a.store.Append(points); err != nil {
			return err
		}
		a.newest.Store(points[0].At)
	}
	return nil
}

// bound drops the newest batch where nothing could be stored for long: one is kept, which
// has hours at once where a log is read late.
func (a *archivist) bound() {
	if len(a.waiting) < 2 {
		return
	}
	first, _ := a.waiting[0].Range()
	last := a.waiting[len(a.waiting)-1]
	if _, until := last.Range(); until-first > mostUnstored {
		a.lost.Add(last.Samples())
		a.waiting = a.waiting[:len(a.waiting)-1]
	}
}

// families says how the store is.
func (a *archivist) families() []schema.Family {
	newest := schema.Family{Metric: schema.StoreNewest}
	newest.Add(float64(a.newest.Load())/1e3, time.Time{})
	failed := schema.Family{Metric: schema.StoreErrors}
	failed.Add(float64(a.failures.Load()), a.started)
	lost := schema.Family{Metric: schema.StoreDropped}
	lost.Add(float64(a.lost.Load()), a.started)
	return []schema.Family{newest, failed, lost}
}
