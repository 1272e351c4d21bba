// Package streamtest is what the tests of receivers have in common.
package streamtest

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/stream"
)

// A Sink counts the lines of a source that runs in the background, in the place
// of the pipeline.
type Sink struct {
	t      testing.TB
	cancel context.CancelFunc
	ended  chan struct{}
	err    error

	gate sync.RWMutex // held while the counting stands still

	mu    sync.Mutex
	n     int
	seen  map[string]int
	lines []string
}

// Options say what a Sink keeps.
type Options struct {
	// CountOnly keeps no lines, for tests of speed.
	CountOnly bool
}

// Run runs the source until the test ends or Stop is called.
func Run(t testing.TB, s stream.Source, o Options) *Sink {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	k := &Sink{t: t, cancel: cancel, ended: make(chan struct{}), seen: map[string]int{}}
	out := make(chan *stream.Block, 1)
	var source sync.WaitGroup
	source.Go(func() {
		k.err = s.Run(ctx, out)
		close(out)
	})
	go func() {
		defer close(k.ended)
		for b := range out {
			k.gate.RLock()
			k.count(b, o)
			k.gate.RUnlock()
			b.Release()
		}
		source.Wait()
	}()
	t.Cleanup(func() { k.Stop() })
	return k
}

func (k *Sink) count(b *stream.Block, o Options) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if o.CountOnly {
		k.n += bytes.Count(b.Data, []byte("\n"))
		return
	}
	for line := range bytes.Lines(b.Data) {
		l := string(bytes.TrimSuffix(line, []byte("\n")))
		k.n++
		k.seen[l]++
		k.lines = append(k.lines, l)
	}
}

// Pause lets nothing be counted until Resume.
func (k *Sink) Pause() { k.gate.Lock() }

// Resume ends a Pause.
func (k *Sink) Resume() { k.gate.Unlock() }

// Stop ends the source, waits for its last block, and returns Run's error.
func (k *Sink) Stop() error {
	k.cancel()
	select {
	case <-k.ended:
	case <-time.After(20 * time.Second):
		k.t.Error("the source does not end")
	}
	return k.err
}

// Len returns how many lines have come.
func (k *Sink) Len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.n
}

// Lines returns the lines in the order in which they came.
func (k *Sink) Lines() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.lines...)
}

// Twice returns how many lines came more than once.
func (k *Sink) Twice() (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, times := range k.seen {
		n += times - 1
	}
	return n
}

// Different returns how many different lines came.
func (k *Sink) Different() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.seen)
}

// Eventually waits until check has no complaint.
func Eventually(t testing.TB, check func() string) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		complaint := check()
		if complaint == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(complaint)
		}
	}
}

// A Log is a logger's output that may be read while it grows.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Logger returns a logger that writes to l.
func (l *Log) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
