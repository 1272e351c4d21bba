package stream

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// An archive is what became of a file that a rotation has compressed before it was
// read to its end.
type archive struct {
	lines lineReader
	file  *os.File
	done  func()
}

func (a *archive) close() {
	a.done()
	a.file.Close()
}

// openArchive looks beside the position's path for the file's compressed form, and
// returns a tail that reads it from where the position is, or nil.
func (f *Follower) openArchive(pos Position) (t *tail) {
	if pos.FingerprintSize < fingerprintSure {
		return nil // too little to know it again by
	}
	_ = beside(pos.Path, func(name string, fi fs.FileInfo) bool {
		if !compressedName(name) || !rotatedName(pos.Path, name) {
			return true
		}
		a := f.unpack(name, pos)
		if a == nil {
			return true
		}
		// The number of the file itself may be another one's by now.
		id, _ := identify(name, fi)
		t = f.tail(pos.Path, id, pos)
		t.archive, t.gone = a, time.Now()
		return false
	})
	return t
}

// unpack opens a compressed file behind the position, or returns nil where it is
// not the position's.
func (f *Follower) unpack(name string, pos Position) *archive {
	file, err := os.Open(name)
	if err != nil {
		return nil
	}
	z, done, err := decompress(file)
	if err != nil {
		file.Close()
		return nil
	}
	a := &archive{file: file, done: done, lines: lineReader{cutter: f.cutter()}}
	head := make([]byte, pos.FingerprintSize)
	if _, err := io.ReadFull(z, head); err == nil && pos.fingerprint().matches(head) {
		a.lines.r = io.MultiReader(bytes.NewReader(head), z)
		if _, err := io.CopyN(io.Discard, a.lines.r, pos.Offset); err == nil {
			f.log.once("archive "+name, "reading the rest of a file that was compressed before it was read to its end",
				"path", pos.Path, "as", filepath.Base(name), "offset", pos.Offset)
			return a
		}
	}
	a.close()
	return nil
}

// stepArchive is step for a compressed file.
func (f *Follower) stepArchive(t *tail, b *Block) (again bool) {
	a := &t.archive.lines
	before := a.read - int64(len(a.carry))
	end := a.next(b)
	read, lines := int(a.read-int64(len(a.carry))-before), len(b.Data)
	b.Data = nil
	if end != nil {
		if 0 < lines && lines < len(b.buf) {
			lines = t.wrap.rest(b.buf[:lines+1])
		}
		if end != io.EOF {
			f.log.error("archive "+t.path, "the rest of a compressed file cannot be read", "path", t.path, "err", explainRead(t.path, end))
		}
		f.close(t)
		f.hand(t, b, lines, read)
		return false
	}
	if t.wrap.kind != WrapNone && t.wrap.decide(b.buf[:lines]) {
		a.max = wrappedMax
	}
	// Here the parts of a line that is not complete cannot be read again.
	raw := bytes.Clone(b.buf[:lines])
	unwrapped, used := t.wrap.lines(b.buf[:lines], read, false)
	a.carry = append(raw[lines-(read-used):], a.carry...)
	f.hand(t, b, unwrapped, used)
	return true
}
