package stream

import (
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
)

// A Position is how far one followed file has been counted. It names the file in
// ways that survive renaming (device and inode) and the reuse of an inode (the
// fingerprint).
type Position struct {
	Path   string `json:"path"`
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	// Fingerprint is a hash of the file's first FingerprintSize bytes.
	Fingerprint     uint64 `json:"fingerprint"`
	FingerprintSize int    `json:"fingerprint_size"`
	// Offset is where the first line that was not counted starts, in bytes; in a
	// line too long to be handed out whole it is inside that line.
	Offset int64 `json:"offset"`
	// Size is how long the file was when it was last looked at, in bytes: what is
	// lost if it is never found again.
	Size int64 `json:"size"`
	// Seen is when it was last looked which files have which names, in nanoseconds
	// since the Unix epoch.
	Seen int64 `json:"seen"`
}

func (p *Position) identity() identity { return identity{device: p.Device, inode: p.Inode} }

func (p *Position) fingerprint() fingerprint {
	return fingerprint{hash: p.Fingerprint, size: p.FingerprintSize}
}

// OfFile reports whether the position is one in a file, rather than in a partition.
func (p *Position) OfFile() bool { return p.Inode != 0 || p.FingerprintSize != 0 }

// Follows returns what tells the positions of files that a Follower with these globs
// would read, or would have read before they were rotated. A compressed file is none:
// it does not grow.
func Follows(globs []string) func(Position) bool {
	var names []string // of files, and of those that are not there at the moment
	for _, glob := range globs {
		found, _ := filepath.Glob(glob) // a malformed one names nothing
		names = append(append(names, glob), found...)
	}
	has := map[identity]string{}
	for i, name := range names {
		if fi, err := os.Stat(name); err == nil {
			id, _ := identify(name, fi)
			has[id] = name
		}
		if path, err := filepath.Abs(name); err == nil {
			names[i] = path
		}
	}
	return func(p Position) bool {
		if p.Inode == 0 {
			return false
		}
		if name, ok := has[p.identity()]; ok && p.fingerprint().matchesFile(name) {
			return true
		}
		return slices.ContainsFunc(names, func(name string) bool {
			ok, _ := filepath.Match(name, p.Path)
			return ok || name == p.Path || filepath.Dir(name) == filepath.Dir(p.Path) && numberedName(name, p.Path)
		})
	}
}

// An identity is what a file keeps when it is renamed.
type identity struct{ device, inode uint64 }

// fingerprintMax is how much of a file's beginning its fingerprint covers.
const fingerprintMax = 1 << 10

// fingerprintSure is how much has to agree before two files are taken to have
// the same content. The first record of two logs may well be alike, with its
// time and all; so a copy has to agree in more than a record is long, or else
// in everything it has.
const fingerprintSure = 256

// A fingerprint recognises a file that only grows by its first bytes.
type fingerprint struct {
	hash uint64
	size int
}

// check reports whether the file still begins as it did, and returns the
// fingerprint of as much as is there now.
func (p fingerprint) check(f io.ReaderAt) (fingerprint, bool, error) {
	var head [fingerprintMax]byte
	n, err := f.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return p, false, err
	}
	if n < p.size || xxhash.Sum64(head[:p.size]) != p.hash && p.size > 0 {
		return fingerprint{}, false, nil
	}
	if n == p.size {
		return p, true, nil
	}
	return fingerprint{hash: xxhash.Sum64(head[:n]), size: n}, true, nil
}

// matches reports whether the fingerprint is that of a file that begins so.
func (p fingerprint) matches(head []byte) bool {
	return len(head) >= p.size && xxhash.Sum64(head[:p.size]) == p.hash
}

// matchesFile is check for a file by its name.
func (p fingerprint) matchesFile(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	_, same, err := p.check(f)
	return err == nil && same
}

// siblings calls yield for path and the regular files beside it that are not
// compressed. The error is that of the directory.
func siblings(path string, yield func(path string, fi fs.FileInfo) bool) error {
	return beside(path, func(name string, fi fs.FileInfo) bool { return compressedName(name) || yield(name, fi) })
}

// beside calls yield for path and the regular files beside it. A directory is read
// name by name: a file that is renamed meanwhile may be passed over, and a rotation
// renames many. So it is read again until nothing has changed.
func beside(path string, yield func(path string, fi fs.FileInfo) bool) error {
	dir := filepath.Dir(path)
	var files map[identity]besideFile
	for range lookAgain {
		before, err := os.Stat(dir)
		if err != nil {
			return err
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		if files == nil {
			files = make(map[identity]besideFile, len(entries))
		}
		for _, e := range entries {
			if !e.Type().IsRegular() {
				continue
			}
			name := filepath.Join(dir, e.Name())
			if fi, err := e.Info(); err == nil {
				id, _ := identify(name, fi)
				files[id] = besideFile{name, fi}
			}
		}
		// The clock for files ticks slowly: what has just changed may change unseen.
		if after, err := os.Stat(dir); err == nil && after.ModTime().Equal(before.ModTime()) && time.Since(after.ModTime()) > tick {
			break
		}
		time.Sleep(tick)
	}
	for _, f := range slices.SortedFunc(maps.Values(files), func(a, b besideFile) int { return strings.Compare(a.path, b.path) }) {
		if !yield(f.path, f.fi) {
			break
		}
	}
	return nil
}

type besideFile struct {
	path string
	fi   fs.FileInfo
}

const (
	// lookAgain is how often a directory is read at the most, tick how long its time
	// may stand still while it changes.
	lookAgain = 4
	tick      = 5 * time.Millisecond
)

// rotatedName reports whether name is one that a rotation gives to a file or its
// copy: access.log.1, access.log-20261122, access-20261122.log of access.log.
func rotatedName(path, name string) bool {
	base, name := filepath.Base(path), filepath.Base(name)
	stem := base[:len(base)-len(filepath.Ext(base))]
	if stem == "" {
		stem = base
	}
	if len(name) <= len(base) || name[:len(stem)] != stem {
		return false
	}
	switch name[len(stem)] {
	case '.', '-', '_', '~':
		return true
	}
	return false
}

// numberedName reports whether name is a rotatedName that has a number or a date
// and nothing else where the other has not: access-api.log is another log than
// access.log.
func numberedName(path, name string) bool {
	if !rotatedName(path, name) {
		return false
	}
	base, name := filepath.Base(path), filepath.Base(name)
	ext := filepath.Ext(base)
	rest, ok := strings.CutPrefix(name, base)
	if !ok {
		rest = strings.TrimSuffix(strings.TrimPrefix(name, strings.TrimSuffix(base, ext)), ext)
	}
	digits := false
	for _, c := range []byte(rest) {
		switch {
		case '0' <= c && c <= '9':
			digits = true
		case !strings.ContainsRune(".-_~:+TZ", rune(c)):
			return false
		}
	}
	return digits
}
