package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// ReadOptions are the options of Files.
type ReadOptions struct {
	Options
	// Progress, where set, is told after every block, in the goroutine of Run,
	// how many bytes of the files were read (compressed ones as they are on the
	// disk) and how many there are in total, 0 where a pipe is among them.
	Progress func(read, total int64)
}

// Files reads whole files one after the other: plain, gzip or zstd, told apart
// by their first bytes; "-" is standard input.
//
// Run reads nothing where one of the files is missing or a directory. A file
// that cannot be read to its end is read as far as it goes, and the rest of the
// files after it; Run's error then names each of them and says what to do.
// Reading and decompressing are done in the goroutine of Run.
func Files(paths []string, o ReadOptions) Source {
	o.setDefaults()
	return &files{paths: paths, o: o, pool: newPool(&o.Options)}
}

type files struct {
	paths       []string
	o           ReadOptions
	pool        *pool
	stats       Stats
	read, total int64
}

func (s *files) Stats() *Stats { return &s.stats }

func (s *files) Run(ctx context.Context, out chan<- *Block) error {
	var err error
	if s.total, err = check(s.paths); err != nil {
		s.stats.fail(err)
		return err
	}
	s.stats.up.Store(true)
	var all []error
	for _, path := range s.paths {
		if err := s.file(ctx, path, out); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			err = explainRead(path, err)
			s.stats.fail(err)
			all = append(all, err)
		}
	}
	s.stats.up.Store(false)
	return errors.Join(all...)
}

// check finds the mistakes in the names before anything is read, and the total size,
// which is 0 where a pipe is among them.
func check(paths []string) (total int64, err error) {
	var all []error
	sized := true
	for _, path := range paths {
		fi, err := stat(path)
		switch {
		case err != nil:
			all = append(all, err)
		case fi.IsDir():
			all = append(all, fmt.Errorf("%s is a directory: name the files in it", path))
		case !fi.Mode().IsRegular():
			sized = false
		default:
			total += fi.Size()
		}
	}
	if !sized {
		total = 0
	}
	return total, errors.Join(all...)
}

func stat(path string) (os.FileInfo, error) {
	if path == "-" {
		return os.Stdin.Stat()
	}
	return os.Stat(path)
}

func (s *files) file(ctx context.Context, path string, out chan<- *Block) error {
	f := os.Stdin
	if path != "-" {
		var err error
		if f, err = os.Open(path); err != nil {
			return withoutPath(err)
		}
		defer f.Close()
	}
	in, stop := interruptible(ctx, f)
	defer stop()
	r, done, err := decompress(&countingReader{r: in, n: &s.read})
	if err != nil {
		return withoutPath(err)
	}
	defer done()
	lines := &lineReader{cutter: cutter{max: s.o.MaxLine}, r: r}
	return pump(ctx, lines, path, s.pool, &s.stats, out, func() {
		if s.o.Progress != nil {
			s.o.Progress(s.read, s.total)
		}
	})
}

// pump sends all blocks of a reader. After each of them it calls then. Of a live
// reader it counts the lines that it cannot send.
func pump(ctx context.Context, lines *lineReader, name string, p *pool, s *Stats, out chan<- *Block, then func()) error {
	for {
		b, err := p.get(ctx)
		if err != nil {
			lines.lost(s, nil)
			return err
		}
		before := lines.read
		end := lines.next(b)
		s.bytes.Add(lines.read - before)
		b.Name = name
		if len(b.Data) == 0 {
			b.discard()
		} else if err := send(ctx, out, b); err != nil {
			lines.lost(s, b)
			b.discard()
			return err
		}
		then()
		if end == io.EOF {
			return nil
		}
		if end != nil {
			return withoutPath(end)
		}
	}
}

// withoutPath drops the path from an error that will be told with it.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok && e == err {
		return fmt.Errorf("%s: %w", e.Op, e.Err)
	}
	return err
}

type countingReader struct {
	r io.Reader
	n *int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += int64(n)
	return n, err
}
