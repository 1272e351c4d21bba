package stream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// A tail is one followed file: a content, whatever its name at the moment. An
// unfinished line is not kept in memory but read again, so that a file costs a
// handle and a few words.
type tail struct {
	path  string
	id    identity
	print fingerprint
	cutter
	acks  *ledger // moves with the content, if that moves into a copy
	limit int64   // where the content ends for good; 0 while it may grow

	f       *os.File // nil while closed
	archive *archive // read instead of f, where the file was compressed meanwhile
	wrap    unwrapper
	offset  int64 // where the next unread line starts
	size    int64 // as last seen
	mtime   time.Time
	active  time.Time // when it last gave records
	// eof: all that was there at size has been read, but for an unfinished line.
	eof bool
	// align: offset is an arbitrary place, to be moved to the start of its line.
	align bool
	// after had the name before and is read first.
	after *tail
	// gone is since when no glob names the file; zero while one does.
	gone time.Time
	seen uint64 // the last scan that saw it
	// same: since it was opened or cut it has been found to begin as it did, and
	// not with nothing.
	same bool
	// blank: it was empty when it was last looked at. What it has had since may be in
	// copies, of which nothing tells by how they begin.
	blank bool
	// named is when a scan last found it under its path, in nanoseconds since the epoch.
	named *atomic.Int64
	// undecided: it may be a copy of another file; it is none if decideBy passes
	// without a sign. shadow: it is one, and is read only if that file is cut.
	undecided bool
	decideBy  time.Time
	shadow    bool
	waits     bool // for one of MaxOpen
	err       error
}

func (t *tail) lag() int64 { return max(t.size-t.offset, 0) }

// due reports whether the file is to be looked at in this pass.
func (f *Follower) due(t *tail) bool {
	if !t.open() || t.shadow {
		return false
	}
	if t.after != nil && (t.after.eof || !t.after.open()) {
		t.after = nil
	}
	if t.after != nil && t.f != nil && !t.undecided {
		f.guard(t)
	}
	return t.after == nil
}

// guard notices when a file is cut that waits for another.
func (f *Follower) guard(t *tail) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, same, err := f.refresh(t); err == nil && !same {
		f.truncated(t)
	}
	f.publish()
}

func (t *tail) open() bool { return t.f != nil || t.archive != nil }

// step reads the next lines of a file into the block, which stays empty where
// there are none, and reports whether to come again at once.
func (f *Follower) step(t *tail, b *Block) (again bool) {
	if t.undecided && !f.decideCopy(t) {
		return false
	}
	if t.archive != nil {
		return f.stepArchive(t, b)
	}
	fi, same, err := f.refresh(t)
	switch {
	case err != nil:
		return f.failed(t, err)
	case !same:
		return f.truncated(t)
	}
	if t.eof {
		return f.finish(t, fi, b)
	}
	n, err := t.f.ReadAt(b.buf, t.offset)
	if err != nil && err != io.EOF {
		return f.failed(t, err)
	}
	t.err = nil
	t.eof = err == io.EOF
	if t.wrap.kind != WrapNone && t.wrap.decide(b.buf[:n]) {
		t.max = wrappedMax
	}
	lines, read := t.cut(b.buf[:n])
	lines, read = t.wrap.lines(b.buf[:lines], read, !t.eof)
	f.hand(t, b, lines, read)
	return !t.eof
}

// refresh looks at an open file, and reports whether it still begins as it did and
// has at least what was read of it. One that was empty and has changed may have been
// anything meanwhile.
func (f *Follower) refresh(t *tail) (fi fs.FileInfo, same bool, err error) {
	if fi, err = t.f.Stat(); err != nil {
		return nil, false, err
	}
	size, mtime := fi.Size(), fi.ModTime()
	if size == t.size && mtime.Equal(t.mtime) {
		return fi, true, nil
	}
	if t.blank {
		return fi, false, nil
	}
	now, same, err := t.print.check(t.f)
	if err != nil || !same || size < t.offset {
		return fi, false, err
	}
	if now != t.print {
		t.print, f.published.clean = now, false
	}
	t.mtime, t.eof, t.same, t.blank = mtime, false, now.size > 0, now.size == 0
	if t.blank {
		// It was cut this moment, or may grow in the next: then it is looked at again.
		size, t.eof = 0, true
	}
	t.size = size
	t.acks.saw(size)
	return fi, true, nil
}

// grown reports whether the file is known to have been added to, at the most, since it
// was looked at.
func (t *tail) grown(fi fs.FileInfo) bool {
	if !t.same || fi.Size() == t.size && fi.ModTime().Equal(t.mtime) {
		return t.same
	}
	if t.f == nil || fi.Size() < t.size {
		return false
	}
	_, same, err := t.print.check(t.f)
	return err == nil && same
}

// hand enters the first lines bytes of the block as what the file had up to
// read bytes behind its offset.
func (f *Follower) hand(t *tail, b *Block, lines, read int) {
	t.offset += int64(read)
	if t.offset > t.size { // it has grown since that was seen
		t.size = t.offset
		t.acks.saw(t.size)
	}
	if lines == 0 {
		return
	}
	t.active = time.Now()
	b.Name, b.Data = t.path, b.buf[:lines]
	b.acks, b.mark = t.acks, t.acks.add(t.offset)
	f.bytes += int64(read)
	f.rows += int64(bytes.Count(b.Data, newline))
}

var newline = []byte{'\n'}

// finish closes a file at its end that has no name any more and has given
// nothing for the grace time. Its unfinished line is as long as it will be.
func (f *Follower) finish(t *tail, fi fs.FileInfo, b *Block) (again bool) {
	last := t.gone
	if t.active.After(last) {
		last = t.active
	}
	if t.gone.IsZero() || time.Since(last) < f.o.Grace {
		return false
	}
	if n := min(t.lag(), BlockSize-1); n > 0 && !t.skip {
		n, err := t.f.ReadAt(b.buf[:n], t.offset)
		if err != nil && err != io.EOF {
			return f.failed(t, err)
		}
		lines := t.wrap.rest(b.buf[:n+1])
		f.hand(t, b, lines, n)
	}
	f.close(t)
	if _, deleted := identify(t.path, fi); deleted {
		f.forget(t)
	}
	return false
}

// truncated begins a file again that was cut or written anew, or may have been. Where
// a copy of what it was is found beside it, the copy is read first, from where the file
// was left, and then those of what it was meanwhile.
func (f *Follower) truncated(t *tail) (again bool) {
	c, kept := f.adoptCopy(t)
	if c == nil && !t.acks.idle() {
		// What was read and is not counted is nowhere else now: the position stays
		// what it is until that is over.
		return false
	}
	f.drop(DropTruncated, t.size-max(kept, t.offset), t.path)
	switch {
	case c == nil:
		c = t.after
	case c != t.after && c.after == nil:
		c.after = t.after
	}
	now := f.look()
	since := t.named.Load()
	t.named.Store(now.UnixNano())
	t.offset, t.size, t.mtime, t.print, t.limit = 0, 0, time.Time{}, fingerprint{}, 0
	t.skip, t.eof, t.same, t.blank, t.acks, t.wrap = false, false, false, false, f.ledger(0, 0), f.unwrapper()
	f.published.clean = false
	// It may be cut again before anything of it is read; so it is looked at before the
	// copies are: what it has now was not in a copy then, what it had before is.
	_, _, _ = f.refresh(t)
	t.after = f.between(t.path, since, time.Now(), c, t)
	return true
}

// adoptCopy finds the copy of a truncated file and makes it the tail of its content. It
// returns how much of that is kept there, also where the copy is another tail already.
func (f *Follower) adoptCopy(t *tail) (c *tail, kept int64) {
	if t.print.size == 0 {
		return nil, 0
	}
	_ = siblings(t.path, func(path string, fi fs.FileInfo) bool {
		if !rotatedName(t.path, path) || !t.print.matchesFile(path) {
			return true
		}
		id, _ := identify(path, fi)
		known := f.byID[id]
		kept = max(kept, fi.Size())
		if known != nil && !known.shadow && !known.undecided {
			return true // it is read for its own sake
		}
		// Even where nothing of it is left to read it is taken note of: a glob may
		// name it, which no scan has seen yet.
		if c = known; c == nil {
			c = f.tail(path, id, Position{Seen: t.named.Load()})
			c.gone = time.Now()
			f.add(c)
		}
		c.size, c.mtime = fi.Size(), fi.ModTime()
		kept = c.size
		return false
	})
	if c == nil {
		if c = f.adoptArchive(t); c != nil {
			kept = max(kept, c.size)
		}
		return c, kept
	}
	// The file may have been read further than it was copied.
	c.offset = min(t.offset, c.size)
	c.cutter, c.wrap, c.print, c.acks, c.limit = t.cutter, t.wrap, t.print, t.acks, c.size
	f.published.clean = false
	c.shadow, c.undecided, c.blank, c.after, c.eof = false, false, false, nil, false
	if c.f == nil {
		f.openTail(c, true)
	}
	if c.f == nil {
		return nil, 0
	}
	return c, kept
}

// adoptArchive is adoptCopy where the copy is compressed, or where the number of a
// file that was compressed has been given to the one that took its name.
func (f *Follower) adoptArchive(t *tail) *tail {
	if !t.acks.idle() {
		return nil // until what is on its way has been counted
	}
	c := f.openArchive(Position{Path: t.path, Fingerprint: t.print.hash, FingerprintSize: t.print.size, Offset: t.offset, Size: t.size, Seen: t.named.Load()})
	switch {
	case c == nil:
	case f.byID[c.id] != nil:
		f.close(c)
		return nil
	default:
		f.add(c)
	}
	return c
}

// decideCopy finds out whether a new file is a copy of one that is being read,
// as logrotate makes it before it truncates. It reports whether the file is to
// be read.
func (f *Follower) decideCopy(t *tail) bool {
	fi, err := t.f.Stat()
	if err != nil {
		return f.failed(t, err)
	}
	early := time.Now().Before(t.decideBy)
	for _, original := range f.tails {
		if !original.mayHaveCopy(t.path) || original == t {
			continue
		}
		if original.print.size < fingerprintSure || fi.Size() < int64(original.print.size) {
			if early {
				return false // both may still grow
			}
			continue
		}
		_, same, err := original.print.check(t.f)
		if err != nil {
			return f.failed(t, err)
		}
		if same {
			t.undecided, t.shadow = false, true
			f.published.clean = false
			f.close(t)
			return false
		}
	}
	t.undecided, f.published.clean = false, false
	return true
}

// mayHaveCopy reports whether path could be a copy of the file, by their names.
func (t *tail) mayHaveCopy(path string) bool {
	return !t.shadow && !t.undecided && filepath.Dir(t.path) == filepath.Dir(path) && rotatedName(t.path, path)
}

// openTail opens the file, unless too many are open already. With force it is
// opened all the same.
func (f *Follower) openTail(t *tail, force bool) {
	if f.open >= f.o.MaxOpen && !force && !f.makeRoom() {
		if !t.waits {
			f.stats.openLimit.Add(1)
		}
		t.waits = true
		t.err = fmt.Errorf("%s: waits, because %d files are open already", t.path, f.open)
		return
	}
	t.waits = false
	h, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) && !t.gone.IsZero() {
		t.waits = true // renamed this moment, as below
		signal(f.watch.changed)
		return
	}
	if err != nil {
		f.failed(t, err)
		return
	}
	fi, err := h.Stat()
	if err != nil {
		h.Close()
		f.failed(t, err)
		return
	}
	if id, _ := identify(t.path, fi); id != t.id {
		h.Close() // renamed this moment: the next scan sorts it out
		t.waits = true
		signal(f.watch.changed)
		return
	}
	if t.align {
		t.align = false
		t.offset, t.skip = lineStart(h, t.offset, t.max)
		t.acks, f.published.clean = f.ledger(t.offset, fi.Size()), false
		t.wrap.resume(h, t.offset)
	} else if t.offset > 0 && t.offset <= fi.Size() {
		var last [1]byte
		n, _ := h.ReadAt(last[:], t.offset-1)
		t.skip = n == 1 && last[0] != '\n'
		t.wrap.resume(h, t.offset)
	}
	t.f, t.err, t.eof, t.same = h, nil, false, false
	f.open++
	if t.print.size == 0 && !t.blank {
		if t.print, _, _ = t.print.check(h); t.print.size == 0 {
			t.blank, t.eof, t.size, t.mtime = true, true, 0, fi.ModTime()
		}
	}
	f.log.recovered("file "+t.path, "the file can be read again", "path", t.path)
}

// lineStart returns the start of the line that offset is in, or, where that is
// too far back, offset and that the line's rest is to be skipped.
func lineStart(r io.ReaderAt, offset int64, max int) (start int64, skip bool) {
	n := min(offset, int64(max)+1)
	window := make([]byte, n)
	if _, err := r.ReadAt(window, offset-n); err != nil && err != io.EOF {
		return offset, true
	}
	if i := bytes.LastIndexByte(window, '\n'); i >= 0 {
		return offset - n + int64(i) + 1, false
	}
	return offset - n, offset > n
}

func (f *Follower) close(t *tail) {
	if t.f != nil {
		t.f.Close()
		t.f = nil
		f.open--
	}
	if t.archive != nil {
		t.archive.close()
		t.archive = nil
	}
}

// failed notes what is wrong with a file, which is tried again at the next poll.
func (f *Follower) failed(t *tail, err error) bool {
	f.close(t)
	t.err = err
	f.stats.fail(err)
	f.log.error("file "+t.path, "cannot read the file; trying on", "path", t.path, "err", err,
		"advice", "let darkshare's user read it, for example by its group (adm on Debian) or logrotate's create option")
	return false
}
