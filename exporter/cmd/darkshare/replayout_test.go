package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/tally"
)

// startServer starts one of Debian's programs.
func startServer(t *testing.T, name, ready string, args func(addr, dir string) []string) *promServer {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s here (Debian: apt install %[1]s)", name)
	}
	addr := freeAddress(t)
	s := &promServer{t: t, url: "http://" + addr}
	cmd := exec.Command(path, args(addr, t.TempDir())...)
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		http.DefaultClient.CloseIdleConnections()
		if t.Failed() {
			t.Log(s.log.String())
		}
	})
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if resp, err := http.Get(s.url + ready); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return s
			}
		}
	}
	t.Fatalf("%s does not start:\n%s", name, &s.log)
	return nil
}

// startPrometheus starts Debian's Prometheus on a data directory.
func startPrometheus(t *testing.T, data string, more ...string) *promServer {
	t.Helper()
	return startServer(t, "prometheus", "/-/ready", func(addr, dir string) []string {
		none := filepath.Join(dir, "prometheus.yml")
		if err := os.WriteFile(none, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if data == "" {
			data = dir
		}
		return append([]string{"--config.file=" + none, "--storage.tsdb.path=" + data, "--web.listen-address=" + addr,
			"--storage.tsdb.retention.time=10y", "--log.level=warn"}, more...)
	})
}

// value asks for the one number that an expression is at a time; NaN where it is none.
func (s *promServer) value(q string, at time.Time) float64 {
	s.t.Helper()
	return apiValue(s.t, s.url, q, at)
}

func apiValue(t *testing.T, base, q string, at time.Time) float64 {
	t.Helper()
	resp, err := http.Get(base + "/api/v1/query?" + url.Values{"query": {q}, "time": {strconv.FormatInt(at.Unix(), 10)}, "nocache": {"1"}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v %s", q, resp.Status, err, body)
	}
	if len(answer.Data.Result) != 1 {
		return math.NaN()
	}
	v, err := strconv.ParseFloat(answer.Data.Result[0].Value[1].(string), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// agrees checks that a server has what replay has printed.
func agrees(t *testing.T, server string, printed *tally.Report, at time.Time) {
	t.Helper()
	const last = `sum(last_over_time(darkshare_visits_total%s[10d]))`
	visits := fmt.Sprintf(last, "")
	dark := fmt.Sprintf(last, `{channel="dark_social"}`)
	for q, want := range map[string]float64{
		visits:              float64(printed.Visits),
		dark + "/" + visits: printed.DarkShare.Estimate,
		`sum(last_over_time(darkshare_log_lines_total[10d]))`: float64(printed.Lines),
	} {
		if got := apiValue(t, server, q, at); !(math.Abs(got-want) <= 1e-12*want) {
			t.Errorf("%s: %s is %v, and replay printed %v", server, q, got, want)
		}
	}
	for _, c := range printed.Channels {
		if got := apiValue(t, server, fmt.Sprintf(last, `{channel="`+c.Channel+`"}`), at); got != float64(c.Visits) {
			t.Errorf("%s: %v visits of channel %s, and replay printed %d", server, got, c.Channel, c.Visits)
		}
	}
	// From the first zero on, nothing is missing and nothing there twice.
	if got := apiValue(t, server, `sum(sum_over_time((clamp_min(darkshare_log_lines_total - darkshare_log_lines_total offset 4m, 0))[7d:4m]))`, at); math.Abs(got-float64(printed.Lines)) > 0.5 {
		t.Errorf("%s: the lines have gone up by %v, of %d", server, got, printed.Lines)
	}
}

// TestReplayIntoPrometheus: blocks that a Prometheus server adopts, and OpenMetrics that
// promtool makes blocks of, give the dark share that replay prints.
func TestReplayIntoPrometheus(t *testing.T) {
	p := thePast()
	files := p.files(t, t.TempDir(), 1)
	at := p.end.Add(5 * time.Minute)
	t.Run("blocks", func(t *testing.T) {
		data := filepath.Join(t.TempDir(), "data")
		printed := replayed(t, append(files, "--blocks", data, "--label", "job=darkshare")...)
		agrees(t, startPrometheus(t, data).url, printed, at)
	})
	t.Run("openmetrics", func(t *testing.T) {
		promtool, err := exec.LookPath("promtool")
		if err != nil {
			t.Skip("no promtool here")
		}
		// promtool reads the text again for every two hours of it.
		files := []string{write(t, "day.log", bytes.Join(p.lines[:len(p.lines)/pastDays], nil))}
		at := p.end.Add(-(pastDays - 2) * 24 * time.Hour)
		dir := t.TempDir()
		text, data := filepath.Join(dir, "all.om"), filepath.Join(dir, "data")
		args := replayArgs(t, append(files, "--openmetrics", text)...)
		if !testing.Short() {
			killed(t, args...)
		} else {
			must(t, args...)
			if _, err := os.Stat(text + ".blocks"); err == nil {
				t.Error("the blocks are left")
			}
		}
		printed := replayed(t, append(files, "--blocks", filepath.Join(dir, "blocks"))...)
		if out, err := exec.Command(promtool, "tsdb", "create-blocks-from", "openmetrics", text, data).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		server := startPrometheus(t, data)
		if got := server.value(`sum(last_over_time(darkshare_log_lines_total[10d]))`, at); got != float64(printed.Lines) {
			t.Errorf("%v lines, printed %d", got, printed.Lines)
		}
		if testing.Short() {
			agrees(t, server.url, printed, at)
		}
	})
}

// TestReplayByRemoteWrite: servers that take samples have what replay prints, also where
// it was killed and begun again, and nothing twice.
func TestReplayByRemoteWrite(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	p := thePast()
	files := p.files(t, t.TempDir(), 0.6)
	at := p.end.Add(5 * time.Minute)
	for name, c := range map[string]struct {
		start func(t *testing.T) *promServer
		count string
	}{
		"Prometheus": {func(t *testing.T) *promServer { return startPrometheus(t, "", "--web.enable-remote-write-receiver") }, "count_over_time"},
		"VictoriaMetrics": {func(t *testing.T) *promServer {
			return startServer(t, "victoria-metrics", "/health", func(addr, dir string) []string {
				return []string{"-httpListenAddr=" + addr, "-storageDataPath=" + dir, "-retentionPeriod=1y", "-loggerLevel=ERROR",
					"-search.maxUniqueTimeseries=10000", "-memory.allowedBytes=268435456", "-dedup.minScrapeInterval=1ms", "-search.latencyOffset=0s"}
			})
		}, "count_over_time"},
	} {
		t.Run(name, func(t *testing.T) {
			server := c.start(t)
			args := replayArgs(t, append(files, "--remote-write", server.url+"/api/v1/write", "--state", filepath.Join(t.TempDir(), "state"))...)
			kills := killed(t, args...)
			printed := report(t, must(t, args...))
			if name == "VictoriaMetrics" {
				if resp, err := http.Get(server.url + "/internal/force_flush"); err == nil {
					resp.Body.Close()
				}
			}
			t.Logf("%d kills", kills)
			agrees(t, server.url, printed, at)
			// A sample each four minutes, and none twice.
			if got, want := server.value(`sum(count_over_time(darkshare_log_lines_total[7d]))`, at), server.value(`(max(last_over_time(timestamp(darkshare_log_lines_total)[7d:4m])) - min(min_over_time(timestamp(darkshare_log_lines_total)[7d:4m]))) / 240 + 1`, at); got != want {
				t.Errorf("%v samples, want %v", got, want)
			}
		})
	}
}
