package stream

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// throttleEvery is how often the same complaint is repeated.
	throttleEvery = time.Minute
	// throttleKeys bounds the complaints that are remembered.
	throttleKeys = 1024
)

// A throttle logs each complaint at once, then once a minute while it lasts, and
// says when it is over.
type throttle struct {
	log  *slog.Logger
	mu   sync.Mutex
	seen map[string]complaint
}

type complaint struct {
	logged     time.Time
	suppressed int
}

func newThrottle(log *slog.Logger) *throttle {
	return &throttle{log: log, seen: map[string]complaint{}}
}

func (t *throttle) error(key, msg string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, known := t.seen[key]
	now := time.Now()
	if known && now.Sub(c.logged) < throttleEvery {
		c.suppressed++
		t.seen[key] = c
		return
	}
	if !known && len(t.seen) >= throttleKeys {
		clear(t.seen)
	}
	t.seen[key] = complaint{logged: now}
	if c.suppressed > 0 {
		args = append(args, "suppressed", c.suppressed)
	}
	t.log.Error(msg, args...)
}

// once logs the message only the first time.
func (t *throttle) once(key, msg string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key = "once " + key
	if _, known := t.seen[key]; known {
		return
	}
	if len(t.seen) >= throttleKeys {
		clear(t.seen)
	}
	t.seen[key] = complaint{logged: time.Now()}
	t.log.Warn(msg, args...)
}

// recovered ends a complaint, and says so where there was one.
func (t *throttle) recovered(key, msg string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.seen[key]; known {
		delete(t.seen, key)
		t.log.Info(msg, args...)
	}
}
