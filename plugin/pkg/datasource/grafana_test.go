package datasource

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"

	"github.com/darkshare/darkshare/exporter/history"
	"github.com/darkshare/darkshare/plugin/pkg/plugintest"
)

// A running is the plugin's executable, started as Grafana starts it, and a data source's
// settings.
type running struct {
	*plugintest.Plugin
	settings *backend.DataSourceInstanceSettings
}

var executable struct {
	sync.Once
	path string
	err  error
}

// build builds the executable, once.
func build(t testing.TB) string {
	t.Helper()
	executable.Do(func() {
		dir, err := os.MkdirTemp("", "darkshare-plugin-*")
		if err != nil {
			executable.err = err
			return
		}
		executable.path, executable.err = plugintest.Build(dir)
	})
	if executable.err != nil {
		t.Fatal(executable.err)
	}
	return executable.path
}

// run starts the executable, with these variables in its environment as well.
func run(t testing.TB, url, settings string, env ...string) *running {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the executable")
	}
	return &running{plugintest.Start(t, build(t), env...), &backend.DataSourceInstanceSettings{
		UID: "u", Type: "darkshare-darksocial-datasource", Name: "test", URL: url, JSONData: []byte(settings), Updated: time.Now(),
	}}
}

func (r *running) context() *pluginv2.PluginContext {
	return backend.ToProto().PluginContext(backend.PluginContext{Namespace: "default", PluginID: r.settings.Type, DataSourceInstanceSettings: r.settings})
}

// ask sends the queries in one request.
func (r *running) ask(t testing.TB, queries ...asked) *backend.QueryDataResponse {
	t.Helper()
	return r.send(t, nil, queries...)
}

// send sends the queries in one request, with headers named as Grafana names them.
func (r *running) send(t testing.TB, headers map[string]string, queries ...asked) *backend.QueryDataResponse {
	t.Helper()
	out, err := backend.FromProto().QueryDataResponse(r.receive(t, headers, queries...))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// receive sends the queries, and leaves the frames of the answer as they come.
func (r *running) receive(t testing.TB, headers map[string]string, queries ...asked) *pluginv2.QueryDataResponse {
	t.Helper()
	req := &pluginv2.QueryDataRequest{PluginContext: r.context(), Headers: headers}
	for i, q := range queries {
		req.Queries = append(req.Queries, backend.ToProto().DataQuery(q.data(fmt.Sprint(i))))
	}
	resp, err := r.Data.QueryData(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// get asks for a resource, with the headers of a browser, which Grafana hands on, and
// others, each a name and a value.
func (r *running) get(t testing.TB, path string, more ...string) (int, string) {
	t.Helper()
	name, _, _ := strings.Cut(path, "?")
	headers := map[string]*pluginv2.StringList{
		"Accept-Encoding": {Values: []string{"gzip, deflate, br, zstd"}}, "If-None-Match": {Values: []string{`"old"`}},
	}
	for pair := range slices.Chunk(more, 2) {
		headers[pair[0]] = &pluginv2.StringList{Values: pair[1:]}
	}
	stream, err := r.Resource.CallResource(t.Context(), &pluginv2.CallResourceRequest{
		PluginContext: r.context(), Path: name, Url: path, Method: http.MethodGet,
		Headers: headers,
	})
	if err != nil {
		t.Fatal(err)
	}
	var status int
	var body strings.Builder
	for {
		part, err := stream.Recv()
		if err == io.EOF {
			return status, body.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		if part.Code != 0 {
			status = int(part.Code)
		}
		body.Write(part.Body)
	}
}

func (r *running) health(t testing.TB) *pluginv2.CheckHealthResponse {
	t.Helper()
	h, err := r.Diagnostics.CheckHealth(t.Context(), &pluginv2.CheckHealthRequest{PluginContext: r.context()})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestExecutable starts the compiled plugin as Grafana does, and asks everything.
func TestExecutable(t *testing.T) {
	w := aWorld(t)
	url := w.embedded(t)
	inside := newSource(t, url, `{"timeInterval":"5m"}`)
	r := run(t, url, `{"timeInterval":"5m"}`)
	var queries []asked
	for _, c := range golden {
		if !c.alert {
			queries = append(queries, asked{model: c.model, every: 2 * time.Hour}.over(c.over))
		}
	}
	for i, answer := range r.ask(t, queries...).Responses {
		var n int
		_, _ = fmt.Sscan(i, &n)
		want := ask(t, inside, queries[n])
		if answer.Error != nil || want.Error != nil {
			t.Errorf("%s: %v, %v", queries[n].model, answer.Error, want.Error)
		} else if d := differ(want.Frames, answer.Frames, 1e-9); d != "" {
			t.Errorf("%s: %s", queries[n].model, d)
		}
	}
	wrong := r.ask(t, asked{model: `{"question":"why"}`}.over(lastDay)).Responses["0"]
	if wrong.Error == nil || wrong.Status != backend.StatusBadRequest || wrong.ErrorSource != backend.ErrorSourceDownstream {
		t.Errorf("a wrong question: %+v", wrong)
	}

	times := fmt.Sprintf("&from=%d&to=%d", began.UnixMilli(), ended.UnixMilli())
	for _, c := range []struct {
		path string
		code int
		want string
	}{
		{"values?label=site" + times, 200, `["bazaar.example","courier.example"]`},
		{"values?label=goal&site=courier.example" + times, 200, `["subscription"]`},
		{"values?label=goal&site=courier.example&site=bazaar.example" + times, 200, `["order","subscription"]`},
		{"values?label=site&from=0&to=1000000000000", 200, `[]`},
		{"values?label=password", 400, `{"message":"There is no list of`},
		{"values?label=site&from=yesterday", 400, `{"message":"from is no time`},
		{"nothing", 404, ``},
	} {
		if code, body := r.get(t, c.path); code != c.code || !strings.HasPrefix(strings.TrimSpace(body), c.want) {
			t.Errorf("%s: %d %s, want %d %s", c.path, code, body, c.code, c.want)
		}
	}
	for _, label := range []string{"section", "device", "channel", "source", "evidence", "app", "page"} {
		var values []string
		if code, body := r.get(t, "values?label="+label+times); code != 200 || json.Unmarshal([]byte(body), &values) != nil || len(values) < 3 {
			t.Errorf("%s: %d %s", label, code, body)
		}
	}
	// It all ended years ago, so that the health check has nothing to tell of.
	if h := r.health(t); h.Status != pluginv2.CheckHealthResponse_ERROR || !strings.Contains(h.Message, "is the exporter scraped") {
		t.Errorf("health of the past: %v", h)
	}
}

// TestHealth is the health of something that runs.
func TestHealth(t *testing.T) {
	w, err := makeWorld(t.Context(), time.Now().Add(-3*time.Hour).Truncate(time.Minute), 3*time.Hour, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer w.remove()
	r := run(t, w.embedded(t), `{"timeInterval":"5m"}`)
	h := r.health(t)
	for _, want := range []string{"darkshare's embedded store 1.2.3 answers", "bazaar.example, courier.example", "The newest log line is", "old."} {
		if h.Status != pluginv2.CheckHealthResponse_OK || !strings.Contains(h.Message, want) {
			t.Errorf("%v: no %q", h, want)
		}
	}
	var s status
	if code, body := r.get(t, "status"); code != 200 || json.Unmarshal([]byte(body), &s) != nil || !s.OK || len(s.Sites) != 2 || time.Since(s.LastLine) > time.Hour {
		t.Errorf("status: %d %s", code, body)
	}
}

// dashboard is one dashboard's worth of queries.
func dashboard(from, to time.Time) (queries []asked) {
	for _, model := range []string{
		`{}`, `{"over":"range"}`, `{"of":"social"}`, `{"by":"site"}`, `{"by":"section","limit":5}`, `{"by":"device","over":"range"}`,
		`{"question":"visits","by":"channel"}`, `{"question":"visits","by":"channel","over":"range"}`, `{"question":"visits","by":"source","filters":{"channel":["dark_social"]}}`,
		`{"question":"visits","by":"evidence","as":"share"}`, `{"question":"topPages"}`, `{"question":"shares","by":"app"}`, `{"question":"shares","by":"app","over":"range"}`,
		`{"question":"direct"}`, `{"question":"direct","over":"range"}`, `{"question":"conversions"}`, `{"question":"conversions","by":"goal"}`,
		`{"question":"shift","by":"site"}`, `{"question":"visits","over":"range"}`, `{"filters":{"site":["courier.example"]}}`,
	} {
		queries = append(queries, asked{model: model, from: from, to: to, every: time.Hour})
	}
	return queries
}

// TestSpeed holds a dashboard over four weeks to what its PromQL takes when it is sent to
// the server directly, in the same run, and the plugin to its memory. It takes the store of
// DARKSHARE_SPEED_STORE, where that is set, whose history ends now.
func TestSpeed(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("takes a while, and the race detector slows down one side only")
	}
	dir, to, every, limit := os.Getenv("DARKSHARE_SPEED_STORE"), time.Now(), "", 1.2
	if dir == "" {
		// With a twelfth of the samples the server has little to do, so that reading and drawing
		// its answers, which are as long, weighs more.
		limit = 1.6
		w, err := makeWorld(t.Context(), began, 28*day, 0.15)
		if err != nil {
			t.Fatal(err)
		}
		defer w.remove()
		dir, to, every = w.dir, began.Add(28*day), `{"timeInterval":"5m"}`
	}
	store, err := history.Open(dir, history.Options{Replay: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	handler := store.Handler()
	type request struct{ path, body string }
	var mu sync.Mutex
	var sent []request
	recording := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if mu.Lock(); recording {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			sent = append(sent, request{r.URL.String(), string(body)})
		}
		mu.Unlock()
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	r := run(t, server.URL, every)
	queries := dashboard(to.Add(-28*day), to)
	asking := func() time.Duration {
		// Neither here nor directly is the answer read: that is Grafana's work.
		begun := time.Now()
		answer := r.receive(t, nil, queries...)
		took := time.Since(begun)
		for ref, a := range answer.Responses {
			if a.Error != "" {
				t.Errorf("%s: %v", ref, a.Error)
			}
		}
		return took
	}
	cold := asking()
	recording = true
	asking()
	recording = false
	// As the plugin does: connections are kept, and nothing is compressed on loopback.
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: parallel}}
	defer client.CloseIdleConnections()
	direct := func() time.Duration {
		begun := time.Now()
		jobs := make(chan request)
		var workers sync.WaitGroup
		for range parallel {
			workers.Go(func() {
				for j := range jobs {
					req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, server.URL+j.path, strings.NewReader(j.body))
					if err != nil {
						t.Error(err)
						continue
					}
					req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					resp, err := client.Do(req)
					if err != nil {
						t.Error(err)
						continue
					}
					if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
						t.Errorf("%v %v", resp.Status, err)
					}
					resp.Body.Close()
				}
			})
		}
		for _, j := range sent {
			jobs <- j
		}
		close(jobs)
		workers.Wait()
		return time.Since(begun)
	}
	direct()
	// By turns, directly, asked, asked, directly, so that what others do on the machine and what
	// comes of the order hit both alike. The median is what a round usually is; where the middle half
	// of the rounds is far apart the machine is busy, and more are taken.
	var ratios, answers, plain []float64
	for begun := time.Now(); len(ratios) < 7 || len(ratios) < 21 && spread(ratios) > 0.1 && time.Since(begun) < time.Minute; {
		b := direct()
		a := asking() + asking()
		b += direct()
		ratios, answers, plain = append(ratios, float64(a)/float64(b)), append(answers, a.Seconds()/2), append(plain, b.Seconds()/2)
	}
	ratio := quantile(ratios, 0.5)
	peak := peakMemory(t, r.Client.ReattachConfig().Pid)
	t.Logf("%d queries, %d requests: %v the first time; then, in %d rounds, %.3f s (directly %.3f s), %.2f times, half of the rounds from %.2f to %.2f; %d MiB at most",
		len(queries), len(sent), cold, len(ratios), quantile(answers, 0.5), quantile(plain, 0.5), ratio, quantile(ratios, 0.25), quantile(ratios, 0.75), peak>>20)
	// What else the machine does costs the way over two processes more than the way over one,
	// so where the rounds are far apart the median says more of that than of the plugin.
	if least := quantile(ratios, 0.25); least > limit {
		t.Errorf("in three rounds of four at least %.2f times what the same PromQL takes directly, more than %v", least, limit)
	}
	if peak > 100<<20 {
		t.Errorf("the plugin has taken %d MiB", peak>>20)
	}
}

// spread is the distance between the quartiles, as a part of the median.
func spread(all []float64) float64 {
	return (quantile(all, 0.75) - quantile(all, 0.25)) / quantile(all, 0.5)
}

// quantile returns the q-quantile, the nearest of all.
func quantile(all []float64, q float64) float64 {
	return slices.Sorted(slices.Values(all))[int(q*float64(len(all)-1)+0.5)]
}

// peakMemory is the most memory that a process has had, in bytes.
func peakMemory(t testing.TB, pid int) (bytes int64) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &bytes); err == nil {
			return bytes << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}
