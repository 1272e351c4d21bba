package history

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// remoteWholeStory is what the real servers are sent.
const remoteWholeStory = 3 * 24 * time.Hour

// TestRemoteWriteToPrometheus sends three days to Debian's Prometheus, which is killed
// in between, as is the writer while its request is taken.
func TestRemoteWriteToPrometheus(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	noLeak(t)
	points := remoteStory(remoteStart, remoteWholeStory)
	server := newRemoteProgram(t, "prometheus", "/-/ready", func(addr, dir string) []string {
		none := filepath.Join(dir, "prometheus.yml")
		if err := os.WriteFile(none, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"--config.file=" + none, "--storage.tsdb.path=" + dir, "--web.listen-address=" + addr,
			"--web.enable-remote-write-receiver", "--log.level=warn"}
	})
	sendRemotely(t, server, syscall.SIGKILL, true, points)

	last := points[len(points)-1].At
	at := time.UnixMilli(last + 1000)
	got := map[string][]remoteSample{}
	for _, r := range server.query(t, `{__name__=~"darkshare_.+"}[4d]`, at) {
		name := labels.FromMap(r.Metric).String()
		for _, v := range r.Values {
			got[name] = append(got[name], v.sample(t))
		}
	}
	sameSamples(t, withoutStale(remoteWant(points)), got)

	// The same questions to a store of our own.
	own := newRemoteTSDB(t)
	own.add(t, withJob(points))
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e7, Timeout: time.Minute, EnableAtModifier: true, LookbackDelta: 5 * time.Minute})
	defer engine.Close()
	for _, q := range []string{
		`sum(increase(darkshare_visits_total[3d]))`,
		`increase(darkshare_visits_total[3d])`,
		`sum by (site, channel) (increase(darkshare_visits_total[1d] offset 1d))`,
		`sum(count_over_time({__name__=~"darkshare_.+"}[4d]))`,
		`sum by (site) (resets(darkshare_visits_total[3d]))`,
		`{__name__=~"darkshare_.+"}`, // without the series that ended
		fmt.Sprintf(`count(darkshare_visits_total @ %d)`, (remoteStart+int64(remoteWholeStory/time.Millisecond)*3/4+30_000)/1000),
		`avg_over_time(darkshare_ratio[3d])`,
	} {
		query, err := engine.NewInstantQuery(t.Context(), own, nil, q, at)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]float64{}
		vector, err := query.Exec(t.Context()).Vector()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range vector {
			want[s.Metric.String()] = s.F
		}
		query.Close()
		got := map[string]float64{}
		for _, r := range server.query(t, q, at) {
			got[labels.FromMap(r.Metric).String()] = r.Value.value(t)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateApprox(1e-12, 0)); d != "" || len(want) == 0 {
			t.Errorf("%s: %d results\n%s", q, len(want), d)
		}
	}

	// What Prometheus says to a second story of the same times.
	w := newTestRemote(t, RemoteOptions{URL: server.url + "/api/v1/write"})
	defer w.Close()
	if err := w.Send(t.Context(), points[:100]); err == nil || !strings.Contains(err.Error(), "out_of_order_time_window") {
		t.Errorf("a second time: %v", err)
	}
	lost := newTestRemote(t, RemoteOptions{URL: server.url + "/write"})
	defer lost.Close()
	if err := lost.Send(t.Context(), points[:100]); err == nil || !strings.Contains(err.Error(), "check the path") {
		t.Errorf("to a wrong path: %v", err)
	}
}

// TestRemoteWriteWithoutReceiver is what one forgets.
func TestRemoteWriteWithoutReceiver(t *testing.T) {
	noLeak(t)
	server := newRemoteProgram(t, "prometheus", "/-/ready", func(addr, dir string) []string {
		none := filepath.Join(dir, "prometheus.yml")
		if err := os.WriteFile(none, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"--config.file=" + none, "--storage.tsdb.path=" + dir, "--web.listen-address=" + addr, "--log.level=warn"}
	})
	w := newTestRemote(t, RemoteOptions{URL: server.url + "/api/v1/write"})
	defer w.Close()
	err := w.Send(t.Context(), remoteStory(remoteStart, time.Minute))
	if err == nil || !strings.Contains(err.Error(), "start Prometheus with --web.enable-remote-write-receiver") {
		t.Errorf("Send = %v", err)
	}
}

// TestRemoteWriteToVictoriaMetrics does the same with Debian's VictoriaMetrics. That has
// what it acknowledged in memory for a second, so that it is stopped, not killed, and
// does not look whether it has a sample already, so that the writer is killed between
// requests.
func TestRemoteWriteToVictoriaMetrics(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	noLeak(t)
	points := remoteStory(remoteStart, remoteWholeStory)
	server := newRemoteProgram(t, "victoria-metrics", "/health", func(addr, dir string) []string {
		return []string{"-httpListenAddr=" + addr, "-storageDataPath=" + dir, "-retentionPeriod=1y", "-loggerLevel=ERROR",
			"-search.maxUniqueTimeseries=10000", "-memory.allowedBytes=268435456"}
	})
	sendRemotely(t, server, syscall.SIGTERM, false, points)

	server.get(t, "/internal/force_flush", nil).Close()
	got := map[string][]remoteSample{}
	body := server.get(t, "/api/v1/export", url.Values{"match[]": {`{__name__=~"darkshare_.+"}`},
		"start": {strconv.FormatInt(remoteStart/1000, 10)}})
	defer body.Close()
	for lines := bufio.NewReader(body); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		var s struct {
			Metric     map[string]string
			Values     []*float64
			Timestamps []int64
		}
		if err := errors.Join(err, json.Unmarshal(line, &s)); err != nil {
			t.Fatalf("%v in %.200s", err, line)
		}
		name := labels.FromMap(s.Metric).String()
		for i, v := range s.Values {
			if v == nil { // JSON has no NaN
				got[name] = append(got[name], remoteSample{s.Timestamps[i], "stale"})
				continue
			}
			got[name] = append(got[name], newRemoteSample(s.Timestamps[i], *v))
		}
	}
	want := remoteWant(points)
	sameSamples(t, want, got)

	// Its increase knows no extrapolation: what was counted between the samples.
	last := points[len(points)-1].At
	at := time.UnixMilli(last + 1000)
	var increase, count float64
	for name, samples := range want {
		count += float64(len(samples))
		if !strings.Contains(name, "darkshare_visits_total") {
			continue
		}
		for i := 1; i < len(samples) && samples[i].Value != "stale"; i++ {
			before, now := samples[i-1].float(t), samples[i].float(t)
			if now < before {
				before = 0
			}
			increase += now - before
		}
	}
	for q, want := range map[string]float64{
		`sum(increase_prometheus(darkshare_visits_total[4d]))`:                                increase,
		`sum(count_over_time({__name__=~"darkshare_.+"}[4d]))`:                                count - float64(staleIn(want)),
		`count(last_over_time(darkshare_ratio[4d]))`:                                          3,
		`sum(last_over_time(darkshare_page_visits_total{site="site-0.example"}[4d]))`:         lastOf(points, "darkshare_page_visits_total", "site-0.example"),
		`count(count({__name__=~"darkshare_.+"}) by (__name__, site, channel, page, device))`: float64(len(want) - staleIn(want)),
	} {
		r := server.query(t, q, at)
		if len(r) != 1 || math.Abs(r[0].Value.value(t)-want) > 1e-9*want {
			t.Errorf("%s = %+v, want %v", q, r, want)
		}
	}
}

// sendRemotely sends the points through trouble: at the 15th request the server is
// ended and comes back a moment later, and at the 40th the writer ends, when the server
// has taken it or before that; another goes on.
func sendRemotely(t *testing.T, server *remoteProgram, end syscall.Signal, taken bool, points []Point) {
	t.Helper()
	direct, err := url.Parse(server.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(direct)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	proxy.Transport = transport
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	restarted := make(chan struct{})
	front := newRemoteFront(t, proxy, func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) {
		switch n {
		case 15:
			if end == syscall.SIGKILL { // it takes the request, and nobody hears of it
				next.ServeHTTP(httptest.NewRecorder(), r)
			}
			server.end(end)
			go func() {
				defer close(restarted)
				time.Sleep(300 * time.Millisecond)
				server.start(t)
			}()
			panic(http.ErrAbortHandler)
		case 40:
			if taken {
				next.ServeHTTP(httptest.NewRecorder(), r)
			}
			cancel()
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
	o := RemoteOptions{URL: front.URL + "/api/v1/write", Progress: filepath.Join(t.TempDir(), "progress")}
	w := newTestRemote(t, o)
	if err := w.Send(ctx, points); !errors.Is(err, context.Canceled) {
		t.Fatalf("Send = %v", err)
	}
	<-restarted
	w.Close()
	w = newTestRemote(t, o)
	defer w.Close()
	begin, before := time.Now(), front.requests.Load()
	if err := w.Send(t.Context(), points); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d samples, %d requests; the last %d in %v", len(points),
		front.requests.Load(), front.requests.Load()-before, time.Since(begin).Round(time.Millisecond))
}

func withJob(points []Point) []Point {
	series := map[*Series]*Series{}
	out := make([]Point, len(points))
	for i, p := range points {
		s := series[p.Series]
		if s == nil {
			s = &Series{Labels: labels.NewBuilder(p.Series.Labels).Set("job", "darkshare").Labels()}
			series[p.Series] = s
		}
		out[i] = Point{s, p.At, p.Value}
	}
	return out
}

// staleIn returns how many series ended.
func staleIn(all map[string][]remoteSample) (n int) {
	for _, samples := range all {
		if samples[len(samples)-1].Value == "stale" {
			n++
		}
	}
	return n
}

func lastOf(points []Point, name, site string) (last float64) {
	for _, p := range points {
		if p.Series.Labels.Get(model.MetricNameLabel) == name && p.Series.Labels.Get("site") == site {
			last = p.Value
		}
	}
	return last
}

func (s remoteSample) float(t *testing.T) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s.Value, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A remoteProgram is a server of Debian's, on loopback, which can be ended and started
// again with what it has on disk.
type remoteProgram struct {
	url, ready string
	binary     string
	args       []string
	cmd        *exec.Cmd
	log        bytes.Buffer
}

func newRemoteProgram(t *testing.T, name, ready string, args func(addr, dir string) []string) *remoteProgram {
	t.Helper()
	binary, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s here (Debian: apt install %[1]s)", name)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	p := &remoteProgram{url: "http://" + addr, ready: ready, binary: binary, args: args(addr, t.TempDir())}
	p.start(t)
	t.Cleanup(func() {
		p.end(syscall.SIGTERM)
		http.DefaultClient.CloseIdleConnections()
		if t.Failed() {
			t.Log(p.log.String())
		}
	})
	if !p.answers(t.Context()) {
		t.Fatalf("%s does not start:\n%s", name, &p.log)
	}
	return p
}

func (p *remoteProgram) start(t *testing.T) {
	p.cmd = exec.Command(p.binary, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		t.Error(err)
	}
}

func (p *remoteProgram) end(signal syscall.Signal) {
	_ = p.cmd.Process.Signal(signal)
	_ = p.cmd.Wait()
}

func (p *remoteProgram) answers(ctx context.Context) bool {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		if resp, err := http.Get(p.url + p.ready); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return true
			}
		}
	}
	return false
}

func (p *remoteProgram) get(t *testing.T, path string, values url.Values) io.ReadCloser {
	t.Helper()
	resp, err := http.Get(p.url + path + "?" + values.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s %v: %s %s", path, values, resp.Status, text)
	}
	return resp.Body
}

type remoteResult struct {
	Metric map[string]string
	Value  remoteValue
	Values []remoteValue
}

// A remoteValue is [seconds, "value"].
type remoteValue [2]any

func (v remoteValue) value(t *testing.T) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(v[1].(string), 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (v remoteValue) sample(t *testing.T) remoteSample {
	t.Helper()
	return newRemoteSample(int64(math.Round(v[0].(float64)*1000)), v.value(t))
}

// query asks for a vector or matrix.
func (p *remoteProgram) query(t *testing.T, q string, at time.Time) []remoteResult {
	t.Helper()
	body := p.get(t, "/api/v1/query", url.Values{"query": {q}, "nocache": {"1"},
		"time": {fmt.Sprintf("%d.%03d", at.Unix(), at.UnixMilli()%1000)}})
	defer body.Close()
	var answer struct {
		Data struct{ Result []remoteResult }
	}
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer.Data.Result
}
