package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/darkshare/darkshare/exporter/config"
	"github.com/darkshare/darkshare/exporter/history"
	"github.com/darkshare/darkshare/exporter/pipeline"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/state"
)

const (
	// slowSave is from when on a save is worth a warning, saveTimeout from when on a
	// scrape is answered without it. Prometheus waits ten seconds.
	slowSave    = time.Second
	saveTimeout = 3 * time.Second
	// complainEvery is how often the same trouble is logged.
	complainEvery = time.Minute
)

// A keeper keeps what the engine counts in the state file, and shows the world
// nothing that is not there: a counter that went down after a kill would be taken
// for a reset, and counted from zero once more.
//
// A scrape waits for a checkpoint that begins after it, and answers with that.
// Those that come while one is being written share the next, so that there are two
// at most however many scrape. Where the file cannot be written, or not soon, they
// are answered all the same.
type keeper struct {
	file   *state.File
	engine *pipeline.Engine
	log    *slog.Logger
	// shown is package metrics' memory, which goes with the counters.
	shown   *atomic.Int64
	started time.Time
	// head is what the file said before the engine's state.
	head history.Head
	// archivist is nil where there is no store.
	archivist *archivist

	saved    atomic.Int64 // Unix time in nanoseconds
	failures atomic.Uint64
	unread   uint64 // state files that could not be taken up

	wake chan struct{}
	mu   sync.Mutex
	next *round // nil where nobody waits
	over bool

	stop    context.CancelFunc
	running sync.WaitGroup

	// What follows belongs to the goroutine that saves.
	encoder    state.Encoder
	complained time.Time
	failing    bool
}

// A round is one checkpoint and those who wait for it.
type round struct {
	done     chan struct{}
	families []schema.Family
	err      error // of the file
}

// openKeeper returns a keeper, and an engine with the state that the file has. A file
// that cannot be read is an error; one that makes no sense is set aside.
func openKeeper(c config.State, o pipeline.Options, shown *atomic.Int64) (*keeper, *pipeline.Engine, error) {
	file, err := state.Open(c.File)
	if err != nil {
		return nil, nil, fmt.Errorf("state: %w", err)
	}
	k := &keeper{file: file, log: o.Log, shown: shown, started: time.Now(), wake: make(chan struct{}, 1)}
	k.engine, err = k.load(o)
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return k, k.engine, nil
}

func (k *keeper) load(o pipeline.Options) (*pipeline.Engine, error) {
	data, err := k.file.Load()
	aside, advice := "corrupt", "look whether the disk is sound"
	switch {
	case err == nil:
		o.State = state.NewDecoder(data)
		head := history.RestoreHead(o.State)
		var engine *pipeline.Engine
		if engine, err = pipeline.New(o); err == nil {
			k.head = head
			k.shown.Store(head.Shown)
			return engine, nil
		}
		if !errors.Is(err, pipeline.ErrState) {
			return nil, err
		}
	case errors.Is(err, state.ErrOlder):
		aside, advice = "older", "to keep the counts, end this darkshare, give the file its name again and start the version that wrote it: the changelog says which one takes them up"
	case errors.Is(err, state.ErrNewer):
		aside, advice = "newer", "to keep the counts, end this darkshare, give the file its name again and start the version that wrote it"
	case errors.Is(err, state.ErrCorrupt):
	case errors.Is(err, fs.ErrNotExist):
		o.State = nil
		return pipeline.New(o)
	default:
		return nil, fmt.Errorf("state: %w", err)
	}
	k.unread++
	name, asideErr := k.file.SetAside(aside)
	if asideErr != nil {
		return nil, fmt.Errorf("state: %w; and it cannot be set aside: %w", err, asideErr)
	}
	k.log.Error("the state file cannot be taken up and was set aside: counts begin at zero, and files where start_at says", "err", err, "kept_as", name, "advice", advice)
	o.State = nil
	return pipeline.New(o)
}

// start begins to save, at that interval and whenever somebody asks.
func (k *keeper) start(interval time.Duration) {
	ctx, stop := context.WithCancel(context.Background())
	k.stop = stop
	k.running.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				k.finish()
				return
			case <-k.wake:
			case <-tick.C:
			}
			k.round(ctx)
		}
	})
}

// close ends the saving and gives the file to others.
func (k *keeper) close() {
	k.stop()
	k.running.Wait()
	if k.archivist != nil {
		k.archivist.close()
	}
	k.file.Close()
}

// finish lets go who waits when there are no more rounds.
func (k *keeper) finish() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.over = true
	if k.next != nil {
		close(k.next.done)
		k.next = nil
	}
}

// ask asks for a checkpoint that begins now, nil where there are none any more.
func (k *keeper) ask() *round {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.over {
		return nil
	}
	if k.next == nil {
		k.next = &round{done: make(chan struct{}), err: errNotSaved}
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
	return k.next
}

var errNotSaved = errors.New("darkshare is ending")

// store waits until a checkpoint that begins now is in the file.
func (k *keeper) store(ctx context.Context) error {
	r := k.ask()
	if r == nil {
		return errNotSaved
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// save waits for a checkpoint that begins now.
func (k *keeper) save() (families []schema.Family) {
	r := k.ask()
	if r == nil {
		return nil
	}
	patience := time.NewTimer(saveTimeout)
	defer patience.Stop()
	select {
	case <-r.done:
		return r.families
	case <-patience.C:
		return nil
	}
}

// snapshot returns every series, as the state file has them if it can.
func (k *keeper) snapshot() []schema.Family {
	families := k.save()
	if families == nil {
		families = k.engine.Snapshot()
	}
	return append(families[:len(families):len(families)], k.families()...)
}

// families says how the state and the store are.
func (k *keeper) families() []schema.Family {
	saved := schema.Family{Metric: schema.StateSaved}
	saved.Add(float64(k.saved.Load())/float64(time.Second), time.Time{})
	failed := schema.Family{Metric: schema.StateSaveErrors}
	failed.Add(float64(k.failures.Load()), k.started)
	unread := schema.Family{Metric: schema.StateLoadErrors}
	unread.Add(float64(k.unread), k.started)
	families := []schema.Family{saved, failed, unread}
	if k.archivist != nil {
		families = append(families, k.archivist.families()...)
	}
	return families
}

// round takes a checkpoint and stores it.
func (k *keeper) round(ctx context.Context) {
	k.mu.Lock()
	r := k.next
	k.next = nil
	k.mu.Unlock()

	k.encoder.Data = k.encoder.Data[:0]
	history.Head{Shown: k.shown.Load()}.Save(&k.encoder)
	families, err := k.engine.Checkpoint(ctx, &k.encoder, 0)
	if err == nil {
		err = k.write()
	}
	if r != nil {
		r.families, r.err = families, err
		close(r.done)
	}
	if k.archivist == nil {
		return
	}
	k.archivist.take()
	if err != nil {
		k.archivist.bound()
		return
	}
	// Nobody waits for the store, which may be busy with its own.
	k.archivist.append(append(k.families(), buildInfo()))
}

// write stores the checkpoint, and complains where it cannot.
func (k *keeper) write() error {
	begun := time.Now()
	err := k.file.Save(k.encoder.Data)
	took := time.Since(begun)
	now := time.Now()
	quiet := now.Sub(k.complained) < complainEvery
	switch {
	case err != nil:
		k.failures.Add(1)
		if !quiet || !k.failing {
			k.complained = now
			k.log.Error("the state cannot be kept, trying on: until it can, a kill makes counters go back to when it could", "err", err)
		}
		k.failing = true
		return err
	case k.failing:
		k.failing, k.complained = false, time.Time{}
		k.log.Info("the state is kept again")
	case took > slowSave && !quiet:
		k.complained = now
		k.log.Warn("the disk of the state file is slow, and scrapes wait for it", "took", took, "bytes", len(k.encoder.Data))
	}
	k.saved.Store(now.UnixNano())
	return nil
}
