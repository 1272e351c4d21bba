package metrics

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	colmetricpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricpb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/darkshare/darkshare/exporter/schema"
)

// A receiver is an OTLP receiver for metrics, by gRPC and by HTTP.
type receiver struct {
	colmetricpb.UnimplementedMetricsServiceServer
	got     chan *colmetricpb.ExportMetricsServiceRequest
	partial *colmetricpb.ExportMetricsPartialSuccess
}

func (r *receiver) Export(_ context.Context, req *colmetricpb.ExportMetricsServiceRequest) (*colmetricpb.ExportMetricsServiceResponse, error) {
	select {
	case r.got <- req:
	default: // the test has seen enough
	}
	return &colmetricpb.ExportMetricsServiceResponse{PartialSuccess: r.partial}, nil
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var in colmetricpb.ExportMetricsServiceRequest
	if err != nil || req.Method != http.MethodPost || req.URL.Path != "/v1/metrics" ||
		req.Header.Get("Content-Type") != "application/x-protobuf" || proto.Unmarshal(body, &in) != nil {
		http.Error(w, "not OTLP", http.StatusBadRequest)
		return
	}
	out, _ := r.Export(req.Context(), &in)
	body, _ = proto.Marshal(out)
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(body)
}

// start returns the receiver's URL for the protocol.
func (r *receiver) start(t *testing.T, protocol string) string {
	r.got = make(chan *colmetricpb.ExportMetricsServiceRequest, 100)
	if protocol != "grpc" {
		s := httptest.NewServer(r)
		t.Cleanup(s.Close)
		t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
		return s.URL
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	colmetricpb.RegisterMetricsServiceServer(s, r)
	go s.Serve(l)
	t.Cleanup(s.Stop)
	return "http://" + l.Addr().String()
}

// await returns the next push.
func (r *receiver) await(t *testing.T) *metricpb.ResourceMetrics {
	t.Helper()
	select {
	case req := <-r.got:
		if len(req.ResourceMetrics) != 1 {
			t.Fatalf("%d resources", len(req.ResourceMetrics))
		}
		return req.ResourceMetrics[0]
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was pushed")
		return nil
	}
}

func attributes(kvs []*commonpb.KeyValue) string {
	var out []string
	for _, kv := range kvs {
		out = append(out, kv.Key+"="+kv.Value.GetStringValue())
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

// describe writes a metric in a line, with its points' values and start times.
func describe(m *metricpb.Metric) string {
	s := fmt.Sprintf("%s %q", m.Name, m.Unit)
	points := m.GetGauge().GetDataPoints()
	if sum := m.GetSum(); sum != nil {
		s += fmt.Sprintf(" sum cumulative=%v monotonic=%v",
			sum.AggregationTemporality == metricpb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE, sum.IsMonotonic)
		points = sum.DataPoints
	} else if m.GetGauge() != nil {
		s += " gauge"
	}
	for _, p := range points {
		s += fmt.Sprintf(" {%s}=%v", attributes(p.Attributes), p.GetAsDouble())
		if p.StartTimeUnixNano != 0 {
			s += "@" + time.Unix(0, int64(p.StartTimeUnixNano)).UTC().Format("15:04:05.000")
		}
	}
	return s
}

func TestPushOTLP(t *testing.T) {
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		for _, compression := range []string{"none", "gzip"} {
			if protocol != "grpc" && compression == "gzip" {
				continue // the receiver does not unpack
			}
			t.Run(protocol+" "+compression, func(t *testing.T) {
				r := new(receiver)
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.start(t, protocol))
				t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
				t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
				t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "20")
				t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,host.name=proxy-1")
				testPush(t, r)
			})
		}
	}
}

func testPush(t *testing.T, r *receiver) {
	b := newBoard()
	b.now = func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 600e6, time.UTC) }
	b.set(schema.Visits, 3, "example.com", "dark_social", "whatsapp", "app", "mobile")
	b.set(schema.Visits, 1, "example.com", "search", "google", "referrer", "desktop")
	b.set(schema.Ratio, 0.25, "example.com", "1h", "known")
	b.set(schema.InputBytes, 1<<40, "bad\xff")
	b.set(schema.Visitors, 7)
	want := []string{
		`darkshare.visits "{visit}" sum cumulative=true monotonic=true {channel=dark_social,device=mobile,evidence=app,site=example.com,source=whatsapp}=3@03:04:05.600` +
			` {channel=search,device=desktop,evidence=referrer,site=example.com,source=google}=1@03:04:05.600`,
		schema.Ratio.OTel + ` "1" gauge {bound=known,site=example.com,window=1h}=0.25`,
		`darkshare.input "By" sum cumulative=true monotonic=true {input=bad` + "\uFFFD" + `}=1.099511627776e+12@03:04:05.600`,
		`darkshare.visitors "{visitor}" gauge {}=7`,
	}
	reg := prometheus.NewRegistry()
	shutdown, err := PushOTLP(t.Context(), b.snapshot, OTLPOptions{Version: "1.2.3", Registerer: reg})
	if err != nil {
		t.Fatal(err)
	}
	rm := r.await(t)
	if n := len(rm.ScopeMetrics); n != 1 {
		t.Fatalf("%d scopes", n)
	}
	scope := rm.ScopeMetrics[0]
	if scope.Scope.Name != "github.com/darkshare/darkshare" || scope.Scope.Version != "1.2.3" {
		t.Errorf("scope %v", scope.Scope)
	}
	var got []string
	for _, m := range scope.Metrics {
		got = append(got, describe(m))
		if m.Description == "" {
			t.Errorf("%s has no description", m.Name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	res := attributes(rm.Resource.Attributes)
	for _, a := range []string{
		"service.name=darkshare", "service.version=1.2.3", "service.instance.id=" + instanceID(),
		"deployment.environment.name=test", "host.name=proxy-1", "telemetry.sdk.name=opentelemetry",
	} {
		if !slices.Contains(strings.Split(res, ","), a) {
			t.Errorf("the resource has no %s: %s", a, res)
		}
	}

	// The values of the very end are pushed too.
	b.set(schema.Visitors, 8)
	if err := shutdown(t.Context()); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	close(r.got)
	for req := range r.got {
		rm = req.ResourceMetrics[0]
	}
	if last := rm.ScopeMetrics[0].Metrics; describe(last[len(last)-1]) != `darkshare.visitors "{visitor}" gauge {}=8` {
		t.Errorf("last push: %v", last)
	}
	if counted := counters(t, reg); !strings.Contains(counted, "darkshare_otlp_push_errors_total 0\n") ||
		strings.Contains(counted, "darkshare_otlp_pushes_total 0\n") {
		t.Errorf("counted\n%s", counted)
	}
}

// counters returns our own metrics of a registry as text.
func counters(t *testing.T, reg *prometheus.Registry) string {
	t.Helper()
	return ours(get(Handler(newBoard().snapshot, HandlerOptions{Registry: reg}), "Accept", acceptText).Body.String())
}

func TestServiceName(t *testing.T) {
	t.Setenv("OTEL_SERVICE_NAME", "edge")
	res := newResource(t.Context(), OTLPOptions{Logger: quietly})
	if v, _ := res.Set().Value("service.name"); v.AsString() != "edge" {
		t.Errorf("service.name %q", v.AsString())
	}
}

func TestOTLPEnvironment(t *testing.T) {
	for _, tc := range []struct {
		env  string
		want string // "push", "idle", or a part of the error
	}{
		{"", "idle"},
		{"force", "push"},
		{"OTEL_METRICS_EXPORTER=otlp", "push"},
		{"OTEL_METRICS_EXPORTER=prometheus,otlp", "push"},
		{"OTEL_METRICS_EXPORTER=none", "idle"},
		{"OTEL_METRICS_EXPORTER=none OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:1", "idle"},
		{"OTEL_METRICS_EXPORTER=console", "OTEL_METRICS_EXPORTER=console: want otlp"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:1", "push"},
		{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://localhost:1/v1/metrics", "push"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:1 OTEL_SDK_DISABLED=true", "idle"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=localhost:4317", "OTEL_EXPORTER_OTLP_ENDPOINT=localhost:4317: want a URL"},
		{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://: want a URL"},
		{"force OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "push"},
		{"force OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "push"},
		{"force OTEL_EXPORTER_OTLP_PROTOCOL=http/json", "OTEL_EXPORTER_OTLP_PROTOCOL=http/json: want grpc or http/protobuf"},
		{"force OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/json", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/json: want"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL=http/json", "idle"},
	} {
		t.Run(tc.env, func(t *testing.T) {
			o := OTLPOptions{Logger: quietly}
			for v := range strings.FieldsSeq(tc.env) {
				if name, value, ok := strings.Cut(v, "="); ok {
					t.Setenv(name, value)
				} else {
					o.Force = true
				}
			}
			snapshots := 0
			shutdown, err := PushOTLP(t.Context(), func() []schema.Family { snapshots++; return nil }, o)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			_ = shutdown(ctx)
			got := "idle"
			if err != nil {
				got = err.Error()
			} else if snapshots > 0 {
				got = "push"
			}
			if !strings.HasPrefix(got, tc.want) {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// TestUnreachable has a collector that is not there, and one that accepts the
// connection and says nothing, hold up neither pushes nor the end.
func TestUnreachable(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		for name, l := range map[string]net.Listener{"closed": closed, "silent": silent} {
			t.Run(protocol+" "+name, func(t *testing.T) {
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+l.Addr().String())
				t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
				t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "10")
				t.Setenv("OTEL_METRIC_EXPORT_TIMEOUT", "50")
				var log safeBuffer
				reg := prometheus.NewRegistry()
				shutdown, err := PushOTLP(t.Context(), everyMetric().snapshot,
					OTLPOptions{Logger: slog.New(slog.NewTextHandler(&log, nil)), Registerer: reg})
				if err != nil {
					t.Fatal(err)
				}
				for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
					if c := counters(t, reg); !strings.Contains(c, "push_errors_total 0\n") && !strings.Contains(c, "push_errors_total 1\n") {
						break
					}
					if time.Since(start) > 10*time.Second {
						t.Fatal("failed pushes are not counted")
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				start := time.Now()
				_ = shutdown(ctx)
				if d := time.Since(start); d > 2*time.Second {
					t.Errorf("shutdown took %v", d)
				}
				if n := strings.Count(log.String(), "OTLP push failed"); n != 1 {
					t.Errorf("logged %d times:\n%s", n, log.String())
				}
			})
		}
	}
}

// TestPartialSuccess has a receiver that refuses some points be counted and logged.
func TestPartialSuccess(t *testing.T) {
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Run(protocol, func(t *testing.T) {
			r := &receiver{partial: &colmetricpb.ExportMetricsPartialSuccess{RejectedDataPoints: 2, ErrorMessage: "too old"}}
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.start(t, protocol))
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			var log safeBuffer
			reg := prometheus.NewRegistry()
			shutdown, err := PushOTLP(t.Context(), everyMetric().snapshot,
				OTLPOptions{Logger: slog.New(slog.NewTextHandler(&log, nil)), Registerer: reg})
			if err != nil {
				t.Fatal(err)
			}
			if err := shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if !strings.Contains(log.String(), "too old") || !strings.Contains(counters(t, reg), "push_errors_total 1\n") {
				t.Errorf("logged %q, counted\n%s", log.String(), counters(t, reg))
			}
		})
	}
}

func TestPushLogIsThrottled(t *testing.T) {
	var log bytes.Buffer
	w, err := watch(nil, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
				return slog.Attr{}
			}
			return a
		},
	})), nil)
	if err != nil {
		t.Fatal(err)
	}
	for second := range 200 {
		err := io.ErrUnexpectedEOF
		if second == 70 || second == 71 || second%10 == 5 {
			err = nil
		}
		w.log(err, at(second))
	}
	const want = `msg="OTLP push failed; will try again with newer values" err="unexpected EOF" not_logged=0
msg="OTLP push works again" not_logged=4
msg="OTLP push failed; will try again with newer values" err="unexpected EOF" not_logged=49
msg="OTLP push works again" not_logged=4
msg="OTLP push failed; will try again with newer values" err="unexpected EOF" not_logged=47
msg="OTLP push works again" not_logged=4
msg="OTLP push failed; will try again with newer values" err="unexpected EOF" not_logged=49
msg="OTLP push works again" not_logged=4
`
	if log.String() != want {
		t.Errorf("got\n%s", log.String())
	}
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
