package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestScrapeUnderLoad: while lines come as fast as they can be read, a scrape
// takes less than 100 ms and passes promtool.
func TestScrapeUnderLoad(t *testing.T) {
	live := write(t, "live.log", nil)
	s := serve(t, "--log", live, "--format", "combined", "--site", "example.com")
	log := benchLog(t, 50_000)
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	writing.Go(func() {
		for range 20 {
			if ctx.Err() == nil {
				appendTo(t, live, log)
			}
		}
	})
	s.await("lines come", func() bool { return s.sums()["darkshare_log_lines_total"] > 1000 })
	var slowest time.Duration
	var body string
	scrapes := 0
	for ; scrapes < 20 && s.sums()["darkshare_log_lines_total"] < 1_000_000; scrapes++ {
		start := time.Now()
		_, body = s.get("/metrics")
		slowest = max(slowest, time.Since(start))
	}
	stop()
	writing.Wait()
	if scrapes < 3 {
		t.Fatalf("only %d scrapes fell into the load", scrapes)
	}
	// The race detector and a busy machine make everything slower.
	limit := 100 * time.Millisecond
	if raceEnabled {
		limit *= 5
	}
	if slowest > limit {
		t.Errorf("the slowest of %d scrapes took %v", scrapes, slowest)
	}
	t.Logf("slowest of %d scrapes under load: %v, %d bytes", scrapes, slowest, len(body))
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool (Debian's prometheus): its check is left out")
	}
	check := exec.Command(promtool, "check", "metrics")
	check.Stdin = strings.NewReader(body)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// TestFirstEventPrometheus: a real Prometheus that scrapes from the start sees the
// first visit of a kind in increase().
func TestFirstEventPrometheus(t *testing.T) {
	prometheus, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("no prometheus (Debian's): the test needs a real one")
	}
	live := write(t, "live.log", nil)
	s := serve(t, "--log", live, "--format", "combined", "--site", "example.com")
	dir := t.TempDir()
	conf := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf("global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: darkshare\n    static_configs:\n      - targets: [%q]\n", s.addr)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	addr := freeAddress(t)
	cmd := exec.Command(prometheus, "--config.file="+conf, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	query := func(q string) float64 {
		resp, err := http.Get("http://" + addr + "/api/v1/query?query=" + url.QueryEscape(q))
		if err != nil {
			return -1
		}
		defer resp.Body.Close()
		var answer struct {
			Data struct {
				Result []struct{ Value [2]any }
			}
		}
		if json.NewDecoder(resp.Body).Decode(&answer) != nil || len(answer.Data.Result) == 0 {
			return -1
		}
		f, _ := strconv.ParseFloat(answer.Data.Result[0].Value[1].(string), 64)
		return f
	}
	s.await("prometheus scrapes", func() bool { return query(`count_over_time(darkshare_build_info[1m])`) >= 3 })
	now := time.Now()
	var lines strings.Builder
	for i := range 3 {
		lines.WriteString(line(now, fmt.Sprint("192.0.2.", i), "GET /stories/a HTTP/1.1", 200, "https://web.whatsapp.com/", desktop))
		lines.WriteString(line(now, fmt.Sprint("192.0.2.", i), "GET /style.css HTTP/1.1", 200, "https://example.com/stories/a", desktop))
	}
	appendTo(t, live, []byte(lines.String()))
	s.await("increase() sees the first visits", func() bool {
		return query(`sum(increase(darkshare_visits_total{source="whatsapp"}[1m]))`) >= 2.99
	})
	if got := query(`max(max_over_time(darkshare_visits_total{source="whatsapp"}[1m]) - min_over_time(darkshare_visits_total{source="whatsapp"}[1m]))`); got != 3 {
		t.Errorf("Prometheus saw a step of %v, not 3", got)
	}
	// What is known beforehand is there at zero without an event.
	if got := query(`darkshare_log_errors_total{reason="format"}`); got != 0 {
		t.Errorf("errors before the first: %v", got)
	}
}
