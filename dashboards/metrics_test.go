package dashboards

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/darkshare/darkshare/exporter/schema"
)

// TestMetrics is that PromQL asks for metrics that there are, with labels that they have.
func TestMetrics(t *testing.T) {
	selector := regexp.MustCompile(`(\w+)\{([^}]*)\}`)
	label := regexp.MustCompile(`(\w+)=~?"`)
	// What Prometheus adds to what it scrapes.
	target := []string{"job", "instance"}
	n := 0
	for _, language := range languages {
		for _, p := range read(t, "operations", language).Panels {
			for _, raw := range p.Targets {
				var q struct{ Expr string }
				if err := json.Unmarshal(raw, &q); err != nil {
					t.Fatal(err)
				}
				for _, found := range selector.FindAllStringSubmatch(q.Expr, -1) {
					n++
					name := found[1]
					if strings.HasPrefix(name, "process_") || strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "scrape_") {
						continue
					}
					i := slices.IndexFunc(schema.Metrics, func(m *schema.Metric) bool { return m.Name == name })
					if i < 0 {
						t.Errorf("%q: there is no metric %s", p.Title, name)
						continue
					}
					for _, l := range label.FindAllStringSubmatch(found[2], -1) {
						if !slices.Contains(target, l[1]) && !slices.Contains(schema.Metrics[i].Labels, l[1]) {
							t.Errorf("%q: %s has no label %s", p.Title, name, l[1])
						}
					}
				}
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d selectors", n)
	}
}

// TestProvisioning is that the examples are data sources of the types that the dashboards
// have variables for, and that what the documentation sets is what they take.
func TestProvisioning(t *testing.T) {
	docs, err := os.ReadFile("../docs/dashboards.md")
	if err != nil {
		t.Fatal(err)
	}
	var sources struct {
		Datasources []struct{ Type, URL string }
	}
	var dashboards struct {
		Providers []struct {
			Type    string
			Options struct{ Path string }
		}
	}
	for file, into := range map[string]any{"datasources": &sources, "dashboards": &dashboards} {
		b, err := os.ReadFile("provisioning/" + file + "/darkshare.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(b, into); err != nil {
			t.Fatal(err)
		}
	}
	if len(sources.Datasources) != 2 || len(dashboards.Providers) != 1 || dashboards.Providers[0].Type != "file" {
		t.Fatalf("%+v, %+v", sources, dashboards)
	}
	for i, want := range []string{pluginID, "prometheus"} {
		if sources.Datasources[i].Type != want {
			t.Errorf("%+v, want the type %s", sources.Datasources[i], want)
		}
	}
	for _, set := range []string{sources.Datasources[0].URL, dashboards.Providers[0].Options.Path} {
		if !strings.Contains(string(docs), "export "+strings.TrimPrefix(set, "$")+"=") {
			t.Errorf("docs/dashboards.md does not set %s", set)
		}
	}
}
