package overview

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestReloads has many reloads ask the store once.
func TestReloads(t *testing.T) {
	w := aWorld().run(t, 2*day)
	h := New(w.options())
	get(t, h, "/?range=24h")
	first := w.queries
	if first == 0 {
		t.Fatal("the store was not asked")
	}
	for range 50 {
		get(t, h, "/?range=24h&lang=fr&x=y")
	}
	if w.queries != first {
		t.Errorf("%d queries for 50 reloads", w.queries-first)
	}
	get(t, h, "/?range=7d&site=nobody")
	get(t, h, "/?range=7d&site=somebody")
	if w.queries != 2*first-1 { // the index is kept
		t.Errorf("%d queries for two more pages, want %d", w.queries-first, first-1)
	}
}

func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cache[int]{timeout: 20 * time.Second}
		var calls atomic.Int64
		answer := func(takes time.Duration) func(context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				n := int(calls.Add(1))
				select {
				case <-time.After(takes):
					return n, nil
				case <-ctx.Done():
					return 0, ctx.Err()
				}
			}
		}
		ask := func(ctx context.Context, key string, takes time.Duration) (int, error) {
			return c.get(ctx, key, answer(takes))
		}
		ctx := t.Context()

		// Those who ask together get the same answer.
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if v, err := ask(ctx, "a", time.Second); v != 1 || err != nil {
					t.Error(v, err)
				}
			})
		}
		wg.Wait()
		// What took a second is kept for ten, what took nothing for five.
		for _, s := range []struct {
			key   string
			after time.Duration
			want  int
		}{
			{"a", 9 * time.Second, 1}, {"a", 2 * time.Second, 2}, {"a", 4 * time.Second, 2}, {"a", 2 * time.Second, 3}, {"b", 0, 4}, {"a", 0, 3},
		} {
			time.Sleep(s.after)
			if v, err := ask(ctx, s.key, 0); v != s.want || err != nil {
				t.Errorf("%s after %s: %d %v, want %d", s.key, s.after, v, err, s.want)
			}
		}
		// What takes too long is an error, which is kept, too.
		begin := time.Now()
		for range 3 {
			if _, err := ask(ctx, "slow", time.Hour); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}
		if took := time.Since(begin); took != 20*time.Second {
			t.Error("took", took)
		}
		// One who leaves does not take the answer away from who asks next.
		gone, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, err := ask(gone, "left", 2*time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		before := int(calls.Load())
		if v, err := ask(ctx, "left", 2*time.Second); v != before || err != nil {
			t.Error(v, err)
		}
		for i := range 1000 {
			if _, err := ask(ctx, strconv.Itoa(i), 0); err != nil || len(c.kept) > mostKept {
				t.Fatal(len(c.kept), err)
			}
		}
	})
}
