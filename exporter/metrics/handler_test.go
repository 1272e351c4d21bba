package metrics

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/darkshare/darkshare/exporter/schema"
)

const (
	acceptText        = "text/plain;version=0.0.4"
	acceptOpenMetrics = "application/openmetrics-text;version=1.0.0"
	acceptProtobuf    = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)

// quietly discards what is logged.
var quietly = slog.New(slog.DiscardHandler)

func get(h http.Handler, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/metrics", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// ours returns the lines of an exposition that are about our own series.
func ours(body string) string {
	var lines []string
	for l := range strings.Lines(body) {
		if strings.HasPrefix(l, "darkshare_") {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "")
}

func TestText(t *testing.T) {
	b := newBoard()
	b.set(schema.Visits, 3, "example.com", "dark_social", "whatsapp", "app", "mobile")
	b.set(schema.Visits, 1, "example.com", "search", "google", "referrer", "desktop")
	b.set(schema.PageVisits, 1e9, "example.com", "/a\"b\\c\nd\xff", "rest")
	b.set(schema.Ratio, 0.25, "example.com", "1h", "known")
	b.set(schema.Visitors, 7)
	const want = `darkshare_page_visits_total{channel="rest",page="/a\"b\\c\nd` + "\uFFFD" + `",site="example.com"} 1e+09
darkshare_ratio{bound="known",site="example.com",window="1h"} 0.25
darkshare_visitors 7
darkshare_visits_total{channel="dark_social",device="mobile",evidence="app",site="example.com",source="whatsapp"} 3
darkshare_visits_total{channel="search",device="desktop",evidence="referrer",site="example.com",source="google"} 1
`
	w := get(Handler(b.snapshot, HandlerOptions{}), "Accept", acceptText)
	if got := ours(w.Body.String()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, s := range []string{
		"# HELP darkshare_visits_total " + schema.Visits.Help + "\n# TYPE darkshare_visits_total counter\n",
		"# TYPE darkshare_ratio gauge\n", "\ngo_goroutines ", "\nprocess_start_time_seconds ",
		"\npromhttp_metric_handler_errors_total{cause=\"gathering\"} 0\n",
	} {
		if !strings.Contains(w.Body.String(), s) {
			t.Errorf("no %q", s)
		}
	}
}

// TestCollector compares the two ways to the same text, and has a pedantic
// registry check what Handler does not let a registry see.
func TestCollector(t *testing.T) {
	b := everyMetric()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(NewCollector(b.snapshot))
	fromRegistry, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	direct, err := newDefinitions().families(b.snapshot(), never)
	if err != nil {
		t.Fatal(err)
	}
	text := func(mfs []*dto.MetricFamily) string {
		var buf bytes.Buffer
		enc := expfmt.NewEncoder(&buf, expfmt.NewFormat(expfmt.TypeOpenMetrics), expfmt.WithCreatedLines())
		for _, mf := range mfs {
			if err := enc.Encode(mf); err != nil {
				t.Fatal(err)
			}
		}
		return buf.String()
	}
	if a, b := text(fromRegistry), text(direct); a != b {
		t.Errorf("by the registry\n%s\nby the handler\n%s", a, b)
	}
	if len(direct) != len(schema.Metrics) {
		t.Errorf("%d families of %d metrics", len(direct), len(schema.Metrics))
	}
	if problems, err := promlint.NewWithMetricFamilies(direct).Lint(); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}

func TestPromtoolCheckMetrics(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool here (Debian: apt install prometheus)")
	}
	reg := prometheus.NewRegistry()
	if _, err := watch(nil, quietly, reg); err != nil {
		t.Fatal(err)
	}
	h := Handler(everyMetric().snapshot, HandlerOptions{Registry: reg})
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = get(h, "Accept", acceptText).Body
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestCreationTimes(t *testing.T) {
	b := newBoard()
	b.now = func() time.Time { return time.Unix(1_700_000_000, 500_000_000) }
	b.set(schema.Visitors, 1)
	b.set(schema.VisitorsEvicted, 2)
	h := Handler(b.snapshot, HandlerOptions{})

	const created = "darkshare_visitors_evicted_created 1.7000000005e+09\n"
	if body := get(h, "Accept", acceptOpenMetrics).Body.String(); !strings.Contains(body, created) || !strings.HasSuffix(body, "# EOF\n") {
		t.Errorf("OpenMetrics has no creation time:\n%s", ours(body))
	}
	if body := get(h, "Accept", acceptOpenMetrics, scraperHeader, "10").Body.String(); strings.Contains(body, "_created") {
		t.Errorf("a scraper would store creation times as series:\n%s", ours(body))
	}
	w := get(h, "Accept", acceptProtobuf, scraperHeader, "10")
	dec := expfmt.NewDecoder(w.Body, expfmt.ResponseFormat(w.Header()))
	for {
		var mf dto.MetricFamily
		if err := dec.Decode(&mf); errors.Is(err, io.EOF) {
			t.Fatal("the counter is not in the protobuf")
		} else if err != nil {
			t.Fatal(err)
		}
		if mf.GetName() == schema.VisitorsEvicted.Name {
			if got := mf.Metric[0].Counter.CreatedTimestamp.AsTime(); !got.Equal(b.now()) {
				t.Errorf("created %v", got)
			}
			return
		}
	}
}

// TestZeroFirst sees the handler through three scrapes; the rules are tested in
// TestScrapers.
func TestZeroFirst(t *testing.T) {
	now := at(0)
	b := newBoard()
	b.now = func() time.Time { return now }
	h := newHandler(b.snapshot, HandlerOptions{}, func() time.Time { return now })
	show := func(header ...string) string {
		return strings.ReplaceAll(ours(get(h, append(header, "Accept", acceptText)...).Body.String()), "\n", " ")
	}
	scrape := func() string { now = now.Add(15 * time.Second); return show(scraperHeader, "10") }

	b.set(schema.VisitorsEvicted, 3)
	b.set(schema.Visitors, 5)
	for _, step := range []struct{ name, got, want string }{
		{"curl", show(), "darkshare_visitors 5 darkshare_visitors_evicted_total 3 "},
		{"first scrape", scrape(), "darkshare_visitors 5 darkshare_visitors_evicted_total 0 "},
		{"curl again", show(), "darkshare_visitors 5 darkshare_visitors_evicted_total 3 "},
		{"a scrape that does not arrive", failing(h, &now), ""},
		{"second scrape", scrape(), "darkshare_visitors 5 darkshare_visitors_evicted_total 3 "},
	} {
		if step.got != step.want {
			t.Errorf("%s: got %q, want %q", step.name, step.got, step.want)
		}
	}

	now = now.Add(time.Second)
	b.set(schema.LogLines, 4, "a")
	failing(h, &now)
	if got := scrape(); !strings.Contains(got, `lines_total{input="a"} 0`) {
		t.Errorf("the zero went into a connection that was broken: %s", got)
	}
	if got := scrape(); !strings.Contains(got, `lines_total{input="a"} 4`) {
		t.Errorf("not the value after the zero: %s", got)
	}
}

// failing is a scrape whose connection breaks.
func failing(h http.Handler, now *time.Time) string {
	*now = now.Add(15 * time.Second)
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set(scraperHeader, "10")
	h.ServeHTTP(brokenPipe{httptest.NewRecorder()}, r)
	return ""
}

type brokenPipe struct{ http.ResponseWriter }

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestCompression(t *testing.T) {
	h := Handler(everyMetric().snapshot, HandlerOptions{})
	w := get(h, "Accept", acceptText, "Accept-Encoding", "gzip")
	if got := w.Header().Get("Content-Encoding"); got != "gzip" {
		t.Fatalf("Content-Encoding %q", got)
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if plain := get(h, "Accept", acceptText).Body.String(); ours(string(body)) != ours(plain) {
		t.Errorf("compressed\n%s\nplain\n%s", body, plain)
	}
}

// TestBadSnapshot has mistakes in a snapshot cost only the series they are in.
func TestBadSnapshot(t *testing.T) {
	good := schema.Family{Metric: schema.LogLines}
	good.Add(2, time.Now(), "a")
	good.Add(9, time.Now())
	good.Add(9, time.Now(), "b", "c")
	good.Add(3, time.Now(), "d")
	unknown := schema.Family{Metric: &schema.Metric{Name: "unknown"}}
	unknown.Add(1, time.Now())
	snapshot := func() []schema.Family {
		return []schema.Family{unknown, good, {Metric: schema.Visits}, {}}
	}
	const want = "darkshare_log_lines_total{input=\"a\"} 2\ndarkshare_log_lines_total{input=\"d\"} 3\n"

	var log bytes.Buffer
	h := Handler(snapshot, HandlerOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if w := get(h, "Accept", acceptText); w.Code != 200 || ours(w.Body.String()) != want {
		t.Errorf("%d\n%s", w.Code, ours(w.Body.String()))
	}
	for _, s := range []string{"2 series of darkshare_log_lines_total do not have its 1 labels", "not in schema.Metrics"} {
		if !strings.Contains(log.String(), s) {
			t.Errorf("no %q in the log: %s", s, log.String())
		}
	}

	reg := prometheus.NewRegistry()
	reg.MustRegister(NewCollector(snapshot))
	if mfs, err := reg.Gather(); err == nil || len(mfs) != 1 || len(mfs[0].Metric) != 2 {
		t.Errorf("the collector: %v, %v", mfs, err)
	}
}

func TestTimeoutAndLimit(t *testing.T) {
	entered, leave := make(chan struct{}, 10), make(chan struct{})
	h := Handler(func() []schema.Family { entered <- struct{}{}; <-leave; return nil },
		HandlerOptions{MaxScrapes: 2, Logger: quietly})
	for range 2 {
		if w := get(h, scraperHeader, "0.02"); w.Code != 503 || !strings.Contains(w.Body.String(), "too long") {
			t.Errorf("a slow scrape: %d %s", w.Code, w.Body)
		}
		<-entered
	}
	// The abandoned two still run.
	if w := get(h); w.Code != 503 || !strings.Contains(w.Body.String(), "Too many") {
		t.Errorf("the third scrape: %d %s", w.Code, w.Body)
	}
	close(leave)
	for start := time.Now(); get(h).Code != 200; {
		if time.Since(start) > 5*time.Second {
			t.Fatal("the slots are not given back")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestPatience(t *testing.T) {
	h := newHandler(nil, HandlerOptions{Timeout: 5 * time.Second}, time.Now)
	for header, want := range map[string]time.Duration{
		"": 5 * time.Second, "2": 2 * time.Second, "0.5": 500 * time.Millisecond, "60": 5 * time.Second,
		"0": 5 * time.Second, "-1": 5 * time.Second, "NaN": 5 * time.Second, "+Inf": 5 * time.Second, "x": 5 * time.Second,
	} {
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.Header.Set(scraperHeader, header)
		if got := h.patience(r); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

// TestSharedRegistry has a second handler on the same registry, with metrics of
// the caller's.
func TestSharedRegistry(t *testing.T) {
	reg := prometheus.NewRegistry()
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "darkshare_mine_total", Help: "Mine."})
	reg.MustRegister(c)
	c.Add(4)
	Handler(newBoard().snapshot, HandlerOptions{Registry: reg})
	w := get(Handler(newBoard().snapshot, HandlerOptions{Registry: reg}), scraperHeader, "10")
	// It is not of the snapshot, so it is not shown at zero.
	if got := ours(w.Body.String()); got != "darkshare_mine_total 4\n" {
		t.Errorf("got %q", got)
	}
}

// FuzzText puts any label value through the text format and back.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "/a", "\"", "\\", "\n", "\xff\xfe", "\u2028", "a\x00b", "{}=,#"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, label string) {
		fam := schema.Family{Metric: schema.LogLines}
		fam.Add(1, time.Now(), label)
		h := Handler(func() []schema.Family { return []schema.Family{fam} }, HandlerOptions{Logger: quietly})
		w := get(h, "Accept", acceptText)
		p := expfmt.NewTextParser(model.UTF8Validation)
		mfs, err := p.TextToMetricFamilies(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		got := mfs[schema.LogLines.Name].GetMetric()[0].GetLabel()[0].GetValue()
		if want := strings.ToValidUTF8(label, "\uFFFD"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestFamiliesAreSorted(t *testing.T) {
	body := get(Handler(everyMetric().snapshot, HandlerOptions{}), "Accept", acceptText).Body.String()
	var names []string
	for l := range strings.Lines(body) {
		var name string
		if n, _ := fmt.Sscanf(l, "# TYPE %s", &name); n == 1 {
			names = append(names, name)
		}
	}
	if !slices.IsSorted(names) || len(names) < len(schema.Metrics) {
		t.Errorf("%d families: %v", len(names), names)
	}
}
