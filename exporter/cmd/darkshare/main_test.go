package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/darkshare/darkshare/exporter/simulate"
	"github.com/darkshare/darkshare/exporter/tally"
)

// TestMain lets the test binary be the command: the tests start it as users do.
func TestMain(m *testing.M) {
	if os.Getenv("DARKSHARE_TEST_MAIN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// self is the test binary, wherever a test changes to.
var self, _ = os.Executable()

// command is the darkshare command with these arguments.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), "DARKSHARE_TEST_MAIN=1")
	return cmd
}

// darkshare runs the command to its end.
func darkshare(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := command(t.Context(), args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// must runs the command and expects it to succeed.
func must(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, code := darkshare(t, args...)
	if code != 0 {
		t.Fatalf("darkshare %s: exit %d\n%s", strings.Join(args, " "), code, errs)
	}
	return out
}

// A serving is a running `darkshare serve`.
type serving struct {
	t    *testing.T
	cmd  *exec.Cmd
	addr string
	log  *lockedBuffer
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// serve starts the command and waits until it is ready.
func serve(t *testing.T, args ...string) *serving {
	t.Helper()
	s := &serving{t: t, addr: freeAddress(t), log: &lockedBuffer{}}
	s.cmd = command(context.Background(), append([]string{"serve", "--web.listen-address", s.addr}, args...)...)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() })
	s.await("ready", func() bool {
		resp, err := http.Get("http://" + s.addr + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (s *serving) await(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	s.t.Fatalf("waited 30 s in vain: %s\n%s", what, s.log)
}

// stop ends the command as a service manager does, and expects it to end well.
func (s *serving) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Fatalf("after SIGTERM: %v\n%s", err, s.log)
	}
}

func (s *serving) get(path string) (int, string) {
	s.t.Helper()
	resp, err := http.Get("http://" + s.addr + path)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.log)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// sums adds the scraped series up by metric, and by metric and label.
func (s *serving) sums() map[string]float64 {
	s.t.Helper()
	_, body := s.get("/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	sums := map[string]float64{}
	for name, f := range families {
		for _, m := range f.GetMetric() {
			v := m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()
			sums[name] += v
			for _, l := range m.GetLabel() {
				sums[name+"/"+l.GetName()+"="+l.GetValue()] += v
			}
		}
	}
	return sums
}

// write writes a file and returns its name.
func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func appendTo(t *testing.T, path string, data []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
}

func benchLog(t *testing.T, lines int) []byte {
	t.Helper()
	var log bytes.Buffer
	if err := simulate.WriteBenchLog(&log, lines); err != nil {
		t.Fatal(err)
	}
	return log.Bytes()
}

func report(t *testing.T, text string) *tally.Report {
	t.Helper()
	var r tally.Report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return &r
}

// TestReplayExplainServeAgree: the same lines give the same counts, whoever reads
// them, and however they come.
func TestReplayExplainServeAgree(t *testing.T) {
	t.Run("made up", func(t *testing.T) { agree(t, benchLog(t, 20_000), "example.com") })
	t.Run("semicomplete", func(t *testing.T) { agree(t, corpus(t, "logs/semicomplete_2015.log.gz"), "semicomplete.com") })
}

func agree(t *testing.T, log []byte, site string) {
	args := []string{"--format", "combined", "--site", site}
	file := write(t, "access.log", log)
	want := report(t, must(t, append([]string{"replay", "--output", "json", file}, args...)...))

	var sum uint64
	for _, n := range want.Errors {
		sum += n
	}
	for _, n := range want.Requests {
		sum += n
	}
	if lines := uint64(bytes.Count(log, []byte("\n"))); want.Lines != lines || sum != lines {
		t.Errorf("%d lines, %d counted, of %d", want.Lines, sum, lines)
	}

	// explain
	kinds, channels := map[string]uint64{}, map[string]uint64{}
	var visits, line uint64
	for text := range strings.Lines(must(t, append([]string{"explain", file}, args...)...)) {
		var e explanation
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if line++; e.Line != line || e.Why == "" {
			t.Fatalf("line %d: %s", line, text)
		}
		kinds[e.Kind]++
		if e.Visit != nil && *e.Visit {
			visits++
			channels[e.Channel]++
		}
	}
	if visits != want.Visits {
		t.Errorf("explain has %d visits, replay %d", visits, want.Visits)
	}
	for kind, n := range want.Requests {
		if kinds[kind] != n {
			t.Errorf("explain has %d of kind %s, replay %d", kinds[kind], kind, n)
		}
	}
	for _, c := range want.Channels {
		if channels[c.Channel] != c.Visits {
			t.Errorf("explain has %d visits of channel %s, replay %d", channels[c.Channel], c.Channel, c.Visits)
		}
	}

	// serve, while the file is written in pieces
	live := filepath.Join(t.TempDir(), "live.log")
	s := serve(t, append([]string{"--log", live}, args...)...)
	for rest := log; len(rest) > 0; {
		n := min(len(rest), 77_777)
		appendTo(t, live, rest[:n])
		rest = rest[n:]
	}
	s.await("all is counted", func() bool {
		m := s.sums()
		return m["darkshare_log_lines_total"] == float64(want.Lines) && m["darkshare_pending_landings"] == 0
	})
	got := s.sums()
	for key, n := range map[string]uint64{
		"darkshare_visits_total":                want.Visits,
		"darkshare_unconfirmed_landings_total":  want.Unconfirmed,
		"darkshare_requests_total/kind=landing": want.Requests["landing"],
		"darkshare_requests_total/kind=bot":     want.Requests["bot"],
		"darkshare_requests_total/kind=reload":  want.Requests["reload"],
	} {
		if got[key] != float64(n) {
			t.Errorf("serve has %s %v, replay %d", key, got[key], n)
		}
	}
	for _, c := range want.Channels {
		if key := "darkshare_visits_total/channel=" + c.Channel; got[key] != float64(c.Visits) {
			t.Errorf("serve has %s %v, replay %d", key, got[key], c.Visits)
		}
	}
	s.stop()
}

func corpus(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("DARKSHARE_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpora")
	}
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		t.Skipf("no corpora: %v; set DARKSHARE_CORPORA", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestReload: SIGHUP and POST /-/reload take a new configuration without losing a
// line, and refuse one with a mistake.
func TestReload(t *testing.T) {
	log := benchLog(t, 20_000)
	live := filepath.Join(t.TempDir(), "live.log")
	conf := write(t, "darkshare.yaml", nil)
	configure := func(site, format string) {
		t.Helper()
		text := fmt.Sprintf("inputs:\n  - name: live\n    files: [%q]\n    format: %s\n    site: %s\nsites:\n  - name: %s\n    hosts: [example.com]\n", live, format, site, site)
		if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	configure("before", "combined")
	s := serve(t, "--config", conf)
	written := 0
	var writing sync.WaitGroup
	writing.Go(func() {
		for rest := log; len(rest) > 0; {
			n := min(len(rest), 20_000)
			appendTo(t, live, rest[:n])
			rest = rest[n:]
			time.Sleep(2 * time.Millisecond)
		}
	})
	written = bytes.Count(log, []byte("\n"))
	for i := range 20 {
		configure([]string{"before", "after"}[i%2], []string{"combined", "'$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\"'"}[i%2])
		if i%4 == 0 {
			if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
		} else {
			resp, err := http.Post("http://"+s.addr+"/-/reload", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("reload: %s", resp.Status)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	writing.Wait()
	s.await("every line is counted", func() bool { return s.sums()["darkshare_log_lines_total"] >= float64(written) })
	m := s.sums()
	if m["darkshare_log_lines_total"] != float64(written) {
		t.Errorf("%v lines of %d", m["darkshare_log_lines_total"], written)
	}
	if m["darkshare_log_errors_total"]+m["darkshare_requests_total"] != float64(written) {
		t.Errorf("%v errors and %v requests of %d lines", m["darkshare_log_errors_total"], m["darkshare_requests_total"], written)
	}
	if m["darkshare_requests_total/site=before"] == 0 || m["darkshare_requests_total/site=after"] == 0 {
		t.Errorf("before %v, after %v", m["darkshare_requests_total/site=before"], m["darkshare_requests_total/site=after"])
	}

	if err := os.WriteFile(conf, []byte("inptus: []\nlimits:\n  visitors: many\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post("http://"+s.addr+"/-/reload", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	for _, want := range []string{"darkshare.yaml:1:", "inptus", "darkshare.yaml:3:"} {
		if resp.StatusCode != http.StatusInternalServerError || !strings.Contains(string(body), want) {
			t.Errorf("reload of a wrong configuration: %s %q, want %q in it", resp.Status, body, want)
		}
	}
	appendTo(t, live, log[:bytes.IndexByte(log, '\n')+1])
	s.await("it goes on as before", func() bool { return s.sums()["darkshare_log_lines_total"] == float64(written+1) })
	s.stop()
}

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
		resp, err := http.Get("http://" + addr + "/api/v1/query?query=" + urlEscape(q))
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

const desktop = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"

func line(at time.Time, client, request string, status int, referer, agent string) string {
	return fmt.Sprintf("%s - - [%s] \"%s\" %d 1 %q %q\n", client, at.Format("02/Jan/2006:15:04:05 -0700"), request, status, referer, agent)
}

func urlEscape(s string) string {
	return regexp.MustCompile(`[^A-Za-z0-9_.-]`).ReplaceAllStringFunc(s, func(c string) string { return fmt.Sprintf("%%%02X", c[0]) })
}
