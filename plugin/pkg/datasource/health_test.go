package datasource

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/darkshare/darkshare/exporter/history"
	"github.com/darkshare/darkshare/exporter/schema"
)

// TestVersions holds which exporters the health check names: those that run, and where
// none does, those that ran last; not what they were updated from.
func TestVersions(t *testing.T) {
	now := time.Now()
	type ran struct {
		version   string
		from, ago time.Duration
	}
	for name, c := range map[string]struct {
		ran  []ran
		want string
	}{
		"one":     {[]ran{{"1.0.0", 5 * time.Hour, 0}}, "The exporter is darkshare 1.0.0."},
		"updated": {[]ran{{"1.0.0", 5 * time.Hour, 2 * time.Hour}, {"1.1.0", 2 * time.Hour, 0}}, "The exporter is darkshare 1.1.0."},
		"several": {[]ran{{"1.1.0", 5 * time.Hour, 0}, {"1.0.0", 5 * time.Hour, 0}}, "There are exporters of 2 versions: darkshare 1.0.0, 1.1.0."},
		"silent":  {[]ran{{"1.0.0", 9 * time.Hour, 7 * time.Hour}, {"1.1.0", 6 * time.Hour, 3 * time.Hour}}, "The exporter is darkshare 1.1.0."},
	} {
		url := serve(t, t.TempDir(), func(s *history.Store) error {
			series := func(metric, label, value string) *history.Series {
				return &history.Series{Labels: labels.FromStrings(model.MetricNameLabel, metric, label, value)}
			}
			requests, builds := series(schema.Requests.Name, schema.LabelSite, news), map[string]*history.Series{}
			var points []history.Point
			for at := 10 * time.Hour; at >= 0; at -= interval {
				ms := now.Add(-at).UnixMilli()
				points = append(points, history.Point{Series: requests, At: ms, Value: 1})
				for _, r := range c.ran {
					if builds[r.version] == nil {
						builds[r.version] = series(schema.BuildInfo.Name, schema.LabelVersion, r.version)
					}
					if at <= r.from && at >= r.ago {
						points = append(points, history.Point{Series: builds[r.version], At: ms, Value: 1})
					}
				}
			}
			return s.Append(points)
		})
		if h, err := newSource(t, url, `{}`).CheckHealth(t.Context(), nil); err != nil || !strings.Contains(h.Message, c.want) {
			t.Errorf("%s: %v, %v; want %q", name, h, err, c.want)
		}
	}
}
