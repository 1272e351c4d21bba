package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Run reads the files and sends their lines. An error of one file is returned after
// the others were read; more open files than may be, and an error of
// MergeOptions.Reached, end it at once.
func (m *Merger) Run(ctx context.Context, out chan<- *Block) error {
	defer func() {
		for _, f := range m.files {
			m.leave(f)
		}
		if m.block != nil {
			m.pool.putBack(m.block)
		}
		m.stats.up.Store(false)
	}()
	m.stats.up.Store(true)
	err := m.prepare(ctx)
	if err == nil {
		err = m.merge(ctx, out)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		m.stats.fail(err)
	}
	return errors.Join(append(m.errs, err)...)
}

// prepare begins with the pipes, and puts the files in their order.
func (m *Merger) prepare(ctx context.Context) error {
	var pipes []*mergeFile
	for _, f := range m.files {
		if !f.pipe {
			continue
		}
		pipes = append(pipes, f)
		if err := m.room(); err != nil {
			return err
		}
		in, err := openWhole(ctx, f.name, &m.read)
		if err == nil {
			f.in = in
			m.open++
			f.describe(in)
			m.mu.Lock()
			m.rest = m.known.assign(pipes[len(pipes)-1:])
			m.mu.Unlock()
			err = m.begin(ctx, f)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			f.first = m.firstTime(f, f.chunk.Data)
			f.high, f.head = f.first, f.first
			if f.chunk.surveyed {
				m.survey(f)
			}
		} else {
			m.leave(f)
			if err != io.EOF {
				f.fail(m, err)
			}
		}
	}
	if err := m.late(pipes); err != nil {
		return err
	}
	byTime := slices.Clone(m.files)
	slices.SortStableFunc(byTime, func(a, b *mergeFile) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.name, b.name))
	})
	for i, f := range byTime {
		f.rank = i
		if f.done {
			continue
		}
		if f.known && !f.pipe {
			f.head = noTime // of its first line that is new nothing is known yet
		}
		m.pending = append(m.pending, f)
	}
	slices.SortFunc(m.pending, func(a, b *mergeFile) int {
		return cmp.Or(cmp.Compare(a.head, b.head), cmp.Compare(a.rank, b.rank))
	})
	return nil
}

// room fails where no more files may be open.
func (m *Merger) room() error {
	if m.open < mostMerged {
		return nil
	}
	return fmt.Errorf("more than %d of the files have lines of the same time, and so would have to be open at once: "+
		"replay fewer logs into one store, or merge some of them before", mostMerged)
}

func (m *Merger) merge(ctx context.Context, out chan<- *Block) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var next, rival *mergeFile
		if len(m.active) > 0 {
			next = m.active[0]
		}
		if len(m.active) > 1 {
			rival = m.active[1]
		}
		waits := len(m.pending) > 0 && (next == nil || m.pending[0].before(next))
		switch {
		case waits:
			next = m.pending[0]
		case next == nil:
			err := m.flush(ctx, out)
			m.progress()
			return err
		case len(m.pending) > 0 && (rival == nil || m.pending[0].before(rival)):
			rival = m.pending[0]
		}
		var err error
		switch {
		case next.head >= m.limit:
			err = m.reach(ctx, out)
		case waits:
			m.pending = m.pending[1:]
			err = m.activate(ctx, next)
		default:
			err = m.step(ctx, out, next, rival)
		}
		if err != nil {
			return err
		}
	}
}

// reach tells that all lines before the limit were sent.
func (m *Merger) reach(ctx context.Context, out chan<- *Block) error {
	if err := m.flush(ctx, out); err != nil {
		return err
	}
	next, err := m.o.Reached(ctx, m.limit)
	if err == nil && next <= m.limit {
		err = fmt.Errorf("the limit after %d is %d, which is no later", m.limit, next)
	}
	m.limit = next
	return err
}

// activate takes up a file whose turn has come.
func (m *Merger) activate(ctx context.Context, f *mergeFile) error {
	if f.chunk == nil {
		if err := m.room(); err != nil {
			return err
		}
		f.high = f.head
		if err := m.begin(ctx, f); err != nil {
			m.leave(f)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != io.EOF {
				f.fail(m, err)
			}
			return nil
		}
	}
	m.active = append(m.active, f)
	for i := len(m.active) - 1; i > 0 && m.active[i].before(m.active[i-1]); i-- {
		m.active[i], m.active[i-1] = m.active[i-1], m.active[i]
	}
	if len(f.chunk.Data) == 0 {
		m.finish(slices.Index(m.active, f))
	}
	return nil
}

// finish takes out a file that is at its end.
func (m *Merger) finish(i int) {
	f := m.active[i]
	m.active = slices.Delete(m.active, i, i+1)
	err := f.chunk.end
	m.leave(f)
	if err != io.EOF {
		f.fail(m, err)
	}
}

// step takes the lines of the file, which is the first of the active, that come
// before the limit and its rival's next line, and puts it in its new place.
func (m *Merger) step(ctx context.Context, out chan<- *Block, f, rival *mergeFile) error {
	from, to := f.at, m.upTo(f, rival)
	c := f.chunk
	whole := to == len(c.Data)
	if to > from {
		if err := m.emit(ctx, out, f, from, to); err != nil {
			return err
		}
	}
	f.at = to
	switch {
	case !whole:
		f.head = c.lines[f.line].at
	case c.end != nil:
		m.finish(0)
		return ctx.Err()
	default:
		m.load(f)
		if len(f.chunk.Data) == 0 {
			m.finish(0)
			return ctx.Err()
		}
	}
	a := m.active
	for i := 0; i+1 < len(a) && a[i+1].before(a[i]); i++ {
		a[i], a[i+1] = a[i+1], a[i]
	}
	return nil
}

// upTo returns where in the file's chunk the lines end that come before the limit
// and the rival.
func (m *Merger) upTo(f, rival *mergeFile) int {
	c := f.chunk
	before := func(at int64) bool {
		return at < m.limit && (rival == nil || at < rival.head || at == rival.head && f.rank < rival.rank)
	}
	if !c.surveyed {
		if rival == nil && m.limit == math.MaxInt64 {
			return len(c.Data)
		}
		if last := m.lastTime(f); before(last + f.disorder) {
			f.high = last
			return len(c.Data)
		}
		m.survey(f)
	}
	if n := len(c.lines); before(c.lines[n-1].at) {
		f.line = n
		return len(c.Data)
	}
	for before(c.lines[f.line].at) {
		f.line++
	}
	if f.line == 0 {
		return 0
	}
	return c.lines[f.line-1].end
}
