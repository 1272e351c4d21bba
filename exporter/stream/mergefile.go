package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"

	"github.com/cespare/xxhash/v2"
)

// A mergeFile is one of the files of a Merger.
type mergeFile struct {
	name   string // as the caller has it
	path   string // absolute
	pipe   bool
	headed bool
	id     identity // of a plain file
	size   int64    // of a plain file
	plain  bool
	print  fingerprint
	begin  []byte // what the fingerprint is of
	whole  int    // the length of the whole file where it is no longer than begin, else -1
	first  int64  // the time of the first line
	rank   int    // among lines of one time
	known  bool   // from an earlier life
	failed bool
	done   bool  // there is nothing more in it
	sent   int64 // where the first line that was not sent starts
	taken  int64 // as sent, once the merged block is

	in        *opened // nil while closed
	base      int64   // where lines started to read
	lines     lineReader
	chunk     *chunk
	ahead     *chunk // what comes after the chunk, where that was looked at
	at        int    // in chunk.Data
	line      int    // in chunk.lines
	head      int64  // the time of the next line, or earlier where no line was asked
	high      int64  // the newest time up to the last line that was asked
	last      int64  // the time of the chunk's last line
	asked     bool   // last is known
	disorder  int64  // how much older than one before it lines are at the most, lately
	isTouched bool
}

// A chunk is a run of whole lines of one file, in a block that may be sent as it is.
type chunk struct {
	*Block         // nil once it was
	start    int64 // in the file
	gaps     []gap
	end      error // what came after it
	surveyed bool
	lines    []timedLine
}

type timedLine struct {
	at  int64 // its time in the order of lines
	end int   // in the chunk's data
}

// offset returns where in the file that place of the chunk's data is.
func (c *chunk) offset(at int) int64 {
	n := c.start + int64(at)
	for _, g := range c.gaps {
		if g.at <= at {
			n += int64(g.n)
		}
	}
	return n
}

// before reports whether the file's next line comes before the other's.
func (f *mergeFile) before(g *mergeFile) bool {
	return f.head < g.head || f.head == g.head && f.rank < g.rank
}

func newMergeFile(name string) (*mergeFile, error) {
	f := &mergeFile{name: name, path: name, whole: -1, first: noTime, head: noTime, high: noTime}
	fi, err := stat(name)
	if err != nil {
		return nil, err
	}
	f.pipe = name == "-" || !fi.Mode().IsRegular()
	f.id, _ = identify(name, fi)
	if f.pipe {
		return f, nil
	}
	f.size = fi.Size()
	f.path, err = filepath.Abs(name)
	return f, err
}

func (f *mergeFile) fail(m *Merger, err error) {
	f.failed, f.done = true, true
	err = explainRead(f.name, withoutPath(err))
	m.stats.fail(err)
	m.errs = append(m.errs, err)
}

// describe notes how the file begins.
func (f *mergeFile) describe(in *opened) {
	f.plain, f.begin = in.plain, in.begin
	if !f.plain || f.pipe {
		f.id, f.size = identity{}, 0
	}
	f.print = fingerprint{hash: xxhash.Sum64(f.begin), size: len(f.begin)}
}

// Most files have a time in the first of so many bytes.
const inspectSize = BlockSize / 4

// inspect finds the fingerprint of a file and the time of its first line.
func (m *Merger) inspect(f *mergeFile) error {
	in, err := openWhole(context.Background(), f.name, new(int64))
	if err != nil {
		return err
	}
	defer in.close()
	f.describe(in)
	c := m.chunk()
	defer m.put(c)
	n := 0
	for size := inspectSize; size <= BlockSize; size *= BlockSize / inspectSize {
		more, err := io.ReadFull(in.r, c.buf[n:size])
		n += more
		f.first = m.firstTime(f, c.buf[:n])
		if err != nil {
			if n <= len(f.begin) && (err == io.EOF || err == io.ErrUnexpectedEOF) {
				f.whole = n
			}
			break // whoever reads it to its end tells of the error
		}
		if f.first != noTime {
			break
		}
	}
	f.head = f.first
	return nil
}

// more reports whether the file goes on behind what was sent.
func (m *Merger) more(ctx context.Context, f *mergeFile) (bool, error) {
	in, err := openWhole(ctx, f.name, new(int64))
	if err != nil {
		return false, err
	}
	defer in.close()
	if _, err := in.skipTo(ctx, f.sent, new(int64)); err == io.EOF {
		return false, nil
	} else if err != nil {
		return false, err
	}
	n, err := io.ReadFull(in.r, make([]byte, 1))
	if err == io.EOF {
		err = nil
	}
	return n > 0, err
}

// same reports whether one file begins as all of the other, as far as a block goes.
func (m *Merger) same(f, g *mergeFile) bool {
	a, b := m.chunk(), m.chunk()
	defer m.put(a)
	defer m.put(b)
	read := func(f *mergeFile, c *chunk) []byte {
		in, err := openWhole(context.Background(), f.name, new(int64))
		if err != nil {
			return nil
		}
		defer in.close()
		n, _ := io.ReadFull(in.r, c.buf)
		return c.buf[:n]
	}
	x, y := read(f, a), read(g, b)
	n := min(len(x), len(y))
	return n > 0 && bytes.Equal(x[:n], y[:n])
}

var errReplaced = errors.New("was rotated while other files were read: another file has its name now, and neither was read. Replay again, with its new name too")

// begin opens a file, behind what was sent of it, and reads its first lines. A pipe
// is left open.
func (m *Merger) begin(ctx context.Context, f *mergeFile) error {
	if f.in == nil {
		in, err := openWhole(ctx, f.name, &m.read)
		if err != nil {
			return err
		}
		f.in = in
		m.open++
		if !f.pipe && !bytes.HasPrefix(in.begin, f.begin) {
			return errReplaced
		}
	}
	inside, err := f.in.skipTo(ctx, f.sent, &m.read)
	if err != nil {
		return err
	}
	f.base = f.sent
	f.lines = lineReader{cutter: cutter{max: m.o.MaxLine, skip: inside}, r: f.in.r}
	f.chunk = m.chunk()
	m.load(f)
	return nil
}

// load reads the next chunk, which is empty at the end of the file only.
func (m *Merger) load(f *mergeFile) {
	if f.ahead != nil {
		m.put(f.chunk)
		f.chunk, f.ahead = f.ahead, nil
	} else {
		m.fill(f, f.chunk)
	}
	f.at, f.line, f.asked, f.head = 0, 0, false, f.high
	if f.headed && hasHeader(f.chunk.Data) {
		m.survey(f)
	}
}

// fill reads lines into the chunk.
func (m *Merger) fill(f *mergeFile, c *chunk) {
	l := &f.lines
	if c.Block == nil {
		c.Block = m.pool.take()
	}
	c.gaps, c.surveyed = c.gaps[:0], false
	c.start = f.base + l.read - int64(len(l.carry))
	l.gaps = &c.gaps
	before := l.read
	c.end = l.next(c.Block)
	m.stats.bytes.Add(l.read - before)
}

// leave closes a file.
func (m *Merger) leave(f *mergeFile) {
	if f.in != nil {
		f.in.close()
		f.in = nil
		m.open--
	}
	for _, c := range []*chunk{f.chunk, f.ahead} {
		if c != nil {
			m.put(c)
		}
	}
	f.chunk, f.ahead, f.done = nil, nil, true
}

// chunk returns one that is not in use, with a block.
func (m *Merger) chunk() *chunk {
	c := new(chunk)
	if n := len(m.free); n > 0 {
		c, m.free = m.free[n-1], m.free[:n-1]
	}
	c.Block = m.pool.take()
	return c
}

func (m *Merger) put(c *chunk) {
	if c.Block != nil {
		m.pool.putBack(c.Block)
		c.Block = nil
	}
	m.free = append(m.free, c)
}
