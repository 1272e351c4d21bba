package datasource

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/history"
	"github.com/darkshare/darkshare/exporter/history/historytest"
	"github.com/darkshare/darkshare/exporter/pipeline"
	"github.com/darkshare/darkshare/exporter/simulate"
	"github.com/darkshare/darkshare/exporter/tally"
)

const (
	day = 24 * time.Hour
	// lasted is how long the world's history is, and viralAfter when an article begins
	// to go round: when there is a week to compare with, but for its first day, in which the
	// exporter learns the sites.
	lasted     = 10 * day
	viralAfter = 8*day + 15*time.Hour
	// interval is the time between samples: fewer of them than live, for speed.
	interval = 5 * time.Minute
	news     = "courier.example"
	shop     = "bazaar.example"
)

// began is a Monday, long ago: no server minds the present.
var (
	began = time.Date(2024, 6, 3, 0, 0, 0, 0, time.UTC)
	ended = began.Add(lasted)
)

// A world is the history of two simulated sites, as the pipeline has counted it, and what
// really happened.
type world struct {
	// dir has the store, which is not open, and raw the same without what the rules give.
	dir, raw string
	// points are all samples but those of rules.
	points []history.Point
	truth  [2]*simulate.Truth
	// report is what the pipeline says at the end.
	report *tally.Report
}

var theWorld struct {
	sync.Once
	*world
	err error
}

// aWorld makes the world, once for all tests.
func aWorld(t testing.TB) *world {
	t.Helper()
	theWorld.Do(func() { theWorld.world, theWorld.err = makeWorld(context.Background(), began, lasted, 1) })
	if theWorld.err != nil {
		t.Fatal(theWorld.err)
	}
	return theWorld.world
}

func TestMain(m *testing.M) {
	code := m.Run()
	if theWorld.world != nil {
		theWorld.remove()
	}
	if executable.path != "" {
		_ = os.RemoveAll(filepath.Dir(executable.path))
	}
	os.Exit(code)
}

// simulated are a newspaper and a shop, with a part of their traffic.
func simulated(start time.Time, length time.Duration, part float64) []simulate.Options {
	var all []simulate.Options
	for i, s := range []struct {
		host, mix string
		visits    float64
	}{{"www." + news, "news", 140}, {"www." + shop, "shop", 40}} {
		mix, err := simulate.MixByName(s.mix)
		if err != nil {
			panic(err)
		}
		o := simulate.Options{
			Seed: uint64(i + 7), Start: start, Duration: length, Lead: 6 * time.Hour, Visits: s.visits * part, Bots: 0.2,
			Site: simulate.Site{Host: s.host, Kind: mix.Site, Seed: uint64(i + 1)}, Mix: mix, Format: simulate.NginxJSON,
		}
		if i == 0 && length > viralAfter {
			o.Events = []simulate.Event{{Kind: simulate.Viral, After: viralAfter, Duration: 16 * time.Hour, Visits: 140, Sender: "whatsapp"}}
		}
		all = append(all, o)
	}
	return all
}

func makeWorld(ctx context.Context, start time.Time, length time.Duration, part float64) (w *world, err error) {
	w = &world{}
	if w.dir, err = os.MkdirTemp("", "darkshare-plugin-*"); err != nil {
		return nil, err
	}
	recorder := history.NewRecorder(interval, labels.FromStrings("job", "darkshare"), true)
	site := func(name, goal, path string, sections ...string) attribution.Site {
		return attribution.Site{Name: name, Hosts: []string{name}, SiteRules: attribution.SiteRules{Goals: []attribution.Goal{{Name: goal, Path: path}}, Sections: sections}}
	}
	engine, err := pipeline.New(pipeline.Options{
		Rules: attribution.Options{Sites: []attribution.Site{
			site(news, "subscription", "/subscribe/thanks"),
			site(shop, "order", "/checkout/thanks", "/c/", "/p/", "/cart", "/checkout/", "/search"),
		}},
		Pages: 40, Sections: 12, History: recorder, Interval: interval, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	simulation, batch, err := historytest.Blocks(ctx, w.dir, engine, recorder, start.Add(length), simulated(start, length, part)...)
	if err != nil {
		return nil, err
	}
	w.report, w.truth = engine.Report(), [2]*simulate.Truth{simulation.Truth(0), simulation.Truth(1)}
	for moment := range batch.Points() {
		w.points = append(w.points, moment...)
	}
	w.raw = w.dir + ".raw"
	if err := os.CopyFS(w.raw, os.DirFS(w.dir)); err != nil {
		return nil, err
	}
	// The rules are evaluated over the past, and what they give becomes blocks, too.
	store, err := history.Open(w.dir, history.Options{Replay: true, Interval: interval})
	if err != nil {
		return nil, err
	}
	if err := store.Complete(ctx); err != nil {
		return nil, err
	}
	if err := store.Close(); err != nil {
		return nil, err
	}
	return w, history.Flush(w.dir)
}

func (w *world) remove() {
	_ = os.RemoveAll(w.dir)
	_ = os.RemoveAll(w.raw)
}

// copied returns a directory of its own with the world's store.
func (w *world) copied(t testing.TB) string { return copied(t, w.dir) }

func copied(t testing.TB, from string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// embedded serves the world's store as darkshare does.
func (w *world) embedded(t testing.TB) string {
	t.Helper()
	return serve(t, w.copied(t), func(*history.Store) error { return nil })
}

// serve serves a store, when it has been prepared.
func serve(t testing.TB, dir string, prepare func(*history.Store) error) string {
	t.Helper()
	store, err := history.Open(dir, history.Options{Replay: true, Interval: interval, Version: "1.2.3"})
	if err == nil {
		err = prepare(store)
	}
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(store.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

// newSource makes a data source whose present is a moment after the world's end.
func newSource(t testing.TB, url string, json string) *dataSource {
	t.Helper()
	instance, err := New(t.Context(), backend.DataSourceInstanceSettings{Type: "darkshare-darksocial-datasource", Name: "test", URL: url, JSONData: []byte(json)})
	if err != nil {
		t.Fatal(err)
	}
	d := instance.(*dataSource)
	t.Cleanup(func() {
		d.Dispose()
		http.DefaultClient.CloseIdleConnections()
	})
	d.env.Now = func() time.Time { return ended.Add(10 * time.Minute) }
	return d
}

// An asked is a query as Grafana sends it.
type asked struct {
	model    string
	from, to time.Time
	// every is $__interval.
	every time.Duration
	alert bool
}

func (q asked) data(ref string) backend.DataQuery {
	return backend.DataQuery{RefID: ref, JSON: json.RawMessage(q.model), MaxDataPoints: 500, Interval: max(q.every, time.Minute),
		TimeRange: backend.TimeRange{From: q.from, To: q.to}}
}

// ask returns the answer to one query.
func ask(t testing.TB, d *dataSource, q asked) backend.DataResponse {
	t.Helper()
	req := &backend.QueryDataRequest{Queries: []backend.DataQuery{q.data("A")}}
	if q.alert {
		req.Headers = map[string]string{backend.FromAlertHeaderName: "true"}
	}
	r, err := d.QueryData(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return r.Responses["A"]
}
