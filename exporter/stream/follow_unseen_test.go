//go:build unix

package stream

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// copied copies the log and cuts it, as logrotate's copytruncate does.
func copied(t *testing.T, path, to string) {
	t.Helper()
	text, err := os.ReadFile(path)
	ok(t, err)
	write(t, to, string(text))
	ok(t, os.Truncate(path, 0))
}

// unlooked makes sure that the follower, which only polls, does not look meanwhile.
func unlooked(t *testing.T, s *Follower, do func()) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

// TestFollowUnseen: what was written, copied and cut again between two looks at a file
// that was empty at the first is read from the copy, before what came after it.
func TestFollowUnseen(t *testing.T) {
	for name, after := range map[string]string{"written to since": numbered(300, 400), "still empty": ""} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, dir string, o FollowOptions) {
				path := dir + "/access.log"
				write(t, path, numbered(0, 100))
				s := Follow([]string{path}, o)
				r := receive(t, s, 0)
				want := many(0, 100)
				r.want(want...)
				copied(t, path, path+".1")
				eventually(t, func() string {
					s.mu.Lock()
					defer s.mu.Unlock()
					if len(s.tails) != 2 || s.tails[0].offset != 0 || s.tails[0].mtime.IsZero() {
						return "it was not seen empty"
					}
					return ""
				})
				time.Sleep(2 * slack)
				unlooked(t, s, func() {
					for i := range 2 {
						write(t, path, numbered(100+100*i, 200+100*i))
						copied(t, path, fmt.Sprint(path, ".", 2+i))
						time.Sleep(slack)
					}
					appendTo(t, path, after)
				})
				want = append(want, many(100, 300)...)
				if after != "" {
					want = append(want, many(300, 400)...)
				}
				r.want(want...)
				appendTo(t, path, numbered(400, 500))
				want = append(want, many(400, 500)...)
				r.want(want...)
				copied(t, path, path+".9")
				appendTo(t, path, numbered(500, 600))
				want = append(want, many(500, 600)...)
				r.want(want...)
				r.never(100 * time.Millisecond)
			})
		})
	}
}

// TestRestoreEmpty: a log that was empty when darkshare ended was written to, and copied;
// it is cut before or after darkshare begins again.
func TestRestoreEmpty(t *testing.T) {
	for _, cut := range []bool{true, false} {
		t.Run(fmt.Sprint("cut ", cut), func(t *testing.T) {
			each(t, func(t *testing.T, dir string, o FollowOptions) {
				path := dir + "/access.log"
				write(t, path, "")
				o.Resume = life(t, []string{path}, nil)
				time.Sleep(2 * slack)
				write(t, path, numbered(0, 100))
				text, err := os.ReadFile(path)
				ok(t, err)
				write(t, path+".1", string(text))
				if cut {
					ok(t, os.Truncate(path, 0))
				}
				s := Follow([]string{path}, o)
				r := receive(t, s, 0)
				want := many(0, 100)
				r.want(want...)
				if !cut {
					ok(t, os.Truncate(path, 0))
				}
				appendTo(t, path, numbered(100, 200))
				want = append(want, many(100, 200)...)
				r.want(want...)
				r.never(100 * time.Millisecond)
			})
		})
	}
}

// TestRestoreUnopened: a file that was to be read from its end on and could not be opened has an
// offset and no fingerprint; what it had before is not read in the next life either.
func TestRestoreUnopened(t *testing.T) {
	each(t, func(t *testing.T, dir string, o FollowOptions) {
		path := dir + "/access.log"
		write(t, path, numbered(0, 100))
		o.Resume = life(t, []string{path}, nil, many(0, 100)...)
		if len(o.Resume) != 1 || o.Resume[0].Offset == 0 {
			t.Fatalf("%+v", o.Resume)
		}
		o.Resume[0].Fingerprint, o.Resume[0].FingerprintSize = 0, 0
		s := Follow([]string{path}, o)
		r := receive(t, s, 0)
		r.never(100 * time.Millisecond)
		appendTo(t, path, numbered(100, 200))
		r.want(many(100, 200)...)
		r.never(100 * time.Millisecond)
	})
}

// TestFollowCutWhileBlocked: while all blocks are in use nothing can be read, and a log is
// cut more than once. What it had in between is read from its copies, in this life and,
// where darkshare is killed before it can, in the next.
func TestFollowCutWhileBlocked(t *testing.T) {
	for _, killed := range []bool{false, true} {
		t.Run(fmt.Sprint("killed ", killed), func(t *testing.T) {
			each(t, func(t *testing.T, dir string, o FollowOptions) {
				path := dir + "/access.log"
				write(t, path, numbered(0, 100))
				o.Blocks = 1
				s := Follow([]string{path}, o)
				out := make(chan *Block)
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- s.Run(ctx, out) }()
				t.Cleanup(func() { stop(); <-ended })
				held := <-out
				looks := func() uint64 { s.mu.Lock(); defer s.mu.Unlock(); return s.scans }
				pass := func() {
					since := looks()
					eventually(t, func() string {
						if looks() < since+3 {
							return "the files are not looked for"
						}
						return ""
					})
				}
				pass()
				for i := range 3 {
					time.Sleep(2 * slack)
					copied(t, path, fmt.Sprint(path, ".", i))
					write(t, path, numbered(100*i+1000, 100*i+1200)) // more than there was
				}
				pass()
				want := append(many(1000, 1200), append(many(1100, 1300), many(1200, 1400)...)...)
				if killed {
					o.Resume = s.Positions()
					held.Release()
					r := receive(t, Follow([]string{path}, o), 0)
					r.want(append(many(0, 100), want...)...)
					r.never(100 * time.Millisecond)
					return
				}
				held.Release()
				var got []string
				for len(got) < len(want) {
					select {
					case b := <-out:
						got = append(got, strings.Split(strings.TrimSuffix(string(b.Data), "\n"), "\n")...)
						b.Release()
					case <-time.After(15 * time.Second):
						t.Fatalf("%d lines of %d came", len(got), len(want))
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("got %.300q", got)
				}
			})
		})
	}
}
