package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// numberTime is the time of a line that begins with it, in seconds.
func numberTime(_ string, line []byte) (int64, bool) {
	number, _, _ := bytes.Cut(line, []byte(" "))
	n, err := strconv.ParseInt(string(number), 10, 64)
	return n * int64(time.Second), err == nil
}

func seconds(n int) int64 { return int64(n) * int64(time.Second) }

func merged(t testing.TB, files []string, o MergeOptions) *Merger {
	t.Helper()
	if o.Time == nil {
		o.Time = numberTime
	}
	m, err := Merged(files, o)
	ok(t, err)
	return m
}

// inFolder writes files, each line "name: lines", and makes their folder the working
// directory. A name that ends in gz or zst is compressed; "|" ends a line.
func inFolder(t *testing.T, files ...string) (names []string) {
	t.Helper()
	t.Chdir(t.TempDir())
	return put(t, files...)
}

// put writes files into the working directory.
func put(t *testing.T, files ...string) (names []string) {
	t.Helper()
	for _, file := range files {
		name, text, _ := strings.Cut(file, ": ")
		text = strings.ReplaceAll(text, "|", "\n")
		switch filepath.Ext(name) {
		case ".gz":
			text = gz(t, text)
		case ".zst":
			text = zst(t, text)
		}
		write(t, name, text)
		names = append(names, name)
	}
	return names
}

// TestMergedOrder: files, and the order in which their lines come.
func TestMergedOrder(t *testing.T) {
	hours := func(n int) string { return strconv.Itoa(n * 3600) }
	for _, c := range []struct {
		name  string
		files []string
		want  string
	}{
		{"none", nil, ""},
		{"empty", []string{"a: "}, ""},
		{"one", []string{"a: 1|2|3|"}, "1|2|3|"},
		{"rotated", []string{"a: 7|8|", "a.1: 4|5|", "a.2.gz: 1|2|3|"}, "1|2|3|4|5|7|8|"},
		{"two proxies", []string{"a: 1 a|3 a|5 a|", "b: 2 b|4 b|6 b|"}, "1 a|2 b|3 a|4 b|5 a|6 b|"},
		{"gzip, zstd and plain", []string{"a.gz: 1|4|7|", "b.zst: 2|5|8|", "c: 3|6|9|"}, "1|2|3|4|5|6|7|8|9|"},
		{"one inside the other", []string{"a: 1 a|2 a|8 a|", "b: 3 b|4 b|"}, "1 a|2 a|3 b|4 b|8 a|"},
		{"one time, by name", []string{"b: 1 b|", "a: 1 a|", "c: 1 c|"}, "1 a|1 b|1 c|"},
		{"one time, what began first before", []string{"a: 2 a|3 a|", "b: 1 b|2 b|"}, "1 b|2 b|2 a|3 a|"},
		{"lines without a time go with the one before", []string{"a: 1|x|y|5|", "b: 2|z|"}, "1|x|y|2|z|5|"},
		{"lines without a time before all go with the first", []string{"a: x|3|", "b: 2|"}, "2|x|3|"},
		{"no times at all", []string{"a: x|y|", "b: 1|", "c: z|"}, "x|y|z|1|"},
		{"older lines go with the one before", []string{"a: 1|5|3|4|6|", "b: 2|4 b|5 b|"}, "1|2|4 b|5|3|4|5 b|6|"},
		{"no last newline", []string{"a: 1|3", "b: 2|4"}, "1|2|3|4"},
		{"CRLF", []string{"a: 1\r|3\r|", "b: 2|"}, "1\r|2|3\r|"},
		{"one far ahead is not believed", []string{"a: 1|" + hours(2) + "|3|4|", "b: 2|5|"}, "1|" + hours(2) + "|2|3|4|5|"},
		{"nor where it is the first", []string{"a: " + hours(2) + "|3|4|", "b: 2|5|"}, "2|" + hours(2) + "|3|4|5|"},
		{"less than an hour ahead is", []string{"a: 1|3000|3|4|", "b: 2|5|"}, "1|2|5|3000|3|4|"},
		{"a quiet night is", []string{"a: 1|" + hours(8) + "|", "b: 2|" + hours(4) + "|"}, "1|2|" + hours(4) + "|" + hours(8) + "|"},
		{"one far behind does not undo those before it", []string{
			"a: 1|" + hours(9) + "|" + hours(10) + "|" + hours(11) + "|" + hours(12) + "|5|" + hours(13) + "|", "b: 2|" + hours(10) + " b|"},
			"1|2|" + hours(9) + "|" + hours(10) + "|" + hours(10) + " b|" + hours(11) + "|" + hours(12) + "|5|" + hours(13) + "|"},
	} {
		t.Run(c.name, func(t *testing.T) {
			names := inFolder(t, c.files...)
			for _, files := range [][]string{names, reversed(names)} {
				m := merged(t, files, MergeOptions{})
				got, err := collect(t, m)
				ok(t, err)
				if diff := cmp.Diff(c.want, strings.ReplaceAll(got, "\n", "|")); diff != "" {
					t.Errorf("%v (-want +got):\n%s", files, diff)
				}
				again := merged(t, files, MergeOptions{Resume: m.Positions()})
				if fresh, err := again.Fresh(t.Context()); fresh || err != nil {
					t.Errorf("fresh is %t, %v after all was read", fresh, err)
				}
				if got, err := collect(t, again); got != "" || err != nil {
					t.Errorf("read again: %q, %v", got, err)
				}
			}
		})
	}
}

// TestMergedFarAhead: a wrong time is known as such wherever in a block its line is,
// the last one too.
func TestMergedFarAhead(t *testing.T) {
	const length = 64 // so that a block ends with a line
	line := func(at, n int, name string) string {
		return fmt.Sprintf("%-10d%-10d%-*s\n", at, n, length-21, name)
	}
	for _, wrong := range []int{0, 1, 4000, BlockSize/length - 2, BlockSize/length - 1, BlockSize / length, 9_998} {
		inFolder(t)
		var a, b, want strings.Builder
		for n := range 10_000 {
			at := 2 * n
			if n == wrong {
				at += 100_000
			}
			a.WriteString(line(at, n, "a"))
			b.WriteString(line(2*n+1, n, "b"))
			want.WriteString(line(at, n, "a") + line(2*n+1, n, "b"))
		}
		write(t, "a", a.String())
		write(t, "b", b.String())
		got, err := collect(t, merged(t, []string{"a", "b"}, MergeOptions{}))
		ok(t, err)
		// The line with the wrong time comes with the one before it, or with the one
		// behind it where it is the first.
		sorted := func(text string) []string {
			lines := strings.Split(text, "\n")
			for i := range lines {
				if len(lines[i]) > 20 && strings.TrimSpace(lines[i][10:20]) == fmt.Sprint(wrong) {
					lines[i] = ""
				}
			}
			return slices.DeleteFunc(lines, func(l string) bool { return l == "" })
		}
		if diff := cmp.Diff(sorted(want.String()), sorted(got)); diff != "" || len(got) != want.Len() {
			t.Errorf("line %d: %d bytes (-want +got):\n%.1000s", wrong, len(got), diff)
		}
	}
}

func reversed(names []string) []string {
	names = slices.Clone(names)
	slices.Reverse(names)
	return names
}

// record runs a Merger and notes its blocks, limits and positions in their order.
func record(t *testing.T, files []string, o MergeOptions, next func(limit int64) (int64, error)) ([]string, *Merger, error) {
	t.Helper()
	out := make(chan *Block, 1000)
	var got []string
	drain := func() {
		for len(out) > 0 {
			b := <-out
			got = append(got, b.Name+": "+strings.ReplaceAll(string(b.Data), "\n", "|"))
			b.Release()
		}
	}
	o.Blocks = cap(out)
	if next != nil {
		o.Reached = func(_ context.Context, limit int64) (int64, error) {
			drain()
			got = append(got, fmt.Sprint(limit/int64(time.Second)))
			return next(limit)
		}
	}
	m := merged(t, files, o)
	err := m.Run(t.Context(), out)
	drain()
	return got, m, err
}

func every(step int) func(int64) (int64, error) {
	return func(limit int64) (int64, error) { return limit + seconds(step), nil }
}

// TestMergedLimits: what was sent before each limit was reached.
func TestMergedLimits(t *testing.T) {
	for _, c := range []struct {
		name  string
		limit int
		files []string
		want  []string
	}{
		{"within a file", 10, []string{"a: 1|9|10|11|19|20|"}, []string{"a: 1|9|", "10", "a: 10|11|19|", "20", "a: 20|"}},
		{"not reached", 10, []string{"a: 1|9|"}, []string{"a: 1|9|"}},
		{"nothing before", 10, []string{"a: 10|11|"}, []string{"10", "a: 10|11|"}},
		{"nothing between", 10, []string{"a: 1|35|"}, []string{"a: 1|", "10", "20", "30", "a: 35|"}},
		{"between files", 10, []string{"a: 1|9|", "b: 12|"}, []string{"a: 1|9|", "10", "b: 12|"}},
		{"merged", 10, []string{"a: 1|3|11|", "b: 2|10|12|"}, []string{"a: 1|2|3|", "10", "b: 10|11|12|"}},
		{"older lines behind it", 10, []string{"a: 1|11|5|12|"}, []string{"a: 1|", "10", "a: 11|5|12|"}},
		{"older lines behind it, to the end", 10, []string{"a: 1|11|5|", "b: 6|8|"}, []string{"a: 1|6|8|", "10", "a: 11|5|"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := inFolder(t, c.files...)
			got, _, err := record(t, files, MergeOptions{Limit: seconds(c.limit)}, every(10))
			ok(t, err)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("its error ends Run", func(t *testing.T) {
		full := errors.New("disk full")
		got, m, err := record(t, inFolder(t, "a: 1|10|"), MergeOptions{Limit: seconds(10)}, func(int64) (int64, error) { return 0, full })
		if !errors.Is(err, full) || len(got) != 2 || m.Stats().LastError() != "disk full" {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("has to go forward", func(t *testing.T) {
		_, _, err := record(t, inFolder(t, "a: 1|10|"), MergeOptions{Limit: seconds(10)}, func(l int64) (int64, error) { return l, nil })
		if err == nil || !strings.Contains(err.Error(), "no later") {
			t.Error(err)
		}
	})
	t.Run("the last one may be the last", func(t *testing.T) {
		got, _, err := record(t, inFolder(t, "a: 1|10|20|"), MergeOptions{Limit: seconds(10)}, func(int64) (int64, error) { return math.MaxInt64, nil })
		ok(t, err)
		if diff := cmp.Diff([]string{"a: 1|", "10", "a: 10|20|"}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestMergedHeaded: lines of a file whose format stands in it are in blocks of its own,
// and their times are asked with the header lines in their places.
func TestMergedHeaded(t *testing.T) {
	files := inFolder(t, "a: #Fields: s x|1 a|3 a|#Fields: x s|a 5|", "b: #Fields: x s|b 2|b 4|", "c: 1 c|2 c|", "d: 3 d|")
	swapped := map[string]bool{}
	o := MergeOptions{
		Headed: func(path string) bool { return path < "c" },
		Time: func(path string, line []byte) (int64, bool) {
			if fields, is := bytes.CutPrefix(line, []byte("#Fields: ")); is {
				swapped[path] = string(fields) == "x s"
				return 0, false
			}
			if x, s, _ := bytes.Cut(line, []byte(" ")); swapped[path] {
				line = slices.Concat(s, []byte(" "), x)
			}
			return numberTime(path, line)
		},
	}
	got, _, err := record(t, files, o, nil)
	ok(t, err)
	want := []string{"a: #Fields: s x|1 a|", "c: 1 c|2 c|", "b: #Fields: x s|b 2|", "a: 3 a|#Fields: x s|", "d: 3 d|", "b: b 4|", "a: a 5|"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMergedMistakes: what is refused before a line is sent.
func TestMergedMistakes(t *testing.T) {
	long := strings.Repeat("12 a line that is long enough to know the log by it|", 30)
	for _, c := range []struct {
		name  string
		files []string
		also  string
		want  []string // in the error; none for none
	}{
		{"missing", []string{"a: 1|"}, "b", []string{"b: no such file"}},
		{"a directory", []string{"a: 1|"}, ".", []string{". is a directory"}},
		{"older than the history", []string{"a: 9|10|", "b.gz: 1|", "c: 10|", "d: x|"}, "",
			[]string{"reaches 1970-01-01T00:00:10Z", "a (from 1970-01-01T00:00:09Z), b.gz (from 1970-01-01T00:00:01Z)", "into a new store"}},
		{"as old as the history", []string{"c: 10|", "d: x|"}, "", nil},
		{"a copy", []string{"a: " + long, "b: " + long + "13|", "a.gz: " + long}, "", []string{"b begins as a does", "a.gz begins as a does", "name one of them"}},
		{"logs that begin alike for a while", []string{"a: " + strings.Repeat(long, 4) + "13 a|", "b: " + strings.Repeat(long, 4) + "13 b|"}, "", nil},
		{"one file twice", []string{"a: 10|"}, "./a", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := inFolder(t, c.files...)
			if c.also != "" {
				files = append(files, c.also)
			}
			m, err := Merged(files, MergeOptions{Time: numberTime, Begun: seconds(10)})
			if c.want == nil {
				ok(t, err)
				_, err := collect(t, m)
				ok(t, err)
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

func TestMergedNamedTwice(t *testing.T) {
	inFolder(t, "a: 1|2|")
	ok(t, os.Symlink("a", "link"))
	got, err := collect(t, merged(t, []string{"a", "./a", "link"}, MergeOptions{}))
	ok(t, err)
	if got != "1\n2\n" {
		t.Errorf("got %q", got)
	}
}

// TestMergedDamaged: a file that cannot be read to its end does not keep the others
// from being read.
func TestMergedDamaged(t *testing.T) {
	var text strings.Builder
	for i := range 30_000 {
		fmt.Fprintf(&text, "%d %x\n", i, i*i*i)
	}
	packed := gz(t, text.String())
	for _, c := range []struct {
		name, content, want string
		atLeast             int
	}{
		{"cut in the middle", packed[:len(packed)/2], "end too early", 10_000},
		{"cut in the header", packed[:5], "end too early", 0},
		{"cut in the first bytes", packed[:60], "end too early", 0},
		{"of a kind that is not read", "BZh91AY&SY", "bzcat", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			inFolder(t, "good: 7 good|40000 good|")
			write(t, "bad", c.content)
			m := merged(t, []string{"bad", "good"}, MergeOptions{})
			got, err := collect(t, m)
			if err == nil || strings.Count(err.Error(), "bad: ") != 1 || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if !strings.Contains(got, "7 good\n") || !strings.HasSuffix(got, "40000 good\n") {
				t.Error("the other file was not read")
			}
			bad := strings.NewReplacer("7 good\n", "", "40000 good\n", "").Replace(got)
			if !strings.HasPrefix(text.String(), strings.TrimSuffix(bad, "\n")) && c.atLeast > 0 || strings.Count(bad, "\n") < c.atLeast {
				t.Errorf("%d lines of the bad file", strings.Count(bad, "\n"))
			}
			// Once it was copied again it goes on where it broke.
			write(t, "bad", packed)
			again, err := collect(t, merged(t, []string{"bad", "good"}, MergeOptions{Resume: m.Positions()}))
			ok(t, err)
			lines := strings.Count(bad+again, "\n")
			if lines < 29_999 || lines > 30_001 || !strings.HasSuffix(text.String(), again) {
				t.Errorf("%d lines in both", lines)
			}
		})
	}
}

func TestMergedPipe(t *testing.T) {
	names := inFolder(t, "a: 1 a|4 a|6 a|", "c: 1 c|")
	text := "2 b\n3 b\n5 b\n"
	stdin := os.Stdin
	t.Cleanup(func() { os.Stdin = stdin })
	run := func(text string, o MergeOptions) (string, *Merger, error) {
		r, w, err := os.Pipe()
		ok(t, err)
		defer r.Close()
		os.Stdin = r
		go func() { defer w.Close(); fmt.Fprint(w, text) }()
		m := merged(t, append(names, "-"), o)
		if fresh, err := m.Fresh(t.Context()); !fresh || err != nil {
			t.Errorf("fresh %t, %v: nobody knows before a pipe was read", fresh, err)
		}
		got, err := collect(t, m)
		return got, m, err
	}
	got, m, err := run(text, MergeOptions{})
	ok(t, err)
	if got != "1 a\n1 c\n2 b\n3 b\n4 a\n5 b\n6 a\n" {
		t.Errorf("got %q", got)
	}
	if got, _, err := run(gz(t, text+"7 b\n"), MergeOptions{Resume: m.Positions(), Begun: seconds(6)}); got != "7 b\n" || err != nil {
		t.Errorf("got %q and %v, want the line that is new", got, err)
	}
	if got, _, err := run("3 x\n", MergeOptions{Resume: m.Positions(), Begun: seconds(6)}); got != "" || err == nil || !strings.Contains(err.Error(), "- (from ") {
		t.Errorf("got %q and %v, want an error that tells of the older pipe", got, err)
	}
	if got, _, err := run("", MergeOptions{}); got != "1 a\n1 c\n4 a\n6 a\n" || err != nil {
		t.Errorf("got %q and %v of an empty pipe", got, err)
	}
}

// TestMergedCancel: ctx ends Run, also while it waits for the receiver.
func TestMergedCancel(t *testing.T) {
	inFolder(t)
	write(t, "a", numberedLines(0, 200_000, 2))
	write(t, "b", numberedLines(1, 200_000, 2))
	ctx, cancel := context.WithCancel(t.Context())
	out := make(chan *Block, 100)
	m := merged(t, []string{"a", "b"}, MergeOptions{ReadOptions: ReadOptions{Options: Options{Blocks: 2}}})
	done := make(chan error)
	go func() { done <- m.Run(ctx, out) }()
	eventually(t, func() string {
		m.Positions() // at any time
		if len(out) < 2 {
			return "fewer blocks than there are"
		}
		return ""
	})
	sent := len((<-out).Data) + len((<-out).Data)
	cancel()
	if err := <-done; err != context.Canceled {
		t.Errorf("Run returned %v", err)
	}
	var counted int64
	for _, p := range m.Positions() {
		counted += p.Offset
	}
	if counted != int64(sent) {
		t.Errorf("positions reach %d bytes, want the %d that were sent", counted, sent)
	}
}

func numberedLines(from, to, step int) string {
	var b strings.Builder
	for i := from; i < to; i += step {
		fmt.Fprintf(&b, "%d a line of a log that is long enough to look like one\n", i)
	}
	return b.String()
}

// TestMergedOpen: files are open only while their lines come.
func TestMergedOpen(t *testing.T) {
	inFolder(t)
	var after, together []string
	for i := range 3 * mostMerged {
		name := fmt.Sprintf("after%03d", i)
		write(t, name, fmt.Sprintf("%d\n%d\n", i, i+1))
		after = append(after, name)
	}
	got, err := collect(t, merged(t, reversed(after), MergeOptions{}))
	ok(t, err)
	if n := strings.Count(got, "\n"); n != 6*mostMerged {
		t.Errorf("%d lines", n)
	}
	for i := range mostMerged + 1 {
		name := fmt.Sprintf("together%03d", i)
		write(t, name, fmt.Sprintf("%d\n1000\n", i))
		together = append(together, name)
	}
	_, err = collect(t, merged(t, together[1:], MergeOptions{}))
	ok(t, err)
	_, err = collect(t, merged(t, together, MergeOptions{}))
	if err == nil || !strings.Contains(err.Error(), "more than 64 of the files") {
		t.Errorf("%d files at once: %v", len(together), err)
	}
}
