package otlplogs

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/stream/internal/streamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receive runs a receiver on ports of its own.
func receive(t testing.TB, o Options) (*Receiver, *streamtest.Sink) {
	t.Helper()
	o.GRPC, o.HTTP = "127.0.0.1:0", "127.0.0.1:0"
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r, run(t, r)
}

func run(t testing.TB, r *Receiver) *streamtest.Sink {
	t.Helper()
	sink := streamtest.Run(t, r, streamtest.Options{})
	streamtest.Eventually(t, func() string {
		if r.GRPCAddr() == nil || r.HTTPAddr() == nil {
			return "it does not listen"
		}
		return ""
	})
	return sink
}

func client(t testing.TB, r *Receiver, config *tls.Config) logs.LogsServiceClient {
	t.Helper()
	c := insecure.NewCredentials()
	if config != nil {
		c = credentials.NewTLS(config)
	}
	conn, err := grpc.NewClient(r.GRPCAddr().String(), grpc.WithTransportCredentials(c))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return logs.NewLogsServiceClient(conn)
}

// post sends a body over HTTP and returns the answer's status, headers and body.
func post(t testing.TB, r *Receiver, body []byte, headers ...string) (int, http.Header, []byte) {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	return postBy(t, transport, "http://"+r.HTTPAddr().String()+"/v1/logs", body, headers...)
}

func postBy(t testing.TB, transport *http.Transport, url string, body []byte, headers ...string) (int, http.Header, []byte) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), "POST", url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", typeProtobuf)
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	a, err := transport.RoundTrip(q)
	if err != nil {
		return 0, nil, []byte(err.Error())
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, a.Header, b
}

func gz(t testing.TB, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// asJSON writes a request as OTLP does, with ids in hexadecimal.
func asJSON(t testing.TB, m *logs.ExportLogsServiceRequest) []byte {
	t.Helper()
	m = proto.Clone(m).(*logs.ExportLogsServiceRequest)
	id := []byte("0123456789abcdef")
	for _, r := range m.ResourceLogs[0].ScopeLogs[0].LogRecords {
		r.TraceId, r.SpanId = id, id[:8]
	}
	b, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{16, 8} {
		b = bytes.ReplaceAll(b, []byte(base64.StdEncoding.EncodeToString(id[:n])), []byte(hex.EncodeToString(id[:n])))
	}
	if !bytes.Contains(b, []byte(hex.EncodeToString(id))) {
		t.Fatal("the ids are not in hexadecimal")
	}
	return bytes.Replace(b, []byte("{"), []byte(`{"a later version's field": 1, `), 1)
}

func count(sink *streamtest.Sink, n int) func() string {
	return func() string {
		if got := sink.Len(); got != n {
			return fmt.Sprintf("%d records, want %d", got, n)
		}
		return ""
	}
}

// By whatever way the same records come, the same lines go on.
func TestReceive(t *testing.T) {
	m := request(t, traefik+envoy+conventions+mapBody)
	message := marshal(t, m)
	want := lines(t, message)
	ways := map[string]func(t *testing.T, r *Receiver){
		"grpc": func(t *testing.T, r *Receiver) { export(t, r, m) },
		"grpc gzip": func(t *testing.T, r *Receiver) {
			export(t, r, m, grpc.UseCompressor("gzip"))
		},
		"http": func(t *testing.T, r *Receiver) { posted(t, r, message) },
		"http with parameters": func(t *testing.T, r *Receiver) {
			posted(t, r, message, "Content-Type", "application/x-protobuf; proto=x")
		},
		"http gzip": func(t *testing.T, r *Receiver) { posted(t, r, gz(t, message), "Content-Encoding", "gzip") },
		"json": func(t *testing.T, r *Receiver) {
			posted(t, r, asJSON(t, m), "Content-Type", "application/json; charset=utf-8")
		},
		"json gzip": func(t *testing.T, r *Receiver) {
			posted(t, r, gz(t, asJSON(t, m)), "Content-Type", typeJSON, "Content-Encoding", "gzip")
		},
	}
	for name, send := range ways {
		t.Run(name, func(t *testing.T) {
			r, sink := receive(t, Options{})
			send(t, r)
			streamtest.Eventually(t, count(sink, len(want)))
			for i, line := range sink.Lines() {
				if line != want[i] {
					t.Errorf("%s\nwant %s", line, want[i])
				}
			}
		})
	}
}

func export(t *testing.T, r *Receiver, m *logs.ExportLogsServiceRequest, o ...grpc.CallOption) {
	t.Helper()
	answer, err := client(t, r, nil).Export(t.Context(), m, o...)
	if err != nil || answer.PartialSuccess != nil {
		t.Fatal(answer, err)
	}
}

func posted(t *testing.T, r *Receiver, body []byte, headers ...string) {
	t.Helper()
	code, h, b := post(t, r, body, headers...)
	kind := typeProtobuf
	want := ""
	for i := range headers {
		if headers[i] == "Content-Type" && strings.HasPrefix(headers[i+1], typeJSON) {
			kind, want = typeJSON, "{}"
		}
	}
	if code != 200 || h.Get("Content-Type") != kind || string(b) != want {
		t.Fatalf("%d %v %q", code, h, b)
	}
}

// Senders that try again lose nothing and double nothing, however slow the counting.
func TestSlowCounting(t *testing.T) {
	r, sink := receive(t, Options{Requests: 2, Options: stream.Options{Blocks: 1}})
	const senders, each = 4, 15
	var all sync.WaitGroup
	for k := range senders {
		c := client(t, r, nil)
		all.Go(func() {
			for n := range each {
				var b strings.Builder
				for i := range 50 {
					fmt.Fprintf(&b, `log_records { body { string_value: "%d %d %d %s" } } `, k, n, i, strings.Repeat("x", 500))
				}
				m := request(t, b.String())
				for {
					_, err := c.Export(t.Context(), m)
					if err == nil {
						break
					}
					if status.Code(err) != codes.ResourceExhausted {
						t.Error(err)
						return
					}
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	for range 5 {
		sink.Pause()
		time.Sleep(30 * time.Millisecond)
		sink.Resume()
	}
	all.Wait()
	streamtest.Eventually(t, count(sink, senders*each*50))
	if n := sink.Twice(); n != 0 {
		t.Errorf("%d came twice", n)
	}
}

// At the end, every request that was answered with success has been counted.
func TestEnd(t *testing.T) {
	r, sink := receive(t, Options{})
	c := client(t, r, nil)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	url := "http://" + r.HTTPAddr().String() + "/v1/logs"
	m := request(t, traefik+envoy)
	message := marshal(t, m)
	var taken [2]int
	var senders sync.WaitGroup
	senders.Go(func() {
		for {
			if _, err := c.Export(t.Context(), m); err != nil {
				return
			}
			taken[0] += 2
		}
	})
	senders.Go(func() {
		for {
			if code, _, _ := postBy(t, transport, url, message); code != 200 {
				return
			}
			taken[1] += 2
		}
	})
	time.Sleep(200 * time.Millisecond)
	start := time.Now()
	sink.Stop()
	if took := time.Since(start); took > 1500*time.Millisecond {
		t.Errorf("the end took %v", took)
	}
	senders.Wait()
	if taken[0] == 0 || taken[1] == 0 || sink.Len() < taken[0]+taken[1] || sink.Len() > taken[0]+taken[1]+4 {
		t.Errorf("%v records were taken, %d counted", taken, sink.Len())
	}
	if n := r.Stats().Dropped(stream.DropShutdown); n != 0 {
		t.Errorf("%d dropped", n)
	}
}
