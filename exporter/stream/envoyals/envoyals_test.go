package envoyals

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	data "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	als "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/status"

	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/stream/internal/streamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receive runs a receiver, on a port of its own, and returns its address.
func receive(t testing.TB, o Options, so streamtest.Options) (*Receiver, *streamtest.Sink, string) {
	t.Helper()
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	sink := streamtest.Run(t, r, so)
	streamtest.Eventually(t, func() string {
		if r.Addr() == nil {
			return "it does not listen"
		}
		return ""
	})
	return r, sink, r.Addr().String()
}

func dial(t testing.TB, address string, config *tls.Config, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	c := insecure.NewCredentials()
	if config != nil {
		c = credentials.NewTLS(config)
	}
	conn, err := grpc.NewClient(address, append(options, grpc.WithTransportCredentials(c))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// open begins a stream as Envoy does.
func open(t testing.TB, conn *grpc.ClientConn) als.AccessLogService_StreamAccessLogsClient {
	t.Helper()
	s, err := als.NewAccessLogServiceClient(conn).StreamAccessLogs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func count(sink *streamtest.Sink, n int) func() string {
	return func() string {
		if got := sink.Len(); got != n {
			return fmt.Sprintf("%d records, want %d", got, n)
		}
		return ""
	}
}

func TestReceive(t *testing.T) {
	r, sink, address := receive(t, Options{}, streamtest.Options{})
	conn := dial(t, address, nil)
	s := open(t, conn)
	for n := range 10 {
		m := httpLogs(visit(2*n), visit(2*n+1))
		if n == 0 {
			m.Identifier = &als.StreamAccessLogsMessage_Identifier{LogName: "darkshare"}
		}
		if err := s.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	// Without the end of the stream, of which Envoy knows none.
	streamtest.Eventually(t, count(sink, 20))
	for i, line := range sink.Lines() {
		if !strings.Contains(line, fmt.Sprintf(`"request_uri":"/blog/%d?`, i)) {
			t.Fatalf("line %d is %s", i, line)
		}
	}
	if _, err := s.CloseAndRecv(); err != nil {
		t.Error(err)
	}
	if !r.Stats().Up() || r.Stats().Bytes() == 0 {
		t.Errorf("up %v, %d bytes", r.Stats().Up(), r.Stats().Bytes())
	}
	sink.Stop()
	if r.Stats().Up() || r.Addr() != nil {
		t.Error("it is still up")
	}
}

// Streams of many worker threads at once: each keeps its order.
func TestManyStreams(t *testing.T) {
	const streams, each = 20, 200
	_, sink, address := receive(t, Options{}, streamtest.Options{})
	var senders sync.WaitGroup
	for k := range streams {
		conn := dial(t, address, nil)
		senders.Go(func() {
			s := open(t, conn)
			for n := range each {
				e := visit(n)
				e.Request.Authority = fmt.Sprint("host", k)
				if err := s.Send(httpLogs(e)); err != nil {
					t.Error(err)
				}
			}
			if _, err := s.CloseAndRecv(); err != nil {
				t.Error(err)
			}
		})
	}
	senders.Wait()
	streamtest.Eventually(t, count(sink, streams*each))
	next := map[string]int{}
	for _, line := range sink.Lines() {
		_, rest, _ := strings.Cut(line, `"host":"`)
		host, _, _ := strings.Cut(rest, `"`)
		if !strings.Contains(line, fmt.Sprintf(`"/blog/%d?`, next[host])) {
			t.Fatalf("%s: want %d, got %s", host, next[host], line)
		}
		next[host]++
	}
}

// A counting that stands still stops the sender, holds little, and loses nothing.
func TestBackPressure(t *testing.T) {
	_, sink, address := receive(t, Options{}, streamtest.Options{CountOnly: true})
	s := open(t, dial(t, address, nil, grpc.WithInitialWindowSize(64<<10)))
	sink.Pause()
	var entries []*data.HTTPAccessLogEntry
	for n := range 24 {
		entries = append(entries, visit(n))
	}
	m := httpLogs(entries...)
	const messages = 1000 // 14 MB
	sent := make(chan int, messages)
	go func() {
		defer close(sent)
		for n := range messages {
			if err := s.Send(m); err != nil {
				t.Error(err)
				return
			}
			sent <- n
		}
	}()
	last := -1
	streamtest.Eventually(t, func() string { // the sender comes to a halt
		before := last
		time.Sleep(100 * time.Millisecond)
		last = len(sent)
		if last == 0 || last != before {
			return fmt.Sprintf("still sending: %d", last)
		}
		return ""
	})
	if last > messages/2 {
		t.Errorf("%d of %d messages were taken while nothing was counted", last, messages)
	}
	sink.Resume()
	for range sent {
	}
	streamtest.Eventually(t, count(sink, 24*messages))
}

// At the end, what was sent is read, counted, and then the sender is told to go.
func TestEnd(t *testing.T) {
	r, sink, address := receive(t, Options{}, streamtest.Options{CountOnly: true})
	s := open(t, dial(t, address, nil))
	const messages = 500
	for range messages {
		if err := s.Send(httpLogs(visit(1), visit(2))); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	sink.Stop()
	if took := time.Since(start); took > drainLimit {
		t.Errorf("the end took %v", took)
	}
	if sink.Len() != 2*messages {
		t.Errorf("%d records of %d", sink.Len(), 2*messages)
	}
	if n := r.Stats().Dropped(stream.DropShutdown); n != 0 {
		t.Errorf("%d dropped", n)
	}
	if err := s.RecvMsg(new(als.StreamAccessLogsResponse)); status.Code(err) != codes.Unavailable {
		t.Errorf("the sender is told %v", err)
	}
}

// drainLimit is more than an end may take while the counting goes on.
const drainLimit = 1500 * time.Millisecond

// An end while nothing is counted is in bounded time as well, and says what it lost.
func TestEndWhileStuck(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as the waiting at the end")
	}
	r, sink, address := receive(t, Options{Options: stream.Options{Blocks: 1}}, streamtest.Options{CountOnly: true})
	s := open(t, dial(t, address, nil))
	sink.Pause()
	var entries []*data.HTTPAccessLogEntry
	for n := range 1000 { // more than two blocks
		entries = append(entries, visit(n))
	}
	if err := s.Send(httpLogs(entries...)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	done := make(chan struct{})
	go func() { defer close(done); sink.Stop() }()
	streamtest.Eventually(t, func() string {
		if r.Stats().Dropped(stream.DropShutdown) == 0 {
			return "nothing is said to be lost"
		}
		return ""
	})
	sink.Resume()
	<-done
	if n := sink.Len() + int(r.Stats().Dropped(stream.DropShutdown)); n != 1000 {
		t.Errorf("%d counted, %d dropped, want 1000 together", sink.Len(), r.Stats().Dropped(stream.DropShutdown))
	}
}

// A client without a certificate is turned away and told of; the others go on.
func TestTLS(t *testing.T) {
	var log streamtest.Log
	certs := streamtest.NewCerts(t)
	r, sink, address := receive(t, Options{TLS: certs.Server, Options: stream.Options{Logger: log.Logger()}}, streamtest.Options{})
	friend := open(t, dial(t, address, certs.Client))
	if err := friend.Send(httpLogs(visit(1))); err != nil {
		t.Fatal(err)
	}
	streamtest.Eventually(t, count(sink, 1))
	for name, config := range map[string]*tls.Config{"no certificate": certs.Stranger, "no TLS": nil} {
		s, err := als.NewAccessLogServiceClient(dial(t, address, config)).StreamAccessLogs(t.Context())
		if err == nil {
			err = s.RecvMsg(new(als.StreamAccessLogsResponse))
		}
		if status.Code(err) != codes.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	streamtest.Eventually(t, func() string {
		if n := r.Stats().Errors(stream.ErrorTLS); n < 2 {
			return fmt.Sprintf("%d TLS errors", n)
		}
		return ""
	})
	if !strings.Contains(log.String(), "advice=") || strings.Count(log.String(), "a TLS handshake failed") != 1 {
		t.Errorf("the log is to say it once:\n%s", log.String())
	}
	if err := friend.Send(httpLogs(visit(2))); err != nil {
		t.Fatal(err)
	}
	streamtest.Eventually(t, count(sink, 2))
}

// A raw sender sends bytes that are no message.
type raw struct{}

func (raw) Name() string                  { return "proto" }
func (raw) Marshal(v any) ([]byte, error) { return v.([]byte), nil }
func (raw) Unmarshal([]byte, any) error   { return nil }

var _ encoding.Codec = raw{}

// A truncated message is counted as one malformed record, and the stream goes on;
// one past the limit ends its stream, and the others go on.
func TestBadMessages(t *testing.T) {
	var log streamtest.Log
	r, sink, address := receive(t, Options{Message: 64 << 10, Options: stream.Options{Logger: log.Logger()}}, streamtest.Options{})
	good := open(t, dial(t, address, nil))
	bad, err := dial(t, address, nil).NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true},
		"/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs", grpc.ForceCodec(raw{}))
	if err != nil {
		t.Fatal(err)
	}
	whole := marshal(t, httpLogs(visit(1), visit(2)))
	for _, m := range [][]byte{whole[:len(whole)-7], whole, []byte("GET / HTTP/1.1\r\n\r\n"), {}} {
		if err := bad.SendMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	streamtest.Eventually(t, count(sink, 1+2+1))
	if n := r.Stats().Errors(stream.ErrorProtocol); n != 2 {
		t.Errorf("%d protocol errors, want 2", n)
	}
	if err := bad.SendMsg(make([]byte, 128<<10)); err != nil {
		t.Fatal(err)
	}
	if err := bad.RecvMsg(nil); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("too long a message: %v", err)
	}
	streamtest.Eventually(t, func() string {
		if n := r.Stats().Errors(stream.ErrorLimit); n != 1 {
			return fmt.Sprintf("%d limit errors", n)
		}
		return ""
	})
	if err := good.Send(httpLogs(visit(3))); err != nil {
		t.Fatal(err)
	}
	streamtest.Eventually(t, count(sink, 5))
	if !strings.Contains(log.String(), "cannot be taken apart") || !strings.Contains(log.String(), "too long") {
		t.Errorf("the log does not say so:\n%s", log.String())
	}
}

func TestStreamLimit(t *testing.T) {
	r, sink, address := receive(t, Options{Streams: 2}, streamtest.Options{})
	conn := dial(t, address, nil)
	first := open(t, conn)
	for n, s := range []als.AccessLogService_StreamAccessLogsClient{first, open(t, conn)} {
		if err := s.Send(httpLogs(visit(n))); err != nil {
			t.Fatal(err)
		}
	}
	streamtest.Eventually(t, count(sink, 2))
	refused := open(t, conn)
	if err := refused.RecvMsg(new(als.StreamAccessLogsResponse)); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a third stream: %v", err)
	}
	if n := r.Stats().Errors(stream.ErrorLimit); n != 1 {
		t.Errorf("%d limit errors", n)
	}
	if _, err := first.CloseAndRecv(); err != nil {
		t.Fatal(err)
	}
	streamtest.Eventually(t, func() string { // its place is free
		s := open(t, conn)
		if err := s.Send(httpLogs(visit(3))); err != nil {
			return err.Error()
		}
		if _, err := s.CloseAndRecv(); err != nil {
			return err.Error()
		}
		return ""
	})
}

// An address that is taken is waited for.
func TestAddressTaken(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var log streamtest.Log
	r, err := New(Options{Listen: other.Addr().String(), Options: stream.Options{Logger: log.Logger()}})
	if err != nil {
		t.Fatal(err)
	}
	sink := streamtest.Run(t, r, streamtest.Options{})
	streamtest.Eventually(t, func() string {
		if r.Stats().Up() || r.Stats().LastError() == "" {
			return "it does not say that it is down"
		}
		return ""
	})
	other.Close()
	streamtest.Eventually(t, func() string {
		if !r.Stats().Up() {
			return "it does not recover"
		}
		return ""
	})
	s := open(t, dial(t, other.Addr().String(), nil))
	if err := s.Send(httpLogs(visit(1))); err != nil {
		t.Fatal(err)
	}
	streamtest.Eventually(t, count(sink, 1))
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), "listening again") {
		t.Errorf("%d complaints:\n%s", n, log.String())
	}
}

func TestBadOptions(t *testing.T) {
	for _, address := range []string{"127.0.0.1", "127.0.0.1:notaport", "[::1"} {
		if _, err := New(Options{Listen: address}); err == nil {
			t.Errorf("%s is an address", address)
		}
	}
}
