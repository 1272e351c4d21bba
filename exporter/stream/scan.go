package stream

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// rememberFactor is how many files are remembered for each that may be open.
	rememberFactor = 16
	// rememberGone is how long a finished file without a name is remembered, lest
	// it be read again when it comes back.
	rememberGone = time.Hour
)

// scan finds out which files have which names now, and opens the new ones.
func (f *Follower) scan() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scans++
	f.scanned = f.look().UnixNano()
	if len(f.resume) > 0 {
		f.restore()
	}
	f.takeCaught()
	dirs, followed := map[string]bool{}, map[string]bool{}
	var missing, trouble error
	for _, glob := range f.globs {
		dirs[fixedDir(glob)] = true
		paths, err := expand(glob)
		missing = errors.Join(missing, err)
		for _, path := range paths {
			dirs[filepath.Dir(path)] = true
			if fi, err := os.Lstat(path); err == nil && fi.Mode()&fs.ModeSymlink != 0 {
				if target, err := filepath.EvalSymlinks(path); err == nil {
					dirs[filepath.Dir(target)] = true
				}
			}
			if err := f.see(path); err != nil {
				trouble = err
			}
		}
	}
	for _, t := range f.tails {
		switch {
		case t.seen == f.scans:
			if !t.shadow && !t.undecided {
				followed[t.path] = true
			}
		case t.gone.IsZero():
			t.gone = time.Now()
			f.rescue(t)
		case t.waits:
			f.rescue(t)
		}
	}
	f.watch.watch(dirs, followed)
	f.health(missing, trouble)
	f.publish()
}

// look returns the time. Where the wall clock was set back since the last look, so is
// when files were seen last: what they are held against is when others were born.
func (f *Follower) look() time.Time {
	before, now := f.looked, time.Now()
	f.looked = now
	if before.IsZero() {
		return now
	}
	passed, shown := now.Sub(before), now.Round(0).Sub(before.Round(0)) // which has no monotonic clock
	if back := passed - shown; back > slack {
		for _, t := range f.tails {
			t.named.Add(-int64(back))
		}
	}
	return now
}

// health says whether the input is up: every file can be read, and there is one.
func (f *Follower) health(missing, trouble error) {
	if trouble != nil {
		f.stats.fail(trouble)
		return
	}
	for _, t := range f.tails {
		if t.err != nil && t.gone.IsZero() {
			f.stats.fail(t.err)
			if t.waits {
				f.log.error("limit", "too many files are open; some wait", "limit", f.o.MaxOpen, "err", t.err,
					"advice", "raise limits.open_files (and ulimit -n), or narrow the globs")
			}
			return
		}
	}
	if missing != nil && f.open == 0 {
		f.stats.fail(missing)
		f.log.error("missing", "no file to read; waiting for it", "err", missing,
			"advice", "check the path, and that the proxy writes there")
		return
	}
	f.stats.up.Store(true)
	f.log.recovered("missing", "there is a file to read again")
}

// expand returns the paths that match, or why there is none.
func expand(glob string) ([]string, error) {
	if !hasMeta(glob) {
		if _, err := os.Stat(glob); err != nil {
			return nil, err
		}
		return []string{glob}, nil
	}
	paths, err := filepath.Glob(glob)
	if err == nil && len(paths) == 0 {
		if _, err = os.ReadDir(fixedDir(glob)); err == nil {
			err = fmt.Errorf("no file matches %s", glob)
		}
	}
	return paths, err
}

func hasMeta(s string) bool { return strings.ContainsAny(s, `*?[\`) }

// fixedDir returns the directory that a glob names before its first pattern.
func fixedDir(glob string) string {
	dir := filepath.Dir(glob)
	for hasMeta(dir) {
		dir = filepath.Dir(dir)
	}
	return dir
}

// see takes note of one name.
func (f *Follower) see(path string) error {
	if compressedName(path) {
		f.log.once("compressed "+path, "a compressed file is not followed; read it with darkshare replay", "path", path)
		return nil
	}
	fi, err := os.Stat(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // renamed this moment, or a symlink whose target is still to come
		}
		f.log.error("stat "+path, "cannot look at the file; trying on", "path", path, "err", err,
			"advice", "let darkshare's user enter the directory")
		return err
	}
	if !fi.Mode().IsRegular() {
		f.log.once("kind "+path, "not a regular file, left out; give a FIFO as an input of its own", "path", path)
		return nil
	}
	id, _ := identify(path, fi)
	t := f.byID[id]
	fresh := t == nil
	if fresh {
		if t = f.track(path, id, fi); t == nil {
			return fmt.Errorf("%s: left out, because %d files are followed already", path, len(f.tails))
		}
	}
	if t.seen == f.scans {
		return nil // a second name of the same file
	}
	t.seen, t.gone = f.scans, time.Time{}
	// Where it may have been cut, that is looked into as from when it was not.
	if t.named.Load() == 0 || t.grown(fi) {
		t.named.Store(f.scanned)
	}
	if t.path != path {
		t.path, f.published.clean = path, false
	}
	if before := f.holder[path]; before != t {
		if before != nil && fresh {
			before.eof = false // read to its end once more before this one
			t.after = f.between(path, before.named.Load(), born(path, fi), before, t)
		}
		f.holder[path] = t
	}
	if t.f != nil || t.shadow {
		return nil
	}
	if t.err != nil || t.waits || t.size != fi.Size() || !t.mtime.Equal(fi.ModTime()) {
		if t.waits || t.err != nil {
			t.size = fi.Size()
		}
		f.openTail(t, false)
	}
	return nil
}

// track begins a file that was not known. It returns nil where there are too many.
func (f *Follower) track(path string, id identity, fi fs.FileInfo) *tail {
	if len(f.tails) >= rememberFactor*f.o.MaxOpen && !f.forgetOldest() {
		f.stats.openLimit.Add(1)
		f.log.error("tracked", "too many files match; the rest is left out", "limit", len(f.tails), "path", path,
			"advice", "narrow the globs, or raise limits.open_files")
		return nil
	}
	t := f.tail(path, id, Position{Size: fi.Size()})
	pos, known := f.resume[id]
	switch {
	case known:
		delete(f.resume, id)
		if pos.Path != path && !pos.fingerprint().matchesFile(path) {
			break // the inode of a file that is no more
		}
		t = f.tail(path, id, pos)
		// Without a fingerprint it was empty, or, with an offset, never opened.
		if pos.FingerprintSize == 0 && pos.Offset == 0 {
			t.blank, t.size = true, 0
		}
	case f.scans == 1 && f.o.Resume == nil:
		if f.o.StartAt == StartAtEnd {
			t = f.tail(path, id, Position{Size: fi.Size(), Offset: fi.Size()})
			t.align = true
		}
	default:
		t.undecided = slices.ContainsFunc(f.tails, func(o *tail) bool { return o.mayHaveCopy(path) })
		t.decideBy = time.Now().Add(2 * f.o.Poll)
	}
	f.add(t)
	return t
}

// tail returns one for the file, as far as it was read.
func (f *Follower) tail(path string, id identity, pos Position) *tail {
	size := max(pos.Offset, pos.Size)
	t := &tail{
		path: path, id: id, print: pos.fingerprint(), offset: pos.Offset, size: size,
		cutter: f.cutter(), wrap: f.unwrapper(), acks: f.ledger(pos.Offset, size), named: new(atomic.Int64),
	}
	t.named.Store(pos.Seen)
	return t
}

func (f *Follower) add(t *tail) {
	f.tails = append(f.tails, t)
	f.byID[t.id] = t
	f.published.clean = false
}

// rescue opens a file that lost its name while it was closed, or counts what is
// lost with it.
func (f *Follower) rescue(t *tail) {
	if t.f != nil || t.shadow {
		return
	}
	pos := Position{Path: t.path, Device: t.id.device, Inode: t.id.inode,
		Fingerprint: t.print.hash, FingerprintSize: t.print.size}
	switch path, id, err := find(pos); {
	case path != "" && id == t.id:
		t.path, f.published.clean = path, false
		f.openTail(t, false)
	case err == nil:
		t.waits = false // for nothing
	}
	if t.f == nil && !t.waits {
		f.drop(DropVanished, t.lag(), t.path)
		t.offset = t.size
		if t.acks.idle() {
			t.acks = f.ledger(t.size, t.size)
		}
	}
}

// makeRoom closes the file that has been silent longest, if one is at its end.
func (f *Follower) makeRoom() bool {
	var idle *tail
	for _, t := range f.tails {
		if t.f != nil && t.eof && t.gone.IsZero() && t.lag() == 0 && time.Since(t.active) > f.o.Poll &&
			(idle == nil || t.active.Before(idle.active)) {
			idle = t
		}
	}
	if idle == nil {
		return false
	}
	f.close(idle)
	return true
}

// tidy forgets what was finished long ago, and sums up what waits.
func (f *Follower) tidy() {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lag int64
	for i := 0; i < len(f.tails); i++ {
		t := f.tails[i]
		if t.f == nil && !t.gone.IsZero() && !t.waits && (t.shadow || time.Since(t.gone) > rememberGone+f.o.Grace) {
			f.forget(t)
			i--
		} else if !t.shadow && !t.undecided {
			lag += t.lag()
		}
	}
	f.stats.lag.Store(lag)
	f.publish()
}

// forgetOldest makes room among the remembered files.
func (f *Follower) forgetOldest() bool {
	var oldest *tail
	for _, t := range f.tails {
		if t.f == nil && !t.gone.IsZero() && (oldest == nil || t.gone.Before(oldest.gone)) {
			oldest = t
		}
	}
	if oldest == nil {
		return false
	}
	f.forget(oldest)
	return true
}

func (f *Follower) forget(t *tail) {
	f.close(t)
	f.published.clean = false
	f.tails = slices.DeleteFunc(f.tails, func(o *tail) bool { return o == t })
	if f.byID[t.id] == t {
		delete(f.byID, t.id)
	}
	for path, o := range f.holder {
		if o == t {
			delete(f.holder, path)
		}
	}
}
