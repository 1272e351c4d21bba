package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkshare/darkshare/exporter/schema"
)

// An answer is what came back of a request to the API.
type answer struct {
	code   int
	kind   string // Content-Type
	Status string
	Data   json.RawMessage
	Type   string `json:"errorType"`
	Error  string
	Infos  []string
	Warns  []string `json:"warnings"`
}

func request(t testing.TB, method, base, path string, form url.Values) (a answer) {
	t.Helper()
	var body io.Reader
	address := base + "/api/v1/" + path
	if method == http.MethodPost {
		body = strings.NewReader(form.Encode())
	} else if len(form) > 0 {
		address += "?" + form.Encode()
	}
	r, err := http.NewRequest(method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a.code, a.kind = resp.StatusCode, resp.Header.Get("Content-Type")
	if err := json.Unmarshal(b, &a); err != nil {
		a.Error = string(b)
	}
	return a
}

// sorted sorts the elements of an answer whose order is not defined: the result of an
// instant query, as bytes, each element as it came.
func sorted(t testing.TB, data json.RawMessage) string {
	t.Helper()
	var d struct {
		ResultType string
		Result     []json.RawMessage
	}
	if json.Unmarshal(data, &d) != nil || d.ResultType != "vector" {
		return string(data)
	}
	slices.SortFunc(d.Result, func(a, b json.RawMessage) int { return bytes.Compare(a, b) })
	out := d.ResultType
	for _, r := range d.Result {
		out += "\n" + string(r)
	}
	return out
}

// serveStory makes the store of the comparison, serves it, and writes its blocks.
func serveStory(t *testing.T) (address, blocks string) {
	s := openStore(t, t.TempDir(), Options{Interval: time.Minute, Replay: true})
	newStory().tell(t, s, 0, 3*24*60)
	if err := s.Backfill(t.Context(), storyStart.UnixMilli(), s.Newest()); err != nil {
		t.Fatal(err)
	}
	blocks = t.TempDir()
	if err := s.db.Snapshot(blocks, true); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return server.URL, blocks
}

// serveDebian runs Debian's Prometheus over the blocks.
func serveDebian(t *testing.T, blocks, config string) (address string) {
	bin, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("no prometheus here: ", err)
	}
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	l.Close()
	var log bytes.Buffer
	cmd := exec.Command(bin, "--config.file="+file, "--storage.tsdb.path="+blocks,
		"--storage.tsdb.retention.time=10y", "--web.listen-address="+address)
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	address = "http://" + address
	for range 200 {
		if resp, err := http.Get(address + "/-/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return address
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("prometheus does not come up:\n%s", log.String())
	return ""
}

// TestMetadataAsPrometheus has Debian's Prometheus scrape a page with the schema's
// metadata and compares what both answer. A page in the text format names no units.
func TestMetadataAsPrometheus(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, m := range schema.Metrics {
			kind := "gauge"
			if m.Type == schema.Counter {
				kind = "counter"
			}
			fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n%s 1\n", m.Name, m.Help, m.Name, kind, m.Name)
		}
	}))
	defer page.Close()
	theirs := serveDebian(t, t.TempDir(), "scrape_configs: [{job_name: d, scrape_interval: 100ms, scrape_timeout: 100ms, static_configs: [{targets: ['"+page.Listener.Addr().String()+"']}]}]")
	s := openStore(t, t.TempDir(), Options{})
	ours := httptest.NewServer(s.Handler())
	defer ours.Close()
	defer http.DefaultClient.CloseIdleConnections()

	type meta struct{ Type, Help, Unit string }
	get := func(base string, form url.Values) (m map[string][]meta) {
		a := request(t, http.MethodGet, base, "metadata", form)
		if err := json.Unmarshal(a.Data, &m); err != nil {
			t.Fatalf("%s %+v", err, a)
		}
		return m
	}
	var want map[string][]meta
	for range 100 {
		if want = get(theirs, nil); len(want) == len(schema.Metrics) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	got := get(ours.URL, nil)
	units := map[string]string{}
	for name, m := range got {
		if m[0].Unit != "" {
			units[name], m[0].Unit = m[0].Unit, ""
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, m := range schema.Metrics {
		want := ""
		if u := regexp.MustCompile(`_(bytes|seconds|ratio)(_total)?$`).FindStringSubmatch(m.Name); u != nil {
			want = u[1]
		}
		if units[m.Name] != want {
			t.Errorf("%s: unit %q, want %q", m.Name, units[m.Name], want)
		}
	}
	for _, tc := range []struct {
		form string
		n    int
	}{{"metric=darkshare_visits_total", 1}, {"metric=nothing", 0}, {"limit=3", 3}, {"limit=0", 0}, {"limit_per_metric=1", len(schema.Metrics)}} {
		form, _ := url.ParseQuery(tc.form)
		if a, b := len(get(ours.URL, form)), len(get(theirs, form)); a != tc.n || b != tc.n {
			t.Errorf("%s: %d metrics, Prometheus has %d, want %d", tc.form, a, b, tc.n)
		}
	}
}

func TestServedPaths(t *testing.T) {
	s := openStore(t, t.TempDir(), Options{Version: "1.2.3", Retention: 36 * time.Hour, RetentionSize: 5 << 30})
	handler := s.Handler()
	server := httptest.NewServer(handler)
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	for _, tc := range []struct {
		method, path string
		code         int
		want         string // in the answer
	}{
		{"GET", "status/buildinfo", 200, `"version":"` + prometheusVersion() + `","revision":"1.2.3"`},
		{"GET", "status/runtimeinfo", 200, `"storageRetention":"1d12h or 5GiB"`},
		{"GET", "status/tsdb", 200, `"headStats"`},
		{"GET", "rules", 200, `"name":"darkshare_hourly"`},
		{"GET", "rules?type=alert", 200, `"groups":[]`},
		{"POST", "labels", 200, ``},
		{"POST", "series?match[]=up", 200, ``},
		{"GET", "parse_query?query=up", 200, `vectorSelector`},
		{"GET", "query_exemplars?query=up", 404, ``},
		{"GET", "targets", 404, ``},
		{"GET", "scrape_pools", 404, ``},
		{"GET", "alertmanagers", 404, ``},
		{"GET", "status/config", 404, ``},
		{"GET", "status/flags", 404, ``},
		{"GET", "openapi.yaml", 404, ``},
		{"GET", "notifications/live", 404, ``},
		{"POST", "read", 404, ``},
		{"POST", "write", 404, ``},
		{"POST", "otlp/v1/metrics", 404, ``},
		{"POST", "search/label_names", 404, ``},
		{"POST", "admin/tsdb/delete_series?match[]=up", 404, ``},
		{"PUT", "admin/tsdb/snapshot", 404, ``},
		{"POST", "admin/tsdb/clean_tombstones", 404, ``},
		{"DELETE", "series?match[]=up", 405, ``},
	} {
		r := httptest.NewRequest(tc.method, "http://localhost/api/v1/"+tc.path, nil)
		r.Header.Set("Origin", "https://evil.example")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != tc.code || !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, w.Code, w.Body)
		}
		if o := w.Header().Get("Access-Control-Allow-Origin"); o != "" {
			t.Errorf("%s may be read by %s", tc.path, o)
		}
	}
	closeStore(t, s)
	if a := request(t, http.MethodGet, server.URL, "query", url.Values{"query": {"1"}}); a.code != http.StatusServiceUnavailable {
		t.Errorf("a closed store answers %+v", a)
	}
}

// TestLimits: a query that is too much is an error as Prometheus gives it.
func TestLimits(t *testing.T) {
	s := openStore(t, t.TempDir(), Options{MaxSamples: 1000, QueryTimeout: 100 * time.Millisecond, MaxConcurrency: 1, Replay: true})
	newStory().tell(t, s, 0, 60)
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	for _, tc := range []struct {
		query string
		code  int
		want  string
	}{
		{`{__name__=~".+"}[30m]`, 422, "too many samples"},
		{`darkshare_build_info`, 200, ""},
	} {
		a := request(t, http.MethodPost, server.URL, "query", url.Values{"query": {tc.query}, "time": {fmt.Sprint(storyTime(59).Unix())}})
		if a.code != tc.code || !strings.Contains(a.Error, tc.want) {
			t.Errorf("%s: %+v", tc.query, a)
		}
	}
	// One query holds the only place: the next waits for it until its time is over.
	place, err := s.gate.Insert(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if a := request(t, http.MethodPost, server.URL, "query", url.Values{"query": {"1"}}); a.code != 400 || !strings.Contains(a.Error, "1 queries run already") {
		t.Errorf("beyond the number of queries: %+v", a)
	}
	s.gate.Delete(place)
	if a := request(t, http.MethodPost, server.URL, "query", url.Values{"query": {"1"}}); a.code != 200 {
		t.Errorf("afterwards: %+v", a)
	}
}

func TestReleaseOf(t *testing.T) {
	for module, want := range map[string]string{"v0.313.5": "3.13.5", "v0.302.0": "3.2.0", "v0.55.1": "", "v2.0.0": "", "(devel)": "", "v0.1013.2": "10.13.2"} {
		if got, _ := releaseOf(module); got != want {
			t.Errorf("%s: %q", module, got)
		}
	}
}
