package stream

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
					"advice", "raise max_open (and ulimit -n), or narrow the globs")
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
	t.path = path
	if before := f.holder[path]; before != t {
		if before != nil && fresh {
			before.eof = false // read to its end once more before this one
			t.after = before
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
			"advice", "narrow the globs, or raise max_open")
		return nil
	}
	t := &tail{path: path, id: id, cutter: cutter{max: f.o.MaxLine}, size: fi.Size()}
	pos, known := f.resume[id]
	switch {
	case known:
		delete(f.resume, id)
		t.offset, t.size, t.print = pos.Offset, pos.Offset, pos.fingerprint()
		if pos.Path != path && !t.print.matchesFile(path) {
			t.offset, t.print = 0, fingerprint{} // the inode of a file that is no more
		}
	case f.scans == 1 && len(f.o.Resume) == 0:
		if f.o.StartAt == StartAtEnd {
			t.offset, t.align = fi.Size(), true
		}
	default:
		t.undecided = slices.ContainsFunc(f.tails, func(o *tail) bool { return o.mayHaveCopy(path) })
		t.decideBy = time.Now().Add(2 * f.o.Poll)
	}
	t.acks = newLedger(t.offset)
	f.add(t)
	return t
}

func (f *Follower) add(t *tail) {
	f.tails = append(f.tails, t)
	f.byID[t.id] = t
}

// restore takes up the stored positions: those whose path names another file by
// now are looked for beside it, to be read to their end.
func (f *Follower) restore() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, pos := range f.o.Resume {
		f.resume[pos.identity()] = pos
	}
	for _, pos := range f.o.Resume {
		if fi, err := os.Stat(pos.Path); err == nil {
			if id, _ := identify(pos.Path, fi); id == pos.identity() {
				continue
			}
		}
		if t := f.find(pos); t != nil {
			delete(f.resume, t.id)
			t.gone = time.Now()
			f.add(t)
			f.holder[pos.Path] = t
			f.openTail(t, false)
			continue
		}
		f.log.once("lost "+pos.Path, "the file was rotated away while darkshare was down; what it had not read of it is missing",
			"path", pos.Path, "offset", pos.Offset)
	}
}

// find looks for a renamed file beside its old path.
func (f *Follower) find(pos Position) (t *tail) {
	siblings(pos.Path, func(path string, fi fs.FileInfo) bool {
		if id, _ := identify(path, fi); id != pos.identity() || !pos.fingerprint().matchesFile(path) {
			return true
		}
		t = &tail{path: path, id: pos.identity(), print: pos.fingerprint(), cutter: cutter{max: f.o.MaxLine},
			offset: pos.Offset, acks: newLedger(pos.Offset), size: pos.Offset}
		return false
	})
	return t
}

// rescue opens a file that lost its name while it was closed, or counts what is
// lost with it.
func (f *Follower) rescue(t *tail) {
	if t.f != nil || t.shadow {
		return
	}
	pos := Position{Path: t.path, Device: t.id.device, Inode: t.id.inode,
		Fingerprint: t.print.hash, FingerprintSize: t.print.size}
	if found := f.find(pos); found != nil {
		t.path = found.path
		f.openTail(t, false)
	}
	if t.f == nil && !t.waits {
		f.drop(DropVanished, t.lag(), t)
		t.offset = t.size
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
