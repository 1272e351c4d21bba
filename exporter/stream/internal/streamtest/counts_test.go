package streamtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	data "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	als "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/logs/v1"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/pipeline"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/simulate"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/stream/envoyals"
	"github.com/darkshare/darkshare/exporter/stream/internal/streamtest"
	"github.com/darkshare/darkshare/exporter/stream/kafka"
	"github.com/darkshare/darkshare/exporter/stream/otlplogs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const host = "news.example"

// A record is a line of simulate.NginxJSONFormat, by its keys.
type record map[string]any

func (r record) text(key string) string {
	switch v := r[key].(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

func (r record) time(t *testing.T) time.Time {
	at, err := time.Parse(time.RFC3339, r.text("time"))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// The headers that a proxy is told to log.
var headers = []string{"sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "sec-fetch-user", "sec-purpose", "x-requested-with"}

func key(header string) string { return "http_" + strings.ReplaceAll(header, "-", "_") }

// traffic is some hours of a simulated site, with scanners, previews and all.
func traffic(t *testing.T) (log []byte, records []record) {
	t.Helper()
	mix, err := simulate.MixByName("news")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := simulate.Run(simulate.Options{
		Seed: 4, Start: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC), Duration: 2 * time.Hour, Visits: 200, Bots: 0.5,
		Site: simulate.Site{Host: host}, Mix: mix, Format: simulate.NginxJSON,
	}, &b); err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b.Bytes()) {
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return b.Bytes(), records
}

// count counts what a source brings while it is sent to, and returns the counters by
// their names and labels.
func count(t *testing.T, definition string, source stream.Source, send func()) map[string]float64 {
	t.Helper()
	format, err := accesslog.Compile(definition)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := pipeline.New(pipeline.Options{Rules: attribution.Options{Sites: []attribution.Site{{Name: host, Hosts: []string{host}}}}})
	if err != nil {
		t.Fatal(err)
	}
	engine.AddInput(pipeline.Input{Name: "proxy", Format: format})
	blocks := make(chan *stream.Block, 1)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		_ = source.Run(ctx, blocks)
		close(blocks)
	})
	running.Go(func() {
		if err := engine.Run(context.WithoutCancel(ctx), blocks); err != nil {
			t.Error(err)
		}
	})
	send()
	stop()
	running.Wait()
	counts := map[string]float64{}
	for _, family := range engine.Snapshot() {
		if strings.HasPrefix(family.Metric.Name, "darkshare_input_") {
			continue // bytes differ
		}
		for _, s := range family.Samples {
			if s.Value != 0 {
				counts[fmt.Sprint(family.Metric.Name, s.Labels)] = s.Value
			}
		}
	}
	return counts
}

func value(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
}

// entry is the record as Envoy's access log service has it.
func entry(t *testing.T, r record) *data.HTTPAccessLogEntry {
	status, err := strconv.ParseUint(r.text("status"), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	e := &data.HTTPAccessLogEntry{
		CommonProperties: &data.AccessLogCommon{
			StartTime: timestamppb.New(r.time(t)),
			DownstreamRemoteAddress: &core.Address{Address: &core.Address_SocketAddress{
				SocketAddress: &core.SocketAddress{Address: r.text("remote_addr")}}},
		},
		Request: &data.HTTPRequestProperties{
			RequestMethod: core.RequestMethod(core.RequestMethod_value[r.text("request_method")]),
			Authority:     r.text("host"), Path: r.text("request_uri"), UserAgent: r.text("http_user_agent"), Referer: r.text("http_referer"),
			RequestHeaders: map[string]string{},
		},
		Response: &data.HTTPResponseProperties{
			ResponseCode:    wrapperspb.UInt32(uint32(status)),
			ResponseHeaders: map[string]string{"content-type": r.text("sent_http_content_type")},
		},
	}
	for _, h := range headers {
		if v := r.text(key(h)); v != "" {
			e.Request.RequestHeaders[h] = v
		}
	}
	return e
}

// traefik is the record as Traefik 3 sends it by OTLP.
func traefik(t *testing.T, r record) *otlp.LogRecord {
	l := &otlp.LogRecord{TimeUnixNano: uint64(r.time(t).UnixNano()), Body: value("the same as text")}
	add := func(key, v string) {
		if v != "" {
			l.Attributes = append(l.Attributes, &common.KeyValue{Key: key, Value: value(v)})
		}
	}
	add("RequestMethod", r.text("request_method"))
	add("RequestPath", r.text("request_uri"))
	add("RequestHost", r.text("host"))
	add("ClientAddr", r.text("remote_addr"))
	add("ClientHost", r.text("remote_addr"))
	add("DownstreamStatus", r.text("status"))
	add("request_Referer", r.text("http_referer"))
	add("request_User-Agent", r.text("http_user_agent"))
	add("downstream_Content-Type", r.text("sent_http_content_type"))
	for _, h := range headers {
		add("request_"+h, r.text(key(h)))
	}
	return l
}

func connect(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// The counters are the same whichever way a proxy's records come.
func TestCounts(t *testing.T) {
	log, records := traffic(t)
	var reader stream.Source = stream.Reader(bytes.NewReader(log), stream.Options{})
	ended := make(chan struct{})
	want := count(t, "json", done{reader, ended}, func() { <-ended })
	if n := want["darkshare_log_lines_total[proxy]"]; n != float64(len(records)) || n < 5_000 {
		t.Fatalf("%v lines of %d", n, len(records))
	}
	for _, name := range []string{schema.ChannelDarkSocial.String(), schema.ChannelSearch.String()} {
		found := false
		for k := range want {
			found = found || strings.HasPrefix(k, "darkshare_visits_total["+host+" "+name)
		}
		if !found {
			t.Fatalf("the traffic has no visits of %s", name)
		}
	}
	ways := map[string]func(*testing.T) map[string]float64{
		"envoy als": func(t *testing.T) map[string]float64 {
			r, err := envoyals.New(envoyals.Options{Listen: "127.0.0.1:0"})
			if err != nil {
				t.Fatal(err)
			}
			return count(t, envoyals.Format, r, func() {
				streamtest.Eventually(t, func() string { return listens(r.Addr() != nil) })
				s, err := als.NewAccessLogServiceClient(connect(t, r.Addr().String())).StreamAccessLogs(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for i := 0; i < len(records); i += 24 {
					var entries []*data.HTTPAccessLogEntry
					for _, r := range records[i:min(i+24, len(records))] {
						entries = append(entries, entry(t, r))
					}
					if err := s.Send(&als.StreamAccessLogsMessage{LogEntries: &als.StreamAccessLogsMessage_HttpLogs{
						HttpLogs: &als.StreamAccessLogsMessage_HTTPAccessLogEntries{LogEntry: entries}}}); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := s.CloseAndRecv(); err != nil {
					t.Fatal(err)
				}
			})
		},
		"traefik otlp": func(t *testing.T) map[string]float64 {
			r, err := otlplogs.New(otlplogs.Options{GRPC: "127.0.0.1:0"})
			if err != nil {
				t.Fatal(err)
			}
			return count(t, otlplogs.Format, r, func() {
				streamtest.Eventually(t, func() string { return listens(r.GRPCAddr() != nil) })
				c := logs.NewLogsServiceClient(connect(t, r.GRPCAddr().String()))
				for i := 0; i < len(records); i += 500 {
					var batch []*otlp.LogRecord
					for _, r := range records[i:min(i+500, len(records))] {
						batch = append(batch, traefik(t, r))
					}
					if _, err := c.Export(t.Context(), &logs.ExportLogsServiceRequest{ResourceLogs: []*otlp.ResourceLogs{
						{ScopeLogs: []*otlp.ScopeLogs{{LogRecords: batch}}}}}); err != nil {
						t.Fatal(err)
					}
				}
			})
		},
		"kafka": func(t *testing.T) map[string]float64 {
			const topic = "access-logs"
			c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			r, err := kafka.New(kafka.Options{Brokers: c.ListenAddrs(), Topic: topic, StartAt: stream.StartAtBeginning})
			if err != nil {
				t.Fatal(err)
			}
			return count(t, "json", r, func() {
				p, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.DefaultProduceTopic(topic))
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				var batch []*kgo.Record
				for line := range bytes.Lines(log) {
					batch = append(batch, kgo.SliceRecord(bytes.TrimSpace(line)))
				}
				if err := p.ProduceSync(t.Context(), batch...).FirstErr(); err != nil {
					t.Fatal(err)
				}
				streamtest.Eventually(t, func() string {
					for _, p := range r.Positions() {
						if p.Offset == int64(len(records)) {
							return ""
						}
					}
					return fmt.Sprint("counted up to ", r.Positions())
				})
			})
		},
	}
	for name, run := range ways {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, run(t)); diff != "" {
				t.Errorf("not as from a file:\n%s", diff)
			}
		})
	}
}

func listens(ok bool) string {
	if ok {
		return ""
	}
	return "it does not listen"
}

// done tells when a source has come to its end.
type done struct {
	stream.Source
	ended chan struct{}
}

func (d done) Run(ctx context.Context, out chan<- *stream.Block) error {
	defer close(d.ended)
	return d.Source.Run(ctx, out)
}
