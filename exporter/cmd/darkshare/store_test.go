//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// often is a configuration with a sample each five seconds.
func often(t *testing.T) string {
	return write(t, "darkshare.yaml", []byte("store: {interval: 5s}\nstate: {interval: 1s}\n"))
}

// withStore serves a log with a store.
func withStore(t *testing.T, conf, log, store string) *serving {
	t.Helper()
	return serve(t, "--config", conf, "--log", log, "--format", "combined", "--site", "example.com", "--store", store)
}

// A clockwork is a log with a line every ten seconds, and an asset with each.
type clockwork struct {
	begin time.Time
	n     int // lines written
}

func (c *clockwork) at(i int) time.Time { return c.begin.Add(time.Duration(i/2) * 10 * time.Second) }

// until returns the lines before a time that were not returned yet.
func (c *clockwork) until(end time.Time) []byte {
	var b strings.Builder
	for ; c.at(c.n).Before(end); c.n++ {
		who := fmt.Sprintf("192.0.2.%d", c.n/2%250)
		if c.n%2 == 0 {
			b.WriteString(line(c.at(c.n), who, fmt.Sprintf("GET /stories/%d HTTP/1.1", c.n/20%30), 200, "https://web.whatsapp.com/", desktop))
		} else {
			b.WriteString(line(c.at(c.n), who, "GET /style.css HTTP/1.1", 200, "https://example.com/stories/1", desktop))
		}
	}
	return []byte(b.String())
}

// before returns how many lines are before a time.
func (c *clockwork) before(at time.Time) float64 {
	n := 0
	for n < c.n && c.at(n).Before(at) {
		n++
	}
	return float64(n)
}

func (s *serving) value(q string, at time.Time) float64 {
	s.t.Helper()
	return apiValue(s.t, "http://"+s.addr, q, at)
}

const allLines = "sum(darkshare_log_lines_total)"

// TestServeGoesOn: serve goes on where replay ended, and where a kill has left it: a log
// that has grown and was rotated meanwhile has every line counted once, at its own time.
func TestServeGoesOn(t *testing.T) {
	conf, dir := often(t), t.TempDir()
	log, store := filepath.Join(dir, "access.log"), filepath.Join(dir, "store")
	now := time.Now().Truncate(10 * time.Second)
	c := &clockwork{begin: now.Add(-9 * time.Hour)}
	check := func(s *serving, what string) {
		t.Helper()
		// The newest sample is at the last line's time, and so without it.
		last, begun := c.at(c.n-1), time.Now()
		s.await(what, func() bool {
			got := s.value(allLines, last)
			if got != c.before(last) && time.Since(begun) > 10*time.Second {
				t.Fatalf("%s: %v lines at %v, and %v are before; %v", what, got, last, c.before(last), s.sums()["darkshare_log_lines_total"])
			}
			return got == c.before(last)
		})
		for at := c.begin.Add(7 * time.Minute); at.Before(now); at = at.Add(17*time.Minute + 5*time.Second) {
			at := at.Truncate(5 * time.Second)
			if got, want := s.value(allLines, at), c.before(at); got != want && at.Before(last) {
				t.Errorf("%s: %v lines at %v, and %v are before", what, got, at, want)
				return
			}
		}
		if got := s.value(`sum(sum_over_time((clamp_min(darkshare_log_lines_total - darkshare_log_lines_total offset 5s, 0))[10h:5s]))`, last); got != c.before(last) {
			t.Errorf("%s: the lines have gone up by %v, of %v", what, got, c.before(last))
		}
		s.check(c.n)
	}
	replay := func() {
		t.Helper()
		must(t, "replay", "--config", conf, "--format", "combined", "--site", "example.com", "--store", store, log)
	}
	rotate := func() {
		t.Helper()
		if err := os.Rename(log, fmt.Sprintf("%s.%d", log, time.Now().UnixNano())); err != nil {
			t.Fatal(err)
		}
	}
	appendTo(t, log, c.until(now.Add(-7*time.Hour)))
	replay()
	appendTo(t, log, c.until(now.Add(-6*time.Hour)))
	replay()
	appendTo(t, log, c.until(now.Add(-5*time.Hour)))
	rotate()
	appendTo(t, log, c.until(now.Add(-4*time.Hour)))
	s := withStore(t, conf, log, store)
	check(s, "after the replay")
	if got := s.value(`sum(darkshare_input_bytes_total{input="files"})`, now.Add(-5*time.Hour)); !math.IsNaN(got) && got > s.value("sum(darkshare_input_bytes_total)", time.Now()) {
		t.Errorf("%v bytes of replayed files", got)
	}
	s.kill()
	appendTo(t, log, c.until(now.Add(-150*time.Minute)))
	rotate()
	appendTo(t, log, c.until(now.Add(-time.Minute)))
	s = withStore(t, conf, log, store)
	check(s, "after a kill and hours of silence")
	_, stderr, code := darkshare(t, "serve", "--config", conf, "--log", log, "--format", "combined", "--store", store, "--web.listen-address", freeAddress(t))
	if code != 1 || !strings.Contains(stderr, "another darkshare") {
		t.Errorf("two on one store: exit %d, %s", code, stderr)
	}
	_, stderr, code = darkshare(t, "replay", "--config", conf, "--format", "combined", "--site", "example.com", "--store", store, log)
	if code != 1 || !strings.Contains(stderr, store) || !strings.Contains(stderr, "in use") {
		t.Errorf("a replay beside it: exit %d, %s", code, stderr)
	}
	appendTo(t, log, c.until(time.Now()))
	check(s, "the present")
	s.stop()
	s = withStore(t, conf, log, store)
	check(s, "after a clean end")
	s.stop()
}

// matrix asks for the samples of a range.
func (s *serving) matrix(q string, at time.Time) (map[string]map[float64]float64, error) {
	resp, err := http.Get("http://" + s.addr + "/api/v1/query?" + url.Values{"query": {q}, "time": {strconv.FormatInt(at.Unix(), 10)}}.Encode())
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Values [][2]any
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %w %s", resp.Status, err, body)
	}
	all := map[string]map[float64]float64{}
	for _, r := range answer.Data.Result {
		series := map[float64]float64{}
		for _, v := range r.Values {
			series[v[0].(float64)], _ = strconv.ParseFloat(v[1].(string), 64)
		}
		all[fmt.Sprint(r.Metric)] = series
	}
	return all, nil
}

// TestStoreKilled: while lines are written and queries run darkshare is killed again and
// again. Whatever a query has ever shown is there at the end, and every line is counted
// once.
func TestStoreKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a quarter of a minute")
	}
	conf, dir := often(t), t.TempDir()
	store := filepath.Join(dir, "store")
	l := &rotatedLog{t: t, name: "killed", path: filepath.Join(dir, "access.log")}
	l.reopen()
	begun := time.Now()
	s := withStore(t, conf, l.path, store)
	const q = `{__name__=~"darkshare_(log_lines|requests|visits|page_visits)_total"}[2m]`
	seen := map[string]map[float64]float64{}
	look := func() {
		got, err := s.matrix(q, time.Now())
		if err != nil {
			return // it is dead
		}
		for name, series := range got {
			for at, v := range series {
				if seen[name] == nil {
					seen[name] = map[float64]float64{}
				}
				if before, ok := seen[name][at]; ok && before != v {
					t.Errorf("%s at %v was %v and is %v", name, at, before, v)
				}
				seen[name][at] = v
			}
		}
	}
	var writing sync.WaitGroup
	stop := make(chan struct{})
	writing.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				l.burst(7)
			}
		}
	})
	for kill := range 6 {
		pause := time.Now().Add(time.Duration(1300+517*kill%1900) * time.Millisecond)
		for time.Now().Before(pause) {
			look()
			time.Sleep(50 * time.Millisecond)
		}
		s.kill()
		s = withStore(t, conf, l.path, store)
	}
	close(stop)
	writing.Wait()
	l.f.Close()
	written := float64(l.written)
	l.reopen()
	s.await("all lines are in the store", func() bool {
		l.burst(1) // a sample is taken when a line has reached its time
		time.Sleep(100 * time.Millisecond)
		look()
		return s.value(allLines, time.Now()) >= written
	})
	l.f.Close()
	s.await("all lines are counted", func() bool { return s.sums()["darkshare_log_lines_total"] == float64(l.written) })
	s.check(l.written)
	final, err := s.matrix(strings.Replace(q, "2m", "10m", 1), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	samples := 0
	for name, series := range seen {
		for at, v := range series {
			samples++
			if got, ok := final[name][at]; !ok || got != v {
				t.Errorf("%s at %v was shown with %v, and is %v (there: %t)", name, at, v, got, ok)
			}
		}
	}
	t.Logf("%d samples were seen of %d series, %d lines in %v", samples, len(seen), l.written, time.Since(begun).Round(time.Second))
	for _, m := range []string{"darkshare_log_lines_total", "darkshare_requests_total"} {
		at := time.Now()
		got, want := s.value(fmt.Sprintf(`sum(sum_over_time((clamp_min(%s - %[1]s offset 5s, 0))[10m:5s]))`, m), at), s.value("sum("+m+")", at)
		if got != want || want == 0 {
			t.Errorf("%s has gone up by %v, to %v", m, got, want)
		}
	}
	s.stop()
}

// TestStoreDiskFull: while the disk is full, that is logged and counted, and scrapes and
// queries are answered; afterwards the store has what came meanwhile.
func TestStoreDiskFull(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a quarter of a minute")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=80m"); err != nil {
		t.Skipf("no small disk can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	log := write(t, "a.log", nil)
	s := withStore(t, often(t), log, filepath.Join(dir, "store"))
	written := 0
	add := func() {
		var b strings.Builder
		for range 50 {
			b.WriteString(line(time.Now(), fmt.Sprintf("192.0.2.%d", written%250), fmt.Sprintf("GET /stories/%d HTTP/1.1", written/50), 200, "https://web.whatsapp.com/", desktop))
			written++
		}
		appendTo(t, log, []byte(b.String()))
	}
	counted := 0
	inStore := func() bool {
		time.Sleep(100 * time.Millisecond)
		appendTo(t, log, []byte(line(time.Now(), "192.0.2.251", "GET /tick HTTP/1.1", 200, "-", desktop)))
		written++ // a sample is taken when a line has reached its time
		return s.value(allLines, time.Now()) >= float64(counted)
	}
	add()
	counted = written
	s.await("the first lines", inStore)
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, int64(fs.Bavail)*fs.Bsize-20<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	var before float64
	s.await("the saves under way", func() bool { time.Sleep(1500 * time.Millisecond); return true })
	before = s.value(allLines, time.Now())
	add()
	s.await("that it cannot be written", func() bool { inStore(); return s.sums()["darkshare_store_append_errors_total"] > 0 })
	add()
	counted = written
	s.await("scrapes go on", func() bool { return s.sums()["darkshare_log_lines_total"] == float64(written) })
	s.check(written)
	if got := s.value(allLines, time.Now()); got != before {
		t.Errorf("%v lines in the store while nothing can be written, %v before", got, before)
	}
	if text := s.log.String(); !strings.Contains(text, "the store cannot be written") || !strings.Contains(text, "room") {
		t.Errorf("the log does not say what to do:\n%s", text)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	s.await("all lines", inStore)
	if !strings.Contains(s.log.String(), "the store is written again") {
		t.Errorf("the log does not say that it goes on:\n%s", s.log)
	}
	if got := s.value(`sum(sum_over_time((clamp_min(darkshare_log_lines_total - darkshare_log_lines_total offset 5s, 0))[10m:5s]))`, time.Now()); got < float64(counted) || got > float64(written) {
		t.Errorf("the lines have gone up by %v, of %d", got, written)
	}
	if s.sums()["darkshare_store_dropped_samples_total"] != 0 {
		t.Error("samples were dropped")
	}
	s.stop()
}

// TestStoreAndPrometheusAgree: the API, Debian's Prometheus that scrapes, and what replay
// has printed are one dark share.
func TestStoreAndPrometheusAgree(t *testing.T) {
	p := thePast()
	store := filepath.Join(t.TempDir(), "store")
	log := write(t, "access.log", p.whole)
	printed := replayed(t, log, "--store", store)
	s := withStore(t, slowly(t), log, store)
	agrees(t, "http://"+s.addr, printed, p.end.Add(5*time.Minute))
	s.check(len(p.lines))
	server := startServer(t, "prometheus", "/-/ready", func(addr, dir string) []string {
		conf := filepath.Join(dir, "prometheus.yml")
		text := fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs: [{job_name: darkshare, static_configs: [{targets: [%q]}]}]\n", s.addr)
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"--config.file=" + conf, "--storage.tsdb.path=" + dir, "--web.listen-address=" + addr, "--log.level=warn"}
	})
	const dark = `sum(darkshare_visits_total{channel="dark_social"}) / sum(darkshare_visits_total)`
	s.await("Prometheus scrapes", func() bool { return !math.IsNaN(server.value(dark, time.Now())) })
	if got := server.value(dark, time.Now()); got != printed.DarkShare.Estimate {
		t.Errorf("Prometheus has the dark share %v, and replay printed %v", got, printed.DarkShare.Estimate)
	}
	s.stop()
}
