//go:build unix

package stream

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// withStdin makes the reading end standard input for the test.
func withStdin(t *testing.T, r *os.File) {
	old := os.Stdin
	os.Stdin = r
	t.Cleanup(func() { os.Stdin = old; r.Close() })
}

// blockingPipe is a pipe as a shell hands it on: without deadlines.
func blockingPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	var fds [2]int
	ok(t, syscall.Pipe(fds[:]))
	return os.NewFile(uintptr(fds[0]), "stdin"), os.NewFile(uintptr(fds[1]), "writer")
}

func TestPipeStdin(t *testing.T) {
	for name, pipe := range map[string]func(*testing.T) (r, w *os.File){
		"blocking": blockingPipe,
		"nonblocking": func(t *testing.T) (r, w *os.File) {
			r, w, err := os.Pipe()
			ok(t, err)
			return r, w
		},
	} {
		t.Run(name+", as it comes, to its end", func(t *testing.T) {
			in, w := pipe(t)
			withStdin(t, in)
			s := Pipe("-", Options{})
			out := make(chan *Block)
			done := make(chan error, 1)
			go func() { done <- s.Run(t.Context(), out) }()
			for _, c := range []struct{ write, want string }{
				{"one\n", "one\n"}, {"two\nthr", "two\n"}, {"ee\n\n", "three\n\n"},
			} {
				_, err := w.WriteString(c.write)
				ok(t, err)
				b := <-out
				if string(b.Data) != c.want || b.Name != "-" {
					t.Fatalf("after %q came %q from %q, want %q", c.write, b.Data, b.Name, c.want)
				}
				b.Release()
			}
			_, err := w.WriteString("end")
			ok(t, err)
			ok(t, w.Close())
			if b := <-out; string(b.Data) != "end" {
				t.Fatalf("at the end came %q", b.Data)
			}
			ok(t, <-done)
		})
		t.Run(name+", until ctx ends", func(t *testing.T) {
			in, w := pipe(t)
			defer w.Close()
			withStdin(t, in)
			r := receive(t, Pipe("-", Options{}), 0)
			time.Sleep(20 * time.Millisecond) // it waits in the read by now
			r.stop()
		})
		t.Run(name+", as a whole file", func(t *testing.T) {
			in, w := pipe(t)
			withStdin(t, in)
			go func() {
				w.WriteString(gz(t, numbered(0, 10_000)))
				w.Close()
			}()
			got, err := collect(t, Files([]string{"-"}, ReadOptions{}))
			ok(t, err)
			if got != numbered(0, 10_000) {
				t.Errorf("got %d bytes", len(got))
			}
		})
	}
}

// What was read of a stream is nowhere else any more: it must come, however late
// it is taken.
func TestStreamsEndWithoutLoss(t *testing.T) {
	const lines = 50_000
	for name, source := range map[string]func(t *testing.T, in *os.File) Source{
		"standard input": func(t *testing.T, in *os.File) Source {
			withStdin(t, in)
			return Pipe("-", Options{Blocks: 2})
		},
		"a reader": func(t *testing.T, in *os.File) Source {
			t.Cleanup(func() { in.Close() })
			return Reader(in, Options{Blocks: 2})
		},
	} {
		t.Run(name, func(t *testing.T) {
			in, w, err := os.Pipe()
			ok(t, err)
			s := source(t, in)
			ctx, cancel := context.WithCancel(t.Context())
			out, done := make(chan *Block), make(chan error, 1)
			go func() { done <- s.Run(ctx, out); close(out) }()
			text := numbered(0, lines)
			go func() { w.WriteString(text) }()
			// Nobody takes the blocks: it stops where it has read some and waits.
			var read int64
			eventually(t, func() string {
				before := read
				if read = s.Stats().Bytes(); read == 0 || read != before {
					return "it goes on reading"
				}
				return ""
			})
			cancel()
			time.Sleep(50 * time.Millisecond)
			var got strings.Builder
			for b := range out {
				got.Write(b.Data)
				b.Release()
			}
			ok(t, errIs(<-done, context.Canceled))
			w.Close() // which ends the writing
			if got.String() != text[:got.Len()] || int64(got.Len()) != s.Stats().Bytes() {
				t.Errorf("got %d bytes of %d read", got.Len(), s.Stats().Bytes())
			}
		})
	}
	t.Run("nobody takes it", func(t *testing.T) {
		in, w, err := os.Pipe()
		ok(t, err)
		defer w.Close()
		withStdin(t, in)
		_, err = w.WriteString("one\ntwo\nthree\nunfini")
		ok(t, err)
		s := Pipe("-", Options{grace: 20 * time.Millisecond})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx, make(chan *Block)) }()
		eventually(t, func() string {
			if s.Stats().Bytes() == 0 {
				return "nothing read"
			}
			return ""
		})
		cancel()
		ok(t, errIs(<-done, context.Canceled))
		if n := s.Stats().Dropped(DropShutdown); n != 4 {
			t.Errorf("%d lines counted as dropped, want 4: the unfinished one is one", n)
		}
	})
}

func TestPipeFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	var log logBuffer
	s := Pipe(path, Options{Logger: log.logger()})
	r := receive(t, s, 0)
	eventually(t, func() string {
		if s.Stats().LastError() == "" {
			return "no error although the FIFO is missing"
		}
		return ""
	})
	up := func(want bool) {
		t.Helper()
		eventually(t, func() string {
			if s.Stats().Up() != want {
				return "up is not as it should be"
			}
			return ""
		})
	}
	mkfifo := func() {
		t.Helper()
		ok(t, syscall.Mkfifo(path, 0o600))
	}
	up(false)
	mkfifo()
	if !IsPipe(path) || !IsPipe("-") || IsPipe(t.TempDir()) || IsPipe(path+"missing") {
		t.Error("IsPipe does not know a FIFO")
	}
	up(true)
	appendTo(t, path, "first writer\nunfinished")
	r.want("first writer", "unfinished")
	appendTo(t, path, "second writer\n")
	r.want("first writer", "unfinished", "second writer")
	ok(t, os.Remove(path))
	up(false)
	mkfifo()
	up(true)
	appendTo(t, path, "new FIFO\n")
	r.want("first writer", "unfinished", "second writer", "new FIFO")
	ok(t, os.Remove(path))
	write(t, path, "a file\n")
	up(false)
	r.never(250 * time.Millisecond)
}
