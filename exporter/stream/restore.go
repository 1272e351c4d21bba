package stream

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// restore takes up the stored positions whose path names another file by now, or a
// file that no glob does: those are looked for beside it, to be read to their end.
// Positions in a directory that cannot be read wait for the next scan.
func (f *Follower) restore() {
	for _, pos := range f.o.Resume {
		if kept, waits := f.resume[pos.identity()]; !waits || kept != pos {
			continue
		}
		named := f.matches(pos.Path)
		if named && f.sameFile(pos) {
			continue // for the scan
		}
		path, id, err := find(pos)
		if err != nil {
			f.log.error("restore "+pos.Path, "cannot look for the file that was being read; trying on", "path", pos.Path, "err", err,
				"advice", "let darkshare's user read the directory")
			continue
		}
		delete(f.resume, pos.identity())
		var t *tail
		if path == "" {
			t = f.openArchive(pos)
		}
		switch {
		case path != "" && f.byID[id] == nil:
			t = f.tail(path, id, pos)
			t.gone = time.Now()
			f.add(t)
			f.openTail(t, true)
		case t != nil && f.byID[t.id] == nil:
			f.add(t)
		default:
			f.drop(DropVanished, pos.Size-pos.Offset, pos.Path)
			f.log.once("lost "+pos.Path, "the file was rotated away while darkshare was down; what it had not read of it is missing",
				"path", pos.Path, "offset", pos.Offset)
			if t != nil {
				f.close(t)
				t = nil
			}
		}
		if !named {
			continue // a copy, or a file that had its name and was not seen under it
		}
		before := cmp.Or(f.holder[pos.Path], t)
		if last := f.between(pos.Path, f.lastSeen(pos.Path), time.Now(), before, nil); last != nil {
			f.holder[pos.Path] = last
		}
	}
}

// lastSeen returns when the path was last known to name a file of a stored position.
func (f *Follower) lastSeen(path string) (at int64) {
	for _, pos := range f.o.Resume {
		if pos.Path == path {
			at = max(at, pos.Seen)
		}
	}
	return at
}

// matches reports whether a glob names the path.
func (f *Follower) matches(path string) bool {
	return slices.ContainsFunc(f.globs, func(glob string) bool {
		ok, _ := filepath.Match(glob, path)
		return ok || glob == path
	})
}

// sameFile reports whether the position's path still names its file, also where its
// device has another number since the machine was started anew.
func (f *Follower) sameFile(pos Position) bool {
	fi, err := os.Stat(pos.Path)
	if err != nil {
		return false
	}
	id, _ := identify(pos.Path, fi)
	if id == pos.identity() {
		return true
	}
	if id.inode != pos.Inode || f.byID[id] != nil || pos.FingerprintSize == 0 || !pos.fingerprint().matchesFile(pos.Path) {
		return false
	}
	delete(f.resume, pos.identity())
	f.resume[id] = pos
	return true
}

// find looks for a renamed file at its old path and beside it: by what it is, else,
// since numbers of devices and inodes may change when a disk is mounted anew or
// copied, by how it begins. The path is "" where there is none, and the error that
// of the directory.
func find(pos Position) (path string, id identity, err error) {
	print := pos.fingerprint()
	var alike string
	var alikeID identity
	err = siblings(pos.Path, func(name string, fi fs.FileInfo) bool {
		here, _ := identify(name, fi)
		same := here == pos.identity()
		if !same && (alike != "" || print.size < fingerprintSure || name != pos.Path && !rotatedName(pos.Path, name) || fi.Size() < pos.Offset) {
			return true
		}
		if !print.matchesFile(name) {
			return true
		}
		if !same {
			alike, alikeID = name, here
			return true
		}
		path, id = name, here
		return false
	})
	if path == "" {
		path, id = alike, alikeID
	}
	return path, id, err
}

// between finds the files that were born in that time and had the path after the
// file before, and before next, either of which may be nil, but were never seen under it: rotations
// can be faster than scans, and go on while darkshare is down. They are read after
// before, in the order of their birth. It returns the last of them, or before.
func (f *Follower) between(path string, since int64, until time.Time, before, next *tail) (last *tail) {
	type found struct {
		path string
		id   identity
		born time.Time
	}
	var all []found
	earliest := time.Unix(0, since).Add(-slack)
	_ = siblings(path, func(name string, fi fs.FileInfo) bool {
		id, _ := identify(name, fi)
		if name == path || fi.Size() == 0 || !numberedName(path, name) || f.byID[id] != nil || f.matches(name) {
			return true
		}
		if _, waits := f.resume[id]; waits {
			return true
		}
		if at := born(name, fi); at.After(earliest) && !at.After(until) && !f.isCopy(name, next) {
			all = append(all, found{name, id, at})
		}
		return true
	})
	slices.SortFunc(all, func(a, b found) int { return a.born.Compare(b.born) })
	last = before
	for _, b := range all {
		if len(f.tails) >= rememberFactor*f.o.MaxOpen && !f.forgetOldest() {
			break
		}
		t := f.tail(b.path, b.id, Position{Seen: time.Now().UnixNano()})
		t.gone, t.after = time.Now(), last
		f.add(t)
		f.openTail(t, true)
		last = t
	}
	return last
}

// isCopy reports whether the file is a copy of one that is read, or of next, as far
// as both go.
func (f *Follower) isCopy(path string, next *tail) bool {
	h, err := os.Open(path)
	if err != nil {
		return true
	}
	defer h.Close()
	var head, other [fingerprintMax]byte
	n, _ := h.ReadAt(head[:], 0)
	begins := func(name string, t *tail) bool {
		o := t.f
		if o == nil {
			var err error
			if o, err = os.Open(name); err != nil {
				return false
			}
			defer o.Close()
		}
		m, _ := o.ReadAt(other[:], 0)
		m = min(m, n)
		return m > 0 && string(head[:m]) == string(other[:m])
	}
	for _, t := range f.tails {
		if !t.shadow && filepath.Dir(t.path) == filepath.Dir(path) && rotatedName(t.path, path) && begins(t.path, t) {
			return true
		}
	}
	return next != nil && begins(next.path, next)
}

// takeCaught takes up the files that had a glob's name for so short a time that no
// scan will find them there. The others the scan opens itself.
func (f *Follower) takeCaught() {
	for _, c := range f.watch.take() {
		fi, err := c.file.Stat()
		if err != nil || !fi.Mode().IsRegular() {
			c.file.Close()
			continue
		}
		id, _ := identify(c.path, fi)
		now, err := os.Stat(c.path)
		named := false
		if err == nil {
			nowID, _ := identify(c.path, now)
			named = nowID == id
		}
		// One that was renamed may still match.
		_, waits := f.resume[id]
		if path, _, _ := find(Position{Path: c.path, Device: id.device, Inode: id.inode}); named || waits || path != "" && f.matches(path) || f.byID[id] != nil ||
			f.open >= f.o.MaxOpen || len(f.tails) >= rememberFactor*f.o.MaxOpen {
			c.file.Close()
			continue
		}
		t := f.tail(c.path, id, Position{Seen: f.scanned})
		t.f, t.gone, t.after = c.file, time.Now(), f.holder[c.path]
		f.open++
		f.add(t)
		f.holder[c.path] = t
	}
}
