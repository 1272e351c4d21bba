package stream

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// clfTime is the time of a line as Apache and nginx write it.
func clfTime(_ string, line []byte) (int64, bool) {
	const layout = "02/Jan/2006:15:04:05 -0700"
	at := bytes.IndexByte(line, '[') + 1
	if at == 0 || len(line) < at+len(layout) {
		return 0, false
	}
	t, err := time.Parse(layout, string(line[at:at+len(layout)]))
	return t.UnixNano(), err == nil
}

// benchRotated writes files of a log that has ten lines a second. Line n is in the
// file that of says.
func benchRotated(b *testing.B, files int, each int64, of func(n, perFile int) int) (names []string, size int64) {
	b.Helper()
	dir := b.TempDir()
	const rest = `"GET /articles/a-long-read HTTP/1.1" 200 18234 "https://www.example.org/" "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"` + "\n"
	texts := make([]bytes.Buffer, files)
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	perFile := int(each) / (len(rest) + 45)
	for n := range files * perFile {
		fmt.Fprintf(&texts[of(n, perFile)], "203.0.113.7 - - [%s] %s", begin.Add(time.Duration(n)*time.Second/10).Format("02/Jan/2006:15:04:05 -0700"), rest)
	}
	for i := range texts {
		// Named newest first, as a shell does.
		name := filepath.Join(dir, fmt.Sprintf("access.log.%d", files-i))
		ok(b, os.WriteFile(name, texts[i].Bytes(), 0o644))
		names = append(names, name)
		size += int64(texts[i].Len())
	}
	return names, size
}

func BenchmarkMerged(b *testing.B) {
	run := func(b *testing.B, size int64, source func() Source) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			out := make(chan *Block, 2)
			s := source()
			failed := make(chan error, 1)
			go func() { failed <- s.Run(context.Background(), out); close(out) }()
			var n int64
			for blk := range out {
				n += int64(len(blk.Data))
				blk.Release()
			}
			ok(b, <-failed)
			if n != size {
				b.Fatalf("%d bytes of %d", n, size)
			}
		}
	}
	merging := func(names []string, o MergeOptions) func() Source {
		return func() Source {
			o.Time = clfTime
			m, err := Merged(names, o)
			ok(b, err)
			return m
		}
	}
	rotated, size := benchRotated(b, 8, 50<<20, func(n, perFile int) int { return n / perFile })
	b.Run("rotated/files", func(b *testing.B) { run(b, size, func() Source { return Files(rotated, ReadOptions{}) }) })
	b.Run("rotated/merged", func(b *testing.B) { run(b, size, merging(rotated, MergeOptions{})) })
	for _, interval := range []time.Duration{time.Hour, time.Minute, 15 * time.Second} {
		b.Run("rotated/limits_"+interval.String(), func(b *testing.B) {
			run(b, size, merging(rotated, MergeOptions{
				Limit:   time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixNano(),
				Reached: func(_ context.Context, limit int64) (int64, error) { return limit + int64(interval), nil },
			}))
		})
	}
	two, size := benchRotated(b, 2, 50<<20, func(n, _ int) int { return n * 7 / 3 % 2 })
	b.Run("two/files", func(b *testing.B) { run(b, size, func() Source { return Files(two, ReadOptions{}) }) })
	b.Run("two/merged", func(b *testing.B) { run(b, size, merging(two, MergeOptions{})) })
	b.Run("two/time_only", func(b *testing.B) {
		data, err := os.ReadFile(two[0])
		ok(b, err)
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			for line := range bytes.Lines(data) {
				clfTime("", line)
			}
		}
	})
}
