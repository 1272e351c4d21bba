package metrics

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkshare/darkshare/exporter/schema"
)

// BenchmarkRegistry is what a scrape would take with a registry instead, before
// anything is written.
func BenchmarkRegistry(b *testing.B) {
	snapshot := manySeries(20_000)
	reg := prometheus.NewRegistry()
	reg.MustRegister(NewCollector(func() []schema.Family { return snapshot }))
	b.ReportAllocs()
	for b.Loop() {
		if mfs, err := reg.Gather(); err != nil || len(mfs) != len(snapshot) {
			b.Fatal(len(mfs), err)
		}
	}
}

// BenchmarkProduce is what a push by OTLP takes before anything is written.
func BenchmarkProduce(b *testing.B) {
	snapshot := manySeries(20_000)
	p := &producer{snapshot: func() []schema.Family { return snapshot }}
	b.ReportAllocs()
	for b.Loop() {
		if s, err := p.Produce(b.Context()); err != nil || len(s[0].Metrics) != len(snapshot) {
			b.Fatal(err)
		}
	}
}

// manySeries is a snapshot of that many series, half of them pages.
func manySeries(n int) []schema.Family {
	created := time.Now().Add(-time.Hour)
	visits := schema.Family{Metric: schema.Visits}
	pages := schema.Family{Metric: schema.PageVisits}
	for i := range n / 2 {
		site := fmt.Sprintf("www%d.example.com", i%10)
		visits.Add(float64(i*7), created, site, schema.Channel(i%int(schema.NumChannels)).String(),
			fmt.Sprintf("source%d", i/90), schema.EvidenceReferrer.String(), schema.DeviceMobile.String())
		pages.Add(float64(i*3), created, site, fmt.Sprintf("/articles/2026/a-title-of-usual-length-%d", i),
			schema.ChannelDarkSocial.String())
	}
	return []schema.Family{visits, pages}
}

func BenchmarkScrape(b *testing.B) {
	snapshot := manySeries(20_000)
	h := Handler(func() []schema.Family { return snapshot }, HandlerOptions{})
	for _, format := range []struct{ name, accept string }{
		{"text", "text/plain;version=0.0.4"},
		{"openmetrics", "application/openmetrics-text;version=1.0.0"},
		{"protobuf", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"},
	} {
		for _, encoding := range []string{"identity", "gzip", "zstd"} {
			b.Run(format.name+"/"+encoding, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					r := httptest.NewRequest("GET", "/metrics", nil)
					r.Header.Set("Accept", format.accept)
					r.Header.Set("Accept-Encoding", encoding)
					r.Header.Set(scraperHeader, "10")
					w := httptest.NewRecorder()
					h.ServeHTTP(w, r)
					if w.Code != 200 || w.Body.Len() < 50_000 {
						b.Fatal(w.Code, w.Body.Len())
					}
					b.SetBytes(int64(w.Body.Len()))
				}
			})
		}
	}
}
