//go:build linux

package e2e

import (
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"
	colmetricpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// A collector takes metrics by OTLP, or refuses to.
type collector struct {
	mu      sync.Mutex
	refuses bool
	pushes  int
	lines   float64 // of the last push
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var in colmetricpb.ExportMetricsServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &in)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || c.refuses {
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	c.pushes++
	for _, resource := range in.GetResourceMetrics() {
		for _, scope := range resource.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				if m.GetName() != "darkshare.log.lines" {
					continue
				}
				c.lines = 0
				for _, p := range m.GetSum().GetDataPoints() {
					c.lines += p.GetAsDouble() + float64(p.GetAsInt())
				}
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (c *collector) refuse(refuses bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuses = refuses
}

// has reports whether the last push had that many lines.
func (c *collector) has(lines int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pushes > 0 && c.lines == float64(lines)
}

// serveAt serves HTTP at the address until the returned function is called.
func serveAt(t *testing.T, addr string, h http.Handler) (end func()) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return s.Close
}

// silentAt takes connections at the address, and never says a word.
func silentAt(t *testing.T, addr string) (end func()) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var held []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			held = append(held, c)
			mu.Unlock()
		}
	}()
	var once sync.Once
	end = func() {
		once.Do(func() {
			l.Close()
			<-done
			for _, c := range held {
				c.Close()
			}
		})
	}
	t.Cleanup(end)
	return end
}

// pushing is what makes darkshare push by OTLP, often and with little patience.
func pushing(endpoint string) []string {
	return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + endpoint, "OTEL_METRIC_EXPORT_INTERVAL=300", "OTEL_EXPORTER_OTLP_TIMEOUT=700", "OTEL_METRIC_EXPORT_TIMEOUT=700"}
}

// TestFaultOTLP: nobody listens where the metrics are pushed to, or somebody who never
// answers, or who refuses; then they are taken. Nothing of it holds up the counting, and
// the first push that is taken has everything. The end does not wait for a collector.
func TestFaultOTLP(t *testing.T) {
	t.Parallel()
	dir, addr := t.TempDir(), free(t)
	log := newTraffic(t, filepath.Join(dir, "access.log"))
	conf := configured(t, dir, log.path, fmt.Sprintf("state: {file: %q}\n", filepath.Join(dir, "state")))
	p := begin(t, pushing("http://"+addr), "--config", conf)
	trouble := func() {
		t.Helper()
		before := p.sums()["darkshare_otlp_push_errors_total"]
		log.flow(faultRate, time.Second, nil)
		p.holds(log.written)
		await(t, "a failed push", func() bool { return p.sums()["darkshare_otlp_push_errors_total"] > before })
	}
	trouble()
	silent := silentAt(t, addr)
	trouble()
	silent()
	c := &collector{refuses: true}
	end := serveAt(t, addr, c)
	trouble()
	c.refuse(false)
	await(t, "all is pushed", func() bool { return c.has(log.written) })
	end()
	silentAt(t, addr)
	trouble()
	begun := time.Now()
	p.signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	// It waits for five seconds at most; what is longer is a machine that does other things.
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("the end took %v", took)
	}
	begin(t, nil, "--config", conf).holds(log.written)
}

// TestFaultDNS: the name of the collector cannot be resolved, since no name server
// answers; then it can.
func TestFaultDNS(t *testing.T) {
	t.Parallel()
	unshare := program(t, "unshare")
	dir, addr := t.TempDir(), free(t)
	hosts := write(t, filepath.Join(dir, "hosts"), "127.0.0.1 localhost\n")
	// An address of the documentation's network (RFC 5737): nobody is there.
	resolv := write(t, filepath.Join(dir, "resolv.conf"), "nameserver 192.0.2.1\noptions timeout:1 attempts:1\n")
	own := []string{"--mount", "sh", "-c", `mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && shift 2 && exec "$@"`, "sh", hosts, resolv}
	if out, err := exec.Command(unshare, append(own, "true")...).CombinedOutput(); err != nil {
		t.Skipf("no mounts of its own here: %s", out)
	}
	log := newTraffic(t, filepath.Join(dir, "access.log"))
	conf := configured(t, dir, log.path, fmt.Sprintf("state: {file: %q}\n", filepath.Join(dir, "state")))
	c := &collector{}
	serveAt(t, addr, c)
	_, port, _ := net.SplitHostPort(addr)
	listen := free(t)
	p := launch(t, pushing("http://collector.darkshare.example:"+port), listen, unshare,
		append(own, tested(), "serve", "--web.listen-address", listen, "--config", conf)...)
	await(t, "darkshare is ready", p.ready)
	log.flow(faultRate, time.Second, nil)
	p.holds(log.written)
	await(t, "a failed push", func() bool { return p.sums()["darkshare_otlp_push_errors_total"] > 0 })
	if said := p.errs.String(); !strings.Contains(said, "OTLP push failed") || !strings.Contains(said, "collector.darkshare.example") {
		t.Errorf("its log does not say what is wrong: %s", said)
	}
	log.flow(faultRate, time.Second, nil)
	p.holds(log.written)
	if err := os.WriteFile(hosts, []byte("127.0.0.1 localhost collector.darkshare.example\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	await(t, "all is pushed", func() bool { return c.has(log.written) })
}

// A remoteStore takes samples by Prometheus's remote write, with all the trouble that one
// can have.
type remoteStore struct {
	mu       sync.Mutex
	requests int
	// trouble says what happens to the n-th request: "", "503", "cut" before it is taken,
	// or "lost", where only the answer is.
	trouble func(n int) string
	// samples has the values by series and time.
	samples map[string]map[int64]float64
	differ  []string // samples that came again with another value
}

func (s *remoteStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	trouble := s.trouble(s.requests)
	switch trouble {
	case "503":
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	case "cut":
		panic(http.ErrAbortHandler)
	}
	var in prompb.WriteRequest
	if err == nil {
		body, err = snappy.Decode(nil, body)
	}
	if err == nil {
		err = in.Unmarshal(body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, series := range in.Timeseries {
		var key strings.Builder
		for _, l := range series.Labels {
			fmt.Fprintf(&key, "%s=%q,", l.Name, l.Value)
		}
		samples := s.samples[key.String()]
		if samples == nil {
			samples = map[int64]float64{}
			s.samples[key.String()] = samples
		}
		for _, sample := range series.Samples {
			// How far ahead of the counting the reading was, nobody can repeat.
			ahead := strings.Contains(key.String(), `"darkshare_input_bytes_total"`)
			if old, ok := samples[sample.Timestamp]; ok && !ahead && math.Float64bits(old) != math.Float64bits(sample.Value) {
				s.differ = append(s.differ, fmt.Sprintf("%s at %d: %v, then %v", &key, sample.Timestamp, old, sample.Value))
			}
			samples[sample.Timestamp] = sample.Value
		}
	}
	if trouble == "lost" {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusNoContent)
}

// last adds up the newest values of a metric.
func (s *remoteStore) last(metric string) (sum float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, samples := range s.samples {
		if !strings.Contains(key, fmt.Sprintf("__name__=%q,", metric)) {
			continue
		}
		var newest int64
		for at, v := range samples {
			if !value.IsStaleNaN(v) {
				newest = max(newest, at)
			}
		}
		sum += samples[newest]
	}
	return sum
}

func (s *remoteStore) seen() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// TestFaultRemoteWrite: nobody takes the history that is replayed, then somebody refuses
// it, cuts connections, loses answers, and the replay is killed. In the end it is there
// once, and adds up.
func TestFaultRemoteWrite(t *testing.T) {
	t.Parallel()
	dir, addr := t.TempDir(), free(t)
	replay := func() *exec.Cmd {
		cmd := exec.Command(tested(), "replay", "--site", "www.example.com", "--format", "combined",
			"--remote-write", "http://"+addr+"/api/v1/write", "--state", filepath.Join(dir, "state"), filepath.Join(root, "testdata", "news.log.gz"))
		out := &buffer{}
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if t.Failed() {
				t.Logf("darkshare replay: %s", out)
			}
		})
		return cmd
	}
	s := &remoteStore{samples: map[string]map[int64]float64{}, trouble: func(n int) string {
		return map[int]string{1: "503", 2: "cut", 4: "lost", 6: "cut"}[n]
	}}
	cmd := replay()
	time.Sleep(500 * time.Millisecond) // nobody is there
	serveAt(t, addr, s)
	await(t, "some of it has come", func() bool { return s.seen() >= 7 })
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err := replay().Wait(); err != nil {
		t.Fatal(err)
	}
	const lines = 20_142 // what the README's replay of this log prints
	if got := s.last("darkshare_log_lines_total"); got != lines {
		t.Errorf("%.0f lines have come, not %d", got, lines)
	}
	if sum := s.last("darkshare_log_errors_total") + s.last("darkshare_requests_total"); sum != lines {
		t.Errorf("%.0f errors and requests of %d lines", sum, lines)
	}
	if len(s.differ) > 0 {
		t.Errorf("%d samples came again with another value: %q", len(s.differ), s.differ)
	}
	requests := s.seen()
	if err := replay().Wait(); err != nil {
		t.Fatal(err)
	}
	if s.seen() != requests {
		t.Error("a second replay has sent it once more")
	}
	t.Logf("%d requests, %d series", requests, len(s.samples))
}
