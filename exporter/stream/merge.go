package stream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
)

// MergeOptions are the options of Merged.
type MergeOptions struct {
	ReadOptions
	// Time tells when the line was logged, in nanoseconds since the Unix epoch, and
	// whether that can be told. The line has no end, and path is as in the list of
	// files. It is called in Merged and in the goroutine of Run, at no time in two at
	// once: for some lines never, for some more than once. Of a headed file the lines
	// that begin with '#' are shown to it before the lines behind them.
	Time func(path string, line []byte) (ns int64, ok bool)
	// Headed reports whether the format of the file's lines stands in lines of the
	// file itself (W3C extended logs). A block with lines of such a file holds no
	// others, and has its name. Nil means that none is.
	Headed func(path string) bool
	// Reached, where set, is called in the goroutine of Run as soon as a line has
	// reached limit, which is Limit first: all lines before it have been sent then, and
	// neither that line nor any after it. It returns the next limit, which is later.
	// Its error ends Run.
	Reached func(ctx context.Context, limit int64) (next int64, err error)
	// Limit is in nanoseconds since the Unix epoch.
	Limit int64
	// Resume is how far files were counted in an earlier life. A file is known again
	// by its first bytes, after decompression, so also where it was renamed or
	// compressed since.
	Resume []Position
	// Begun is the time that has been counted to, in nanoseconds since the Unix
	// epoch; 0 where nothing has. A file that begins before it, and that Resume does
	// not know, comes too late.
	Begun int64
}

// The bounds of a Merger.
const (
	// mostMerged is how many files may be open at a time.
	mostMerged = 64
	// mostPositions is how many positions are kept of files that are not read any more.
	mostPositions = 10_000
)

// A Merger is a Source that reads whole files like Files, and hands out their lines
// in the order of their times.
//
// A file's own lines keep their order: one without a time, or older than one before
// it, comes with the one before it. Lines of one time come from the file that begins
// first, then by name. A file is open only while its lines come, and 64 at the most
// may be at a time.
//
// A file is asked for the time of its last line in a block only, and the block
// passes as it is, where that is before whatever comes next: another file, or the
// limit. How much lines were older than one before them, at the file's beginning and
// where all lines were asked lately, is allowed for: only where a log turns more
// disorderly may a line pass that its own time would hold back.
//
// A line that is more than an hour ahead of the lines before it, and of most of the
// 64 lines behind it in its block (and in the next one, where its block ends before),
// has a wrong time: it comes with the line before it.
type Merger struct {
	o           MergeOptions
	pool        *pool
	stats       Stats
	started     int64
	read, total int64

	files   []*mergeFile
	pending []*mergeFile // not begun, in their order
	active  []*mergeFile // begun, in the order of their next lines
	open    int
	limit   int64
	errs    []error
	free    []*chunk
	times   []int64 // scratch

	block   *Block       // merged lines that are not sent yet; nil where there are none
	touched []*mergeFile // whose lines they are

	known known
	mu    sync.Mutex // guards what Positions returns: sent of files, and rest
	rest  []Position // of files that are not read
}

// Merged returns a Source of the files' lines in the order of their times. It reads
// their beginnings, but for pipes, which Run begins with.
//
// It fails where a file is missing, is a directory, is the copy of another, or begins
// before MergeOptions.Begun. A file that cannot be read is told of by Run, after the
// others were.
func Merged(files []string, o MergeOptions) (*Merger, error) {
	o.setDefaults()
	if o.Headed == nil {
		o.Headed = func(string) bool { return false }
	}
	m := &Merger{o: o, pool: newPool(&o.Options), started: time.Now().UnixNano(), limit: math.MaxInt64, known: newKnown(o.Resume)}
	if o.Reached != nil {
		m.limit = o.Limit
	}
	var err error
	if m.total, err = check(files); err != nil {
		return nil, err
	}
	seen := map[identity]bool{}
	for _, name := range files {
		f, err := newMergeFile(name)
		if err != nil {
			return nil, err
		}
		if f.id != (identity{}) {
			if seen[f.id] {
				continue // named twice, or by a link
			}
			seen[f.id] = true
		}
		f.headed = o.Headed(name)
		m.files = append(m.files, f)
		if f.pipe {
			continue
		}
		if err := m.inspect(f); err != nil {
			f.fail(m, err)
		}
	}
	m.rest = m.known.assign(m.files)
	if err := errors.Join(m.copies(), m.late(m.files)); err != nil {
		return nil, err
	}
	return m, nil
}

// Stats returns the counters of all files together.
func (m *Merger) Stats() *Stats { return &m.stats }

// Fresh reports whether there is anything to read that Resume does not know: a line,
// a pipe, or an error that Run will tell. It is called before Run, if at all. A
// compressed file has to be read for it as far as it is known.
func (m *Merger) Fresh(ctx context.Context) (bool, error) {
	for _, f := range m.files {
		switch {
		case f.failed || f.pipe || f.sent == 0 && f.print.size > 0:
			return true, nil
		case f.done || f.print.size == 0:
			continue
		case f.plain && f.size > f.sent:
			return true, nil
		}
		more, err := m.more(ctx, f)
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case more || err != nil:
			return true, nil
		}
		f.done = true
	}
	return false, nil
}

// Positions returns how far the lines that were sent reach in each file, and what
// Resume says of other files, of which the 10,000 seen last are kept. A position's
// path is absolute, and its device and inode are zero where the file is compressed or
// a pipe; offsets are those after decompression.
//
// It may be called at any time; who waits for what was sent to be counted calls it in
// MergeOptions.Reached, or after Run.
func (m *Merger) Positions() []Position {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Position
	for _, f := range m.files {
		if f.sent == 0 {
			continue
		}
		all = append(all, Position{Path: f.path, Device: f.id.device, Inode: f.id.inode,
			Fingerprint: f.print.hash, FingerprintSize: f.print.size,
			Offset: f.sent, Size: max(f.size, f.sent), Seen: m.started})
	}
	return append(all, m.rest...)
}

// late returns an error that names the files whose time is over.
func (m *Merger) late(files []*mergeFile) error {
	if m.o.Begun == 0 {
		return nil
	}
	var names []string
	for _, f := range files {
		if !f.known && f.first != noTime && f.first < m.o.Begun {
			names = append(names, fmt.Sprintf("%s (from %s)", f.name, stamp(f.first)))
		}
	}
	if names == nil {
		return nil
	}
	return fmt.Errorf("the history reaches %s already, and goes forward only; these files begin before it and were not counted: %s. Replay all logs together into a new store",
		stamp(m.o.Begun), strings.Join(names, ", "))
}

func stamp(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339) }

// copies returns an error that names the files that hold the same lines.
func (m *Merger) copies() error {
	var all []error
	first := map[fingerprint]*mergeFile{}
	for _, f := range m.files {
		if f.print.size < fingerprintSure {
			continue
		}
		g := first[f.print]
		if g == nil {
			first[f.print] = f
		} else if m.same(f, g) {
			all = append(all, fmt.Errorf("%s begins as %s does, and would be counted twice: name one of them", f.name, g.name))
		}
	}
	return errors.Join(all...)
}
