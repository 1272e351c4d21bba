package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/darkshare/darkshare/exporter/config"
)

// TestInOrder: one set of files a line, by the names below: what is named, and the
// order in which it is read.
func TestInOrder(t *testing.T) {
	day := func(d int) []byte {
		return []byte(line(time.Date(2026, 9, d, 12, 0, 0, 0, time.UTC), "192.0.2.1", "GET / HTTP/1.1", 200, "-", desktop))
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer encoder.Close()
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"a": day(4), "a.1": append([]byte("broken\n"), day(3)...), "a.2.gz": gzipped(t, day(2)), "a.3.zst": encoder.EncodeAll(day(1), nil),
		"same": day(4), "empty": nil, "timeless": []byte("hello\n"), "damaged.gz": gzipped(t, day(1))[:12],
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	f := func(named, want string) {
		t.Helper()
		for what, format := range map[string]string{"told": "", "named": "combined"} {
			in, err := pipelineInput(config.Input{Format: format})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(inOrder(t.Context(), strings.Fields(named), in.Format), " "); got != want {
				t.Errorf("%s, format %s: %s, want %s", named, what, got, want)
			}
		}
	}
	f("a", "a")
	f("a a.1 a.2.gz a.3.zst", "a.3.zst a.2.gz a.1 a")
	f("a.3.zst a.2.gz a.1 a", "a.3.zst a.2.gz a.1 a")
	f("same a a.1", "a.1 same a")
	f("a same a.1", "a.1 a same")
	f("-", "-")
	f("a - a.1", "a.1 - a")
	f("empty a missing a.1 timeless . a.2.gz damaged.gz", "empty a.2.gz missing a.1 timeless . a damaged.gz")
}

// TestReplayRotated: a log that was rotated says the same, in whatever order a
// shell names its files.
func TestReplayRotated(t *testing.T) {
	log := benchLog(t, 9000)
	dir := t.TempDir()
	whole := write(t, "whole.log", log)
	lines := bytes.SplitAfter(log, []byte("\n"))
	for i, name := range []string{"access.log.2.gz", "access.log.1", "access.log"} {
		part := bytes.Join(lines[3000*i:3000*(i+1)], nil)
		if strings.HasSuffix(name, ".gz") {
			part = gzipped(t, part)
		}
		if err := os.WriteFile(filepath.Join(dir, name), part, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	rotated, err := filepath.Glob(filepath.Join(dir, "access.log*"))
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"replay", "--site", "example.com", "--output", "json"}
	want, got := must(t, append(args, whole)...), must(t, append(args, rotated...)...)
	if diff := cmp.Diff(report(t, want), report(t, got)); diff != "" {
		t.Errorf("the rotated log (-whole +rotated):\n%s", diff)
	}
}
