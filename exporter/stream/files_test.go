package stream

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func gz(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	ok(t, err)
	ok(t, w.Close())
	return b.String()
}

func zst(t testing.TB, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	ok(t, err)
	defer w.Close()
	return string(w.EncodeAll([]byte(text), nil))
}

func numbered(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "line %d of a log that is long enough to look like one\n", i)
	}
	return b.String()
}

func TestFiles(t *testing.T) {
	long := numbered(0, 50_000) // several blocks
	skippable := "\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
	for _, c := range []struct {
		name, content, want string
	}{
		{"empty", "", ""},
		{"one byte", "x", "x"},
		{"plain", long, long},
		{"no last newline", long + "end", long + "end"},
		{"CRLF", "a\r\nb\r\n", "a\r\nb\r\n"},
		{"gzip", gz(t, long), long},
		{"gzip, empty", gz(t, ""), ""},
		{"gzip, members that split a line", gz(t, long+"first half ") + gz(t, "second half\n"), long + "first half second half\n"},
		{"zstd", zst(t, long), long},
		{"zstd, frames that split a line", zst(t, long+"first half ") + zst(t, "second half\n"), long + "first half second half\n"},
		{"zstd as pzstd writes it", skippable + zst(t, long), long},
	} {
		t.Run(c.name, func(t *testing.T) {
			// The name says nothing: the content does.
			path := filepath.Join(t.TempDir(), "access.log")
			write(t, path, c.content)
			s := Files([]string{path}, ReadOptions{})
			got, err := collect(t, s)
			ok(t, err)
			if got != c.want {
				t.Errorf("got %d bytes, want %d", len(got), len(c.want))
			}
			if n := s.Stats().Bytes(); n != int64(len(c.want)) {
				t.Errorf("Stats say %d bytes, want %d", n, len(c.want))
			}
		})
	}
}

func TestFilesInOrder(t *testing.T) {
	dir := t.TempDir()
	a, b, c := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	write(t, a, "a1\na2") // a last line without an end does not run into the next file
	write(t, b, gz(t, "b1\n"))
	write(t, c, "c1\n")
	var read, total, calls int64
	s := Files([]string{c, a, b}, ReadOptions{Options: Options{Input: 7}, Progress: func(r, n int64) {
		if r < read {
			t.Errorf("progress went back from %d to %d", read, r)
		}
		read, total = r, n
		calls++
	}})
	out := make(chan *Block, 10)
	ok(t, s.Run(t.Context(), out))
	close(out)
	var got []string
	for b := range out {
		if b.Input != 7 {
			t.Errorf("Input is %d, want 7", b.Input)
		}
		got = append(got, filepath.Base(b.Name)+":"+string(b.Data))
		b.Release()
	}
	if fmt.Sprint(got) != fmt.Sprint([]string{"c:c1\n", "a:a1\na2", "b:b1\n"}) {
		t.Errorf("got %q", got)
	}
	size := int64(len("a1\na2c1\n") + len(gz(t, "b1\n")))
	if read != size || total != size || calls == 0 {
		t.Errorf("progress ended at %d of %d, want %d", read, total, size)
	}
}

func TestFilesDamaged(t *testing.T) {
	long := numbered(0, 20_000)
	g, z := gz(t, long), zst(t, long)
	flip := func(s string, at int) string { return s[:at] + string(s[at]^0xff) + s[at+1:] }
	for _, c := range []struct {
		name, content string
		atLeast       int // bytes that come all the same
		want          string
	}{
		{"gzip cut in the middle", g[:len(g)/2], len(long) / 4, "end too early"},
		{"gzip cut in the trailer", g[:len(g)-3], len(long), "end too early"},
		{"gzip cut in the header", g[:5], 0, "end too early"},
		{"gzip, only the magic", g[:2], 0, "end too early"},
		{"gzip, second member cut", g + g[:20], len(long), "end too early"},
		{"gzip with a wrong checksum", flip(g, len(g)-6), len(long), "damaged"},
		{"gzip with a tail of something else", g + "rubbish that is no member", len(long), "damaged"},
		{"zstd cut", z[:len(z)-2], 0, "end too early"},
		{"zstd with a wrong checksum", flip(z, len(z)-1), 0, "damaged"},
		{"bzip2", "BZh91AY&SY", 0, "bzcat FILE | darkshare replay -"},
		{"xz", "\xfd7zXZ\x00\x00", 0, "xzcat"},
		{"zip", "PK\x03\x04..", 0, "unzip -p"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			bad, good := filepath.Join(dir, "bad"), filepath.Join(dir, "good")
			write(t, bad, c.content)
			write(t, good, "the next file is read all the same\n")
			got, err := collect(t, Files([]string{bad, good}, ReadOptions{}))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), bad) {
				t.Errorf("error %v, want one with %q and the name", err, c.want)
			}
			got, ended := strings.CutSuffix(got, "the next file is read all the same\n")
			if !ended {
				t.Error("the next file was not read")
			}
			if len(got) < c.atLeast || !strings.HasPrefix(long, got) {
				t.Errorf("got %d bytes of what could be read, want %d or more", len(got), c.atLeast)
			}
		})
	}
}

// A mistake in a name is told before an hour is spent on the other files.
func TestFilesMissing(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	write(t, good, "line\n")
	s := Files([]string{good, dir, filepath.Join(dir, "missing")}, ReadOptions{})
	got, err := collect(t, s)
	if got != "" || err == nil || !strings.Contains(err.Error(), "is a directory") || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %q and %v, want nothing and both mistakes", got, err)
	}
	if s.Stats().Up() || s.Stats().LastError() == "" {
		t.Error("Stats know of no error")
	}
}

// A receiver that keeps its blocks stops the reading, and ctx ends it.
func TestFilesBackPressure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, strings.Repeat(numbered(0, 10_000), 10))
	ctx, cancel := context.WithCancel(t.Context())
	out := make(chan *Block, 100)
	s := Files([]string{path}, ReadOptions{Options: Options{Blocks: 3}})
	done := make(chan error)
	go func() { done <- s.Run(ctx, out) }()
	eventually(t, func() string {
		if len(out) < 3 {
			return fmt.Sprintf("%d blocks in use, want 3", len(out))
		}
		return ""
	})
	if n := s.Stats().Bytes(); n > 3*BlockSize {
		t.Errorf("%d bytes read ahead of the receiver", n)
	}
	(<-out).Release()
	eventually(t, func() string {
		if len(out) != 3 {
			return fmt.Sprintf("%d blocks in use after a release, want 3", len(out))
		}
		return ""
	})
	cancel()
	if err := <-done; err != context.Canceled {
		t.Errorf("Run returned %v", err)
	}
}

func benchLog(b *testing.B) (path string, size int64) {
	path = filepath.Join(b.TempDir(), "log")
	f, err := os.Create(path)
	ok(b, err)
	chunk := strings.Repeat(`203.0.113.7 - - [22/Nov/2026:02:36:00 +0000] "GET /articles/a-long-read HTTP/1.1" 200 18234 "https://www.example.org/" "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"`+"\n", 5000)
	for size < 200<<20 {
		n, err := f.WriteString(chunk)
		ok(b, err)
		size += int64(n)
	}
	ok(b, f.Close())
	return path, size
}

func BenchmarkFiles(b *testing.B) {
	path, size := benchLog(b)
	b.Run("stream", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			out := make(chan *Block, 2)
			s := Files([]string{path}, ReadOptions{})
			go func() { s.Run(context.Background(), out); close(out) }()
			var n int64
			for blk := range out {
				n += int64(len(blk.Data))
				blk.Release()
			}
			if n != size {
				b.Fatalf("%d bytes of %d", n, size)
			}
		}
	})
	b.Run("plain_read", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		buf := make([]byte, BlockSize)
		for b.Loop() {
			f, err := os.Open(path)
			ok(b, err)
			var n int64
			for {
				m, err := f.Read(buf)
				n += int64(m)
				if err != nil {
					break
				}
			}
			f.Close()
			if n != size {
				b.Fatalf("%d bytes of %d", n, size)
			}
		}
	})
	for name, pack := range map[string]func(testing.TB, string) string{"gzip": gz, "zstd": zst} {
		b.Run(name, func(b *testing.B) {
			text := numbered(0, 500_000)
			path := filepath.Join(b.TempDir(), "packed")
			write(b, path, pack(b, text))
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				out := make(chan *Block, 2)
				s := Files([]string{path}, ReadOptions{})
				go func() { s.Run(context.Background(), out); close(out) }()
				for blk := range out {
					blk.Release()
				}
			}
		})
	}
}
