//go:build unix

package stream

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// quick are options with which a test does not wait long.
func quick() FollowOptions {
	return FollowOptions{Poll: 20 * time.Millisecond, Grace: 300 * time.Millisecond, StartAt: StartAtBeginning}
}

// each runs a test with notification and with polling alone.
func each(t *testing.T, f func(t *testing.T, dir string, o FollowOptions)) {
	t.Helper()
	for _, noNotify := range []bool{false, true} {
		t.Run(map[bool]string{false: "notify", true: "poll"}[noNotify], func(t *testing.T) {
			t.Parallel()
			o := quick()
			o.NoNotify = noNotify
			f(t, t.TempDir(), o)
		})
	}
}

func TestFollowGrowingFile(t *testing.T) {
	each(t, func(t *testing.T, dir string, o FollowOptions) {
		path := filepath.Join(dir, "access.log")
		write(t, path, "one\ntwo\r\nthr")
		r := receive(t, Follow([]string{path}, o), 0)
		r.want("one", "two\r")
		r.never(50 * time.Millisecond) // a line waits for its end
		appendTo(t, path, "e")
		r.never(50 * time.Millisecond)
		appendTo(t, path, "e\n\nfour\n")
		r.want("one", "two\r", "three", "", "four")
	})
}

func TestFollowStartsAtEnd(t *testing.T) {
	each(t, func(t *testing.T, dir string, o FollowOptions) {
		old, unfinished, later := filepath.Join(dir, "a.log"), filepath.Join(dir, "b.log"), filepath.Join(dir, "c.log")
		write(t, old, "old\n")
		write(t, unfinished, "old\nhalf ")
		o.StartAt = StartAtEnd
		s := Follow([]string{filepath.Join(dir, "*.log")}, o)
		r := receive(t, s, 0)
		eventually(t, func() string {
			if !s.Stats().Up() {
				return "not up"
			}
			return ""
		})
		appendTo(t, old, "new\n")
		r.want("new")
		appendTo(t, unfinished, "and half\n") // the line that was being written comes whole
		r.want("new", "half and half")
		write(t, later, "from its start\n")
		r.want("new", "half and half", "from its start")
	})
}

func TestFollowRename(t *testing.T) {
	each(t, func(t *testing.T, dir string, o FollowOptions) {
		path := filepath.Join(dir, "access.log")
		write(t, path, "one\n")
		r := receive(t, Follow([]string{path}, o), 0)
		r.want("one")
		w, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		ok(t, err)
		defer w.Close()
		ok(t, os.Rename(path, path+".1"))
		w.WriteString("two, to the old handle\n")
		r.want("one", "two, to the old handle")
		write(t, path, "three\n")
		r.want("one", "two, to the old handle", "three")
		w.WriteString("four, still to the old handle\nfive, unfinished")
		r.want("one", "two, to the old handle", "three", "four, still to the old handle")
		// When nothing more comes, what is there is all there will be.
		r.want("one", "two, to the old handle", "three", "four, still to the old handle", "five, unfinished")
	})
}

// With a receiver that lags behind, the renamed file still comes before the new one.
func TestFollowRenameInOrder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "access.log")
	write(t, path, numbered(0, 30_000))
	o := quick()
	o.Blocks = 1
	r := receive(t, Follow([]string{path}, o), 30*time.Millisecond)
	eventually(t, func() string {
		if len(r.lines()) == 0 {
			return "nothing came"
		}
		return ""
	})
	for i := range 3 {
		ok(t, os.Rename(path, fmt.Sprint(path, ".", i)))
		write(t, path, numbered(30_000+100*i, 30_100+100*i))
		time.Sleep(60 * time.Millisecond)
	}
	want := strings.Split(strings.TrimSuffix(numbered(0, 30_300), "\n"), "\n")
	r.want(want...)
}

// A file that keeps matching the glob under its new name is the same file.
func TestFollowRenameInsideGlob(t *testing.T) {
	each(t, func(t *testing.T, dir string, o FollowOptions) {
		path := filepath.Join(dir, "access.log")
		write(t, path, "one\n")
		r := receive(t, Follow([]string{path + "*"}, o), 0)
		r.want("one")
		ok(t, os.Rename(path, path+".1"))
		write(t, path, "two\n")
		r.want("one", "two")
		ok(t, os.Rename(path+".1", path+".2"))
		ok(t, os.Rename(path, path+".1"))
		write(t, path, "three\n")
		r.want("one", "two", "three")
		appendTo(t, path+".1", "late\n")
		r.want("one", "two", "three", "late")
		// Two files that swap their names wait for each other in no way.
		ok(t, os.Rename(path, path+".x"))
		ok(t, os.Rename(path+".1", path))
		ok(t, os.Rename(path+".x", path+".1"))
		appendTo(t, path, "swapped\n")
		r.want("one", "two", "three", "late", "swapped")
	})
}

func TestFollowComesBack(t *testing.T) {
	each(t, func(t *testing.T, dir string, o FollowOptions) {
		o.Grace = 50 * time.Millisecond
		path := filepath.Join(dir, "access.log")
		write(t, path, "one\n")
		r := receive(t, Follow([]string{path}, o), 0)
		r.want("one")
		ok(t, os.Rename(path, path+".away"))
		time.Sleep(200 * time.Millisecond) // it is finished and closed
		appendTo(t, path+".away", "two\n")
		ok(t, os.Rename(path+".away", path))
		r.want("one", "two")
	})
}

func TestFollowDeleted(t *testing.T) {
	each(t, func(t *testing.T, dir string, o FollowOptions) {
		path := filepath.Join(dir, "access.log")
		write(t, path, "one\n")
		s := Follow([]string{path}, o)
		r := receive(t, s, 0)
		r.want("one")
		w, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		ok(t, err)
		defer w.Close()
		ok(t, os.Remove(path))
		w.WriteString("two\n")
		r.want("one", "two")
		eventually(t, func() string {
			if n := len(s.Positions()); n > 0 {
				return "a deleted file is kept open after its grace time"
			}
			return ""
		})
		// The next file may get the inode of the deleted one.
		write(t, path, "three\n")
		r.want("one", "two", "three")
	})
}

func TestFollowDateNames(t *testing.T) {
	each(t, func(t *testing.T, dir string, o FollowOptions) {
		r := receive(t, Follow([]string{filepath.Join(dir, "access-*.log")}, o), 0)
		var want []string
		for day := range 5 {
			path := filepath.Join(dir, fmt.Sprintf("access-2026-11-%02d.log", day))
			write(t, path, fmt.Sprintf("day %d\n", day))
			want = append(want, fmt.Sprintf("day %d", day))
			r.want(want...)
		}
	})
}

func TestFollowSymlinkSwitch(t *testing.T) {
	each(t, func(t *testing.T, dir string, o FollowOptions) {
		link := filepath.Join(dir, "current.log")
		targets := t.TempDir() // in another directory, whose events count as well
		var want []string
		var r *receiver
		for i := range 5 {
			target := filepath.Join(targets, fmt.Sprint("log.", i))
			write(t, target, fmt.Sprintf("start of %d\n", i))
			ok(t, os.Symlink(target, link+".new"))
			ok(t, os.Rename(link+".new", link))
			if r == nil {
				r = receive(t, Follow([]string{link}, o), 0)
			}
			want = append(want, fmt.Sprintf("start of %d", i))
			r.want(want...)
			appendTo(t, target, fmt.Sprintf("end of %d\n", i))
			want = append(want, fmt.Sprintf("end of %d", i))
			r.want(want...)
		}
	})
}

// A symlink and its target may both match: one file, read once.
func TestFollowTwoNames(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.log"), "one\n")
	ok(t, os.Symlink("a.log", filepath.Join(dir, "b.log")))
	ok(t, os.Link(filepath.Join(dir, "a.log"), filepath.Join(dir, "c.log")))
	r := receive(t, Follow([]string{filepath.Join(dir, "*.log"), filepath.Join(dir, "a*")}, quick()), 0)
	r.want("one")
	r.never(100 * time.Millisecond)
}

func TestFollowTruncated(t *testing.T) {
	each(t, func(t *testing.T, dir string, o FollowOptions) {
		path := filepath.Join(dir, "access.log")
		write(t, path, "one\ntwo\n")
		s := Follow([]string{path}, o)
		r := receive(t, s, 0)
		r.want("one", "two")
		ok(t, os.Truncate(path, 0))
		appendTo(t, path, "3\n")
		r.want("one", "two", "3")
		// Grown past the old offset between two looks: the beginning tells.
		write(t, path, "a quite different beginning\n")
		r.want("one", "two", "3", "a quite different beginning")
		if n := s.Stats().Dropped(DropTruncated); n != 0 {
			t.Errorf("%d records counted as dropped, but all were read", n)
		}
	})
}

// What was not read at the truncation comes from the copy, and the copy, where a
// glob names it, is not read a second time.
func TestFollowCopyTruncate(t *testing.T) {
	for _, glob := range []string{"access.log", "access.log*"} {
		t.Run(glob, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "access.log")
			write(t, path, numbered(0, 100))
			o := quick()
			o.Blocks = 1
			s := Follow([]string{filepath.Join(dir, glob)}, o)
			r := receive(t, s, 100*time.Millisecond)
			n := 100
			for i := range 4 {
				eventually(t, func() string { // it has begun to read this generation
					if len(r.lines()) < n-50 {
						return fmt.Sprintf("%d lines of %d", len(r.lines()), n)
					}
					return ""
				})
				// The receiver sleeps, and so the last of these are not read yet.
				appendTo(t, path, numbered(n, n+5000))
				n += 5000
				for old := i; old > 0; old-- {
					ok(t, os.Rename(fmt.Sprint(path, ".", old), fmt.Sprint(path, ".", old+1)))
				}
				content, err := os.ReadFile(path)
				ok(t, err)
				write(t, path+".1", string(content))
				ok(t, os.Truncate(path, 0))
				appendTo(t, path, numbered(n, n+100))
				n += 100
			}
			r.want(strings.Split(strings.TrimSuffix(numbered(0, n), "\n"), "\n")...)
			r.never(100 * time.Millisecond)
			if d := s.Stats().Dropped(DropTruncated); d != 0 {
				t.Errorf("%d records counted as dropped, but all were read", d)
			}
		})
	}
}

// Without a copy the loss is counted.
func TestFollowTruncatedUnread(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	write(t, path, numbered(0, 40_000))
	var log logBuffer
	o := quick()
	o.Blocks, o.Logger = 1, log.logger()
	s := Follow([]string{path}, o)
	r := receive(t, s, 200*time.Millisecond)
	eventually(t, func() string {
		if len(r.lines()) == 0 {
			return "nothing came"
		}
		return ""
	})
	write(t, path, "new\n")
	eventually(t, func() string {
		if l := r.lines(); l[len(l)-1] != "new" {
			return "the new content did not come"
		}
		return ""
	})
	lost := 40_001 - len(r.lines())
	dropped := int(s.Stats().Dropped(DropTruncated))
	if lost <= 0 || dropped < lost*9/10 || dropped > lost*11/10 {
		t.Errorf("%d records lost, %d counted", lost, dropped)
	}
	if !strings.Contains(log.String(), "reason=truncated") {
		t.Errorf("the log does not say so: %s", log.String())
	}
}

func TestFollowLongLines(t *testing.T) {
	each(t, func(t *testing.T, dir string, o FollowOptions) {
		path := filepath.Join(dir, "access.log")
		o.MaxLine = 10
		write(t, path, "short\n0123456789abcdef\n")
		r := receive(t, Follow([]string{path}, o), 0)
		r.want("short", "0123456789a")
		appendTo(t, path, "0123456789"+strings.Repeat("x", 2*BlockSize)) // its end is not written yet
		r.want("short", "0123456789a", "0123456789x")
		appendTo(t, path, strings.Repeat("y", BlockSize)+"\nnext\n")
		r.want("short", "0123456789a", "0123456789x", "next")
	})
}

func TestFollowLeavesOut(t *testing.T) {
	dir := t.TempDir()
	var log logBuffer
	o := quick()
	o.Logger = log.logger()
	write(t, filepath.Join(dir, "access.log.2.gz"), gz(t, "packed\n"))
	write(t, filepath.Join(dir, "access.log.3.zst"), zst(t, "packed\n"))
	ok(t, os.Mkdir(filepath.Join(dir, "access.log.d"), 0o700))
	write(t, filepath.Join(dir, "access.log"), "one\n")
	r := receive(t, Follow([]string{filepath.Join(dir, "access.log*")}, o), 0)
	r.want("one")
	r.never(100 * time.Millisecond)
	for _, name := range []string{"access.log.2.gz", "access.log.3.zst", "access.log.d"} {
		if n := strings.Count(log.String(), name+"\n"); n != 1 {
			t.Errorf("%s is mentioned %d times in the log, want once:\n%s", name, n, log.String())
		}
	}
}

func TestFollowBadGlob(t *testing.T) {
	if err := Follow([]string{"/var/log/[a"}, quick()).Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "[a") {
		t.Errorf("got %v for a malformed glob", err)
	}
}

// Trouble takes the input down, is said once with what to do, and passes by itself.
func TestFollowTrouble(t *testing.T) {
	state := func(t *testing.T, s *Follower, up bool) {
		t.Helper()
		eventually(t, func() string {
			if s.Stats().Up() != up {
				return fmt.Sprintf("up is %v, last error %q", !up, s.Stats().LastError())
			}
			return ""
		})
	}
	t.Run("missing file, then missing directory", func(t *testing.T) {
		var log logBuffer
		o := quick()
		o.Logger = log.logger()
		dir := filepath.Join(t.TempDir(), "nginx")
		path := filepath.Join(dir, "access.log")
		s := Follow([]string{path}, o)
		r := receive(t, s, 0)
		state(t, s, false)
		time.Sleep(100 * time.Millisecond)
		if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), "advice=") {
			t.Errorf("%d complaints, want one with advice:\n%s", n, log.String())
		}
		ok(t, os.Mkdir(dir, 0o700))
		write(t, path, "one\n")
		r.want("one")
		state(t, s, true)
		ok(t, os.RemoveAll(dir))
		state(t, s, false)
		ok(t, os.Mkdir(dir, 0o700))
		write(t, path, "two\n")
		r.want("one", "two")
		state(t, s, true)
	})
	t.Run("dangling symlink", func(t *testing.T) {
		dir := t.TempDir()
		link := filepath.Join(dir, "access.log")
		ok(t, os.Symlink(filepath.Join(dir, "target"), link))
		s := Follow([]string{link}, quick())
		r := receive(t, s, 0)
		state(t, s, false)
		write(t, filepath.Join(dir, "target"), "one\n")
		r.want("one")
		state(t, s, true)
	})
	t.Run("no permission", func(t *testing.T) {
		if os.Getuid() == 0 {
			t.Skip("root may read everything")
		}
		path := filepath.Join(t.TempDir(), "access.log")
		write(t, path, "one\n")
		ok(t, os.Chmod(path, 0))
		s := Follow([]string{path}, quick())
		r := receive(t, s, 0)
		state(t, s, false)
		ok(t, os.Chmod(path, 0o600))
		r.want("one")
		state(t, s, true)
	})
}

// More files than may be open: those at their end make room for the others.
func TestFollowMaxOpen(t *testing.T) {
	dir := t.TempDir()
	name := func(i int) string { return filepath.Join(dir, fmt.Sprintf("%02d.log", i)) }
	for i := range 12 {
		write(t, name(i), fmt.Sprintf("%d a\n", i))
	}
	o := quick()
	o.MaxOpen = 4
	s := Follow([]string{filepath.Join(dir, "*.log")}, o)
	r := receive(t, s, 0)
	count := func(n int) {
		t.Helper()
		eventually(t, func() string {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.total != n || len(r.seen) != n {
				return fmt.Sprintf("%d lines, %d different, want %d", r.total, len(r.seen), n)
			}
			return ""
		})
	}
	count(12)
	if s.Stats().OpenLimitReached() == 0 {
		t.Error("the limit was not counted")
	}
	for i := range 12 {
		appendTo(t, name(i), fmt.Sprintf("%d b\n", i))
	}
	count(24)
	// Renamed out of the glob while closed: found by its inode, or at its end anyway.
	for i := range 12 {
		appendTo(t, name(i), fmt.Sprintf("%d c\n", i))
		ok(t, os.Rename(name(i), name(i)+".1"))
	}
	count(36)
	s.mu.Lock()
	if s.open > 4 {
		t.Errorf("%d files are open, the limit is 4", s.open)
	}
	s.mu.Unlock()
	eventually(t, func() string {
		if lag := s.Stats().Lag(); lag != 0 {
			return fmt.Sprintf("lag is %d", lag)
		}
		return ""
	})
	if d := s.Stats().Dropped(DropVanished); d != 0 {
		t.Errorf("%d dropped", d)
	}
}
