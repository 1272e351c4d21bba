//go:build unix

package stream

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// A proxy writes numbered lines, each with a write of its own, at about 40,000
// lines a second, and goes on in its old file for 50 lines after a rotation, as
// nginx does until it gets USR1.
type proxy struct {
	t    *testing.T
	path string

	mu     sync.Mutex // held for each burst; a rotation in between takes it
	f      *os.File
	n      int
	reopen int // lines until the path is opened anew; -1: not at all
	stop   chan struct{}
	done   sync.WaitGroup
}

func startProxy(t *testing.T, path string) *proxy {
	p := &proxy{t: t, path: path, stop: make(chan struct{}), reopen: -1}
	p.open()
	p.done.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-p.stop:
				p.f.Close()
				return
			case <-tick.C:
				p.burst(40)
			}
		}
	})
	return p
}

func (p *proxy) open() {
	f, err := os.OpenFile(p.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		p.t.Error(err)
		return
	}
	p.f = f
}

func (p *proxy) burst(lines int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range lines {
		if p.reopen == 0 {
			p.f.Close()
			p.open()
		}
		p.reopen = max(p.reopen-1, -1)
		fmt.Fprintf(p.f, "%d a line of some length, with a number in front and a reason to exist\n", p.n)
		p.n++
	}
}

// rotate lets the proxy stand still for the moment of a rename and reopen later,
// which it waits for, and for the follower to see the new file: one that is gone
// within a few milliseconds nobody can have seen.
func (p *proxy) rotate(s *Follower, rename func()) {
	p.mu.Lock()
	rename()
	p.reopen = 50
	p.mu.Unlock()
	eventually(p.t, func() string {
		p.mu.Lock()
		defer p.mu.Unlock()
		fi, err := p.f.Stat()
		if err != nil || p.reopen >= 0 {
			return "the rotation is not over"
		}
		id, _ := identify(p.path, fi)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.byID[id] == nil {
			return "the new file was not found"
		}
		return ""
	})
}

func (p *proxy) end() (lines int) {
	close(p.stop)
	p.done.Wait()
	return p.n
}

// tally counts the numbers that arrived; it is a receiver without the text.
type tally struct {
	s    *Follower
	mu   sync.Mutex
	seen []uint8
	odd  []string
}

func startTally(t *testing.T, s *Follower) *tally {
	c := &tally{s: s}
	out := make(chan *Block, 2)
	ctx := t.Context() // done before the cleanups run
	var wg sync.WaitGroup
	wg.Go(func() {
		s.Run(ctx, out)
		close(out)
	})
	for range 2 { // workers, which release in any order
		wg.Go(func() {
			for b := range out {
				c.count(b.Data)
				b.Release()
			}
		})
	}
	t.Cleanup(wg.Wait)
	return c
}

func (c *tally) count(data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for line := range bytes.Lines(data) {
		number, rest, _ := bytes.Cut(line, []byte(" "))
		n, err := strconv.Atoi(string(number))
		if err != nil || !bytes.HasSuffix(rest, []byte("exist\n")) {
			c.odd = append(c.odd, string(line))
			continue
		}
		for n >= len(c.seen) {
			c.seen = append(c.seen, 0)
		}
		c.seen[n]++
	}
}

// complaint says what is wrong with the lines; missing ones are allowed where
// maybe says so.
func (c *tally) complaint(total int, maybe func(n int) bool) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lost, doubled int
	for n := range total {
		switch {
		case n >= len(c.seen) || c.seen[n] == 0:
			if maybe == nil || !maybe(n) {
				lost++
			}
		case c.seen[n] > 1:
			doubled++
		}
	}
	if lost+doubled+len(c.odd) > 0 || len(c.seen) > total {
		return fmt.Sprintf("of %d lines %d are lost, %d doubled, and %d were never written (%.200q)", total, lost, doubled, len(c.odd), c.odd)
	}
	return ""
}

func TestTortureRotation(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const rotations = 40
	kinds := map[string]struct {
		glob   string
		rotate func(t *testing.T, path string, i int)
	}{
		"rename": {"access.log", func(t *testing.T, path string, i int) {
			ok(t, os.Rename(path, fmt.Sprint(path, ".", i)))
		}},
		"rename inside the glob": {"access.log*", func(t *testing.T, path string, i int) {
			ok(t, os.Rename(path, fmt.Sprint(path, ".", i)))
		}},
		"chain of renames, the oldest deleted": {"access.log", func(t *testing.T, path string, i int) {
			for n := 3; n > 0; n-- {
				os.Rename(fmt.Sprint(path, ".", n), fmt.Sprint(path, ".", n+1))
			}
			os.Remove(path + ".4")
			ok(t, os.Rename(path, path+".1"))
		}},
		"deletion": {"access.log", func(t *testing.T, path string, i int) {
			ok(t, os.Remove(path))
		}},
		"symlink switch": {"access.log", func(t *testing.T, path string, i int) {
			ok(t, os.Symlink(fmt.Sprint("data.", i), path+".new"))
			ok(t, os.Rename(path+".new", path))
		}},
	}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "access.log")
			if name == "symlink switch" {
				ok(t, os.Symlink("data.start", path))
			}
			p := startProxy(t, path)
			o := quick()
			s := Follow([]string{filepath.Join(dir, kind.glob)}, o)
			c := startTally(t, s)
			for i := range rotations {
				time.Sleep(25 * time.Millisecond)
				p.rotate(s, func() { kind.rotate(t, path, i) })
			}
			time.Sleep(25 * time.Millisecond)
			total := p.end()
			eventually(t, func() string { return c.complaint(total, nil) })
			t.Logf("%d lines through %d rotations", total, rotations)
			// All is acknowledged, and what has gone is let go.
			eventually(t, func() string {
				if lag := s.Stats().Lag(); lag != 0 {
					return fmt.Sprintf("lag is %d at the end", lag)
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				if kind.glob == "access.log" && s.open != 1 {
					return fmt.Sprintf("%d files are still open", s.open)
				}
				return ""
			})
		})
	}
}

// copytruncate loses by its nature what is written between the end of the copy
// and the truncation, unless it was read by then. Everything else has to come
// once: every line that is in a copy or in the file at the end.
func TestTortureCopyTruncate(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for _, c := range []struct {
		name, glob string
		rotations  int
		pause      time.Duration
	}{
		{"access.log", "access.log", 40, 25 * time.Millisecond},
		{"access.log*", "access.log*", 40, 25 * time.Millisecond},
		{"in haste", "access.log", 400, 2 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "access.log")
			p := startProxy(t, path)
			s := Follow([]string{filepath.Join(dir, c.glob)}, quick())
			seen := startTally(t, s)
			kept := map[int]bool{}
			ends := map[string]bool{} // of lines that were being written when they were copied
			note := func(content []byte) {
				for line := range bytes.Lines(content) {
					if !bytes.HasSuffix(line, newline) {
						ends[string(line)+"\n"] = true
					}
					number, _, _ := bytes.Cut(line, []byte(" "))
					if n, err := strconv.Atoi(string(number)); err == nil && bytes.HasSuffix(line, []byte("exist\n")) {
						kept[n] = true
					}
				}
			}
			for i := range c.rotations {
				time.Sleep(c.pause)
				content, err := os.ReadFile(path) // while the proxy writes, as logrotate does
				ok(t, err)
				ok(t, os.WriteFile(fmt.Sprint(path, ".", i), content, 0o644))
				ok(t, os.Truncate(path, 0))
				note(content)
			}
			time.Sleep(25 * time.Millisecond)
			total := p.end()
			content, err := os.ReadFile(path)
			ok(t, err)
			note(content)
			eventually(t, func() string {
				seen.mu.Lock()
				seen.odd = slices.DeleteFunc(seen.odd, func(line string) bool { return ends[line] })
				seen.mu.Unlock()
				return seen.complaint(total, func(n int) bool { return !kept[n] })
			})
			seen.mu.Lock()
			gone := 0
			for n := range total {
				if n >= len(seen.seen) || seen.seen[n] == 0 {
					gone++
				}
			}
			seen.mu.Unlock()
			t.Logf("%d lines: %d in the file or a copy, %d in neither nor read before they were cut off, %d counted as dropped",
				total, len(kept), gone, s.Stats().Dropped(DropTruncated))
		})
	}
}
