package datasource

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"go.uber.org/goleak"
)

// A front answers as a server in trouble would, until it is told to be well again.
type front struct {
	*httptest.Server
	trouble atomic.Pointer[http.HandlerFunc]
}

// newFront stands before a server.
func newFront(t *testing.T, well http.Handler) *front {
	f := &front{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := f.trouble.Load(); h != nil {
			(*h)(w, r)
			return
		}
		well.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

// wellServer answers every query with one series of whole numbers.
var wellServer = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = r.ParseForm()
	switch {
	case strings.HasSuffix(r.URL.Path, "/buildinfo"):
		_, _ = io.WriteString(w, `{"status":"success","data":{"version":"3.1.0"}}`)
	case strings.HasSuffix(r.URL.Path, "/values"):
		_, _ = io.WriteString(w, `{"status":"success","data":["courier.example"]}`)
	case strings.HasSuffix(r.URL.Path, "/query_range"):
		_, _ = io.WriteString(w, matrix(r, `"17"`))
	default:
		http.NotFound(w, r)
	}
})

// matrix is an answer with one series and that value at the range's end.
func matrix(r *http.Request, value string) string {
	return fmt.Sprintf(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"channel":"dark_social","evidence":"app","source":"whatsapp","site":"courier.example"},"values":[[%s,%s]]}]}}`, r.Form.Get("end"), value)
}

const tooMuch = maxQueries + 1

// TestTrouble is a table of what servers do to us: an error that says what to do, in time,
// with nothing left behind, and the next query is answered.
func TestTrouble(t *testing.T) {
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	api := func(code int, kind, message string) http.HandlerFunc {
		return status(code, fmt.Sprintf(`{"status":"error","errorType":%q,"error":%q}`, kind, message))
	}
	html := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>Log in</title>")
	}
	answers := func(body func(r *http.Request) string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if _ = r.ParseForm(); !strings.HasSuffix(r.URL.Path, "/query_range") {
				wellServer(w, r)
				return
			}
			_, _ = io.WriteString(w, body(r))
		}
	}
	for _, c := range []struct {
		name    string
		trouble http.HandlerFunc
		want    string // part of the error; empty: none
		status  backend.Status
	}{
		{"hangs", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() }, "did not answer in time", backend.StatusTimeout},
		{"hangs within the answer", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, `{"status":`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "did not answer in time", backend.StatusTimeout},
		{"drops the connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "broke the connection off", backend.StatusBadGateway},
		{"drops it within the answer", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"status":"success","data":{`)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, "broke the connection off", backend.StatusBadGateway},
		{"401", status(401, "no"), "check user, password or token", backend.StatusUnauthorized},
		{"403", status(403, "no"), "X-Scope-OrgID", backend.StatusForbidden},
		{"404", status(404, "404 page not found"), "no Prometheus API at the data source's URL", backend.StatusNotFound},
		{"400", api(400, "bad_data", "unknown function"), "does not understand the query (unknown function)", backend.StatusValidationFailed},
		{"422", api(422, "execution", "query processing would load too many samples into memory"), "too many samples into memory", backend.StatusValidationFailed},
		{"429", status(429, "slow down"), "too many queries (429)", backend.StatusTooManyRequests},
		{"500", status(500, "database\n\tis on <fire>"), "(500, database is on <fire>)", backend.StatusValidationFailed},
		{"503", status(503, "starting"), "cannot answer at the moment (503)", backend.StatusBadGateway},
		{"503 of a time-out", api(503, "timeout", "query timed out"), "did not answer in time", backend.StatusTimeout},
		{"a login page", html, "A web page answers", backend.StatusBadGateway},
		{"a login page as JSON", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, "\n <html>")
		}, "A web page answers", backend.StatusBadGateway},
		{"a redirect to another host", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.2:1/login", http.StatusFound)
		}, "to another place (302)", backend.StatusBadGateway},
		{"no JSON", status(200, "ok"), "not what Prometheus answers", backend.StatusBadGateway},
		{"other JSON", status(200, `[1,2]`), "not what Prometheus answers", backend.StatusBadGateway},
		{"a vector", answers(func(*http.Request) string {
			return `{"status":"success","data":{"resultType":"vector","result":[]}}`
		}), "not what Prometheus answers", backend.StatusBadGateway},
		{"gigabytes", answers(func(*http.Request) string { return "" }), "", 0}, // replaced below
		{"gigabytes in a small answer", answers(func(*http.Request) string { return "" }), "", 0},
		{"too many series", answers(func(*http.Request) string {
			one := `{"metric":{"site":"s"},"values":[[1,"1"]]}`
			return `{"status":"success","data":{"resultType":"matrix","result":[` + strings.Repeat(one+",", 10_000) + one + `]}}`
		}), "more than the 10000 series", backend.StatusBadGateway},
		{"NaN", answers(func(r *http.Request) string { return matrix(r, `"NaN"`) }), "", 0},
		{"infinity", answers(func(r *http.Request) string { return matrix(r, `"+Inf"`) }), "", 0},
		{"less than nothing", answers(func(r *http.Request) string { return matrix(r, `"-5"`) }), "", 0},
		{"a value at another time", answers(func(*http.Request) string {
			return `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[99999999999,"1"],[-5,"1"]]}]}}`
		}), "", 0},
		{"unknown labels", answers(func(*http.Request) string {
			return `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"channel":"carrier_pigeon","evidence":"\ufffd","site":"<script>"},"values":[[1717200000,"1"]]}]}}`
		}), "", 0},
		{"no darkshare", func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/values") {
				_, _ = io.WriteString(w, `{"status":"success","data":[]}`)
				return
			}
			if strings.HasSuffix(r.URL.Path, "/query_range") {
				_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"matrix","result":[]}}`)
				return
			}
			wellServer(w, r)
		}, "is the exporter scraped", backend.StatusNotFound},
	} {
		switch c.name {
		case "gigabytes":
			c.trouble, c.want, c.status = gigabytes(false), "too large", backend.StatusBadGateway
		case "gigabytes in a small answer":
			c.trouble, c.want, c.status = gigabytes(true), "too large", backend.StatusBadGateway
		}
		t.Run(c.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			f := newFront(t, wellServer)
			defer f.Close()
			if raceEnabled && strings.HasPrefix(c.name, "gigabytes") {
				t.Skip("takes most of a minute; runs without the race detector, too")
			}
			timeout, url := "1s", f.URL
			if strings.HasPrefix(c.name, "gigabytes") {
				timeout = "20s" // which reading 64 MiB may take where others are busy
			}
			if strings.HasSuffix(c.name, "small answer") {
				// Nothing is compressed for an address of this machine, unless it is in disguise.
				url = strings.Replace(url, "127.0.0.1", "LOCALHOST", 1)
			}
			d := newSource(t, url, `{"queryTimeout":"`+timeout+`"}`)
			defer d.Dispose()
			f.trouble.Store(&c.trouble)
			begun := time.Now()
			models := []string{`{}`, `{"question":"topPages"}`, `{"question":"shift","over":"range"}`, `{"question":"conversions"}`}
			if strings.HasPrefix(c.name, "hangs") || strings.HasPrefix(c.name, "gigabytes") {
				models = models[:1] // for speed
			}
			for _, model := range models {
				r := ask(t, d, asked{model: model}.over(lastDay))
				switch {
				case c.want == "" && r.Error != nil:
					t.Errorf("%s: %v", model, r.Error)
				case c.want != "" && (r.Error == nil || !strings.Contains(r.Error.Error(), c.want) || r.Status != c.status || r.ErrorSource != backend.ErrorSourceDownstream):
					t.Errorf("%s: %v (%v, %v)", model, r.Error, r.Status, r.ErrorSource)
				}
				if _, err := json.Marshal(r); err != nil {
					t.Error(err)
				}
			}
			if d := time.Since(begun); d > 30*time.Second {
				t.Errorf("took %v", d)
			}
			if h, err := d.CheckHealth(t.Context(), nil); err != nil || c.want != "" && h.Status != backend.HealthStatusError || h.Message == "" {
				t.Errorf("health: %+v, %v", h, err)
			}
			f.trouble.Store(nil)
			// What the server is, is asked again when it did not say.
			d.client.Forget()
			r := ask(t, d, asked{model: `{"over":"range"}`}.over(lastDay))
			if r.Error != nil || column(t, r.Frames[0], "Visits")[0] != 17 {
				t.Errorf("when all is well again: %v", r.Error)
			}
		})
	}
}

// gigabytes are four of them, perhaps compressed.
func gigabytes(compressed bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var to io.Writer = w
		if compressed {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close()
			to = z
		}
		chunk := bytes.Repeat([]byte(" "), 1<<20)
		for range 4 << 10 {
			if _, err := to.Write(chunk); err != nil {
				return
			}
		}
	}
}

// TestUnreachable is no server at all.
func TestUnreachable(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	secure := httptest.NewTLSServer(wellServer)
	defer secure.Close()
	for _, c := range []struct{ url, json, want string }{
		{server.URL, `{}`, "Nothing answers at the server's address"},
		{"http://no-such-host.invalid", `{"queryTimeout":"5s"}`, "no-such-host.invalid"},
		{secure.URL, `{}`, "certificate is not trusted"},
		{"https" + strings.TrimPrefix(newFront(t, wellServer).URL, "http"), `{}`, "speaks http, not https"},
		{"", `{}`, "no valid URL"},
		{"localhost:9090", `{}`, "no valid URL"},
		{"file:///etc/passwd", `{}`, "no valid URL"},
		{server.URL, `{"timeInterval":"soon"}`, "scrape interval"},
		{server.URL, `{"queryTimeout":"3h"}`, "query timeout"},
		{server.URL, `{"timeInterval":7}`, "save them again"},
		{server.URL, `{"tlsAuthWithCACert":true}`, ""},
	} {
		d := newSource(t, c.url, c.json)
		r := ask(t, d, asked{model: `{}`}.over(lastDay))
		if r.Error == nil || !strings.Contains(r.Error.Error(), c.want) || r.ErrorSource != backend.ErrorSourceDownstream {
			t.Errorf("%s %s: %v (%v)", c.url, c.json, r.Error, r.ErrorSource)
		}
		if h, err := d.CheckHealth(t.Context(), nil); err != nil || h.Status != backend.HealthStatusError || !strings.Contains(h.Message, c.want) {
			t.Errorf("%s: %+v, %v", c.url, h, err)
		}
	}
}

// TestWrongModels are queries that cannot be answered, beside one that can.
func TestWrongModels(t *testing.T) {
	d := newSource(t, newFront(t, wellServer).URL, `{}`)
	wrong := map[string]struct{ model, want string }{
		"question": {`{"question":"why"}`, "darkShare"},
		"by":       {`{"by":"moon"}`, "section"},
		"as":       {`{"question":"visits","as":"haiku"}`, "count, rate and share"},
		"share":    {`{"question":"visits","as":"share"}`, "needs a split"},
		"together": {`{"by":"section","filters":{"device":["mobile"]}}`, "No metric has section and device together"},
		"filter":   {`{"question":"topPages","filters":{"device":["mobile"]}}`, "only by site"},
		"kind":     {`{"limit":"ten"}`, `"limit"`},
		"list":     {`[]`, "no valid"},
		"syntax":   {`{"question":`, "no valid JSON"},
		"nothing":  {``, "no valid JSON"},
		"many":     {`{"filters":{"site":[` + strings.Repeat(`"a",`, 200) + `"a"]}}`, "201 values"},
		"long":     {`{"filters":{"site":["` + strings.Repeat("a", 3000) + `"]}}`, "longer than 2048 bytes"},
	}
	req := &backend.QueryDataRequest{Queries: []backend.DataQuery{asked{model: `{"over":"range","old":{"field":[1]}}`}.over(lastDay).data("well")}}
	for name, c := range wrong {
		req.Queries = append(req.Queries, asked{model: c.model}.over(lastDay).data(name))
	}
	backwards := asked{model: `{}`, from: ended, to: began}.data("backwards")
	req.Queries = append(req.Queries, backwards)
	r, err := d.QueryData(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if well := r.Responses["well"]; well.Error != nil || len(well.Frames) != 1 || well.Frames[0].RefID != "well" {
		t.Errorf("beside wrong ones: %+v", well)
	}
	for name, c := range wrong {
		a := r.Responses[name]
		if a.Error == nil || !strings.Contains(a.Error.Error(), c.want) || a.Status != backend.StatusBadRequest || a.ErrorSource != backend.ErrorSourceDownstream {
			t.Errorf("%s: %v (%v, %v)", name, a.Error, a.Status, a.ErrorSource)
		}
	}
	if a := r.Responses["backwards"]; a.Error == nil || a.Status != backend.StatusBadRequest {
		t.Errorf("backwards: %+v", a)
	}
}

// TestParallel bounds the requests that are under way for one of Grafana's.
func TestParallel(t *testing.T) {
	var now, most atomic.Int64
	f := newFront(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		time.Sleep(5 * time.Millisecond)
		now.Add(-1)
		wellServer(w, r)
	}))
	d := newSource(t, f.URL, `{}`)
	req := &backend.QueryDataRequest{}
	for i := range tooMuch {
		req.Queries = append(req.Queries, asked{model: `{"question":"topPages"}`}.over(lastDay).data(fmt.Sprint(i)))
	}
	r, err := d.QueryData(t.Context(), req)
	if err != nil || len(r.Responses) != tooMuch {
		t.Fatal(len(r.Responses), err)
	}
	failed := 0
	for _, a := range r.Responses {
		if a.Error != nil {
			failed++
		}
	}
	if failed != 1 || most.Load() != parallel {
		t.Errorf("%d failed, %d at a time", failed, most.Load())
	}
}

// TestCancel ends the requests of a query that nobody waits for.
func TestCancel(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	begun, ended := make(chan struct{}, 8), make(chan struct{}, 8)
	f := newFront(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		begun <- struct{}{}
		<-r.Context().Done()
		ended <- struct{}{}
	}))
	defer f.Close()
	d := newSource(t, f.URL, `{}`)
	defer d.Dispose()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	r, err := d.QueryData(ctx, &backend.QueryDataRequest{Queries: []backend.DataQuery{asked{model: `{}`}.over(lastDay).data("A")}})
	if err != nil || r.Responses["A"].Error == nil || r.Responses["A"].Status != 499 {
		t.Errorf("%+v, %v", r.Responses["A"], err)
	}
	<-ended
}

// TestNoSecrets holds that nothing of the settings gets into an error.
func TestNoSecrets(t *testing.T) {
	const secret = "hunter2hunter2"
	for _, h := range []http.HandlerFunc{
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) },
		func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"?token="+secret, http.StatusTemporaryRedirect)
		},
	} {
		f := newFront(t, h)
		i, err := New(t.Context(), backend.DataSourceInstanceSettings{
			Type: "t", Name: "n", URL: strings.Replace(f.URL, "http://", "http://user:"+secret+"@", 1) + "/" + secret, BasicAuthEnabled: true, BasicAuthUser: "me",
			JSONData:                []byte(`{"httpHeaderName1":"X-Scope-OrgID"}`),
			DecryptedSecureJSONData: map[string]string{"basicAuthPassword": secret, "httpHeaderValue1": secret},
		})
		if err != nil {
			t.Fatal(err)
		}
		d := i.(*dataSource)
		r := ask(t, d, asked{model: `{}`}.over(lastDay))
		health, _ := d.CheckHealth(t.Context(), nil)
		d.Dispose()
		if all := fmt.Sprint(r.Error, health); r.Error == nil || strings.Contains(all, secret) {
			t.Error(all)
		}
	}
}

// TestHeaders holds that what the settings and Grafana add reaches the server.
func TestHeaders(t *testing.T) {
	seen := make(chan http.Header, 16)
	f := newFront(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Clone()
		wellServer(w, r)
	}))
	i, err := New(t.Context(), backend.DataSourceInstanceSettings{
		Type: "t", Name: "n", URL: f.URL, BasicAuthEnabled: true, BasicAuthUser: "me",
		JSONData:                []byte(`{"httpHeaderName1":"X-Scope-OrgID"}`),
		DecryptedSecureJSONData: map[string]string{"basicAuthPassword": "p", "httpHeaderValue1": "tenant"},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := i.(*dataSource)
	defer d.Dispose()
	if r := ask(t, d, asked{model: `{}`}.over(lastDay)); r.Error != nil {
		t.Fatal(r.Error)
	}
	for range len(seen) {
		h := <-seen
		if h.Get("Authorization") != "Basic bWU6cA==" || h.Get("X-Scope-OrgID") != "tenant" {
			t.Errorf("%v", h)
		}
	}
}
