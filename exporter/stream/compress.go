package stream

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the largest zstd window, and so about the memory, that a file may
// ask for: what zstd itself grants without --long.
const maxWindow = 128 << 20

// decompress returns a reader of what r holds, by its first bytes, and what has
// to be closed after it.
func decompress(r io.Reader) (io.Reader, func(), error) {
	head := make([]byte, 6)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, nil, err
	}
	head = head[:n]
	whole := io.MultiReader(bytes.NewReader(head), r)
	has := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case has("\x1f\x8b"):
		z, err := gzip.NewReader(bufio.NewReaderSize(whole, 64<<10))
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, nil, err
		}
		return z, func() { z.Close() }, nil
	case has("\x28\xb5\x2f\xfd"), n >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte("\x2a\x4d\x18")):
		// The second magic is a skippable frame, with which pzstd begins
		// (RFC 8878, section 3.1.2).
		z, err := zstd.NewReader(whole, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	case has("BZh"):
		return nil, nil, errForeign("bzip2", "bzcat")
	case has("\xfd7zXZ\x00"):
		return nil, nil, errForeign("xz", "xzcat")
	case has("PK\x03\x04"):
		return nil, nil, errForeign("zip", "unzip -p")
	}
	return whole, func() {}, nil
}

func errForeign(format, tool string) error {
	return fmt.Errorf("%s is not read here: pipe it in, as in `%s FILE | darkshare replay -`", format, tool)
}

// compressedName reports whether a file is, by its name, one that a rotation
// has compressed.
func compressedName(path string) bool {
	for _, suffix := range []string{".gz", ".zst", ".bz2", ".xz", ".zip", ".lz4"} {
		if strings.HasSuffix(path, suffix) {
			return true
		}
	}
	return false
}

// explainRead names the file in an error of reading it, and says what to do.
func explainRead(name string, err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: the compressed data end too early; what came before was read. Copy the file again, or wait until it is written: %w", name, err)
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.As(err, &corrupt),
		errors.Is(err, zstd.ErrCRCMismatch), errors.Is(err, zstd.ErrMagicMismatch), errors.Is(err, zstd.ErrReservedBlockType):
		return fmt.Errorf("%s: the compressed data are damaged; what came before was read. Copy the file again and test it with `gzip -t` or `zstd -t`: %w", name, err)
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("%s: needs more than %d MiB of memory. Pipe it in, as in `zstd -dc --memory=2GB FILE | darkshare replay -`: %w", name, maxWindow>>20, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}
