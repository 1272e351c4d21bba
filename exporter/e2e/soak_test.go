//go:build linux

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// warmUp is how long a soak is not judged at the least: a rotated file is held for a
// minute after its last line, and the tables have to fill. Of a longer soak it is the
// first third, since the collector lets the heap grow to twice what lives.
const warmUp = 75 * time.Second

// A figure is what a soak watches over time.
type figure struct {
	name, unit string
	// noise is by how much it may seem to grow from the end of the warm-up to the end
	// of the soak.
	noise  float64
	values []float64
}

// trend returns by how much the values grow from the first to the last, by least
// squares, and their mean.
func (f *figure) trend() (growth, mean float64) {
	n := float64(len(f.values))
	var x, y, xx, xy float64
	for i, v := range f.values {
		x, y, xx, xy = x+float64(i), y+v, xx+float64(i)*float64(i), xy+float64(i)*v
	}
	return (n*xy - x*y) / (n*xx - x*x) * (n - 1), y / n
}

// some returns a dozen of the values, evenly over the time.
func (f *figure) some() (some []float64) {
	for i := range 12 {
		some = append(some, f.values[i*(len(f.values)-1)/11])
	}
	return some
}

// TestSoak: under a steady load, with rotations, reloads, scrapes, queries and hostile
// lines, memory, descriptors and goroutines stay as they are, and in the end every line
// has been counted once. DARKSHARE_SOAK=20m says for how long, DARKSHARE_SOAK_RATE=2000
// how many lines a second, and DARKSHARE_SOAK_WINDOW=30m for how long visitors are
// remembered: a minute unless it is set, with a tenth of the usual number of them, so that
// all that is remembered is there before a short soak is judged.
func TestSoak(t *testing.T) {
	text := os.Getenv("DARKSHARE_SOAK")
	if text == "" {
		t.Skip("takes minutes: go tool mage soak, or DARKSHARE_SOAK=2m")
	}
	t.Parallel()
	duration, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("DARKSHARE_SOAK: %v", err)
	}
	rate := 2000
	if text := os.Getenv("DARKSHARE_SOAK_RATE"); text != "" {
		if rate, err = strconv.Atoi(text); err != nil {
			t.Fatalf("DARKSHARE_SOAK_RATE: %v", err)
		}
	}
	window := time.Minute
	if text := os.Getenv("DARKSHARE_SOAK_WINDOW"); text != "" {
		if window, err = time.ParseDuration(text); err != nil {
			t.Fatalf("DARKSHARE_SOAK_WINDOW: %v", err)
		}
	}
	for _, kept := range []string{"state: {file: %q}", "store: {dir: %q}"} {
		name, _, _ := strings.Cut(kept, ":")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			soak(t, kept, duration, window, rate)
		})
	}
}

func soak(t *testing.T, kept string, duration, window time.Duration, rate int) {
	judged := max(warmUp, duration/3, window*4/3)
	if duration < judged+20*time.Second {
		t.Fatalf("a soak of %v: want at least %v, of which %v are not judged", duration, judged+20*time.Second, judged)
	}
	visitors := 100_000 // as without a configuration
	if window == time.Minute {
		visitors = 10_000
	}
	dir := t.TempDir()
	log := newTraffic(t, filepath.Join(dir, "access.log"))
	log.hostile = true
	conf := func(more string) string {
		return configured(t, dir, log.path, fmt.Sprintf("limits: {visitors: %d}\nvisits: {window: %v}\n", visitors, window)+fmt.Sprintf(kept, filepath.Join(dir, "kept"))+"\n"+more)
	}
	p := begin(t, nil, "--config", conf(""))
	rss := &figure{name: "memory", unit: "MiB", noise: 10}
	live := &figure{name: "live heap", unit: "MiB", noise: 5}
	fds := &figure{name: "descriptors", noise: 3}
	goroutines := &figure{name: "goroutines", noise: 4}
	var cpu []float64
	scrapes, reloads, queries := 0, 0, 0
	due := map[string]time.Duration{}
	every := func(what string, interval, since time.Duration) bool {
		if since < due[what] {
			return false
		}
		due[what] = since + interval
		return true
	}
	log.flow(rate, duration, func(since time.Duration) {
		if every("rotation", 5*time.Second, since) {
			log.rotate(3)
		}
		if every("reload", 10*time.Second, since) {
			reloads++
			conf(fmt.Sprintf("rules: {hosts: [{host: chat%d.example.org, channel: dark_social, source: mattermost}]}\n", reloads))
			p.signal(syscall.SIGHUP)
		}
		if every("query", 5*time.Second, since) {
			queries++
			soakRead(t, p, "/")
		}
		if strings.HasPrefix(kept, "store") && every("range query", 5*time.Second, since) {
			soakRead(t, p, "/api/v1/query_range?query="+url.QueryEscape("sum by (channel) (increase(darkshare_visits_total[5m]))")+
				fmt.Sprintf("&start=%d&end=%d&step=15", time.Now().Add(-time.Hour).Unix(), time.Now().Unix()))
		}
		if !every("scrape", time.Second, since) {
			return
		}
		scrapes++
		m := p.sums()
		if m == nil {
			t.Fatal("a scrape had no answer")
		}
		consistent(t, m)
		if since < judged {
			return
		}
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		rss.values = append(rss.values, m["process_resident_memory_bytes"]/(1<<20))
		live.values = append(live.values, m["go_memstats_next_gc_bytes"]/(2<<20)) // with GOGC at 100
		fds.values = append(fds.values, float64(len(entries)))
		goroutines.values = append(goroutines.values, m["go_goroutines"])
		cpu = append(cpu, m["process_cpu_seconds_total"])
	})
	p.holds(log.written)
	m := p.sums()
	if m["darkshare_log_errors_total"] == 0 || m["darkshare_limit_reached_total"] == 0 {
		t.Error("the hostile lines went by unseen")
	}
	t.Logf("%v at %d lines/s: %d lines, %.0f of them no records, %d rotations, %d reloads, %d scrapes, %d queries; %.1f %% of a core",
		duration, rate, log.written, m["darkshare_log_errors_total"], log.turned, reloads, scrapes, queries,
		100*(cpu[len(cpu)-1]-cpu[0])/float64(len(cpu)-1))
	for _, f := range []*figure{rss, live, fds, goroutines} {
		growth, mean := f.trend()
		t.Logf("%s: %.1f %s on average, %+.1f over %d s: %.1f", f.name, mean, f.unit, growth, len(f.values), f.some())
		if growth > f.noise {
			t.Errorf("%s: grew by %.1f %s", f.name, growth, f.unit)
		}
	}
	p.signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// soakRead reads a page that must be there.
func soakRead(t *testing.T, p *process, path string) {
	t.Helper()
	r, err := http.Get("http://" + p.addr + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Errorf("%s: %s %.200s %v", path, r.Status, body, err)
	}
}
