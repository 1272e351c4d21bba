package e2e

import (
	"net/http"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// A series is one of those that a scrape shows.
type series struct {
	name   string
	labels map[string]string
	value  float64
}

// families reads /metrics in Prometheus's text format.
func families(t *testing.T, addr string) map[string]*dto.MetricFamily {
	t.Helper()
	r, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	all, err := parser.TextToMetricFamilies(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// scrape returns every series.
func scrape(t *testing.T, addr string) (all []series) {
	t.Helper()
	for name, f := range families(t, addr) {
		for _, m := range f.GetMetric() {
			s := series{name, map[string]string{}, m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()}
			for _, l := range m.GetLabel() {
				s.labels[l.GetName()] = l.GetValue()
			}
			all = append(all, s)
		}
	}
	return all
}
