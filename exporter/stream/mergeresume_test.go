package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMergedRenamed: what was counted of a file stays counted, under any name that it
// has later.
func TestMergedRenamed(t *testing.T) {
	long := strings.Repeat("1 a line that is long enough to know the log by it|", 30)
	for _, c := range []struct {
		name, before string
		then         []string // the files later
		want         string   // what comes of them
	}{
		{"same", "a: " + long, []string{"a: " + long}, ""},
		{"grown", "a: " + long, []string{"a: " + long + "4|"}, "4|"},
		{"renamed", "a: " + long, []string{"a.1: " + long}, ""},
		{"renamed and grown", "a: " + long, []string{"a.1: " + long + "4|", "a: 5|"}, "4|5|"},
		{"compressed", "a: " + long, []string{"a.1.gz: " + long}, ""},
		{"compressed and grown", "a: " + long, []string{"a.2.zst: " + long + "4|", "a: 5|"}, "4|5|"},
		{"unpacked", "a.gz: " + long, []string{"b: " + long + "4|"}, "4|"},
		{"cut short", "a: " + long + "3|", []string{"a: " + long}, ""},
		{"cut short and compressed", "a: " + long + "3|", []string{"a.gz: " + long}, ""},
		{"another that begins later", "a: " + long, []string{"a: 5|6|"}, "5|6|"},
		{"emptied", "a: " + long, []string{"a: "}, ""},
		{"was empty", "a: ", []string{"a: 5|"}, "5|"},
		{"short, grown in its place", "a: 1|", []string{"a: 1|4|"}, "4|"},
		{"short, renamed", "a: 1|", []string{"a.1.gz: 1|"}, ""},
		{"the last line was not finished", "a: " + long + "2 begun", []string{"a: " + long + "2 begun and ended|4|"}, "4|"},
		{"the last line had no end yet", "a: " + long + "2 done", []string{"a: " + long + "2 done|4|"}, "4|"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := inFolder(t, c.before)
			m := merged(t, before, MergeOptions{})
			_, err := collect(t, m)
			ok(t, err)
			if !slices.ContainsFunc(c.then, func(file string) bool { return strings.HasPrefix(file, before[0]+": ") }) {
				ok(t, os.Remove(before[0]))
			}
			again := merged(t, put(t, c.then...), MergeOptions{Resume: m.Positions(), Begun: seconds(3)})
			fresh, err := again.Fresh(t.Context())
			ok(t, err)
			if fresh != (c.want != "") {
				t.Errorf("fresh is %t", fresh)
			}
			got, err := collect(t, again)
			ok(t, err)
			if got = strings.ReplaceAll(got, "\n", "|"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestMergedAlike: two logs that begin alike keep each their own position, whatever
// they are called and wherever they are named.
func TestMergedAlike(t *testing.T) {
	alike := strings.Repeat("1 the check of a load balancer that asks all its proxies|", 40)
	for _, then := range [][]string{{"a", "b"}, {"b", "a"}, {"b.1", "a.1"}, {"a.2.gz", "b.2.gz"}, {"b.2.gz", "a"}} {
		m := merged(t, inFolder(t, "a: "+alike+"2 a|", "b: "+alike+"2 b|3 b|4 b|"), MergeOptions{})
		_, err := collect(t, m)
		ok(t, err)
		var files []string
		for _, name := range then {
			if name[0] == 'a' {
				files = append(files, name+": "+alike+"2 a|5 a|")
			} else {
				files = append(files, name+": "+alike+"2 b|3 b|4 b|6 b|")
			}
		}
		got, err := collect(t, merged(t, put(t, files...), MergeOptions{Resume: m.Positions()}))
		ok(t, err)
		if got != "5 a\n6 b\n" {
			t.Errorf("%v: got %q", then, got)
		}
	}
}

// TestLogName: what a rotation calls a log, and the log.
func TestLogName(t *testing.T) {
	f := func(path, want string) {
		t.Helper()
		if got := logName(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	f("/var/log/access.log", "/var/log/access.log")
	f("/var/log/access.log.1", "/var/log/access.log")
	f("/var/log/access.log.10.gz", "/var/log/access.log")
	f("/var/log/access.log-20261122.zst", "/var/log/access.log")
	f("/var/log/access.log.2026-11-22", "/var/log/access.log")
	f("/var/log/proxy1.log", "/var/log/proxy1.log")
	f("", "")
	f(".1", "")
}

// TestMergedThenFollowed: who follows the files afterwards goes on where they were left.
func TestMergedThenFollowed(t *testing.T) {
	inFolder(t, "a.1: 1|2|", "a: 3|4|")
	m := merged(t, []string{"a", "a.1"}, MergeOptions{})
	_, err := collect(t, m)
	ok(t, err)
	ok(t, os.Rename("a", "a.2"))
	appendTo(t, "a.2", "5\n")
	write(t, "a", "6\n")
	dir, err := os.Getwd()
	ok(t, err)
	receive(t, Follow([]string{dir + "/a"}, FollowOptions{Resume: m.Positions()}), 0).want("5", "6")
}

// TestMergedRotatedMeanwhile: a file that is not the one whose first line was looked at
// is not taken for it.
func TestMergedRotatedMeanwhile(t *testing.T) {
	files := inFolder(t, "a: 1|2|", "b: 20|21|")
	rotate := func(int64) (int64, error) {
		ok(t, os.Rename("b", "b.1"))
		put(t, "b: 22|")
		return seconds(100), nil
	}
	got, m, err := record(t, files, MergeOptions{Limit: seconds(10)}, rotate)
	if err == nil || !strings.Contains(err.Error(), "b: was rotated") || len(got) != 2 {
		t.Errorf("%q, %v", got, err)
	}
	again, err := collect(t, merged(t, []string{"a", "b", "b.1"}, MergeOptions{Resume: m.Positions(), Begun: seconds(10)}))
	ok(t, err)
	if again != "20\n21\n22\n" {
		t.Errorf("got %q", again)
	}
}

// TestMergedPositionsOfOthers: a file that is not named this time is not forgotten,
// but for the oldest of very many.
func TestMergedPositionsOfOthers(t *testing.T) {
	var resume []Position
	for i := range mostPositions + 10 {
		resume = append(resume, Position{Path: fmt.Sprint("/", i), Fingerprint: uint64(i), FingerprintSize: 1000, Offset: 5000, Seen: int64(i)})
	}
	m := merged(t, inFolder(t, "a: 1|"), MergeOptions{Resume: resume})
	_, err := collect(t, m)
	ok(t, err)
	got := m.Positions()
	if len(got) != mostPositions+1 || got[0].Offset != 2 {
		t.Fatalf("%d positions, the first %+v", len(got), got[0])
	}
	slices.Reverse(resume)
	if diff := cmp.Diff(resume[:mostPositions], got[1:]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMergedChaos: whatever the times are, each line comes once and a file's lines in
// their order; and what is sent before a limit is what the positions say.
func TestMergedChaos(t *testing.T) {
	for seed := range uint64(12) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		inFolder(t)
		names, want := []string{}, map[string][]string{}
		for i := range 1 + rnd.IntN(6) {
			name := fmt.Sprint("f", i)
			var text strings.Builder
			for n := range rnd.IntN(6000) {
				at := ""
				switch rnd.IntN(5) {
				case 0: // no time
				case 1:
					at = fmt.Sprint(rnd.Int64()>>rnd.IntN(60) - rnd.Int64N(1e6))
				default:
					at = fmt.Sprint(n*10 + rnd.IntN(300))
				}
				line := fmt.Sprintf("%s %s.%d %s", at, name, n, strings.Repeat("x", rnd.IntN(200)))
				text.WriteString(line + "\n")
				want[name] = append(want[name], line[:min(len(line), 121)])
			}
			write(t, name, text.String())
			names = append(names, name)
		}
		o := MergeOptions{ReadOptions: ReadOptions{Options: Options{MaxLine: 120}}}
		o.Time = func(path string, line []byte) (int64, bool) {
			at, ok := numberTime(path, line)
			if i := bytes.IndexByte(line, ' '); i > 11 {
				return rnd.Int64() - rnd.Int64(), ok // not even the same twice
			}
			return at, ok
		}
		got := map[string][]string{}
		for left, tries := true, 0; left; tries++ {
			var sent strings.Builder
			var m *Merger
			o.Reached = func(_ context.Context, limit int64) (int64, error) {
				if rnd.IntN(10) == 0 || limit >= seconds(1e5) {
					return 0, errKilled
				}
				return limit + seconds(1+rnd.IntN(5000)), nil
			}
			if tries > 100 {
				o.Reached = nil
			}
			m = merged(t, names, o)
			out := make(chan *Block)
			done := make(chan error)
			go func() { done <- m.Run(t.Context(), out); close(out) }()
			var err error
			for running := true; running; {
				select {
				case b := <-out:
					sent.Write(b.Data)
					b.Release()
				case err = <-done:
					running = false
				}
			}
			if left = err != nil; left && !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
			for line := range strings.Lines(sent.String()) {
				name, _, _ := strings.Cut(line[strings.IndexByte(line, ' ')+1:], ".")
				got[name] = append(got[name], strings.TrimSuffix(line, "\n"))
			}
			o.Resume = m.Positions()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%.2000s", seed, diff)
		}
	}
}

var errKilled = errors.New("killed")

// lives runs a Merger again and again from the positions of its last life, which it
// loses behind a limit, until it ends. It returns the lines that were kept.
func lives(t *testing.T, files func() []string, o MergeOptions, step int64, after func() int) string {
	t.Helper()
	var kept strings.Builder
	for {
		out := make(chan *Block)
		var unsaved bytes.Buffer
		taken := make(chan struct{})
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for b := range out {
				if b == barrier {
					taken <- struct{}{}
					continue
				}
				for line := range bytes.Lines(b.Data) {
					unsaved.Write(bytes.TrimSuffix(line, newline))
					unsaved.WriteByte('\n')
				}
				b.Release()
			}
		}()
		left := after()
		var m *Merger
		o.Reached = func(_ context.Context, limit int64) (int64, error) {
			out <- barrier
			<-taken
			for line := range bytes.Lines(unsaved.Bytes()) {
				if at, _ := numberTime("", line[:len(line)-1]); at >= limit {
					t.Fatalf("%q was sent before the limit %d", line, limit)
				}
			}
			kept.Write(unsaved.Bytes())
			unsaved.Reset()
			o.Resume, o.Limit = m.Positions(), limit+step
			if left--; left == 0 {
				return 0, errKilled
			}
			return limit + step, nil
		}
		m = merged(t, files(), o)
		err := m.Run(t.Context(), out)
		close(out)
		<-stopped
		switch {
		case err == nil:
			kept.Write(unsaved.Bytes())
			if fresh, err := merged(t, files(), MergeOptions{Resume: m.Positions()}).Fresh(t.Context()); fresh || err != nil {
				t.Errorf("fresh is %t, %v after the last life", fresh, err)
			}
			return kept.String()
		case !errors.Is(err, errKilled):
			t.Fatal(err)
		}
	}
}

// barrier goes through the channel of blocks to tell that those before were taken.
var barrier = new(Block)

// TestMergedProperty: a log in pieces, given at random to files that are compressed or
// not and named in any order, comes as it was, each line once; also where the reading
// is killed at any limit, and the files are renamed and compressed in between.
func TestMergedProperty(t *testing.T) {
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inFolder(t)
			rnd := rand.New(rand.NewPCG(seed, 5))
			lines, maxLine := 1+rnd.IntN(4000), 0
			if seed%3 == 0 {
				maxLine = 100 + rnd.IntN(100) // so that many are cut
			}
			texts := make([]strings.Builder, 1+rnd.IntN(7))
			var want strings.Builder
			at, file := 0, 0
			for i := range lines {
				if rnd.IntN(1+int(seed)*10) == 0 {
					file = rnd.IntN(len(texts))
				}
				at += rnd.IntN(3)
				line := fmt.Sprintf("%d.%d %s", at, i, strings.Repeat("x", rnd.IntN(250)))
				texts[file].WriteString(line + "\n")
				if maxLine > 0 {
					line = line[:min(len(line), maxLine+1)]
				}
				want.WriteString(line + "\n")
			}
			o := MergeOptions{Limit: seconds(at / 10), ReadOptions: ReadOptions{Options: Options{MaxLine: maxLine}}}
			// A line of its own for each: those of one time may come in any order of files.
			o.Time = func(path string, line []byte) (int64, bool) {
				number, _, _ := bytes.Cut(line, []byte(" "))
				whole, part, ok := bytes.Cut(number, []byte("."))
				if !ok {
					return 0, false
				}
				n, ok := numberTime(path, whole)
				i, _ := numberTime(path, part)
				return n + i/int64(1e9), ok
			}
			packed := make([]string, len(texts))
			for i := range texts {
				packed[i] = gz(t, texts[i].String())
			}
			for name, kill := range map[string]func() int{
				"one life": func() int { return -1 },
				"each":     func() int { return 1 },
				"some":     func() int { return 1 + rnd.IntN(10) },
			} {
				life := 0
				files := func() (names []string) {
					life++
					for i := range texts {
						name := fmt.Sprintf("%s-%d-life%d.%d", strings.ReplaceAll(name, " ", ""), i, life, rnd.IntN(100))
						content := texts[i].String()
						if rnd.IntN(3) == 0 {
							content = packed[i]
						}
						write(t, name, content)
						names = append(names, name)
					}
					rnd.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
					return names
				}
				got := lives(t, files, o, seconds(max(1, at/20)), kill)
				if got != want.String() {
					t.Fatalf("%s: %d lines of %d; (-want +got):\n%.2000s", name, strings.Count(got, "\n"), lines,
						cmp.Diff(strings.Split(want.String(), "\n"), strings.Split(got, "\n")))
				}
			}
		})
	}
}
