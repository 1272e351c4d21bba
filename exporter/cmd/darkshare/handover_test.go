//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestHandover: the same logs are replayed and served in turns, and each line is counted
// once, by whoever comes first. A log that was never replayed begins where it always does.
func TestHandover(t *testing.T) {
	conf, dir := often(t), t.TempDir()
	store := filepath.Join(dir, "store")
	logs := []string{filepath.Join(dir, "a.log"), filepath.Join(dir, "b.log")}
	other := filepath.Join(dir, "other.log")
	common := []string{"--config", conf, "--format", "combined", "--site", "example.com", "--store", store}
	at, want := time.Now().Add(-3*time.Hour), 0
	grow := func() {
		for i, log := range logs {
			for n := range 100 + i {
				appendTo(t, log, []byte(line(at.Add(time.Duration(n)*time.Second), fmt.Sprintf("192.0.2.%d", i), "GET /a HTTP/1.1", 200, "-", desktop)))
				want++
			}
		}
		at = at.Add(10 * time.Minute)
	}
	replay := func(what string) {
		t.Helper()
		grow()
		if got := report(t, must(t, append(append([]string{"replay", "--output", "json"}, common...), logs...)...)).Lines; got != uint64(want) {
			t.Fatalf("%s: %d lines, of %d", what, got, want)
		}
	}
	served := func(what string) *serving {
		t.Helper()
		grow()
		s := serve(t, append([]string{"--log", logs[0], "--log", logs[1], "--log", other}, common...)...)
		counted := func() bool { return s.sums()["darkshare_log_lines_total"] >= float64(want) }
		s.await(what, counted)
		grow()
		s.await(what+", as they grow", counted)
		time.Sleep(500 * time.Millisecond) // for whoever counts a line again
		s.check(want)
		return s
	}
	appendTo(t, other, []byte(line(at, "192.0.2.9", "GET /old HTTP/1.1", 200, "-", desktop)))
	replay("a replay")
	served("a replay is served on").stop()
	replay("a replay goes on where they were served to")
	s := served("served on again")
	s.kill()
	if err := os.Rename(logs[0], logs[0]+".1"); err != nil {
		t.Fatal(err)
	}
	served("served on after a kill and a rotation").stop()
}
