package metrics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

// TestPrometheusSeesFirstEvents has a real Prometheus, one that knows no creation
// times, scrape the same counters from two handlers, of which one shows nothing
// at zero first.
func TestPrometheusSeesFirstEvents(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	b := newBoard()
	b.set(schema.Visitors, 1)
	with := httptest.NewServer(Handler(b.snapshot, HandlerOptions{}))
	defer with.Close()
	without := httptest.NewServer(Handler(b.snapshot, HandlerOptions{ZeroFirst: -1}))
	defer without.Close()
	p := startPrometheus(t, map[string]string{"with": with.URL, "without": without.URL})

	p.await(`count(darkshare_visitors)`, 2)
	b.set(schema.Visits, 3, "example.com", "dark_social", "whatsapp", "app", "mobile")
	p.await(`count(darkshare_visits_total == 3)`, 2)
	p.await(`min(count_over_time(darkshare_visits_total[30s])) >= bool 4`, 1)

	const spread = `max_over_time(darkshare_visits_total{job=%[1]q}[30s]) - min_over_time(darkshare_visits_total{job=%[1]q}[30s])`
	for _, tc := range []struct {
		query string
		want  func(float64) bool
	}{
		{fmt.Sprintf(spread, "with"), func(v float64) bool { return v == 3 }},
		{`sum(increase(darkshare_visits_total{job="with"}[30s]))`, func(v float64) bool { return v >= 3 }},
		{`sum(resets(darkshare_visits_total[30s]))`, func(v float64) bool { return v == 0 }},
		{`min_over_time(darkshare_visitors{job="with"}[30s])`, func(v float64) bool { return v == 1 }},
		{`count({__name__=~"darkshare_.+_created"}) or vector(0)`, func(v float64) bool { return v == 0 }},
		// What it is good for.
		{fmt.Sprintf(spread, "without"), func(v float64) bool { return v == 0 }},
		{`sum(increase(darkshare_visits_total{job="without"}[30s]))`, func(v float64) bool { return v == 0 }},
	} {
		if got, ok := p.query(tc.query); !ok || !tc.want(got) {
			t.Errorf("%s = %v (%v)", tc.query, got, ok)
		}
	}
}

type prometheusServer struct {
	t   *testing.T
	url string
	log *bytes.Buffer
}

// startPrometheus starts Debian's Prometheus on loopback with jobs that scrape
// the URLs every second.
func startPrometheus(t *testing.T, jobs map[string]string) *prometheusServer {
	t.Helper()
	binary, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("no prometheus here (Debian: apt install prometheus)")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()

	config := "global: {scrape_interval: 1s}\nscrape_configs:\n"
	for job, u := range jobs {
		config += fmt.Sprintf("- {job_name: %s, static_configs: [{targets: [%q]}]}\n", job, strings.TrimPrefix(u, "http://"))
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &prometheusServer{t: t, url: "http://" + addr, log: new(bytes.Buffer)}
	cmd := exec.Command(binary, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+addr)
	cmd.Stderr = p.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(p.log)
		}
	})
	return p
}

// await waits until the query returns that value.
func (p *prometheusServer) await(query string, want float64) {
	p.t.Helper()
	for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(100 * time.Millisecond) {
		if got, ok := p.query(query); ok && got == want {
			return
		}
	}
	p.t.Fatalf("%s is not %v after a minute", query, want)
}

// query returns the value of a query with one result.
func (p *prometheusServer) query(query string) (float64, bool) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Get(p.url + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return 0, false // not up yet
	}
	defer resp.Body.Close()
	var body struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || len(body.Data.Result) != 1 {
		return 0, false
	}
	s, _ := body.Data.Result[0].Value[1].(string)
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}
