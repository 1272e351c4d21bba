package syslog

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/stream"
)

// TestRate sends as fast as TCP takes it, from several senders at once: none of
// the records may be lost or out of its sender's order, at 100,000 a second.
func TestRate(t *testing.T) {
	const senders, each, wantRate = 4, 100_000, 100_000
	l, err := New(Options{Listen: "tcp://127.0.0.1:0"})
	ok(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	out := make(chan *stream.Block)
	go func() { l.Run(ctx, out); close(out) }()
	eventually(t, func() string {
		if l.Addr() == nil {
			return "not up"
		}
		return ""
	})
	start := time.Now()
	for s := range senders {
		go func() {
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			w := bufio.NewWriter(conn)
			record := combined + strings.Repeat("x", 100)
			for i := range each {
				fmt.Fprintf(w, "<190>Nov 22 05:16:07 web%d nginx: %d %d %s\n", s, s, i, record)
			}
			w.Flush()
		}()
	}
	time.AfterFunc(time.Minute, cancel) // in case of a loss
	var next [senders]int
	total := 0
	for b := range out {
		for line := range bytes.Lines(b.Data) {
			fields := bytes.SplitN(line, []byte(" "), 3)
			s, _ := strconv.Atoi(string(fields[0]))
			if i, _ := strconv.Atoi(string(fields[1])); i != next[s] {
				t.Fatalf("record %d of sender %d came when it was %d's turn", i, s, next[s])
			}
			next[s]++
			total++
		}
		b.Release()
		if total == senders*each {
			cancel()
		}
	}
	rate := float64(total) / time.Since(start).Seconds()
	t.Logf("%.0f records/s", rate)
	if total != senders*each {
		t.Errorf("%d records of %d", total, senders*each)
	}
	if rate < wantRate && !raceEnabled {
		t.Errorf("%.0f records/s, want %d", rate, wantRate)
	}
}

func BenchmarkTCP(b *testing.B) { benchmark(b, "tcp://127.0.0.1:0") }
func BenchmarkUDP(b *testing.B) { benchmark(b, "udp://127.0.0.1:0") }

// benchmark measures sender, kernel and receiver together.
func benchmark(b *testing.B, address string) {
	l, err := New(Options{Listen: address})
	ok(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	out := make(chan *stream.Block)
	go func() { l.Run(ctx, out); close(out) }()
	var wg sync.WaitGroup
	wg.Go(func() {
		for block := range out {
			block.Release()
		}
	})
	eventually(b, func() string {
		if l.Addr() == nil {
			return "not up"
		}
		return ""
	})
	conn, err := net.Dial(l.Addr().Network(), l.Addr().String())
	ok(b, err)
	defer conn.Close()
	message := []byte("<190>Nov 22 05:16:07 web1 nginx: " + combined + strings.Repeat("x", 100) + "\n")
	record := int64(len(body(message)))
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	n := int64(0)
	for b.Loop() {
		if _, err := conn.Write(message); err != nil {
			b.Fatal(err)
		}
		n++
	}
	for deadline := time.Now().Add(5 * time.Second); l.Stats().Bytes() < n*record && time.Now().Before(deadline); {
		if l.network == "udp" && l.Stats().Dropped(stream.DropOverflow) > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric(float64(l.Stats().Dropped(stream.DropOverflow)), "dropped")
	cancel()
	wg.Wait()
}
