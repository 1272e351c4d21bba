// Package state keeps what has to outlive the process in one file: it writes it so
// that it is whole at any moment, whatever happens to the process or the machine,
// and knows when it is not what was written. It does not know what the file is
// about: others fill an [Encoder] and read a [Decoder].
package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"
)

// Version is the version of what is in the file. It rises with every change of what an
// Encoder is given, which has to be read as it was written; TestStateOfVersions of package
// pipeline notices one. Version 1 was never released, and no reader is left for it.
const Version = 2

// A file begins with magic, and then has the version (4 bytes), the length of the
// data (8 bytes), their XXH64 (8 bytes), all little-endian, and the data.
const (
	magic      = "darkshare state\n"
	headerSize = len(magic) + 4 + 8 + 8
)

// maxSize bounds what is read into memory. The largest limits make some 100 MB.
const maxSize = 1 << 30

// The errors of Load and Open that callers tell apart. Others are those of the
// file system.
var (
	// ErrCorrupt is a file that is not, or not wholly, what was written.
	ErrCorrupt = errors.New("the state file is damaged or none")
	// ErrOlder and ErrNewer are a file of another version, which is whole for all that is
	// known: the darkshare that wrote it can read it.
	ErrOlder = errors.New("the state file is from an older darkshare")
	ErrNewer = errors.New("the state file is from a newer darkshare")
	// ErrInUse is a file that another process has.
	ErrInUse = errors.New("another darkshare has the state file: give each a file of its own")
)

// A File is a state file that belongs to this process. Its methods are for one
// goroutine at a time.
type File struct {
	path   string
	lock   *os.File
	header [headerSize]byte
}

// Open takes the state file of that path for this process, by a lock beside it
// (path.lock), which the system gives back however the process ends. The file need
// not be there. Where the lock cannot be had for another reason than that somebody
// else has it, such as a missing directory, every Save tries again.
func Open(path string) (*File, error) {
	f := &File{path: path}
	if err := f.own(); errors.Is(err, ErrInUse) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// own takes the lock.
func (f *File) own() error {
	if f.lock != nil {
		return nil
	}
	lock, err := os.OpenFile(f.path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := tryLock(lock); err != nil {
		lock.Close()
		return err
	}
	f.lock = lock
	return nil
}

// Close gives the file to others.
func (f *File) Close() {
	if f.lock != nil {
		f.lock.Close()
		f.lock = nil
	}
}

// Save puts data in the place of what the file had. It returns once they are on the
// disk; where it cannot write them the file is as it was.
func (f *File) Save(data []byte) error {
	if err := f.own(); err != nil {
		return advise(err)
	}
	if err := f.write(data); err != nil {
		os.Remove(f.beside()) // of a full disk, above all
		return advise(err)
	}
	return nil
}

// beside is where a new file is written before it takes the old one's place.
func (f *File) beside() string { return f.path + ".new" }

func (f *File) write(data []byte) error {
	h := append(f.header[:0], magic...)
	h = binary.LittleEndian.AppendUint32(h, Version)
	h = binary.LittleEndian.AppendUint64(h, uint64(len(data)))
	h = binary.LittleEndian.AppendUint64(h, xxhash.Sum64(data))

	// What is left over there may be a link, put there to have another file written over.
	os.Remove(f.beside())
	// It may hold paths of pages, and names: nobody else's business.
	w, err := os.OpenFile(f.beside(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = w.Write(h)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Sync()
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.beside(), f.path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(f.path))
}

// syncDir makes a renaming outlast a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Load returns what was saved last. The error is fs.ErrNotExist where nothing was,
// ErrCorrupt, ErrOlder, ErrNewer, or that of the file system.
func (f *File) Load() ([]byte, error) {
	r, err := os.Open(f.path)
	if err != nil {
		return nil, advise(err)
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, maxSize))
	if err != nil {
		return nil, advise(err)
	}
	data, err := unwrap(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	return data, nil
}

func unwrap(text []byte) ([]byte, error) {
	if len(text) < headerSize || string(text[:len(magic)]) != magic {
		return nil, ErrCorrupt
	}
	h, data := text[len(magic):headerSize], text[headerSize:]
	version := binary.LittleEndian.Uint32(h)
	if version > Version { // which may have other checksums
		return nil, fmt.Errorf("%w (its format is %d, this one reads %d)", ErrNewer, version, Version)
	}
	switch {
	case version < 1, binary.LittleEndian.Uint64(h[4:]) != uint64(len(data)), binary.LittleEndian.Uint64(h[12:]) != xxhash.Sum64(data):
		return nil, ErrCorrupt
	case version < Version:
		return nil, fmt.Errorf("%w (its format is %d, this one reads %d)", ErrOlder, version, Version)
	}
	return data, nil
}

// mostAside is how many files of one suffix are kept beside the first.
const mostAside = 9

// SetAside renames the file, for somebody to look into, so that Load finds none. It
// returns the new name: with a number behind the suffix where there are others, of which
// the last is replaced when there are ten.
func (f *File) SetAside(suffix string) (name string, err error) {
	name = f.path + "." + suffix
	for i := 1; i <= mostAside; i++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			break
		}
		name = fmt.Sprintf("%s.%s.%d", f.path, suffix, i)
	}
	if err := os.Rename(f.path, name); err != nil {
		return "", advise(err)
	}
	return name, nil
}

// advise says what to do about an error of the file system.
func advise(err error) error {
	advice := ""
	switch {
	case errors.Is(err, fs.ErrPermission):
		advice = "let darkshare's user read the state file and write to its directory"
	case errors.Is(err, fs.ErrNotExist):
		advice = "make the directory of the state file"
	case isFull(err):
		advice = "make room on the disk of the state file"
	case isReadOnly(err):
		advice = "name a state file on a disk that can be written to"
	default:
		return err
	}
	return fmt.Errorf("%w: %s", err, advice)
}
