package stream

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// known is the part of Resume by which files are known again.
type known struct {
	positions []Position
	used      []bool
	byPrint   map[fingerprint][]int
	sizes     []int // of fingerprints
}

func newKnown(positions []Position) known {
	k := known{positions: positions, used: make([]bool, len(positions)), byPrint: map[fingerprint][]int{}}
	for i, p := range positions {
		if p.FingerprintSize <= 0 || p.FingerprintSize > fingerprintMax {
			continue
		}
		if print := p.fingerprint(); k.byPrint[print] == nil {
			k.sizes = append(k.sizes, p.FingerprintSize)
		}
		k.byPrint[p.fingerprint()] = append(k.byPrint[p.fingerprint()], i)
	}
	slices.Sort(k.sizes)
	k.sizes = slices.Compact(k.sizes)
	return k
}

// assign gives each file the position that is its own, and returns the positions
// that are left. The logs of two proxies may begin alike, with the same checks at the
// same times: so first come files that are what and where they were, and a position
// is one file's only.
func (k *known) assign(files []*mergeFile) (rest []Position) {
	for _, own := range []func(f *mergeFile, p *Position) bool{
		func(f *mergeFile, p *Position) bool { return p.Inode != 0 && f.id == p.identity() },
		func(f *mergeFile, p *Position) bool { return f.path == p.Path },
		func(f *mergeFile, p *Position) bool { return enough(f, p) && logName(f.path) == logName(p.Path) },
		enough,
	} {
		for _, f := range files {
			if f.known || f.failed {
				continue
			}
			best := -1
			for i := range k.alike(f) {
				p := &k.positions[i]
				if !k.used[i] && own(f, p) && (best < 0 || p.Offset > k.positions[best].Offset) {
					best = i
				}
			}
			if best < 0 {
				continue
			}
			k.used[best] = true
			f.known, f.sent = true, k.positions[best].Offset
			f.done = f.plain && f.size <= f.sent
		}
	}
	for i, used := range k.used {
		if !used {
			rest = append(rest, k.positions[i])
		}
	}
	slices.SortStableFunc(rest, func(a, b Position) int { return cmp.Compare(b.Seen, a.Seen) })
	return rest[:min(len(rest), mostPositions)]
}

// enough reports whether beginning alike is enough to know a file by.
func enough(f *mergeFile, p *Position) bool {
	return p.FingerprintSize >= fingerprintSure || f.whole == p.FingerprintSize
}

// logName returns the path without what a rotation appends to it.
func logName(path string) string {
	for {
		ext := filepath.Ext(path)
		if ext == "" || !compressedName(path) && strings.Trim(ext, ".-_0123456789") != "" {
			return strings.TrimRight(path, "-_0123456789")
		}
		path = strings.TrimSuffix(path, ext)
	}
}

// alike yields the positions of files that begin as this one does.
func (k *known) alike(f *mergeFile) func(yield func(i int) bool) {
	return func(yield func(i int) bool) {
		for _, size := range k.sizes {
			if size > len(f.begin) {
				return
			}
			for _, i := range k.byPrint[fingerprint{hash: xxhash.Sum64(f.begin[:size]), size: size}] {
				if !yield(i) {
					return
				}
			}
		}
	}
}
