package history

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/index"
	"github.com/prometheus/prometheus/tsdb/record"
	"github.com/prometheus/prometheus/tsdb/tombstones"
	"github.com/prometheus/prometheus/tsdb/wlog"
)

// The versions that this build writes and reads: tsdb.metaVersion1,
// index.FormatV3 and chunks.chunksFormatV1 of Prometheus.
const (
	metaVersion   = 1
	indexVersion  = index.FormatV3
	chunksVersion = 1
)

// What is missing once a damaged file has been moved away.
const (
	missingBlock = "what its block (the directory) holds"
	missingLog   = "what is in no block yet, at most the last hours,"
)

// check reads the store as the database will, and refuses what the database would
// answer by deleting or passing over data:
//
//   - a block whose meta.json cannot be read: it would be left out of every answer;
//     one of version 2: its index would be rewritten (a repair for Prometheus 2.1);
//   - a log that is damaged anywhere but at its end: all after the damage would be
//     deleted, and with a damaged checkpoint the whole log;
//   - records of a kind that this build does not know: they would be passed over.
//
// What stays the database's to clear up has no value: the unfinished blocks and
// checkpoints of a kill, the record that the kill tore (it is cut off; Append had not
// returned), and files of chunks_head, which it writes again from the log.
//
// It returns the time of the newest sample in blocks, in milliseconds; 0 for none.
func check(dir string, logger *slog.Logger) (newest int64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("read the store: %w", err)
	}
	for _, e := range entries {
		if _, err := ulid.ParseStrict(e.Name()); err != nil || !e.IsDir() {
			continue
		}
		t, err := checkBlock(filepath.Join(dir, e.Name()))
		if err != nil {
			return 0, err
		}
		newest = max(newest, t)
	}
	headChunks, err := filepath.Glob(filepath.Join(dir, "chunks_head", "[0-9]*"))
	if err != nil {
		return 0, err
	}
	for _, file := range headChunks {
		if err := checkVersion(file, chunksVersion); err != nil {
			return 0, err
		}
	}
	for _, log := range []string{"wal", wlog.WblDirName} {
		if err := checkLog(filepath.Join(dir, log), logger); err != nil {
			return 0, err
		}
	}
	return newest, nil
}

// checkBlock reads a block's meta.json, whole index, tombstones and the ends of its
// chunk files. The chunks between are checked, by their checksums, when they are read.
func checkBlock(dir string) (newest int64, err error) {
	file := filepath.Join(dir, "meta.json")
	var meta tsdb.BlockMeta
	b, err := os.ReadFile(file)
	if err == nil {
		var version struct{ Version int }
		if err = json.Unmarshal(b, &version); err == nil && version.Version > metaVersion {
			return 0, newer(file, fmt.Sprintf("version %d", version.Version))
		}
	}
	if err == nil {
		err = json.Unmarshal(b, &meta)
	}
	if err == nil && (meta.Version != metaVersion || meta.ULID.String() != filepath.Base(dir)) {
		err = errors.New("it is not the description of this block")
	}
	if err != nil {
		return 0, damaged(file, err, missingBlock)
	}

	chunkFiles, err := filepath.Glob(filepath.Join(dir, "chunks", "[0-9]*"))
	if err != nil {
		return 0, err
	}
	for _, file := range chunkFiles {
		if err := checkVersion(file, chunksVersion); err != nil {
			return 0, err
		}
	}
	file = filepath.Join(dir, "chunks")
	chunkReader, err := chunks.NewDirReader(file, nil)
	if err != nil {
		return 0, damaged(file, err, missingBlock)
	}
	defer chunkReader.Close()

	file = filepath.Join(dir, "index")
	if err := checkVersion(file, indexVersion); err != nil {
		return 0, err
	}
	indexReader, err := index.NewFileReader(file, index.DecodePostingsRaw)
	if err != nil {
		return 0, damaged(file, err, missingBlock)
	}
	defer indexReader.Close()
	last, newest, err := readIndex(indexReader)
	if err != nil {
		return 0, damaged(file, err, missingBlock)
	}
	for segment, meta := range last {
		if _, _, err := chunkReader.ChunkOrIterable(meta); err != nil {
			return 0, damaged(chunkFile(dir, segment), err, missingBlock)
		}
	}

	tombs, _, err := tombstones.ReadTombstones(dir)
	if err != nil {
		return 0, damaged(filepath.Join(dir, "tombstones"), err, "which of the block's samples were deleted")
	}
	return newest, tombs.Close()
}

// checkVersion refuses a file whose fifth byte, the version after the magic number,
// is greater than the one known.
func checkVersion(file string, known byte) error {
	f, err := os.Open(file)
	if err != nil {
		return damaged(file, err, missingBlock)
	}
	defer f.Close()
	var header [5]byte
	if _, err := f.Read(header[:]); err == nil && header[4] > known {
		return newer(file, fmt.Sprintf("format version %d", header[4]))
	}
	return nil
}

// readIndex reads every series, whose checksums the reader checks, and returns the
// last chunk of each chunk file and the newest time.
func readIndex(r *index.Reader) (last map[int]chunks.Meta, newest int64, err error) {
	name, value := index.AllPostingsKey()
	postings, err := r.Postings(context.Background(), name, value)
	if err != nil {
		return nil, 0, err
	}
	var (
		builder labels.ScratchBuilder
		metas   []chunks.Meta
	)
	last = map[int]chunks.Meta{}
	for postings.Next() {
		if err := r.Series(postings.At(), &builder, &metas); err != nil {
			return nil, 0, err
		}
		for _, m := range metas {
			newest = max(newest, m.MaxTime)
			segment, _ := chunks.BlockChunkRef(m.Ref).Unpack()
			if m.Ref >= last[segment].Ref {
				last[segment] = m
			}
		}
	}
	return last, newest, postings.Err()
}

// checkLog reads the write-ahead log: its last checkpoint, and its segments from there on.
func checkLog(dir string, logger *slog.Logger) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	first, last, err := wlog.Segments(dir)
	if err != nil {
		return damaged(dir, err, missingLog)
	}
	checkpoint, behind, err := wlog.LastCheckpoint(dir)
	switch {
	case errors.Is(err, record.ErrNotFound):
	case err != nil:
		return damaged(dir, err, missingLog)
	default:
		cfirst, clast, err := wlog.Segments(checkpoint)
		if err != nil {
			return damaged(checkpoint, err, missingLog)
		}
		for i := cfirst; i >= 0 && i <= clast; i++ {
			if _, err := readSegment(checkpoint, i); err != nil {
				return checkpointError(err)
			}
		}
		first = max(first, behind+1)
	}

	var torn *tornError
	for i := first; i >= 0 && i <= last; i++ {
		records, err := readSegment(dir, i)
		if torn != nil && records > 0 {
			return damaged(torn.file, torn.err, missingLog)
		}
		if !errors.As(err, &torn) && err != nil {
			return err
		}
	}
	if torn != nil {
		logger.Warn("The last record of the store's log was cut short by a kill or a power cut: it is dropped", "err", torn)
	}
	return nil
}

// A tornError is about a record after which there is nothing more.
type tornError struct {
	file string
	err  error
}

func (e *tornError) Error() string { return e.file + ": " + e.err.Error() }
func (e *tornError) Unwrap() error { return e.err }

// checkpointError is about a segment of a checkpoint: it is written as a whole, so
// that nothing in it can be torn.
func checkpointError(err error) error {
	if torn := (*tornError)(nil); errors.As(err, &torn) {
		return damaged(torn.file, torn.err, missingLog)
	}
	return err
}

// readSegment reads a segment of a log and counts its records. What it cannot read is
// a tornError where no record follows in the segment.
func readSegment(dir string, i int) (records int, err error) {
	file := wlog.SegmentName(dir, i)
	segment, err := wlog.OpenReadSegment(file)
	if err != nil {
		return 0, fmt.Errorf("read the store's log: %w", err)
	}
	defer segment.Close()
	var (
		reader  = wlog.NewReader(wlog.NewSegmentBufReader(segment))
		decoder = record.NewDecoder(nil, nil)
		good    int64
	)
	for reader.Next() {
		// Where a header was torn, the zeros to the page's end make it an empty record.
		if rec := reader.Record(); len(rec) > 0 && decoder.Type(rec) == record.Unknown {
			return records, newer(file, fmt.Sprintf("a record of an unknown kind before byte %d", reader.Offset()))
		}
		records++
		good = reader.Offset()
	}
	if err = reader.Err(); err == nil {
		return records, nil
	}
	b, readErr := os.ReadFile(file)
	if readErr != nil {
		return records, readErr
	}
	if good < int64(len(b)) && beginsRecord(b[good:]) {
		return records, damaged(file, err, missingLog)
	}
	return records, &tornError{file, err}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// beginsRecord reports whether a whole first (or only) fragment of a record begins
// anywhere after the first byte: type 1 or 2 beside the bits for compression, length,
// checksum (https://github.com/prometheus/prometheus/blob/main/tsdb/docs/format/wal.md).
func beginsRecord(b []byte) bool {
	const header, compressed = 7, 1<<3 | 1<<4
	for i := 1; i+header <= len(b); i++ {
		if kind := b[i] &^ compressed; kind != 1 && kind != 2 {
			continue
		}
		n := int(binary.BigEndian.Uint16(b[i+1:]))
		if n == 0 || i+header+n > len(b) {
			continue
		}
		if crc32.Checksum(b[i+header:i+header+n], castagnoli) == binary.BigEndian.Uint32(b[i+3:]) {
			return true
		}
	}
	return false
}

// blockQuerier is tsdb.NewBlockQuerier, with the file in the error about a chunk that
// cannot be read.
func blockQuerier(b tsdb.BlockReader, mint, maxt int64) (storage.Querier, error) {
	if block, ok := b.(*tsdb.Block); ok {
		b = namedBlock{block}
	}
	return tsdb.NewBlockQuerier(b, mint, maxt)
}

type namedBlock struct{ *tsdb.Block }

func (b namedBlock) Chunks() (tsdb.ChunkReader, error) {
	r, err := b.Block.Chunks()
	return namedChunks{r, b.Dir()}, err
}

type namedChunks struct {
	tsdb.ChunkReader
	dir string
}

func (c namedChunks) ChunkOrIterable(m chunks.Meta) (chunkenc.Chunk, chunkenc.Iterable, error) {
	chunk, iterable, err := c.ChunkReader.ChunkOrIterable(m)
	if err != nil {
		segment, _ := chunks.BlockChunkRef(m.Ref).Unpack()
		err = damaged(chunkFile(c.dir, segment), err, missingBlock)
	}
	return chunk, iterable, err
}

// chunkFile is the name of a block's nth chunk file.
func chunkFile(block string, n int) string {
	return filepath.Join(block, "chunks", fmt.Sprintf("%06d", n+1))
}
