package history

import (
	"context"
	"errors"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alecthomas/units"
	"github.com/grafana/regexp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
	api "github.com/prometheus/prometheus/web/api/v1"

	"github.com/darkshare/darkshare/exporter/schema"
)

const prefix = "/api/v1"

// served are the paths of Prometheus's API that a store answers. What it leaves out
// writes, administers, or tells of a server that is not there (targets, flags).
var served = map[string]bool{
	"/query": true, "/query_range": true, "/format_query": true, "/parse_query": true,
	"/series": true, "/labels": true, "/metadata": true, "/rules": true, "/alerts": true,
	"/status/buildinfo": true, "/status/runtimeinfo": true, "/status/tsdb": true,
}

func isServed(path string) bool {
	path, ok := strings.CutPrefix(path, prefix)
	return ok && (served[path] || strings.HasPrefix(path, "/label/") && strings.HasSuffix(path, "/values"))
}

// Handler answers the paths under /api/v1 as a Prometheus server does: it is
// Prometheus's own code. No page of another origin may read the answers.
func (s *Store) Handler() http.Handler {
	v1 := api.NewAPI(
		s.engine, s.db, nil, nil, s.db,
		func(context.Context) api.ScrapePoolsRetriever { return target{} },
		func(context.Context) api.TargetRetriever { return target{} },
		func(context.Context) api.AlertmanagerRetriever { return nil },
		func() config.Config { return config.DefaultConfig },
		nil,
		api.GlobalURLOptions{},
		s.whileOpen,
		admin{s.db}, s.dir,
		false, false, 0, // no administration, no search
		s.logger,
		func(context.Context) api.RulesRetriever { return s.manager },
		0, 0, 0, // no remote read
		false,
		regexp.MustCompile(`^(?:)$`),
		s.runtimeInfo,
		s.buildInfo(),
		nil, nil,
		prometheus.NewRegistry(), nil,
		nil,
		false, nil, // no remote write
		false, false, false, false, // no OTLP
		s.options.LookbackDelta,
		false, false,
		nil, nil,
		api.OpenAPIOptions{},
		parser.NewParser(parser.Options{}),
	)
	router := route.New().WithPrefix(prefix)
	v1.Register(router)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isServed(r.URL.Path) {
			http.NotFound(w, r)
			return
		}
		router.ServeHTTP(w, r)
	})
}

func (s *Store) whileOpen(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.closed.Load() {
			http.Error(w, "the store is closed", http.StatusServiceUnavailable)
			return
		}
		next(w, r)
	}
}

// An admin is the database as status/tsdb asks for it.
type admin struct{ *tsdb.DB }

func (a admin) BlockMetas() ([]tsdb.BlockMeta, error) { return a.DB.BlockMetas(), nil }

func (a admin) Stats(label string, limit int) (*tsdb.Stats, error) {
	return a.Head().Stats(label, limit), nil
}

func (admin) WALReplayStatus() (tsdb.WALReplayStatus, error) { return tsdb.WALReplayStatus{}, nil }

// buildInfo says which Prometheus this is, because clients choose by it what they
// may ask for; darkshare's own version is the revision.
func (s *Store) buildInfo() *api.PrometheusVersion {
	return &api.PrometheusVersion{
		Version:   prometheusVersion(),
		Revision:  s.options.Version,
		Branch:    "darkshare",
		GoVersion: runtime.Version(),
	}
}

// prometheusVersion is the release of Prometheus that is built in: the module
// v0.313.5 is Prometheus 3.13.5 (https://github.com/prometheus/prometheus#prometheus-code-base).
func prometheusVersion() string {
	const fallback = "3.13.5"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return fallback
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/prometheus/prometheus" {
			if v, ok := releaseOf(m.Version); ok {
				return v
			}
		}
	}
	return fallback
}

// releaseOf translates v0.MNN.P, where NN has two digits, to M.NN.P.
func releaseOf(module string) (release string, ok bool) {
	minor, patch, ok := strings.Cut(strings.TrimPrefix(module, "v0."), ".")
	if !ok || len(minor) < 3 {
		return "", false
	}
	major, minor := minor[:len(minor)-2], strings.TrimPrefix(minor[len(minor)-2:], "0")
	return major + "." + minor + "." + patch, true
}

func (s *Store) runtimeInfo() (api.RuntimeInfo, error) {
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	return api.RuntimeInfo{
		StartTime:           s.started,
		Hostname:            host,
		ServerTime:          time.Now(),
		ReloadConfigSuccess: true,
		LastConfigTime:      s.started,
		GoroutineCount:      runtime.NumGoroutine(),
		GOMAXPROCS:          runtime.GOMAXPROCS(0),
		GOMEMLIMIT:          debug.SetMemoryLimit(-1),
		GOGC:                os.Getenv("GOGC"),
		GODEBUG:             os.Getenv("GODEBUG"),
		StorageRetention:    s.retention(),
	}, nil
}

// retention is written as the Prometheus server writes it.
func (s *Store) retention() string {
	var parts []string
	if s.options.Retention > 0 {
		parts = append(parts, model.Duration(s.options.Retention).String())
	}
	if s.options.RetentionSize > 0 {
		parts = append(parts, units.Base2Bytes(s.options.RetentionSize).String())
	}
	return strings.Join(parts, " or ")
}

// A target is the one scrape target of which the API learns the metrics' metadata.
// Nothing is scraped.
type target struct{}

func (target) ScrapePools() []string { return nil }

func (target) TargetsActive() map[string][]*scrape.Target {
	t := scrape.NewTarget(labels.EmptyLabels(), &config.ScrapeConfig{}, nil, nil)
	t.SetMetadataStore(metadata{})
	return map[string][]*scrape.Target{"darkshare": {t}}
}

func (target) TargetsDropped() map[string][]*scrape.Target { return nil }
func (target) TargetsDroppedCounts() map[string]int        { return nil }

func (target) ScrapePoolConfig(string) (*config.ScrapeConfig, error) {
	return nil, errors.New("nothing is scraped")
}

// metadata is that of the schema, as a scrape of /metrics gives it.
type metadata struct{}

func (metadata) ListMetadata() []scrape.MetricMetadata {
	list := make([]scrape.MetricMetadata, len(schema.Metrics))
	for i, m := range schema.Metrics {
		list[i] = describe(m)
	}
	return list
}

func (metadata) GetMetadata(name string) (scrape.MetricMetadata, bool) {
	for _, m := range schema.Metrics {
		if m.Name == name {
			return describe(m), true
		}
	}
	return scrape.MetricMetadata{}, false
}

func (metadata) SizeMetadata() int   { return 0 }
func (metadata) LengthMetadata() int { return len(schema.Metrics) }

func describe(m *schema.Metric) scrape.MetricMetadata {
	kind := model.MetricTypeGauge
	if m.Type == schema.Counter {
		kind = model.MetricTypeCounter
	}
	return scrape.MetricMetadata{MetricFamily: m.Name, Type: kind, Help: m.Help, Unit: unitOf(m)}
}

// unitOf is the unit in Prometheus's words, where the metric's name ends in it: that
// is OpenMetrics's condition for having one.
func unitOf(m *schema.Metric) string {
	unit := map[string]string{"By": "bytes", "s": "seconds", "1": "ratio"}[m.Unit]
	if unit != "" && strings.HasSuffix(strings.TrimSuffix(m.Name, "_total"), "_"+unit) {
		return unit
	}
	return ""
}
