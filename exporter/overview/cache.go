package overview

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// leastKept is how long an answer is kept at least.
	leastKept = 5 * time.Second
	// costKept is how many times as long as it took an answer is kept: reloads cost
	// a tenth of one core at most, however long the store's answers take.
	costKept = 10
	// mostKept bounds the answers: 3 ranges of the sites that are looked at.
	mostKept = 64
)

// A cache keeps answers for some seconds. Whoever asks while an answer is on its way
// waits for that one. The zero value, with a timeout, is empty.
type cache[V any] struct {
	// timeout is what one answer may take.
	timeout time.Duration

	flights singleflight.Group
	mu      sync.Mutex
	kept    map[string]kept[V]
}

type kept[V any] struct {
	value V
	err   error
	until time.Time
}

// get returns the answer of that key, by fresh where none is kept. An answer once
// begun goes on when ctx ends, for those who ask next. Errors are kept, too.
func (c *cache[V]) get(ctx context.Context, key string, fresh func(context.Context) (V, error)) (none V, err error) {
	if k, ok := c.look(key); ok {
		return k.value, k.err
	}
	done := c.flights.DoChan(key, func() (any, error) {
		begin := time.Now()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timeout)
		defer cancel()
		v, err := fresh(ctx)
		now := time.Now()
		c.keep(key, kept[V]{v, err, now.Add(max(leastKept, costKept*now.Sub(begin)))})
		return v, err
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return none, r.Err
		}
		return r.Val.(V), nil
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

func (c *cache[V]) look(key string) (kept[V], bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.kept[key]
	return k, ok && time.Now().Before(k.until)
}

func (c *cache[V]) keep(key string, k kept[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || len(c.kept) >= mostKept {
		c.kept = map[string]kept[V]{}
	}
	c.kept[key] = k
}
