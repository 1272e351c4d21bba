package question

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/darkshare/darkshare/exporter/schema"
	"go.yaml.in/yaml/v3"
)

// TestCopies holds the tables to what they are copies of: see go generate.
func TestCopies(t *testing.T) {
	for name, dir := range map[string]string{
		"questions.json": "../../src", "colours.yaml": "../../../exporter/overview", "apps.yaml": "../../../exporter/overview",
	} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(read(name), want) {
			t.Errorf("%s differs from that of %s: run go generate ./plugin/pkg/question", name, dir)
		}
	}
}

// TestNames holds names to those of the overview page, and has one for every word.
func TestNames(t *testing.T) {
	text, err := os.ReadFile("../../../exporter/overview/en.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var page map[string]any
	if err := yaml.Unmarshal(text, &page); err != nil {
		t.Fatal(err)
	}
	for label, all := range map[string][]string{
		"channel": schema.Words(schema.NumChannels), "device": schema.Words(schema.NumDevices), "scope": schema.Words(schema.NumScopes),
		"evidence": schema.Words(schema.NumEvidence)[1:],
	} {
		for _, v := range all {
			name, ok := words[label][v]
			if !ok {
				t.Errorf("%s %s has no name", label, v)
			}
			if want, ok := page[label+"_"+v].(string); ok && name != want {
				t.Errorf("%s %s is called %q, on the page %q", label, v, name, want)
			}
			if label == "channel" && colours[v] == "" {
				t.Errorf("%s has no colour", v)
			}
		}
	}
	for _, c := range []struct{ label, value, want string }{
		{"source", "whatsapp", "WhatsApp"}, {"app", "skype_teams", "Teams / Skype"}, {"source", "some_app", "Some app"}, {"source", "", ""},
		{"source", "été", "été"}, {"site", "whatsapp", "whatsapp"}, {"page", schema.Overflow, "All others"}, {"channel", "new_one", "new_one"},
	} {
		if got := Named(c.label, c.value); got != c.want {
			t.Errorf("%s %q is called %q, want %q", c.label, c.value, got, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{}`, `{"question":"darkShare","of":"all","by":"","as":"","over":"time","limit":10,"filters":null,"timezone":"","language":""}`},
		{`{"refId":"A","hide":true,"old":7,"filters":{"moon":["x"]}}`, `{"question":"darkShare","of":"all","by":"","as":"","over":"time","limit":10,"filters":{"moon":["x"]},"timezone":"","language":""}`},
		{`{"question":"visits","by":"channel","limit":1000}`, `{"question":"visits","of":"","by":"channel","as":"count","over":"time","limit":100,"filters":null,"timezone":"","language":""}`},
		{`{"question":"topPages","over":"","as":"share","limit":-3}`, `{"question":"topPages","of":"","by":"","as":"","over":"range","limit":10,"filters":null,"timezone":"","language":""}`},
		{`{"question":"conversions","limit":2.7,"filters":{"site":"a","channel":[]}}`, `{"question":"conversions","of":"","by":"","as":"","over":"range","limit":2.7,"filters":{"site":["a"],"channel":[]},"timezone":"","language":""}`},
	} {
		m, err := Parse([]byte(c.text))
		got, _ := json.Marshal(m)
		if err != nil || strings.ReplaceAll(string(got), `"channel":[],"site":["a"]`, `"site":["a"],"channel":[]`) != c.want {
			t.Errorf("%s: %s, %v\nwant %s", c.text, got, err, c.want)
		}
	}
}

// TestEveryCombination holds that what the table allows is answered by metrics that have
// the labels: whatever is asked for or filtered by.
func TestEveryCombination(t *testing.T) {
	n := 0
	for _, question := range questionNames() {
		rules := table.Questions[question]
		for _, by := range append(rules.By, "") {
			for bits := range 1 << len(rules.Filters) {
				filters := map[string][]string{}
				for i, label := range rules.Filters {
					if bits>>i&1 == 1 {
						filters[label] = []string{"v"}
					}
				}
				text, _ := json.Marshal(map[string]any{"question": question, "by": by, "filters": filters})
				m, err := Parse(text)
				if err != nil {
					if !strings.Contains(err.Error(), "together") {
						t.Errorf("%s: %v", text, err)
					}
					continue
				}
				n++
				for _, metric := range metricsOf(&m) {
					for _, label := range append(labelsUsed(&m), m.By) {
						if label != "" && !slices.Contains(metric.Labels, label) && !(label == schema.LabelGoal && metric == schema.Visits) && !(label == schema.LabelApp && metric == schema.Visits) {
							t.Errorf("%s: %s has no %s", text, metric.Name, label)
						}
					}
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d combinations", n)
	}
}

func labelsUsed(m *Model) (all []string) {
	for _, f := range m.matchers() {
		all = append(all, f.label)
	}
	return all
}

// metricsOf are those that a question's answer takes.
func metricsOf(m *Model) []*schema.Metric {
	switch m.Question {
	case TopPages:
		return []*schema.Metric{schema.PageVisits, schema.PageLinkPreviews}
	case Shares:
		switch {
		case m.pages():
			return []*schema.Metric{schema.PageVisits, schema.PageLinkPreviews}
		case m.By == schema.LabelScope:
			return []*schema.Metric{schema.LinkPreviews}
		}
		return []*schema.Metric{schema.LinkPreviews, schema.Visits}
	case Conversions:
		return []*schema.Metric{schema.Conversions, schema.Visits}
	}
	return []*schema.Metric{m.visits()}
}

// TestDocumentedModels: the queries in docs/plugin.md are ones that are answered.
func TestDocumentedModels(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "plugin.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Lines(string(text)) {
		_, model, ok := strings.Cut(line, "model: ")
		if !ok || !strings.Contains(model, "question:") {
			continue
		}
		found++
		var m map[string]any
		if err := yaml.Unmarshal([]byte(model), &m); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(data); err != nil {
			t.Errorf("%s: %v", model, err)
		}
	}
	if found == 0 {
		t.Error("no query was found")
	}
}
