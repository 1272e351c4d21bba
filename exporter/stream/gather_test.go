package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// gather runs a Gatherer until the test ends.
func gather(t *testing.T, o Options) (g *Gatherer, out chan *Block, stop func() error) {
	t.Helper()
	g, out = NewGatherer(o), make(chan *Block)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx, out) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { stop() })
	return g, out, stop
}

func TestGathererRecords(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, c := range []struct{ name, record, want string }{
		{"a line", "GET /", "GET /\n"},
		{"nothing", "", "\n"},
		{"newlines within", "a\nb\n\nc\n", "a b  c \n"},
		{"what is no text", "a\x00b\xff", "a\x00b\xff\n"},
		{"the longest", long[:64], long[:64] + "\n"},
		{"too long by one", long[:65], long[:65] + "\n"},
		{"too long", long, long[:65] + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, out, _ := gather(t, Options{Input: 7, MaxLine: 64})
			record := []byte(c.record)
			ok(t, g.Add(t.Context(), "from", record))
			if string(record) != c.record {
				t.Errorf("Add has changed the record to %q", record)
			}
			b := <-out
			if string(b.Data) != c.want || b.Name != "from" || b.Input != 7 {
				t.Errorf("got %q of %q, input %d; want %q", b.Data, b.Name, b.Input, c.want)
			}
			b.Release()
		})
	}
}

func TestGathererKeepsNamesApart(t *testing.T) {
	g, out, stop := gather(t, Options{})
	for _, r := range []string{"a1", "a2", "b1", "a3"} {
		ok(t, g.Add(t.Context(), r[:1], []byte(r)))
	}
	go stop()
	var got []string
	for range 3 {
		b := <-out
		got = append(got, b.Name+"="+string(b.Data))
		b.Release()
	}
	if want := "a=a1\na2\n,b=b1\n,a=a3\n"; strings.Join(got, ",") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestGathererLosesNothingAndKeepsOrders(t *testing.T) {
	const senders, each = 8, 20_000
	g, out, stop := gather(t, Options{Blocks: 3})
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				if err := g.Add(t.Context(), "", fmt.Appendf(nil, "%d %d", s, i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	go func() { wg.Wait(); stop(); close(out) }()
	var next [senders]int
	for b := range out {
		for line := range strings.Lines(string(b.Data)) {
			var s, i int
			if _, err := fmt.Sscanf(line, "%d %d\n", &s, &i); err != nil || next[s] != i {
				t.Fatalf("got %q, want %d of that sender (%v)", line, next[s], err)
			}
			next[s]++
		}
		b.Release()
	}
	for s, n := range next {
		if n != each {
			t.Errorf("sender %d: %d records of %d", s, n, each)
		}
	}
}

func TestGathererWaitsOrDrops(t *testing.T) {
	g, out, _ := gather(t, Options{Blocks: 2, MaxLine: BlockSize / 2})
	record := make([]byte, BlockSize/2-1) // two of them fill a block
	for range 4 {
		ok(t, g.Add(t.Context(), "", record))
	}
	if g.TryAdd("", []byte("fifth")) {
		t.Fatal("there was room in full blocks")
	}
	if n := g.Stats().Dropped(DropOverflow); n != 1 {
		t.Errorf("%d dropped, want 1", n)
	}
	soon, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := g.Add(soon, "", []byte("sixth")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Add did not wait: %v", err)
	}
	added := make(chan error, 1)
	go func() { added <- g.Add(t.Context(), "", []byte("seventh")) }()
	for range 2 {
		b := <-out
		if len(b.Data) != BlockSize {
			t.Errorf("a block of %d bytes", len(b.Data))
		}
		b.Release()
	}
	ok(t, <-added)
	b := <-out
	if string(b.Data) != "seventh\n" {
		t.Errorf("got %q: what was not taken must not come", b.Data)
	}
	b.Release()
}

func TestGathererMark(t *testing.T) {
	g, out, stop := gather(t, Options{})
	var marked [4]atomic.Bool
	want := func(when string, want ...bool) {
		t.Helper()
		for i, w := range want {
			if marked[i].Load() != w {
				t.Errorf("%s: mark %d called: %v, want %v", when, i, !w, w)
			}
		}
	}
	mark := func(i int) { g.Mark(func() { marked[i].Store(true) }) }
	mark(0)
	want("with no record", true)
	ok(t, g.Add(t.Context(), "1", []byte("one")))
	mark(1)
	ok(t, g.Add(t.Context(), "2", []byte("two")))
	mark(2)
	ok(t, g.Add(t.Context(), "3", []byte("three")))
	mark(3)
	one, two, three := <-out, <-out, <-out
	two.Release()
	want("one is not counted", true, false, false, false)
	one.Release()
	want("one and two are counted", true, true, true, false)
	three.Release()
	want("all are", true, true, true, true)
	ok(t, errIs(stop(), context.Canceled))
}

func TestGathererEnd(t *testing.T) {
	t.Run("sends what it has", func(t *testing.T) {
		g, out, stop := gather(t, Options{})
		g.Up()
		ok(t, g.Add(t.Context(), "", []byte("last")))
		go func() {
			time.Sleep(30 * time.Millisecond)
			b := <-out
			if string(b.Data) != "last\n" {
				t.Errorf("got %q", b.Data)
			}
			b.Release()
		}()
		ok(t, errIs(stop(), context.Canceled))
		ok(t, errIs(g.Add(t.Context(), "", []byte("too late")), ErrEnded))
		if g.TryAdd("", nil) || g.Stats().Dropped(DropShutdown) != 1 || g.Stats().Up() {
			t.Errorf("it takes records after its end, or does not count them")
		}
	})
	t.Run("counts what it cannot send", func(t *testing.T) {
		g, _, stop := gather(t, Options{grace: 20 * time.Millisecond})
		for range 5 {
			ok(t, g.Add(t.Context(), "", []byte("lost")))
		}
		g.Mark(func() { t.Error("a lost record was marked as counted") })
		ok(t, errIs(stop(), context.Canceled))
		if n := g.Stats().Dropped(DropShutdown); n != 5 {
			t.Errorf("%d dropped, want 5", n)
		}
	})
	t.Run("ends who waits", func(t *testing.T) {
		g, _, stop := gather(t, Options{Blocks: 1, grace: 20 * time.Millisecond})
		ok(t, g.Add(t.Context(), "one", nil))
		added := make(chan error, 1)
		go func() { added <- g.Add(t.Context(), "other", nil) }()
		ok(t, errIs(stop(), context.Canceled))
		if err := <-added; err != ErrEnded && err != nil {
			t.Errorf("Add returned %v", err)
		}
	})
}

func TestGathererServe(t *testing.T) {
	t.Run("takes what was read before the end", func(t *testing.T) {
		g, out := NewGatherer(Options{}), make(chan *Block, 1)
		ctx, cancel := context.WithCancel(t.Context())
		err := g.Serve(ctx, out, func(ctx, late context.Context) error {
			cancel()
			<-ctx.Done()
			return g.Add(late, "", []byte("read before"))
		})
		ok(t, errIs(err, context.Canceled))
		if b := <-out; string(b.Data) != "read before\n" {
			t.Errorf("got %q", b.Data)
		}
	})
	t.Run("waits no longer than the grace time", func(t *testing.T) {
		g := NewGatherer(Options{Blocks: 1, grace: 20 * time.Millisecond})
		ctx, cancel := context.WithCancel(t.Context())
		err := g.Serve(ctx, make(chan *Block), func(ctx, late context.Context) error {
			cancel()
			for {
				if err := g.Add(late, "", make([]byte, 1000)); err != nil {
					g.Drop(DropShutdown, 1)
					return err
				}
			}
		})
		ok(t, errIs(err, context.Canceled))
		if n := g.Stats().Dropped(DropShutdown); n < 2 || g.Stats().Bytes() != int64(n-1)*1000 {
			t.Errorf("%d records dropped after %d bytes", n, g.Stats().Bytes())
		}
	})
	t.Run("ends with its receiver", func(t *testing.T) {
		g := NewGatherer(Options{})
		ok(t, errIs(g.Serve(t.Context(), nil, func(context.Context, context.Context) error { return ErrEnded }), ErrEnded))
	})
}

func errIs(err, want error) error {
	if errors.Is(err, want) {
		return nil
	}
	return fmt.Errorf("got error %v, want %v", err, want)
}

func BenchmarkGatherer(b *testing.B) {
	g, out := NewGatherer(Options{}), make(chan *Block)
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { g.Run(ctx, out); close(out) }()
	go func() {
		defer close(done)
		for b := range out {
			b.Release()
		}
	}()
	record := []byte(strings.Repeat("r", 250))
	b.SetBytes(int64(len(record)))
	b.ReportAllocs()
	for b.Loop() {
		if err := g.Add(ctx, "", record); err != nil {
			b.Fatal(err)
		}
	}
	cancel()
	<-done
}
