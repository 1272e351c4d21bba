package stream

import (
	"bytes"
	"context"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// opened is a file that is read from its beginning.
type opened struct {
	file  *os.File
	r     io.Reader // after decompression
	begin []byte    // as much as a fingerprint covers, which r gives as well
	plain bool
	close func()
}

// openWhole opens a file whose bytes, as they are on the disk, are counted in read.
func openWhole(ctx context.Context, name string, read *int64) (*opened, error) {
	f := os.Stdin
	if name != "-" {
		var err error
		if f, err = os.Open(name); err != nil {
			return nil, err
		}
	}
	in, stop := interruptible(ctx, f)
	o := &opened{file: f, close: func() {
		stop()
		if f != os.Stdin {
			f.Close()
		}
	}}
	r, done, err := decompress(&countingReader{r: in, n: read})
	if err != nil {
		o.close()
		return nil, err
	}
	closeFile := o.close
	o.close = func() { done(); closeFile() }
	switch r.(type) {
	case *gzip.Reader, *zstd.Decoder:
	default:
		o.plain = true
	}
	o.begin = make([]byte, fingerprintMax)
	n, err := io.ReadFull(r, o.begin)
	o.begin = o.begin[:n]
	o.r = io.MultiReader(bytes.NewReader(o.begin), r)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		// What came before it is read all the same.
		o.r = io.MultiReader(bytes.NewReader(o.begin), &failingReader{err})
	}
	return o, nil
}

type failingReader struct{ err error }

func (r *failingReader) Read([]byte) (int, error) { return 0, r.err }

// skipTo moves to the offset, and reports whether that is inside a line. Where the
// file ends before, the error is io.EOF.
func (o *opened) skipTo(ctx context.Context, offset int64, read *int64) (inside bool, err error) {
	if offset == 0 {
		return false, nil
	}
	if fi, err := o.file.Stat(); err == nil && fi.Mode().IsRegular() && o.plain {
		if _, err := o.file.Seek(offset-1, io.SeekStart); err != nil {
			return false, err
		}
		*read = *read - int64(len(o.begin)) + offset - 1
		o.r = &countingReader{r: o.file, n: read}
	} else if _, err := io.CopyN(io.Discard, &contextReader{ctx: ctx, r: o.r}, offset-1); err != nil {
		return false, err
	}
	var last [1]byte
	if _, err := io.ReadFull(o.r, last[:]); err != nil {
		return false, err
	}
	return last[0] != '\n', nil
}
