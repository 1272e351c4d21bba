package stream

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// reference is what the cutter must come to, written for clearness.
func reference(data []byte, max int) string {
	var out strings.Builder
	for line := range bytes.Lines(data) {
		body, ended := bytes.CutSuffix(line, []byte("\n"))
		out.Write(body[:min(len(body), max+1)])
		if ended || len(body) > max+1 {
			out.WriteByte('\n')
		}
	}
	return out.String()
}

func read(t testing.TB, r io.Reader, max int, live bool) string {
	t.Helper()
	o := Options{MaxLine: max, Blocks: 1}
	o.setDefaults()
	p := newPool(&o)
	l := &lineReader{cutter: cutter{max: o.MaxLine}, r: r, live: live}
	var out strings.Builder
	for {
		b, err := p.get(t.Context())
		ok(t, err)
		err = l.next(b)
		out.Write(b.Data)
		clear(b.Data)
		b.Release()
		if err == io.EOF {
			return out.String()
		}
		ok(t, err)
	}
}

func TestLines(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		for _, live := range []bool{false, true} {
			if got := read(t, strings.NewReader(in), 8, live); got != want {
				t.Errorf("%q: got %q, want %q", in, got, want)
			}
			if got := read(t, iotest.OneByteReader(strings.NewReader(in)), 8, live); got != want {
				t.Errorf("%q by bytes: got %q, want %q", in, got, want)
			}
		}
	}
	f("", "")
	f("\n", "\n")
	f("a", "a")
	f("a\nb", "a\nb")
	f("a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n")
	f("a\x00b\xff\n", "a\x00b\xff\n")
	f("12345678\n", "12345678\n")                            // as long as allowed
	f("123456789\n", "123456789\n")                          // too long, and seen to be
	f("123456789x\n", "123456789\n")                         // the rest is skipped
	f("123456789xyz\nnext\n", "123456789\nnext\n")           // and nothing else
	f("a\n123456789xyz\n\nb\n", "a\n123456789\n\nb\n")       // empty lines stay
	f("123456789xyz\n123456789\n", "123456789\n123456789\n") // two in a row
	f("123456789", "123456789")
	f("123456789x", "123456789\n")
	f(strings.Repeat("x", 3*BlockSize)+"\nb\n", "xxxxxxxxx\nb\n")
}

// Any chunking of the same bytes gives the same lines: a line's end at every
// offset around the block's, and readers that give what they like.
func TestLinesAcrossBlocks(t *testing.T) {
	for shift := -3; shift <= 3; shift++ {
		for _, length := range []int{1, 100, DefaultMaxLine - 1, DefaultMaxLine, DefaultMaxLine + 1, DefaultMaxLine + 2, DefaultMaxLine + 3} {
			in := []byte(strings.Repeat("0123456\n", BlockSize/8-length/8-1))
			in = append(in, strings.Repeat("x", BlockSize-len(in)-length/2+shift)...)
			in = append(in, '\n')
			in = append(in, strings.Repeat("y", length)...)
			in = append(in, "\nz\nunfinished"...)
			if got, want := read(t, bytes.NewReader(in), 0, false), reference(in, DefaultMaxLine); got != want {
				t.Fatalf("shift %d, length %d: got %d bytes, want %d", shift, length, len(got), len(want))
			}
		}
	}
}

type randomReader struct {
	r   io.Reader
	rnd *rand.Rand
}

func (r randomReader) Read(p []byte) (int, error) {
	return r.r.Read(p[:min(len(p), r.rnd.IntN(3*1000))])
}

func TestLinesRandomly(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		in := make([]byte, rnd.IntN(2*BlockSize))
		for i := range in {
			if in[i] = 'a'; rnd.IntN(40) == 0 {
				in[i] = '\n'
			}
		}
		max := 1 + rnd.IntN(100)
		if got := read(t, randomReader{bytes.NewReader(in), rnd}, max, seed%2 == 0); got != reference(in, max) {
			t.Fatalf("seed %d: other lines", seed)
		}
	}
}

func TestLinesReaderErrors(t *testing.T) {
	boom := errors.New("boom")
	o := Options{}
	o.setDefaults()
	b, err := newPool(&o).get(t.Context())
	ok(t, err)
	l := &lineReader{cutter: cutter{max: 10}, r: io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(boom))}
	if err := l.next(b); err != boom || string(b.Data) != "a\nb" {
		t.Errorf("got %q and %v, want what came before the error, and the error", b.Data, err)
	}
	l = &lineReader{cutter: cutter{max: 10}, r: nothing{}}
	if err := l.next(b); err != io.ErrNoProgress {
		t.Errorf("got %v for a reader that gives nothing, want io.ErrNoProgress", err)
	}
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nbb\n\nccc"), uint16(2), uint64(1))
	f.Add([]byte("\r\n\x00\n"), uint16(1), uint64(2))
	f.Add(bytes.Repeat([]byte("x"), 300), uint16(100), uint64(3))
	f.Fuzz(func(t *testing.T, in []byte, max uint16, seed uint64) {
		limit := int(max)%300 + 1
		want := reference(in, limit)
		rnd := rand.New(rand.NewPCG(seed, 0))
		// The cutter alone, fed as Follow and lineReader feed it, in pieces of any size.
		var got strings.Builder
		c := cutter{max: limit}
		var rest []byte
		for at := 0; at < len(in); {
			n := min(1+rnd.IntN(limit+40), len(in)-at)
			run := append(bytes.Clone(rest), in[at:at+n]...)
			at += n
			lines, tail := c.cut(run)
			got.Write(run[:lines])
			rest = bytes.Clone(run[tail:])
			if len(rest) > limit+1 {
				t.Fatalf("an unfinished line of %d bytes is kept, limit %d", len(rest), limit)
			}
		}
		got.Write(rest)
		if got.String() != want {
			t.Fatalf("cutter: got %q, want %q", got.String(), want)
		}
		if got := read(t, randomReader{bytes.NewReader(in), rnd}, limit, seed%2 == 0); got != want {
			t.Fatalf("reader: got %q, want %q", got, want)
		}
	})
}
