package stream

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// published is what others may know of a Follower's files without waiting for the
// disks that it waits for.
type published struct {
	mu    sync.Mutex
	files []publishedFile
	// known says that files are known, of which there may be none.
	known bool
	// clean says that files are those of the Follower, whose goroutine owns it.
	clean bool
	// lost are the losses noted since, which become known together with what the
	// files are after them: else a position would still hold what is counted as lost.
	lost [NumDropReasons]uint64
}

type publishedFile struct {
	Position
	acks  *ledger
	named *atomic.Int64
	// limit is where a copy ends, which may be sooner than its original was read.
	limit int64
}

// publish tells others what has changed. The caller holds f.mu.
func (f *Follower) publish() {
	p := &f.published
	if p.clean {
		return
	}
	p.clean = true
	p.mu.Lock()
	defer p.mu.Unlock()
	for reason, n := range p.lost {
		f.stats.dropped[reason].Add(n)
	}
	p.lost = [NumDropReasons]uint64{}
	clear(p.files)
	p.files, p.known = p.files[:0], true
	for _, t := range f.tails {
		if t.shadow || t.undecided {
			continue
		}
		p.files = append(p.files, publishedFile{
			Position: Position{
				Path: t.path, Device: t.id.device, Inode: t.id.inode,
				Fingerprint: t.print.hash, FingerprintSize: t.print.size,
			},
			acks: t.acks, named: t.named, limit: t.limit,
		})
	}
	for _, pos := range f.resume { // what was not found yet is not forgotten
		p.files = append(p.files, publishedFile{Position: pos})
	}
}

// Positions returns how far each file has been counted, by path: nil where Run has not
// looked for files yet and there is nothing to Resume. It may be called at any time,
// also after Run.
func (f *Follower) Positions() (all []Position) {
	f.At(func(positions []Position) { all = positions })
	return all
}

// At calls read with the Positions while no loss is entered into Stats. Where no
// block is released meanwhile either, both are of one moment: a record is before
// its file's position, behind it, or counted as lost.
func (f *Follower) At(read func(positions []Position)) {
	p := &f.published
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.known {
		read(nil)
		return
	}
	all := make([]Position, 0, len(p.files))
	for i := range p.files {
		file := &p.files[i]
		pos := file.Position
		if file.acks != nil {
			pos.Offset, pos.Size = file.acks.offset()
			pos.Seen = file.named.Load()
		}
		if file.limit > 0 {
			pos.Offset, pos.Size = min(pos.Offset, file.limit), file.limit
		}
		all = append(all, pos)
	}
	slices.SortFunc(all, func(a, b Position) int { return cmp.Compare(a.Path, b.Path) })
	read(all)
}

// drop counts bytes that are lost, in lines of the usual length. The caller holds
// f.mu, and publishes.
func (f *Follower) drop(reason DropReason, lost int64, path string) {
	if lost <= 0 {
		return
	}
	// Before anything is read, the combined format's usual 200 bytes stand in.
	length := int64(200)
	if f.rows > 0 {
		length = max(f.bytes/f.rows, 1)
	}
	lines := (lost + length - 1) / length
	f.published.lost[reason] += uint64(lines)
	f.published.clean = false
	f.log.error("dropped "+path, "records were lost", "path", path, "reason", reason.String(),
		"bytes", lost, "about_lines", lines,
		"advice", "let logrotate rename (create) instead of copytruncate, and leave the newest rotated file uncompressed (delaycompress)")
}

// slack is how much earlier than the clock says a file may seem to be born: the
// kernel's clock for files ticks slowly.
const slack = 20 * time.Millisecond
