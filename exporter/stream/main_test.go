package stream

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collect runs a source to its end and returns the lines of its blocks, as one text.
func collect(t testing.TB, s Source) (string, error) {
	t.Helper()
	out := make(chan *Block)
	var text strings.Builder
	done := make(chan struct{})
	go func() {
		defer close(done)
		for b := range out {
			text.Write(b.Data)
			// The receiver may rewrite the data: what comes next must not depend on it.
			for i := range b.Data {
				b.Data[i] = '!'
			}
			b.Release()
		}
	}()
	err := s.Run(t.Context(), out)
	close(out)
	<-done
	return text.String(), err
}

// A receiver takes the blocks of a source that runs in the background.
type receiver struct {
	t      testing.TB
	s      Source
	cancel context.CancelFunc
	done   chan error

	mu    sync.Mutex
	seen  map[string]int
	order []string
	total int
}

func receive(t testing.TB, s Source, delay time.Duration) *receiver {
	ctx, cancel := context.WithCancel(t.Context())
	r := &receiver{t: t, s: s, cancel: cancel, done: make(chan error, 1), seen: map[string]int{}}
	out := make(chan *Block, 1)
	go func() {
		r.done <- s.Run(ctx, out)
		close(out)
	}()
	var wg sync.WaitGroup
	wg.Go(func() {
		for b := range out {
			r.mu.Lock()
			for line := range bytes.Lines(b.Data) {
				l := string(bytes.TrimSuffix(line, []byte("\n")))
				r.seen[l]++
				r.total++
				r.order = append(r.order, l)
			}
			r.mu.Unlock()
			b.Release()
			time.Sleep(delay)
		}
	})
	t.Cleanup(func() { r.stop(); wg.Wait() })
	return r
}

func (r *receiver) stop() {
	if r.cancel == nil {
		return
	}
	r.cancel()
	if err := <-r.done; err != context.Canceled {
		r.t.Errorf("Run returned %v, want context.Canceled", err)
	}
	r.cancel = nil
}

func (r *receiver) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.order...)
}

// want waits until exactly these lines have come, in this order.
func (r *receiver) want(lines ...string) {
	r.t.Helper()
	want := strings.Join(lines, "|")
	eventually(r.t, func() string {
		if got := strings.Join(r.lines(), "|"); got != want {
			return fmt.Sprintf("got lines %.300q, want %.300q", got, want)
		}
		return ""
	})
}

// never makes sure that nothing more comes for a while.
func (r *receiver) never(d time.Duration) {
	r.t.Helper()
	before := len(r.lines())
	time.Sleep(d)
	if after := r.lines(); len(after) != before {
		r.t.Fatalf("unexpected lines %q", after[before:])
	}
}

// eventually waits until check has no complaint.
func eventually(t testing.TB, check func() string) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		complaint := check()
		if complaint == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(complaint)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	ok(t, os.WriteFile(path, []byte(text), 0o644))
}

func appendTo(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	ok(t, err)
	_, err = f.WriteString(text)
	ok(t, err)
	ok(t, f.Close())
}

// A logBuffer is a logger's output that is safe to read while it grows.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
