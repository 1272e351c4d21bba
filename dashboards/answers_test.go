package dashboards

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// rightlyEmpty are the queries that give nothing on the demo's history, and why; without a
// reason, those that may.
var rightlyEmpty = map[string]string{
	// Nothing of the demo's story shifts the dark share in its last seven days; but the same
	// hours of the week before had some, and the history ends at another time in each run.
	"overview 9A":         "",
	"overview Shifts":     "",
	"pages Shifts":        "",
	"sharing Shifts":      "",
	"operations 1A":       "only what runs tells whether its inputs can be read; a replay is over",
	"operations 5A":       "only what runs loses lines",
	"operations 10A":      "the same",
	"operations 13A":      "only what runs has lines to wait for",
	"operations 26A":      "only what runs tells its version",
	"operations 11A":      "the demo reads a file: nobody sends to it",
	"operations 15A":      "the demo forwards nothing",
	"operations 15B":      "the same",
	"operations 21A":      "a process tells of itself when it is scraped; a replay is not",
	"operations 21B":      "the same",
	"operations 22A":      "the same",
	"operations 23A":      "Prometheus adds this to a scrape, of which the store has none",
	"operations 23B":      "the same",
	"operations 24A":      "a replay saves its state with its blocks, once",
	"operations 24B":      "a replay fills the store; only what serves one tells of it",
	"operations 25A":      "the same",
	"operations 25B":      "the same",
	"operations 25C":      "the same",
	"operations job":      "samples of the embedded store have no job",
	"operations instance": "nor an instance",
}

// A chosen is what a reader has chosen of the variables; what is not there stands at All.
type chosen map[string]string

// TestAnswers asks every query of every dashboard, over the time that the dashboard looks
// back, as Grafana asks it: with all sites and pages, and with some.
func TestAnswers(t *testing.T) {
	w := newWorld(t)
	page := w.topPage(t)
	picked := chosen{"site": "courier.example", "section": "/science", "device": "mobile", "page": page}
	french := phrases(t)
	for _, name := range names {
		english := read(t, name, "en")
		asked := w.queries(t, name, english)
		other := w.queries(t, name, read(t, name, "fr"))
		for i, q := range asked {
			for _, c := range []chosen{nil, picked} {
				frames := q.ask(t, w, c)
				reason, empty := rightlyEmpty[q.name]
				switch got := numbersIn(frames); {
				case got == 0 && !empty:
					t.Errorf("%s, %v: no data", q.name, c)
				case got > 0 && empty && c == nil && reason != "":
					t.Errorf("%s is listed as rightly empty, and has %d numbers", q.name, got)
				}
				if !q.plugin {
					continue
				}
				for _, text := range untranslated(frames, other[i].ask(t, w, c), french) {
					t.Errorf("%s says %q in French", q.name, text)
				}
			}
		}
	}
}

// A query is one of a panel, an annotation or a variable.
type query struct {
	name, text string
	plugin     bool
	ask        func(t *testing.T, w *world, c chosen) data.Frames
}

// queries are all that a dashboard asks.
func (w *world) queries(t *testing.T, name string, d dashboard) (all []query) {
	t.Helper()
	length, err := model.ParseDuration(strings.TrimPrefix(d.Time.From, "now-"))
	if err != nil {
		t.Fatal(err)
	}
	from, to := w.end.Add(-time.Duration(length)), w.end
	for _, p := range d.Panels {
		from, to := from, to
		if p.TimeShift != "" {
			shift, err := model.ParseDuration(p.TimeShift)
			if err != nil {
				t.Fatal(err)
			}
			from, to = from.Add(-time.Duration(shift)), to.Add(-time.Duration(shift))
		}
		least := time.Minute
		if p.Interval != "" {
			d, err := model.ParseDuration(p.Interval)
			if err != nil {
				t.Fatal(err)
			}
			least = time.Duration(d)
		}
		for _, target := range p.Targets {
			all = append(all, newQuery(t, fmt.Sprintf("%s %d", name, p.ID), p.Datasource, target, from, to, least))
		}
	}
	for _, a := range d.Annotations.List {
		if a.Datasource.Type == pluginID {
			all = append(all, newQuery(t, name+" ", a.Datasource, a.Target, from, to, time.Minute))
		}
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			all = append(all, query{name: name + " " + v.Name, text: string(v.Query), ask: func(t *testing.T, w *world, c chosen) data.Frames {
				return w.listed(t, v, from, to)
			}})
		}
	}
	return all
}

// newQuery is a target's query. Its name is the panel's and the target's own.
func newQuery(t *testing.T, name string, ds reference, target json.RawMessage, from, to time.Time, least time.Duration) query {
	t.Helper()
	var common struct {
		RefID, Expr string
		Datasource  reference
		Instant     bool
	}
	if err := json.Unmarshal(target, &common); err != nil {
		t.Fatal(err)
	}
	if common.Datasource != ds {
		t.Errorf("%s is asked of %v, the panel of %v", name, common.Datasource, ds)
	}
	q := query{name: name + common.RefID, text: string(target), plugin: ds.Type == pluginID}
	step := max(least, to.Sub(from)/500)
	if q.plugin {
		q.ask = func(t *testing.T, w *world, c chosen) data.Frames {
			r := w.ask(t, backend.DataQuery{
				RefID: common.RefID, JSON: filled(t, target, c), MaxDataPoints: 500, Interval: step, TimeRange: backend.TimeRange{From: from, To: to},
			})
			if r.Error != nil {
				t.Errorf("%s: %v", q.name, r.Error)
			}
			return r.Frames
		}
		return q
	}
	q.text = common.Expr
	q.ask = func(t *testing.T, w *world, c chosen) data.Frames {
		expr := interpolate(common.Expr, step, to.Sub(from))
		if strings.Contains(expr, "$") {
			t.Errorf("%s: %s", q.name, expr)
		}
		form := url.Values{"query": {expr}, "start": {seconds(from)}, "end": {seconds(to)}, "step": {strconv.Itoa(int(step.Seconds()))}}
		path := "/api/v1/query_range"
		if common.Instant {
			path, form = "/api/v1/query", url.Values{"query": {expr}, "time": {seconds(to)}}
		}
		return w.prometheus(t, path, form)
	}
	return q
}

// filled is a query of the plugin's as the plugin's front end sends it: a variable at All is no filter.
func filled(t *testing.T, target json.RawMessage, c chosen) []byte {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(target, &m); err != nil {
		t.Fatal(err)
	}
	filters, _ := m["filters"].(map[string]any)
	for label, values := range filters {
		kept := []any{}
		for _, v := range values.([]any) {
			name, isVariable := strings.CutPrefix(v.(string), "$")
			switch value, ok := c[name]; {
			case !isVariable:
				kept = append(kept, v)
			case ok:
				kept = append(kept, value)
			}
		}
		filters[label] = kept
	}
	m["timezone"] = "Europe/Paris"
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// interpolate fills in what Grafana's Prometheus data source does where it knows how often is
// scraped. Every variable stands at All.
func interpolate(expr string, step, length time.Duration) string {
	for name, value := range map[string]string{
		"$__rate_interval": model.Duration(max(step+every, 4*every)).String(),
		"$__range":         fmt.Sprintf("%.0fs", length.Seconds()),
		"$job":             ".*", "$instance": ".*", "$input": ".*",
	} {
		expr = strings.ReplaceAll(expr, name, value)
	}
	return expr
}

func seconds(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

// prometheus asks the store's API, and returns a frame of one number for each sample.
func (w *world) prometheus(t *testing.T, path string, form url.Values) data.Frames {
	t.Helper()
	r, err := http.PostForm(w.url+path, form)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct {
				Value  []any
				Values [][]any
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status != "success" {
		t.Errorf("%s: %s %v", form.Get("query"), body, err)
	}
	var n []float64
	for _, s := range answer.Data.Result {
		for _, v := range append(s.Values, s.Value) {
			if len(v) == 2 && v[1] != "NaN" {
				n = append(n, 1)
			}
		}
	}
	return data.Frames{data.NewFrame("", data.NewField("", nil, n))}
}

// listed is a frame of one number for each value of a variable.
func (w *world) listed(t *testing.T, v variable, from, to time.Time) data.Frames {
	t.Helper()
	var values []string
	if v.Datasource.Type == pluginID {
		var q struct{ Label string }
		if err := json.Unmarshal(v.Query, &q); err != nil {
			t.Fatal(err)
		}
		values = w.values(t, q.Label, from, to)
	} else {
		var q struct{ Query string }
		if err := json.Unmarshal(v.Query, &q); err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`).FindStringSubmatch(q.Query)
		if m == nil {
			t.Fatalf("%s: %s", v.Name, q.Query)
		}
		form := url.Values{"match[]": {interpolate(m[1], 0, 0)}, "start": {seconds(from)}, "end": {seconds(to)}}
		r, err := http.Get(w.url + "/api/v1/label/" + m[2] + "/values?" + form.Encode())
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		var answer struct{ Data []string }
		if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		values = answer.Data
	}
	return data.Frames{data.NewFrame("", data.NewField("", nil, make([]float64, len(values))))}
}

// topPage is the page with the most private visits in the last week.
func (w *world) topPage(t *testing.T) string {
	t.Helper()
	r := w.ask(t, backend.DataQuery{RefID: "A", JSON: []byte(`{"question":"topPages","filters":{"site":["courier.example"]}}`),
		TimeRange: backend.TimeRange{From: w.end.AddDate(0, 0, -7), To: w.end}})
	if r.Error != nil || len(r.Frames) == 0 || r.Frames[0].Rows() == 0 {
		t.Fatalf("no pages: %v", r.Error)
	}
	field, _ := r.Frames[0].FieldByName("Page")
	return field.At(0).(string)
}

// numbersIn counts the numbers that are known.
func numbersIn(frames data.Frames) (n int) {
	for _, f := range frames {
		for _, field := range f.Fields {
			for i := range field.Len() {
				if _, ok := field.ConcreteAt(i); ok && field.Type().Numeric() {
					n++
				}
			}
		}
	}
	return n
}

// phrases are what the plugin says in French.
func phrases(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile("../plugin/pkg/question/tables/fr.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Phrases map[string]string }
	if err := yaml.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	return file.Phrases
}

// untranslated are the texts that are the same in both languages, and should not be.
func untranslated(english, french data.Frames, phrases map[string]string) (all []string) {
	own := []string{"Site", "Section", "Page", "Goal", "Source", "App", "tags"}
	named := func(f *data.Field) bool {
		for _, label := range []string{"site", "section", "source", "app"} {
			if f.Labels[label] != "" {
				return true
			}
		}
		return false
	}
	check := func(en, fr string) {
		if en == fr && en != "" && phrases[en] != en {
			all = append(all, en)
		}
	}
	for i, f := range english {
		if i >= len(french) || len(french[i].Fields) != len(f.Fields) {
			return []string{"other frames"}
		}
		if f.Meta != nil {
			for j, notice := range f.Meta.Notices {
				check(notice.Text, french[i].Meta.Notices[j].Text)
			}
		}
		for j, en := range f.Fields {
			fr := french[i].Fields[j]
			if en.Name != fr.Name {
				all = append(all, "another field "+fr.Name)
			}
			if en.Config == nil || fr.Config == nil {
				continue
			}
			if !named(en) {
				check(en.Config.DisplayNameFromDS, fr.Config.DisplayNameFromDS)
			}
			check(en.Config.Description, fr.Config.Description)
			if en.Type() != data.FieldTypeString || slices.Contains(own, en.Name) || en.Len() != fr.Len() {
				continue
			}
			for k := range en.Len() {
				check(en.At(k).(string), fr.At(k).(string))
			}
		}
	}
	return all
}
