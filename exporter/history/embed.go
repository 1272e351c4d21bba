package history

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A gate lets so many queries run at once and has the others wait, but not for ever.
// It is the engine's query tracker without the file in which Prometheus notes the
// queries that a crash has ended.
type gate struct {
	places chan struct{}
	// wait bounds the wait: the engine's own timeout begins only after it.
	wait time.Duration
}

func newGate(places int, wait time.Duration) gate {
	return gate{make(chan struct{}, places), wait}
}

func (g gate) GetMaxConcurrent() int { return cap(g.places) }

func (g gate) Insert(ctx context.Context, _ string) (int, error) {
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case g.places <- struct{}{}:
		return 0, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-timer.C:
		return 0, fmt.Errorf("%d queries run already, and none has ended in %v", cap(g.places), g.wait)
	}
}

func (g gate) Delete(int) { <-g.places }

func (g gate) Close() error { return nil }

// quiet hands on as debug what Prometheus's libraries log as info: each block that
// they write, each rule group that they load. So it does with what they warn of
// where rules were evaluated over the past: their blocks lie over the others.
type quiet struct{ to slog.Handler }

func (q quiet) level(l slog.Level) slog.Level {
	if l == slog.LevelInfo {
		return slog.LevelDebug
	}
	return l
}

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return q.to.Enabled(ctx, q.level(l))
}

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	r.Level = q.level(r.Level)
	if strings.HasPrefix(r.Message, "Overlapping blocks found") {
		r.Level = slog.LevelDebug
	}
	if !q.to.Enabled(ctx, r.Level) {
		return nil
	}
	return q.to.Handle(ctx, r)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.to.WithAttrs(attrs)} }

func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.to.WithGroup(name)} }

// A registerer remembers what was registered, so that a store that is closed, or
// could not be opened, leaves nothing behind.
type registerer struct {
	to prometheus.Registerer

	mu   sync.Mutex
	have []prometheus.Collector
}

// orNil returns nil where there is nothing to register with: the libraries ask that.
func (r *registerer) orNil() prometheus.Registerer {
	if r.to == nil {
		return nil
	}
	return r
}

func (r *registerer) Register(c prometheus.Collector) error {
	err := r.to.Register(c)
	if err == nil {
		r.mu.Lock()
		r.have = append(r.have, c)
		r.mu.Unlock()
	}
	return err
}

func (r *registerer) MustRegister(cs ...prometheus.Collector) {
	for _, c := range cs {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

func (r *registerer) Unregister(c prometheus.Collector) bool { return r.to.Unregister(c) }

func (r *registerer) unregister() {
	for _, c := range r.have {
		r.to.Unregister(c)
	}
	r.have = nil
}
