package dashboards

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"github.com/prometheus/prometheus/model/labels"
	"golang.org/x/sync/errgroup"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/demo"
	"github.com/darkshare/darkshare/exporter/history"
	"github.com/darkshare/darkshare/exporter/history/historytest"
	"github.com/darkshare/darkshare/exporter/pipeline"
	"github.com/darkshare/darkshare/plugin/pkg/plugintest"
)

const (
	// part is the part of the demo's traffic that is simulated: enough for its story to
	// be seen, in seconds.
	part = 0.08
	// every is the time between samples: fewer of them than live, for speed.
	every = 5 * time.Minute
)

// history of the demo's sites, until now.
func makeHistory(ctx context.Context, dir string) (end time.Time, err error) {
	end = time.Now().UTC().Truncate(time.Minute)
	d, err := demo.New(end, 1)
	if err != nil {
		return end, err
	}
	options := d.Options(d.Start)
	for i := range options {
		options[i].Visits *= part
		for j := range options[i].Events {
			options[i].Events[j].Visits *= part
		}
	}
	rules := attribution.Options{}
	for _, s := range d.Sites {
		site := attribution.Site{Name: s.Name, Hosts: s.Hosts}
		site.Sections = s.Sections
		for _, g := range s.Goals {
			site.Goals = append(site.Goals, attribution.Goal{Name: g.Name, Path: g.Path})
		}
		rules.Sites = append(rules.Sites, site)
	}
	recorder := history.NewRecorder(every, labels.EmptyLabels(), true)
	engine, err := pipeline.New(pipeline.Options{
		Rules: rules, Pages: 60, Sections: 20, History: recorder, Interval: every, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return end, err
	}
	_, _, err = historytest.Blocks(ctx, dir, engine, recorder, end, options...)
	return end, err
}

// A world is the demo's history, served as darkshare serves it, and the compiled plugin,
// started as Grafana starts it.
type world struct {
	*plugintest.Plugin
	end time.Time
	url string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("simulates weeks, and builds the plugin")
	}
	dir, executable := t.TempDir(), ""
	w := &world{}
	var work errgroup.Group
	work.Go(func() (err error) {
		w.end, err = makeHistory(t.Context(), dir)
		return err
	})
	work.Go(func() (err error) {
		executable, err = plugintest.Build(t.TempDir())
		return err
	})
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	store, err := history.Open(dir, history.Options{Replay: true, Interval: every})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Complete(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(store.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	w.url = server.URL
	w.Plugin = plugintest.Start(t, executable)
	return w
}

func (w *world) context() *pluginv2.PluginContext {
	return backend.ToProto().PluginContext(backend.PluginContext{PluginID: pluginID, DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{
		UID: "darksocial", Type: pluginID, Name: "Dark social", URL: w.url, JSONData: []byte(`{"timeInterval":"5m"}`), Updated: w.end,
	}})
}

// ask has the plugin answer a query.
func (w *world) ask(t *testing.T, q backend.DataQuery) backend.DataResponse {
	t.Helper()
	answer, err := w.Data.QueryData(t.Context(), &pluginv2.QueryDataRequest{
		PluginContext: w.context(), Queries: []*pluginv2.DataQuery{backend.ToProto().DataQuery(q)},
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := backend.FromProto().QueryDataResponse(answer)
	if err != nil {
		t.Fatal(err)
	}
	return out.Responses[q.RefID]
}

// values has the plugin list the values of a variable.
func (w *world) values(t *testing.T, label string, from, to time.Time) (values []string) {
	t.Helper()
	path := fmt.Sprintf("values?label=%s&from=%d&to=%d", label, from.UnixMilli(), to.UnixMilli())
	answer, err := w.Resource.CallResource(t.Context(), &pluginv2.CallResourceRequest{
		PluginContext: w.context(), Path: "values", Url: path, Method: http.MethodGet,
	})
	if err != nil {
		t.Fatal(err)
	}
	var body strings.Builder
	for {
		part, err := answer.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body.Write(part.Body)
	}
	if err := json.Unmarshal([]byte(body.String()), &values); err != nil {
		t.Fatalf("%s: %s", path, body.String())
	}
	return values
}
