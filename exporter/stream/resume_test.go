//go:build unix

package stream

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// life runs a follower until it has given these lines, and returns its positions
// as a state file would keep them.
func life(t *testing.T, globs []string, resume []Position, want ...string) []Position {
	t.Helper()
	o := quick()
	o.Resume = resume
	s := Follow(globs, o)
	r := receive(t, s, 0)
	if len(want) > 0 {
		r.want(want...)
	} else {
		r.never(100 * time.Millisecond)
	}
	if len(want) == len(r.lines()) {
		r.never(60 * time.Millisecond)
	}
	r.stop()
	state, err := json.Marshal(s.Positions())
	ok(t, err)
	var kept []Position
	ok(t, json.Unmarshal(state, &kept))
	return kept
}

func TestResume(t *testing.T) {
	for _, c := range []struct {
		name string
		glob string
		// before one life, while down, and what the next life must read.
		meanwhile func(t *testing.T, path string)
		want      []string
	}{
		{"nothing happened", "access.log",
			func(t *testing.T, path string) {}, nil},
		{"grown", "access.log",
			func(t *testing.T, path string) { appendTo(t, path, "ree\n4\n") }, []string{"three", "4"}},
		{"renamed", "access.log",
			func(t *testing.T, path string) {
				appendTo(t, path, "ree\n")
				ok(t, os.Rename(path, path+".1"))
				write(t, path, "4\n")
			}, []string{"three", "4"}},
		{"renamed inside the glob", "access.log*",
			func(t *testing.T, path string) {
				appendTo(t, path, "ree\n")
				ok(t, os.Rename(path, path+".1"))
				write(t, path, "4\n")
			}, []string{"three", "4"}},
		{"renamed, and nothing new yet", "access.log",
			func(t *testing.T, path string) {
				appendTo(t, path, "ree\n")
				ok(t, os.Rename(path, path+".1"))
			}, []string{"three"}},
		{"deleted, and the inode may be reused", "access.log",
			func(t *testing.T, path string) {
				ok(t, os.Remove(path))
				write(t, path, "another\nfile\nthat is longer\n")
			}, []string{"another", "file", "that is longer"}},
		{"copied and truncated", "access.log",
			func(t *testing.T, path string) {
				appendTo(t, path, "ree\n")
				content, err := os.ReadFile(path)
				ok(t, err)
				write(t, path+".1", string(content))
				ok(t, os.Truncate(path, 0))
				appendTo(t, path, "4\n")
			}, []string{"three", "4"}},
		{"a new file came", "*.log",
			func(t *testing.T, path string) {
				write(t, filepath.Join(filepath.Dir(path), "z.log"), "new\n")
			}, []string{"new"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "access.log")
			globs := []string{filepath.Join(dir, c.glob)}
			write(t, path, "one\ntwo\nth")
			kept := life(t, globs, nil, "one", "two")
			if len(kept) != 1 || kept[0].Offset != int64(len("one\ntwo\n")) || kept[0].Path != path || kept[0].FingerprintSize == 0 {
				t.Fatalf("positions are %+v", kept)
			}
			c.meanwhile(t, path)
			kept = life(t, globs, kept, c.want...)
			// And a third life reads nothing twice.
			life(t, globs, kept)
		})
	}
}

// A position inside a line that is too long skips the rest of it.
func TestResumeInsideLongLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	write(t, path, strings.Repeat("x", 2*DefaultMaxLine))
	kept := life(t, []string{path}, nil, strings.Repeat("x", DefaultMaxLine+1))
	appendTo(t, path, "xxx\nnext\n")
	life(t, []string{path}, kept, "next")
}

// The position moves only past blocks that are released, and all before them.
func TestPositionsFollowRelease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	text := numbered(0, 20_000)
	write(t, path, text)
	s := Follow([]string{path}, quick())
	out := make(chan *Block, 10)
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context(), out) }()
	blocks := []*Block{<-out, <-out, <-out}
	size := []int64{0, 0, 0}
	for i, b := range blocks {
		size[i] = int64(len(b.Data))
	}
	at := func(want int64) {
		t.Helper()
		if got := s.Positions()[0].Offset; got != want {
			t.Errorf("the position is %d, want %d", got, want)
		}
	}
	at(0)
	blocks[1].Release()
	at(0)
	blocks[0].Release()
	at(size[0] + size[1])
	// What is not released is read again in the next life.
	kept := s.Positions()
	o := quick()
	o.Resume = kept
	r := receive(t, Follow([]string{path}, o), 0)
	r.want(strings.Split(strings.TrimSuffix(text[size[0]+size[1]:], "\n"), "\n")...)
	blocks[2].Release()
	at(size[0] + size[1] + size[2])
	eventually(t, func() string {
		select {
		case b := <-out:
			b.Release()
		default:
		}
		if p := s.Positions()[0].Offset; p != int64(len(text)) {
			return fmt.Sprintf("the position is %d, want %d", p, len(text))
		}
		return ""
	})
}

func TestLedger(t *testing.T) {
	var counted int64
	l := &ledger{counted: func(n int64) { counted += n }, acked: 5}
	for end := int64(10); end <= 40; end += 10 {
		l.add(end)
	}
	for _, c := range []struct {
		done int
		want int64
	}{{2, 5}, {0, 10}, {1, 30}, {3, 40}} {
		l.done(c.done)
		if got, _ := l.offset(); got != c.want || counted != c.want-5 {
			t.Errorf("after %d: %d, want %d", c.done, got, c.want)
		}
	}
	if n := l.add(50); n != 4 {
		t.Errorf("numbers go on at %d, want 4", n)
	}
	l.done(4)
	if got, _ := l.offset(); got != 50 || len(l.marks) != 0 {
		t.Errorf("ends at %d with %d marks", got, len(l.marks))
	}
}

// TestPositionsBeforeRun: a state that is saved before the files were looked at forgets
// none of them, and does not take them for read from where nobody was.
func TestPositionsBeforeRun(t *testing.T) {
	resume := []Position{
		{Path: "/a.log", Device: 1, Inode: 2, Fingerprint: 3, FingerprintSize: 4, Offset: 5, Size: 6, Seen: 7},
		{Path: "/b.log", Device: 1, Inode: 3},
	}
	for _, want := range [][]Position{nil, {}, resume} {
		o := quick()
		o.Resume = want
		if got := Follow([]string{"/a.log", "/b.log"}, o).Positions(); (got == nil) != (want == nil) || !slices.Equal(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}
