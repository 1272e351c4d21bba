//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/darkshare/darkshare/exporter/web"
)

// shown runs a demo of half a day, and returns what it has printed.
func shown(t *testing.T, ctx context.Context, d *demonstration) (string, error) {
	t.Helper()
	var out bytes.Buffer
	d.out, d.length = &out, 12*time.Hour
	d.flags = web.AddFlags(pflag.NewFlagSet("demo", pflag.ContinueOnError), "127.0.0.1:0")
	err := d.run(ctx)
	return out.String(), err
}

func recordIn(t *testing.T, dir string) (r demoRecord) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "demo.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestDemo: the first start makes the past, whole and as it should be; the second one
// takes it as it is, at once, and goes on live without a gap; what is nobody's demo is
// left alone.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	dir := filepath.Join(t.TempDir(), "demo")

	// Interrupted, it begins anew.
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	_, err := shown(t, ctx, &demonstration{dir: dir})
	stop()
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	if r := recordIn(t, dir); !r.Until.IsZero() {
		t.Errorf("interrupted, it says that all is there: %+v", r)
	}
	if err := os.WriteFile(filepath.Join(dir, "store", "left"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	out, err := shown(t, t.Context(), &demonstration{dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("12 hours in %v", time.Since(begun).Round(time.Millisecond))
	if !strings.Contains(out, "Simulating") || !strings.Contains(out, "lines in") {
		t.Errorf("the first start printed %s", out)
	}
	if _, err := os.Stat(filepath.Join(dir, "store", "left")); err == nil {
		t.Error("what an interrupted start has left is still there")
	}
	record := recordIn(t, dir)
	if !record.Until.Equal(record.End) || time.Since(record.End) > time.Minute {
		t.Errorf("%+v", record)
	}
	all := sumsOver(pointsIn(t, filepath.Join(dir, "store")))
	last := all.last()
	lines, dark := last["darkshare_log_lines_total"], last["darkshare_visits_total/channel=dark_social"]/last["darkshare_visits_total"]
	if lines < 50_000 || dark < 0.1 || dark > 0.5 || last["darkshare_requests_total"]+last["darkshare_log_errors_total"] != lines {
		t.Errorf("%v lines, dark share %v, %v requests", lines, dark, last["darkshare_requests_total"])
	}
	for i, times := 1, all.times(); i < len(times); i++ {
		if times[i]-times[i-1] != time.Minute.Milliseconds() {
			t.Errorf("a sample at %v after one at %v", times[i], times[i-1])
		}
	}

	before := hashes(t, dir)
	out, err = shown(t, t.Context(), &demonstration{dir: dir})
	if err != nil || strings.Contains(out, "Simulating") {
		t.Errorf("a second start: %v, %s", err, out)
	}
	if after := hashes(t, dir); len(after) != len(before) || after[filepath.Join(dir, "store", "darkshare.state")] != before[filepath.Join(dir, "store", "darkshare.state")] {
		t.Error("a second start has changed the store")
	}

	// And live: the log grows, and is counted.
	ctx, stop = context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := shown(t, ctx, &demonstration{dir: dir, live: true})
		ended <- err
	}()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if fi, err := os.Stat(filepath.Join(dir, "access.log")); err == nil && fi.Size() > 0 && recordIn(t, dir).Until.After(record.End.Add(time.Second)) {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("no live line in %v", patience)
			break
		}
	}
	time.Sleep(1500 * time.Millisecond)
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Ctrl-C: %v", err)
	}
	if n := sumsOver(pointsIn(t, filepath.Join(dir, "store"))).last()["darkshare_log_lines_total"]; n < lines || math.IsNaN(n) {
		t.Errorf("%v lines, and %v before", n, lines)
	}
}

// TestDemoElsewhere: a directory with something else in it is refused, and left alone.
func TestDemoElsewhere(t *testing.T) {
	dir := filepath.Dir(write(t, "thesis.txt", []byte("years of work")))
	before := hashes(t, dir)
	_, errs, code := darkshare(t, "demo", "--live=false", "--dir", dir)
	if code != 1 || !strings.Contains(errs, dir) || !strings.Contains(errs, "name another directory") {
		t.Errorf("exit %d, %s", code, errs)
	}
	if after := hashes(t, dir); len(after) != 1 || after[filepath.Join(dir, "thesis.txt")] != before[filepath.Join(dir, "thesis.txt")] {
		t.Error("it was changed")
	}
}
