package docs

import (
	"regexp"
	"strings"
	"testing"

	"github.com/darkshare/darkshare/exporter/schema"
)

var metricName = regexp.MustCompile(`\bdarkshare_[a-z_]+[a-z]\b`)

// TestMetricNames: the metrics that the documentation speaks of are there.
func TestMetricNames(t *testing.T) {
	// Those of package metrics' own.
	known := map[string]bool{"darkshare_otlp_pushes_total": true, "darkshare_otlp_push_errors_total": true}
	for _, m := range schema.Metrics {
		known[m.Name] = true
	}
	for _, page := range pages(t) {
		if !strings.HasPrefix(page, "docs/") && page != "README.md" {
			continue
		}
		text := read(t, page)
		for _, at := range metricName.FindAllStringIndex(text, -1) {
			name := text[at[0]:at[1]]
			// A family of metrics (darkshare_store_*), a recorded series (site:darkshare_…), a file.
			family := strings.HasPrefix(text[at[1]:], "_*") || strings.HasPrefix(text[at[1]:], ":")
			recorded := at[0] > 0 && text[at[0]-1] == ':'
			file := strings.HasPrefix(text[at[1]:], "_") || strings.HasPrefix(text[at[1]:], ".")
			if !known[name] && !family && !recorded && !file {
				t.Errorf("%s: there is no %s", page, name)
			}
		}
	}
}
