package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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

// at is the time of most questions: off the samples, in the third day.
var at = fmt.Sprint(storyTime(2*24*60+13*60+41).Unix() + 17)

// ago and span are the range of most questions.
func span(from, to, step string) string {
	start := storyTime(0).Unix() + 23
	h := func(s string) int64 {
		d, err := time.ParseDuration(s)
		if err != nil {
			panic(err)
		}
		return start + int64(d.Seconds())
	}
	return fmt.Sprintf("start=%d&end=%d&step=%s", h(from), h(to), step)
}

// instants are questions of a dashboard's panels for one moment.
var instants = []string{
	// What is there.
	`darkshare_ratio`,
	`darkshare_ratio{window="1h",bound=~"known|estimate"}`,
	`darkshare_visits_total{site!="blog.example",source=""}`,
	`{__name__=~"darkshare_(page|section)_.*",page=~"/article/1.?"}`,
	`darkshare_build_info`,
	`nothing_of_the_kind`,
	`absent(darkshare_visits_total{site="elsewhere.example"})`,
	`absent_over_time(darkshare_visits_total{site="blog.example"}[5m])`,
	`present_over_time(darkshare_visits_total{source="chatgpt"}[1d])`,
	`1 + 2 * 3`,
	`"a string"`,
	`scalar(darkshare_build_info) * 2`,
	`vector(time())`,
	`darkshare_ratio[3m]`,
	`darkshare_visits_total{source="other",device="desktop"}[90s]`,
	// How many.
	`increase(darkshare_visits_total[1h])`,
	`sum by (site, channel) (increase(darkshare_visits_total[24h]))`,
	`sum by (site) (rate(darkshare_visits_total{channel="dark_social"}[5m]))`,
	`sum without (device, evidence) (irate(darkshare_visits_total[5m]))`,
	`sum(delta(darkshare_ratio{window="24h"}[1h]))`,
	`sum by (site) (idelta(darkshare_ratio[5m]))`,
	`resets(darkshare_visits_total[2d]) > 0`,
	`changes(darkshare_link_previews_total[6h])`,
	`deriv(darkshare_requests_total{kind="bot"}[1h])`,
	`predict_linear(darkshare_requests_total{kind="landing"}[1h], 3600)`,
	`sum by (source) (increase(darkshare_conversions_total[2d])) / on () group_left sum(increase(darkshare_visits_total{channel="dark_social"}[2d]))`,
	// Which.
	`topk(3, sum by (page) (increase(darkshare_page_visits_total{channel="dark_social"}[1d])))`,
	`bottomk by (site) (2, sum by (site, source) (increase(darkshare_visits_total[1d])))`,
	`sort_desc(sum by (source) (increase(darkshare_visits_total[1d])))`,
	`sort(sum by (source) (increase(darkshare_visits_total[1d])))`,
	`count by (site) (darkshare_page_visits_total)`,
	`count_values("bots", round(darkshare_requests_total{kind="bot"}, 1000))`,
	`count(count by (source) (darkshare_visits_total))`,
	// The dark share.
	`sum by (site) (increase(darkshare_visits_total{channel="dark_social"}[1d])) / on (site) sum by (site) (increase(darkshare_visits_total[1d]))`,
	`sum(increase(darkshare_visits_total{channel="dark_social"}[1h])) / sum(increase(darkshare_visits_total{channel=~"dark_social|social"}[1h]))`,
	`darkshare_ratio{bound="estimate"} - ignoring (bound) darkshare_ratio{bound="known"}`,
	`darkshare_ratio{bound="ceiling"} > bool on (site, window) darkshare_ratio{bound="estimate"}`,
	`darkshare_visits_total{device="mobile"} and on (site) darkshare_ratio{bound="known",window="5m"} > 0.1`,
	`darkshare_ratio{bound="known"} unless on (site) darkshare_ratio{site="blog.example"}`,
	`darkshare_ratio{site="blog.example"} or darkshare_ratio{window="5m"}`,
	`group by (channel) (darkshare_visits_total) * on (channel) group_right (site) darkshare_visits_total{device="mobile",source="google"}`,
	// Over time.
	`avg_over_time(darkshare_ratio{window="5m"}[1h])`,
	`quantile_over_time(0.95, darkshare_ratio{window="5m"}[1d])`,
	`stddev_over_time(darkshare_ratio{window="5m",bound="known"}[1d])`,
	`stdvar_over_time(darkshare_ratio{window="5m",bound="known"}[1d])`,
	`min_over_time(darkshare_ratio[30m]) < max_over_time(darkshare_ratio[30m])`,
	`count_over_time(darkshare_visits_total{evidence="referrer",channel="referral"}[2d])`,
	`last_over_time(darkshare_visits_total{channel="referral"}[2d])`,
	`sum_over_time(darkshare_ratio{bound="known"}[10m])`,
	`quantile by (site) (0.5, rate(darkshare_visits_total[1h]))`,
	`stddev by (window) (darkshare_ratio)`,
	`avg by (bound) (darkshare_ratio)`,
	// Against another time.
	`sum by (site) (increase(darkshare_visits_total[1h])) / sum by (site) (increase(darkshare_visits_total[1h] offset 1d))`,
	`darkshare_ratio{window="24h"} offset 90m`,
	`darkshare_ratio{window="24h"} offset -10m`,
	`darkshare_requests_total @ 1772500037`,
	`sum(rate(darkshare_requests_total[10m] @ 1772500037 offset 1h))`,
	`max_over_time(sum by (site) (rate(darkshare_visits_total[5m] offset 17s))[6h:10m])`,
	`avg_over_time((darkshare_ratio{bound="known"} > 0.15)[3h:7m] offset 1h)`,
	`sum_over_time(darkshare_ratio{window="5m",bound="known"}[1h:])`,
	// Labels and clocks.
	`label_replace(darkshare_page_visits_total{channel="rest"}, "n", "$1", "page", "/article/(.*)")`,
	`label_join(darkshare_ratio, "what", "/", "window", "bound")`,
	`hour(vector(time())) + minute() / 60`,
	`day_of_week(timestamp(darkshare_build_info))`,
	`clamp(darkshare_ratio, 0.2, 0.5)`,
	`abs(ln(darkshare_ratio{site="shop.example"})) ^ 2 % 3`,
	`sgn(darkshare_ratio - 0.4)`,
	`-darkshare_ratio / 0`,
	`histogram_quantile(0.9, darkshare_visits_total)`,
	// What was recorded.
	`sum by (site, channel) (sum_over_time(site_channel_source_evidence_device:darkshare_visits:increase1h[2d]))`,
	`count by (__name__) (last_over_time({__name__=~"site_.*:increase1h"}[2h]))`,
}

// A question is another kind of request.
type question struct{ path, query string }

var questions = []question{
	{"query_range", "query=darkshare_ratio&" + span("1h", "5h", "60")},
	{"query_range", "query=darkshare_ratio{bound=\"known\"}&" + span("1h", "2h", "15s")},
	{"query_range", "query=sum by (site)(increase(darkshare_visits_total[1h]))&" + span("26h", "72h", "1h")},
	{"query", bornQuery},
	{"query_range", "query=sum by (channel)(rate(darkshare_visits_total[5m]))&" + span("39h", "42h", "1m")}, // over the restart
	{"query_range", "query=darkshare_visits_total{channel=\"referral\"}&" + span("29h", "31h", "60")},       // over an end
	{"query_range", "query=darkshare_visits_total{channel=\"ai\"}&" + span("23h30m", "24h30m", "60")},       // over a beginning
	{"query_range", "query=topk(2, sum by (page)(increase(darkshare_page_visits_total[1h])))&" + span("10h", "20h", "30m")},
	{"query_range", "query=increase(darkshare_visits_total[7m])&" + span("0h", "6h", "7m")},
	{"query_range", "query=avg_over_time(darkshare_ratio{bound=\"estimate\"}[1h])&" + span("0h", "72h", "2h")},
	{"query_range", "query=max_over_time(rate(darkshare_requests_total[5m] offset 17s)[1h:5m])&" + span("3h", "9h", "20m")},
	{"query_range", "query=sum(darkshare_requests_total @ end()) - sum(darkshare_requests_total @ start())&" + span("3h", "9h", "1h")},
	{"query_range", "query=sum(darkshare_ratio) / on() sum(darkshare_ratio offset 1d)&" + span("30h", "40h", "30m")},
	{"query_range", "query=site_app_scope:darkshare_link_previews:increase1h&" + span("0h", "72h", "30m")},
	{"query_range", "query=vector(1)&" + span("0h", "1h", "10m")},
	{"query_range", "query=nothing&" + span("0h", "1h", "10m")},
	{"query_range", "query=time()&" + span("0h", "1h", "0.5h")},
	{"query_range", "query=up&start=2026-03-02T00:00:23Z&end=2026-03-02T01:00:23.5Z&step=5m"},
	{"series", "match[]=darkshare_visits_total{site=\"blog.example\"}&" + span("0h", "72h", "1")},
	{"series", "match[]=darkshare_ratio&match[]=darkshare_build_info&" + span("0h", "72h", "1")},
	{"series", "match[]={source=\"chatgpt\"}&" + span("0h", "12h", "1")},
	{"series", "match[]=nothing&" + span("0h", "72h", "1")},
	{"labels", span("0h", "72h", "1")},
	{"labels", "match[]=darkshare_ratio&" + span("0h", "72h", "1")},
	{"label/__name__/values", span("0h", "72h", "1")},
	{"label/source/values", "match[]=darkshare_visits_total{channel=\"dark_social\"}&" + span("0h", "72h", "1")},
	{"label/source/values", "match[]=darkshare_visits_total{channel=\"ai\"}&match[]=darkshare_conversions_total&" + span("0h", "72h", "1")},
	{"label/site/values", ""},
	{"label/nothing/values", span("0h", "72h", "1")},
	{"format_query", "query=sum by(site)(rate( darkshare_visits_total{ channel = \"ai\" } [5m] ))/2"},
	{"alerts", ""},
	// Mistakes.
	{"query", "query="},
	{"query", "query=darkshare_ratio&time=yesterday"},
	{"query", "query=darkshare_ratio&timeout=soon"},
	{"query", "query=darkshare_ratio{window=\"5m\"&time=" + at},
	{"query", "query=rate(darkshare_visits_total)&time=" + at},
	{"query", "query=no_such_function(darkshare_ratio)&time=" + at},
	{"query", "query=darkshare_visits_total * darkshare_page_visits_total&time=" + at},
	{"query", "query=darkshare_ratio / on (site) darkshare_ratio&time=" + at},
	{"query", "query=label_replace(darkshare_ratio, \"window\", \"x\", \"window\", \".*\")&time=" + at},
	{"query", "query={}&time=" + at},
	{"query_range", "query=darkshare_ratio&start=5&end=1&step=1"},
	{"query_range", "query=darkshare_ratio&start=1&end=5&step=0"},
	{"query_range", "query=darkshare_ratio&start=1&end=500000&step=1"},
	{"query_range", "query=darkshare_ratio&end=5&step=1"},
	{"query_range", "query=darkshare_ratio[5m]&start=1&end=5&step=1"},
	{"series", ""},
	{"series", "match[]=darkshare_ratio{"},
	{"series", "match[]={site=~\".*\"}"},
	{"series", "match[]=darkshare_ratio&start=x"},
	{"label/no-label/values", "match[]=a{"},
}

// bornQuery asks for an hour in which a series began.
var bornQuery = fmt.Sprintf("query=increase(darkshare_visits_total{channel=\"ai\",device=\"desktop\",site=\"blog.example\"}[1h])&time=%d", storyTime(24*60+50).Unix()+17)

// A difference is a field in which the answers are not the same.
type difference struct{ why, field, ours, theirs string }

// differs lists the differences, by expression, or path and form.
var differs = map[string]difference{
	`histogram_quantile(0.9, darkshare_visits_total)`: {"annotations came with 2.46", "warnings",
		`[PromQL warning: bucket label "le" is missing or has a malformed value of "" (1:25)]`, `[]`},
	"query " + bornQuery: {"a counter is not taken back beyond half an interval before its first sample since 2.52", "data",
		"OURS",
		"THEIRS"},
	"query query=": {"positions are counted from 1 now", "error",
		`invalid parameter "query": unknown position: parse error: no expression found in input`,
		`invalid parameter "query": 1:1: parse error: no expression found in input`},
	"query query=darkshare_ratio&time=yesterday": {"errors begin with a small letter now", "error",
		`invalid parameter "time": invalid time value for 'time': cannot parse "yesterday" to a valid timestamp`,
		`invalid parameter "time": Invalid time value for 'time': cannot parse "yesterday" to a valid timestamp`},
	"series match[]=darkshare_ratio&start=x": {"errors begin with a small letter now", "error",
		`invalid parameter "start": invalid time value for 'start': cannot parse "x" to a valid timestamp`,
		`invalid parameter "start": Invalid time value for 'start': cannot parse "x" to a valid timestamp`},
	"query_range query=darkshare_ratio[5m]&start=1&end=5&step=1": {"the parameter is named now", "error",
		`invalid parameter "query": invalid expression type "range vector" for range query, must be Scalar or instant Vector`,
		`invalid expression type "range vector" for range query, must be Scalar or instant Vector`},
	"label/no-label/values match[]=a{": {"a label's name may be any text since 3.0", "error",
		`1:3: parse error: unexpected end of input inside braces`,
		`invalid label name: "no-label"`},
}

// rounded finds the questions whose numbers may differ in the last bits: sum, sum_over_time
// and avg_over_time carry the rounding error along since 2.47 (Kahan, Neumaier), and the
// mean of 2.42 was updated with each sample.
var rounded = regexp.MustCompile(`\b(sum|avg|avg_over_time|sum_over_time|stddev|stddev_over_time|stdvar_over_time)\b`)

// TestAsPrometheus asks a store and Debian's Prometheus 2.42, which has the same
// blocks, the same questions. Data must be the same byte for byte, where the order is
// defined (the elements of an instant query's vector have none but under sort), and
// status, media type and error with it.
func TestAsPrometheus(t *testing.T) {
	ours, blocks := serveStory(t)
	theirs := serveDebian(t, blocks, "")
	exact, near, found := 0, 0, map[string]bool{}
	compare := func(method, path, what string, form url.Values) {
		t.Helper()
		got, want := request(t, method, ours, path, form), request(t, method, theirs, path, form)
		same := func(field string, got, want string) {
			t.Helper()
			if d := differs[what]; d.field == field && d.ours == got && d.theirs == want {
				found[what] = true
				return
			}
			if got != want {
				t.Errorf("%s %s\n%s: %.600s\nPrometheus 2.42: %.600s", method, what, field, got, want)
			}
		}
		same("code", fmt.Sprint(got.code), fmt.Sprint(want.code))
		same("media type", got.kind, want.kind)
		same("status", got.Status, want.Status)
		same("error type", got.Type, want.Type)
		same("error", got.Error, want.Error)
		same("warnings", fmt.Sprint(got.Warns), fmt.Sprint(want.Warns))
		gotData, wantData := string(got.Data), string(want.Data)
		if !strings.HasPrefix(form.Get("query"), "sort") {
			gotData, wantData = sorted(t, got.Data), sorted(t, want.Data)
		}
		if gotData != wantData && rounded.MatchString(form.Get("query")) && equalButBits(gotData, wantData) {
			near++
			return
		}
		exact++
		same("data", gotData, wantData)
	}
	for _, q := range instants {
		compare(http.MethodPost, "query", q, url.Values{"query": {q}, "time": {at}})
	}
	for _, q := range questions {
		form, err := url.ParseQuery(strings.NewReplacer("+", "%2B", " ", "%20").Replace(q.query))
		if err != nil {
			t.Fatal(q.query, err)
		}
		compare(http.MethodGet, q.path, q.path+" "+q.query, form)
	}
	for what, d := range differs {
		if !found[what] {
			t.Errorf("%s: no difference in %s any more (%s)", what, d.field, d.why)
		}
	}
	t.Logf("%d answers are the same, %d but for rounding", exact, near)
	if exact < 100 {
		t.Errorf("only %d answers are the same", exact)
	}
}

var number = regexp.MustCompile(`"-?[0-9][^"]*"`)

// equalButBits reports whether two answers are the same but for the last bits of numbers.
func equalButBits(a, b string) bool {
	if number.ReplaceAllString(a, "") != number.ReplaceAllString(b, "") {
		return false
	}
	as, bs := number.FindAllString(a, -1), number.FindAllString(b, -1)
	for i := range as {
		x, errX := strconv.ParseFloat(strings.Trim(as[i], `"`), 64)
		y, errY := strconv.ParseFloat(strings.Trim(bs[i], `"`), 64)
		if errX != nil || errY != nil {
			if as[i] != bs[i] {
				return false
			}
		} else if dbg(i, x, y);  false {} else if math.Abs(x-y) > 1e-13*math.Max(math.Abs(x), 1) {
			return false
		}
	}
	return true
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
	server := httptest.NewServer(s.Handler())
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
		s.Handler().ServeHTTP(w, r)
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
