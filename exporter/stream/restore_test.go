//go:build unix

package stream

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
)

// gzipped replaces a file by its compressed form, as logrotate does.
func gzipped(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	ok(t, err)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err = z.Write(text)
	ok(t, err)
	ok(t, z.Close())
	write(t, path+".gz", b.String())
	ok(t, os.Remove(path))
}

// many is some lines whose beginning is long enough to be known by.
func many(from, to int) []string {
	return strings.Split(strings.TrimSuffix(numbered(from, to), "\n"), "\n")
}

// TestRestore: what happened to a log of which 100 lines were read and 10 more had been
// written, while darkshare was down, and what comes in its next life.
func TestRestore(t *testing.T) {
	unread := many(100, 110)
	for _, c := range []struct {
		name      string
		meanwhile func(t *testing.T, path string)
		want      []string
		dropped   DropReason // NumDropReasons where nothing is
	}{
		{"rotated three times", func(t *testing.T, path string) {
			for i := range 3 {
				ok(t, os.Rename(path, fmt.Sprintf("%s.%d", path, 9-i)))
				write(t, path, numbered(1000*i+1000, 1000*i+1005))
				time.Sleep(slack) // the kernel's clock for files ticks slowly
			}
		}, append(append(append(unread, many(1000, 1005)...), many(2000, 2005)...), many(3000, 3005)...), NumDropReasons},
		{"rotated twice, and the names shifted", func(t *testing.T, path string) {
			ok(t, os.Rename(path, path+".1"))
			write(t, path, numbered(1000, 1005))
			ok(t, os.Rename(path+".1", path+".2"))
			ok(t, os.Rename(path, path+".1"))
			write(t, path, numbered(2000, 2005))
		}, append(append(unread, many(1000, 1005)...), many(2000, 2005)...), NumDropReasons},
		{"cut twice, with copies", func(t *testing.T, path string) {
			for i := range 2 {
				text, err := os.ReadFile(path)
				ok(t, err)
				write(t, fmt.Sprintf("%s.%d", path, i), string(text))
				write(t, path, numbered(1000*i+1000, 1000*i+1005))
			}
		}, append(append(unread, many(1000, 1005)...), many(2000, 2005)...), NumDropReasons},
		{"rotated and compressed", func(t *testing.T, path string) {
			ok(t, os.Rename(path, path+".1"))
			gzipped(t, path+".1")
			write(t, path, numbered(1000, 1005))
		}, append(unread, many(1000, 1005)...), NumDropReasons},
		{"compressed, and nothing new yet", func(t *testing.T, path string) {
			gzipped(t, path)
		}, unread, NumDropReasons},
		{"deleted", func(t *testing.T, path string) {
			ok(t, os.Remove(path))
		}, nil, DropVanished},
		{"cut, without a copy", func(t *testing.T, path string) {
			ok(t, os.Truncate(path, 0))
			appendTo(t, path, numbered(1000, 1005))
		}, many(1000, 1005), DropTruncated},
		{"another log came beside it", func(t *testing.T, path string) {
			ok(t, os.Rename(path, path+".1"))
			write(t, filepath.Join(filepath.Dir(path), "access-api.log"), numbered(7000, 7005))
			write(t, path+".old", numbered(8000, 8005))
			write(t, path, numbered(1000, 1005))
		}, append(unread, many(1000, 1005)...), NumDropReasons},
		{"copied to another disk", func(t *testing.T, path string) {
			text, err := os.ReadFile(path)
			ok(t, err)
			write(t, path+".tmp", string(text))
			ok(t, os.Rename(path+".tmp", path))
		}, unread, NumDropReasons},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "access.log")
			write(t, path, numbered(0, 100))
			first := Follow([]string{path}, quick())
			r := receive(t, first, 0)
			r.want(many(0, 100)...)
			eventually(t, func() string {
				if p := first.Positions(); len(p) != 1 || p[0].Offset != int64(len(numbered(0, 100))) {
					return fmt.Sprintf("positions %+v", p)
				}
				return ""
			})
			r.stop()
			kept := first.Positions()
			appendTo(t, path, numbered(100, 110))
			kept[0].Size += int64(len(numbered(100, 110))) // it was seen, and not read
			time.Sleep(2 * slack)
			c.meanwhile(t, path)
			o := quick()
			o.Resume = kept
			next := Follow([]string{path}, o)
			r = receive(t, next, 0)
			r.want(c.want...)
			r.never(100 * time.Millisecond)
			for reason := range NumDropReasons {
				n := next.Stats().Dropped(reason)
				// The length of a line is guessed where none was read.
				if reason == c.dropped && n == 0 || reason != c.dropped && n != 0 {
					t.Errorf("%d lines dropped as %s", n, reason)
				}
			}
			r.stop()
			// A third life reads nothing twice.
			o.Resume = next.Positions()
			r = receive(t, Follow([]string{path}, o), 0)
			r.never(100 * time.Millisecond)
		})
	}
}

// TestRestoreLater: while the directory cannot be read, positions are kept, and when it
// can the log is read on.
func TestRestoreLater(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "disk")
	ok(t, os.Mkdir(dir, 0o755))
	path := filepath.Join(dir, "access.log")
	write(t, path, numbered(0, 100))
	kept := life(t, []string{path}, nil, many(0, 100)...)
	ok(t, os.Rename(dir, dir+".away"))
	again := life(t, []string{path}, kept)
	if len(again) != 1 || again[0] != kept[0] {
		t.Fatalf("positions were %+v and are %+v", kept, again)
	}
	o := quick()
	o.Resume = again
	r := receive(t, Follow([]string{path}, o), 0)
	r.never(60 * time.Millisecond)
	ok(t, os.Rename(dir+".away", dir))
	appendTo(t, path, "next\n")
	r.want("next")
}

// TestRotationsFasterThanScans: files that had the name between two looks are read,
// each once. Which of those that were made within a tick of the kernel's clock for
// files came first, nobody can tell.
func TestRotationsFasterThanScans(t *testing.T) {
	each(t, func(t *testing.T, dir string, o FollowOptions) {
		path := filepath.Join(dir, "access.log")
		write(t, path, numbered(0, 50))
		r := receive(t, Follow([]string{path}, o), 0)
		want := many(0, 50)
		r.want(want...)
		for i := range 10 {
			for j := range 4 {
				n := 1000*i + 100*j + 1000
				ok(t, os.Rename(path, fmt.Sprint(path, ".", 10*i+j)))
				write(t, path, numbered(n, n+7))
				want = append(want, many(n, n+7)...)
			}
			slices.Sort(want)
			eventually(t, func() string {
				got := r.lines()
				if slices.Sort(got); !slices.Equal(got, want) {
					return fmt.Sprintf("%d lines, want %d", len(got), len(want))
				}
				return ""
			})
			time.Sleep(3 * slack)
		}
	})
}

// TestBornAndGone: with notification, a file that is written and deleted at once is
// read, because it was opened as soon as it was there.
func TestBornAndGone(t *testing.T) {
	dir := t.TempDir()
	o := quick()
	o.Poll = time.Hour
	s := Follow([]string{filepath.Join(dir, "*.log")}, o)
	r := receive(t, s, 0)
	eventually(t, func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.scans == 0 {
			return "not begun"
		}
		return ""
	})
	read := 0
	for i := range 100 {
		path := filepath.Join(dir, fmt.Sprint(i, ".log"))
		write(t, path, "here and gone\n")
		time.Sleep(2 * time.Millisecond)
		ok(t, os.Remove(path))
	}
	time.Sleep(200 * time.Millisecond)
	read = len(r.lines())
	t.Logf("%d of 100 files that lived for 2 ms were read", read)
	if read < 50 {
		t.Errorf("only %d of 100", read)
	}
}

// TestFinishedBeforeItGoes: a file that was being read is read to its end when it is
// compressed and deleted meanwhile.
func TestFinishedBeforeItGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	write(t, path, numbered(0, 60_000))
	o := quick()
	o.Blocks = 1
	r := receive(t, Follow([]string{path}, o), 5*time.Millisecond)
	eventually(t, func() string {
		if len(r.lines()) == 0 {
			return "nothing came"
		}
		return ""
	})
	ok(t, os.Rename(path, path+".1"))
	gzipped(t, path+".1")
	write(t, path, numbered(60_000, 60_100))
	r.want(many(0, 60_100)...)
}

// TestFollows: a position is whose glob names the file, or named it before a rotation.
func TestFollows(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	text := strings.Repeat("a line\n", 20)
	write(t, at("access.log"), text)
	fi, err := os.Stat(at("access.log"))
	ok(t, err)
	here, _ := identify(at("access.log"), fi)
	of := func(path string, id identity, begins string) Position {
		return Position{Path: path, Device: id.device, Inode: id.inode, Fingerprint: xxhash.Sum64String(begins), FingerprintSize: len(begins)}
	}
	other := identity{device: here.device, inode: here.inode + 1}
	for name, c := range map[string]struct {
		glob string
		pos  Position
		want bool
	}{
		"its name":                    {"access.log", of(at("access.log"), other, "x"), true},
		"by a glob":                   {"*.log", of(at("error.log"), other, "x"), true},
		"rotated":                     {"access.log", of(at("access.log.1"), other, "x"), true},
		"rotated, by a glob":          {"*.log", of(at("access-20261122.log"), other, "x"), true},
		"of a log that is not there":  {"gone.log", of(at("gone.log.1"), other, "x"), true},
		"the file by another name":    {"access.log", of("/mnt/link.log", here, text), true},
		"another that had its number": {"access.log", of("/mnt/link.log", here, "x"), false},
		"another log":                 {"access.log", of(at("access-api.log"), other, "x"), false},
		"another directory's":         {"access.log", of("/mnt/access.log.1", other, "x"), false},
		"compressed":                  {"access.log", of(at("access.log.1.gz"), identity{}, "x"), false},
	} {
		if got := Follows([]string{at(c.glob)})(c.pos); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
