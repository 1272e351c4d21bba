package simulate

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math"
	"strings"
	"testing"
)

func TestBenchLog(t *testing.T) {
	const lines = 100_000
	var log bytes.Buffer
	if err := WriteBenchLog(&log, lines); err != nil {
		t.Fatal(err)
	}
	again := sha256.New()
	if err := WriteBenchLog(again, lines); err != nil {
		t.Fatal(err)
	}
	if first := sha256.Sum256(log.Bytes()); !bytes.Equal(first[:], again.Sum(nil)) {
		t.Error("two logs differ")
	}
	people := newBenchLog()
	declared := map[string]bool{}
	for _, a := range people.bots {
		declared[a] = true
	}
	var n, broken, bots, own, none float64
	agents, clients := map[string]int{}, map[string]bool{}
	for line := range bytes.Lines(log.Bytes()) {
		n++
		m := combinedLine.FindSubmatch(bytes.TrimSuffix(line, []byte("\n")))
		if m == nil {
			broken++
			continue
		}
		agent := strings.TrimPrefix(string(m[7]), "-")
		agents[agent]++
		clients[string(m[1])] = true
		if declared[agent] || string(m[4]) == "404" {
			bots++
		}
		switch {
		case bytes.HasPrefix(m[6], []byte("https://example.com/")):
			own++
		case string(m[6]) == "-":
			none++
		}
	}
	between := func(what string, got, lo, hi float64) {
		t.Helper()
		if got < lo || got > hi {
			t.Errorf("%s: %v, want %v to %v", what, got, lo, hi)
		}
	}
	between("lines", n, lines, lines)
	between("bytes a line", float64(log.Len())/n, 240, 248)
	between("broken", broken/n, 0.0095, 0.0105)
	between("bots", bots/n, 0.185, 0.215)
	between("own referrers", own/n, 0.55, 0.75)
	between("no referrers", none/n, 0.2, 0.35)
	between("agents", float64(len(agents)), 1500, 2000)
	between("clients", float64(len(clients)), 3900, benchClients)
	most := 0
	for _, c := range agents {
		most = max(most, c)
	}
	between("the first agent's share", float64(most)/n, 0.03, 0.2)
}

// On every line of the flood all is new.
func TestFloodLog(t *testing.T) {
	const lines = 70_000
	var log bytes.Buffer
	if err := WriteFloodLog(&log, lines); err != nil {
		t.Fatal(err)
	}
	var seen [4]map[string]bool
	for i := range seen {
		seen[i] = make(map[string]bool, lines)
	}
	for line := range bytes.Lines(log.Bytes()) {
		m := combinedLine.FindSubmatch(bytes.TrimSpace(line))
		if m == nil {
			t.Fatalf("not of the format: %s", line)
		}
		host, _, _ := bytes.Cut(line, []byte(":443 "))
		for i, field := range [][]byte{host, m[1], m[3], m[7]} {
			seen[i][string(field)] = true
		}
	}
	for i, s := range seen {
		if len(s) != lines {
			t.Errorf("field %d has %d values on %d lines", i, len(s), lines)
		}
	}
}

func TestChoice(t *testing.T) {
	r := newRandom(1)
	weights := []float64{5, 0.5, 0, 3, 1.5}
	c := newChoice(weights)
	var got [5]float64
	const draws = 200_000
	for range draws {
		got[c.pick(r)] += 10.0 / draws
	}
	for i, w := range weights {
		if math.Abs(got[i]-w) > 0.05 {
			t.Errorf("%d has %.3f, want %v", i, got[i], w)
		}
	}
}

func BenchmarkBenchLog(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := WriteBenchLog(io.Discard, 100_000); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(100_000 * 244)
}
