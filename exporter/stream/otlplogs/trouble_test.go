package otlplogs

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/stream/internal/streamtest"
)

// What is wrong with a request is said to the sender, in its own encoding, and
// takes nothing with it.
func TestRefused(t *testing.T) {
	var log streamtest.Log
	r, sink := receive(t, Options{Message: 8 << 10, Options: stream.Options{Logger: log.Logger()}})
	good := marshal(t, request(t, traefik))
	long := marshal(t, request(t, strings.Repeat(traefik, 20)))
	for _, c := range []struct {
		name    string
		body    []byte
		headers []string
		code    int
		rpc     codes.Code
	}{
		{"cut", good[:len(good)-3], nil, 400, codes.InvalidArgument},
		{"another protocol", []byte("GET / HTTP/1.1"), nil, 400, codes.InvalidArgument},
		{"not JSON", []byte("{"), []string{"Content-Type", typeJSON}, 400, codes.InvalidArgument},
		{"not gzip", good, []string{"Content-Encoding", "gzip"}, 400, codes.InvalidArgument},
		{"gzip cut", gz(t, good)[:100], []string{"Content-Encoding", "gzip"}, 400, codes.InvalidArgument},
		{"too long", long, nil, 413, codes.ResourceExhausted},
		{"too long when unpacked", gz(t, long), []string{"Content-Encoding", "gzip"}, 413, codes.ResourceExhausted},
		{"a bomb", gz(t, make([]byte, 64<<20)), []string{"Content-Encoding", "gzip"}, 413, codes.ResourceExhausted},
		{"an unknown encoding", good, []string{"Content-Encoding", "br"}, 415, codes.InvalidArgument},
		{"an unknown type", good, []string{"Content-Type", "text/plain"}, 415, codes.InvalidArgument},
	} {
		code, h, b := post(t, r, c.body, c.headers...)
		var s spb.Status
		if len(c.headers) > 0 && c.headers[1] == typeJSON {
			if err := protojson.Unmarshal(b, &s); err != nil || h.Get("Content-Type") != typeJSON {
				t.Errorf("%s: %v, %q", c.name, err, b)
			}
		} else if err := proto.Unmarshal(b, &s); err != nil {
			t.Errorf("%s: %v, %q", c.name, err, b)
		}
		if code != c.code || codes.Code(s.Code) != c.rpc || s.Message == "" {
			t.Errorf("%s: %d %v", c.name, code, &s)
		}
	}
	// The same over gRPC.
	bad := request(t, traefik)
	bad.ProtoReflect().SetUnknown([]byte{1<<3 | 2, 5, 'x'})
	if _, err := client(t, r, nil).Export(t.Context(), bad); status.Code(err) == codes.OK {
		t.Error("gRPC takes a message that is cut")
	}
	_, err := client(t, r, nil).Export(t.Context(), request(t, strings.Repeat(traefik, 20)))
	if s := status.Convert(err); s.Code() != codes.ResourceExhausted || len(s.Details()) != 0 {
		t.Errorf("gRPC: too long: %v", err)
	}
	export(t, r, request(t, traefik))
	streamtest.Eventually(t, count(sink, 1))
	if n := r.Stats().Errors(stream.ErrorLimit); n != 4 {
		t.Errorf("%d limit errors, want 4", n)
	}
	if n := r.Stats().Errors(stream.ErrorProtocol); n < 6 {
		t.Errorf("%d protocol errors, want 6", n)
	}
}

// Where nothing is counted, and where too many ask, senders are told to try again,
// and nothing of theirs is taken.
func TestTryAgain(t *testing.T) {
	r, err := New(Options{GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0", Requests: 1, Options: stream.Options{Blocks: 1}})
	if err != nil {
		t.Fatal(err)
	}
	r.patience = 300 * time.Millisecond
	sink := run(t, r)
	// One block with the sink, which holds it; no other may be taken.
	m := request(t, traefik)
	export(t, r, m)
	sink.Pause()
	for {
		_, err := client(t, r, nil).Export(t.Context(), m)
		if err == nil {
			time.Sleep(30 * time.Millisecond) // it was in the block before
			continue
		}
		checkAgain(t, err)
		break
	}
	if code, h, _ := post(t, r, marshal(t, m)); code != 503 || h.Get("Retry-After") != "1" {
		t.Errorf("no room: %d %v", code, h)
	}
	// While one waits for room, there is no place for another.
	var waiting sync.WaitGroup
	waiting.Go(func() { _, _, _ = post(t, r, marshal(t, m)) })
	time.Sleep(50 * time.Millisecond)
	if code, h, _ := post(t, r, marshal(t, m)); code != 503 || h.Get("Retry-After") != "1" {
		t.Errorf("no place: %d %v", code, h)
	}
	_, err = client(t, r, nil).Export(t.Context(), m)
	checkAgain(t, err)
	waiting.Wait()
	if n := r.Stats().Errors(stream.ErrorLimit); n != 5 {
		t.Errorf("%d limit errors, want 5", n)
	}
	before := sink.Len()
	sink.Resume()
	export(t, r, m)
	time.Sleep(100 * time.Millisecond)
	if n := sink.Len() - before; n < 1 || n > 3 { // with what had been taken while it stood still
		t.Errorf("%d records came", n)
	}
}

func checkAgain(t *testing.T, err error) {
	t.Helper()
	s := status.Convert(err)
	if s.Code() != codes.ResourceExhausted || len(s.Details()) != 1 {
		t.Fatalf("%v has no RetryInfo", err)
	}
	if i, ok := s.Details()[0].(*errdetails.RetryInfo); !ok || i.RetryDelay.AsDuration() != retryAfter {
		t.Errorf("%v", s.Details())
	}
}

// Senders that begin a request and do not go on with it are sent away: they have
// the places of others.
func TestSlowSenders(t *testing.T) {
	r, err := New(Options{GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0", Requests: 1})
	if err != nil {
		t.Fatal(err)
	}
	r.slow = 200 * time.Millisecond
	sink := run(t, r)
	conn, err := grpc.NewClient(r.GRPCAddr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/opentelemetry.proto.collector.logs.v1.LogsService/Export")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RecvMsg(new(logs.ExportLogsServiceResponse)); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("gRPC: %v", err)
	}
	c, err := net.Dial("tcp", r.HTTPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 100\r\n\r\nx", typeProtobuf)
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	answer, err := io.ReadAll(c)
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 400")) {
		t.Errorf("HTTP: %v, %q", err, answer)
	}
	export(t, r, request(t, traefik))
	streamtest.Eventually(t, count(sink, 1))
	if r.Stats().Errors(stream.ErrorTimeout) != 1 || r.Stats().Errors(stream.ErrorProtocol) != 1 {
		t.Error("it is not counted")
	}
}

// A client without a certificate is turned away and told of; the others go on.
func TestTLS(t *testing.T) {
	var log streamtest.Log
	certs := streamtest.NewCerts(t)
	r, sink := receive(t, Options{TLS: certs.Server, Options: stream.Options{Logger: log.Logger()}})
	url := "https://" + r.HTTPAddr().String() + "/v1/logs"
	m := request(t, traefik)
	good := &http.Transport{TLSClientConfig: certs.Client}
	defer good.CloseIdleConnections()
	if _, err := client(t, r, certs.Stranger).Export(t.Context(), m); status.Code(err) != codes.Unavailable {
		t.Errorf("gRPC without a certificate: %v", err)
	}
	if code, _, text := postBy(t, &http.Transport{TLSClientConfig: certs.Stranger}, url, marshal(t, m)); code != 0 {
		t.Errorf("HTTP without a certificate: %d %s", code, text)
	}
	streamtest.Eventually(t, func() string {
		if n := r.Stats().Errors(stream.ErrorTLS); n < 2 {
			return fmt.Sprintf("%d TLS errors, want one for each way", n)
		}
		return ""
	})
	if n := strings.Count(log.String(), "a TLS handshake failed"); n != 2 {
		t.Errorf("%d complaints:\n%s", n, log.String())
	}
	if _, err := client(t, r, certs.Client).Export(t.Context(), m); err != nil {
		t.Error(err)
	}
	if code, _, text := postBy(t, good, url, marshal(t, m)); code != 200 {
		t.Errorf("%d %s", code, text)
	}
	streamtest.Eventually(t, count(sink, 2))
}

// The input is up only while both addresses are listened on, and comes back by itself.
func TestAddressTaken(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	r, err := New(Options{GRPC: "127.0.0.1:0", HTTP: other.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	sink := streamtest.Run(t, r, streamtest.Options{})
	streamtest.Eventually(t, func() string {
		if r.GRPCAddr() == nil || r.Stats().LastError() == "" {
			return "it does not say that it is down"
		}
		return ""
	})
	if r.Stats().Up() {
		t.Error("it is up without HTTP")
	}
	export(t, r, request(t, traefik)) // the other way works
	other.Close()
	streamtest.Eventually(t, func() string {
		if !r.Stats().Up() {
			return "it does not recover"
		}
		return ""
	})
	posted(t, r, marshal(t, request(t, traefik)))
	streamtest.Eventually(t, count(sink, 2))
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		o          Options
		grpc, http string
		bad        bool
	}{
		{Options{}, DefaultGRPC, DefaultHTTP, false},
		{Options{GRPC: "127.0.0.1:1"}, "127.0.0.1:1", "", false},
		{Options{HTTP: "127.0.0.1:1"}, "", "127.0.0.1:1", false},
		{Options{HTTP: "127.0.0.1"}, "", "", true},
		{Options{GRPC: "127.0.0.1:notaport"}, "", "", true},
	} {
		r, err := New(c.o)
		if (err != nil) != c.bad || err == nil && (r.o.GRPC != c.grpc || r.o.HTTP != c.http) {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}

func TestMethods(t *testing.T) {
	r, _ := receive(t, Options{})
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for url, want := range map[string]int{"/v1/logs": 405, "/v1/traces": 404} {
		q, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+r.HTTPAddr().String()+url, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := transport.RoundTrip(q)
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		if a.StatusCode != want {
			t.Errorf("%s: %d", url, a.StatusCode)
		}
	}
}
