package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// pipeRetry is how often a FIFO is looked at that has no writer or is missing.
const pipeRetry = 100 * time.Millisecond

// IsPipe reports whether Pipe rather than Follow reads the path: "-", a FIFO or
// another stream.
func IsPipe(path string) bool {
	if path == "-" {
		return true
	}
	fi, err := os.Stat(path)
	return err == nil && !fi.IsDir() && !fi.Mode().IsRegular()
}

// Pipe reads lines as they come from standard input ("-"), which ends, or from a
// FIFO, which does not: it waits for its next writer, and for the FIFO itself
// where it is missing. A line that a writer left unfinished counts as a line.
func Pipe(path string, o Options) Source {
	o.setDefaults()
	return &pipe{path: path, o: o, pool: newPool(&o), log: newThrottle(o.Logger)}
}

type pipe struct {
	path  string
	o     Options
	pool  *pool
	stats Stats
	log   *throttle
}

func (s *pipe) Stats() *Stats { return &s.stats }

func (s *pipe) Run(ctx context.Context, out chan<- *Block) error {
	defer s.stats.up.Store(false)
	if s.path == "-" {
		s.stats.up.Store(true)
		err := s.stream(ctx, os.Stdin, out)
		if err != nil && ctx.Err() == nil {
			err = explainRead("standard input", err)
			s.stats.fail(err)
		}
		return err
	}
	for {
		if err := s.fifo(ctx, out); err != nil && ctx.Err() == nil {
			s.stats.fail(err)
			s.log.error(s.path, "cannot read the FIFO; trying on", "path", s.path, "err", err,
				"advice", "create it with mkfifo and let darkshare's user read it")
		}
		if err := sleep(ctx, pipeRetry); err != nil {
			return err
		}
	}
}

// fifo reads a FIFO until it is no longer the one that its path names.
func (s *pipe) fifo(ctx context.Context, out chan<- *Block) error {
	fi, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	if fi.Mode().IsRegular() || fi.IsDir() {
		return fmt.Errorf("%s is no FIFO but a %s", s.path, kindOf(fi))
	}
	// Without nonblocking the open itself would wait for a writer.
	f, err := os.OpenFile(s.path, os.O_RDONLY|nonblocking, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	opened, err := f.Stat()
	if err != nil {
		return err
	}
	s.stats.up.Store(true)
	s.log.recovered(s.path, "the FIFO can be read again", "path", s.path)
	for {
		if err := s.stream(ctx, f, out); err != nil {
			return err
		}
		if err := sleep(ctx, pipeRetry); err != nil {
			return err
		}
		if now, err := os.Stat(s.path); err != nil || !os.SameFile(now, opened) {
			return err
		}
	}
}

// stream reads until the last writer goes.
func (s *pipe) stream(ctx context.Context, f *os.File, out chan<- *Block) error {
	in, stop := interruptible(ctx, f)
	defer stop()
	return pumpLive(ctx, in, s.path, &s.o, s.pool, &s.stats, out)
}

func kindOf(fi os.FileInfo) string {
	if fi.IsDir() {
		return "directory"
	}
	return "regular file"
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// interruptible returns a reader of f that ends when ctx does, even while it
// waits for data; stop undoes what it did to f.
func interruptible(ctx context.Context, f *os.File) (r io.Reader, stop func()) {
	if fi, err := f.Stat(); err == nil && fi.Mode().IsRegular() {
		return f, func() {}
	}
	if f.SetReadDeadline(time.Time{}) != nil {
		// An inherited standard input mostly has no deadlines, and to make it
		// non-blocking would do so for every process that has it.
		return &pollReader{ctx: ctx, f: f}, func() {}
	}
	cancel := context.AfterFunc(ctx, func() { f.SetReadDeadline(time.Unix(1, 0)) })
	return &deadlineReader{ctx: ctx, f: f}, func() {
		if !cancel() {
			f.SetReadDeadline(time.Time{})
		}
	}
}

type deadlineReader struct {
	ctx context.Context
	f   *os.File
}

func (r *deadlineReader) Read(p []byte) (int, error) {
	n, err := r.f.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = r.ctx.Err()
	}
	return n, err
}

// pollInterval is how late a pollReader may notice the end of its context.
const pollInterval = 200 * time.Millisecond

type pollReader struct {
	ctx context.Context
	f   *os.File
}

func (r *pollReader) Read(p []byte) (int, error) {
	for {
		if err := r.ctx.Err(); err != nil {
			return 0, err
		}
		if ready, err := readable(r.f, pollInterval); err != nil {
			return 0, err
		} else if ready {
			return r.f.Read(p)
		}
	}
}
