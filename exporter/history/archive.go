package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/prometheus/prometheus/tsdb/fileutil"

	"github.com/darkshare/darkshare/exporter/state"
)

// StateFile is the name of the state file in a store's directory.
const StateFile = "darkshare.state"

// unfinished is the directory, in that of blocks, of those that no state tells of yet.
const unfinished = "darkshare.unfinished"

// A Head is what stands in a state file before the engine's state.
type Head struct {
	// Shown is package metrics' memory of the last scrape, as Unix time in nanoseconds.
	Shown int64
	// Block is the newest block that replay has written: counted in the state, and
	// perhaps not moved to its place yet.
	Block string
}

// Save writes the head.
func (h Head) Save(e *state.Encoder) {
	e.Int(h.Shown)
	e.String(h.Block)
}

// RestoreHead reads what Save wrote.
func RestoreHead(d *state.Decoder) Head { return Head{Shown: d.Int(), Block: d.String()} }

// An Archive is where a replay leaves the samples of old logs, in parts, with the state
// that goes on where a part ends. A replay that is killed goes on behind the last part
// that is wholly there.
type Archive struct {
	to   Destination
	file *state.File
	// busy has the error of the part that is being written, once it is.
	busy chan error
	// err is that of the part that could not be stored, behind which none is.
	err error
}

// A Destination takes the parts of an Archive.
type Destination interface {
	// prepare keeps a part where adopt finds it by its name, whatever happens to the
	// process between the two.
	prepare(b *Batch) (name string, err error)
	// adopt puts a part that prepare kept in its place, if it is not there yet, and
	// throws others away.
	adopt(name string) error
}

// OpenArchive opens the archive that has its state in that file, and returns what was
// stored last, from behind the head, or nil.
func OpenArchive(to Destination, path string) (*Archive, *state.Decoder, error) {
	file, err := state.Open(path)
	if err != nil {
		return nil, nil, err
	}
	a := &Archive{to: to, file: file}
	data, err := file.Load()
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil, a.to.adopt("")
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	d := state.NewDecoder(data)
	head := RestoreHead(d)
	if err := d.Err(); err != nil {
		file.Close()
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, d, a.to.adopt(head.Block)
}

// Put stores a part, nil where there are no samples, and the state behind it. It waits
// for the part before only; its error is that of each Put after it, which stores nothing,
// and of Close.
func (a *Archive) Put(b *Batch, engine []byte) error {
	if err := a.wait(); err != nil {
		return err
	}
	a.busy = make(chan error, 1)
	go func() { a.busy <- a.put(b, engine) }()
	return nil
}

func (a *Archive) put(b *Batch, engine []byte) (err error) {
	var head Head
	if b != nil {
		if head.Block, err = a.to.prepare(b); err != nil {
			return err
		}
	}
	var out state.Encoder
	head.Save(&out)
	if err := a.file.Save(append(out.Data, engine...)); err != nil {
		return err
	}
	return a.to.adopt(head.Block)
}

func (a *Archive) wait() error {
	if a.busy != nil {
		a.err = <-a.busy
		a.busy = nil
	}
	return a.err
}

// Close waits until all parts are stored, and gives the archive to others.
func (a *Archive) Close() error {
	err := a.wait()
	a.file.Close()
	return err
}

// Blocks are a directory of blocks of the TSDB, such as that of a store, or that of a
// Prometheus server, which adopts them.
type Blocks struct{ Dir string }

func (d Blocks) prepare(b *Batch) (string, error) {
	dir := filepath.Join(d.Dir, unfinished)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	name, err := b.writeBlock(dir)
	if err != nil {
		return "", fmt.Errorf("a block cannot be written: %w", err)
	}
	return name, nil
}

func (d Blocks) adopt(name string) error { return AdoptBlock(d.Dir, name) }

// AdoptBlock moves the block that a killed replay has left behind into its place, if
// there is one of that name, and throws away what it has not finished.
func AdoptBlock(dir, name string) error {
	left := filepath.Join(dir, unfinished)
	if name != "" {
		err := fileutil.Rename(filepath.Join(left, name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("a finished block cannot be put into its place: %w", err)
		}
	}
	return os.RemoveAll(left)
}
