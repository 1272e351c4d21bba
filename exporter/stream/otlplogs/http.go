package otlplogs

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"golang.org/x/net/netutil"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/stream/internal/rpc"
)

// The times of the HTTP server.
const (
	idleTimeout = 2 * time.Minute
	// drain is how long requests under way have at the end.
	drain = 2 * time.Second
)

// Content types.
const (
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

type httpServer struct{ address atomic.Pointer[net.Addr] }

func (s *httpServer) addr() net.Addr {
	if a := s.address.Load(); a != nil {
		return *a
	}
	return nil
}

func (r *Receiver) serveHTTP(ctx context.Context) error {
	return rpc.Listen(ctx, r.o.HTTP, r.health, func(l net.Listener) error {
		address := l.Addr()
		r.http.address.Store(&address)
		defer r.http.address.Store(nil)
		l = netutil.LimitListener(l, r.o.Connections)
		if r.o.TLS != nil {
			config := r.o.TLS.Clone()
			config.NextProtos = []string{"h2", "http/1.1"}
			l = tls.NewListener(l, config)
		}
		return r.serveOn(ctx, l)
	})
}

func (r *Receiver) serveOn(ctx context.Context, l net.Listener) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var handlers handlers
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/logs", func(w http.ResponseWriter, q *http.Request) {
		if handlers.begin() {
			defer handlers.wait.Done()
			r.handle(work, w, q)
		}
	})
	server := &http.Server{
		Handler: mux, ErrorLog: log.New(serverLog{r.gatherer}, "", 0),
		ReadTimeout: r.slow, WriteTimeout: r.slow + 2*r.patience, IdleTimeout: idleTimeout,
		MaxHeaderBytes: 16 << 10,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		_ = server.Close()
		return err
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(work, drain)
	defer cancel()
	_ = server.Shutdown(late)
	stop()
	_ = server.Close()
	handlers.end()
	<-ended
	return ctx.Err()
}

// handlers are those that are at work. http.Server does not wait for them once it
// is closed.
type handlers struct {
	mu    sync.Mutex
	ended bool
	wait  sync.WaitGroup
}

func (h *handlers) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ended {
		h.wait.Add(1)
	}
	return !h.ended
}

func (h *handlers) end() {
	h.mu.Lock()
	h.ended = true
	h.mu.Unlock()
	h.wait.Wait()
}

// handle answers a POST of an ExportLogsServiceRequest
// (https://opentelemetry.io/docs/specs/otlp/#otlphttp).
func (r *Receiver) handle(work context.Context, w http.ResponseWriter, q *http.Request) {
	kind, _, _ := mime.ParseMediaType(q.Header.Get("Content-Type"))
	a := answer{w, kind == typeJSON}
	switch {
	case q.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		a.fail(http.StatusMethodNotAllowed, codes.Unimplemented, errors.New("only POST is answered here"))
		return
	case kind != typeJSON && kind != typeProtobuf:
		a.fail(http.StatusUnsupportedMediaType, codes.InvalidArgument, fmt.Errorf("the Content-Type must be %s or %s", typeProtobuf, typeJSON))
		return
	}
	if !r.requests.Take() {
		r.refuse(errBusy)
		a.again(errBusy)
		return
	}
	defer r.requests.Leave()
	message, err := r.read(q)
	if err == nil && a.json {
		message, err = transcode(message)
	}
	if err != nil {
		r.failRead(a, err)
		return
	}
	response, err := r.take(q.Context(), work, message)
	switch {
	case errors.Is(err, errMalformed):
		a.fail(http.StatusBadRequest, codes.InvalidArgument, err)
	case err != nil:
		a.again(err)
	default:
		a.send(http.StatusOK, response)
	}
}

var (
	errTooLong  = errors.New("the request is too long")
	errEncoding = errors.New("the Content-Encoding must be gzip or identity")
)

// read returns the body, uncompressed.
func (r *Receiver) read(q *http.Request) ([]byte, error) {
	limit := int64(r.o.Message)
	if q.ContentLength > limit {
		return nil, errTooLong
	}
	body := io.LimitReader(q.Body, limit+1) // of what is compressed as well
	switch q.Header.Get("Content-Encoding") {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		defer z.Close()
		body = io.LimitReader(z, limit+1)
	default:
		return nil, errEncoding
	}
	var b bytes.Buffer
	if q.ContentLength > 0 {
		b.Grow(int(q.ContentLength) + bytes.MinRead)
	}
	switch n, err := b.ReadFrom(body); {
	case n > limit:
		return nil, errTooLong
	case err != nil:
		return nil, err
	}
	return b.Bytes(), nil
}

func (r *Receiver) failRead(a answer, err error) {
	switch {
	case errors.Is(err, errTooLong):
		r.gatherer.Trouble(stream.ErrorLimit, "otlp too long", "a request is too long and was refused", "limit", r.o.Message,
			"advice", "let the sender's batches be smaller")
		a.fail(http.StatusRequestEntityTooLarge, codes.ResourceExhausted, err)
	case errors.Is(err, errEncoding):
		a.fail(http.StatusUnsupportedMediaType, codes.InvalidArgument, err)
	default:
		r.gatherer.Trouble(stream.ErrorProtocol, "otlp read", "a request cannot be read", "err", err)
		a.fail(http.StatusBadRequest, codes.InvalidArgument, err)
	}
}

// jsonPlace is where in a message protojson has met what it says.
var jsonPlace = regexp.MustCompile(`\(line \d+:\d+\)`)

// transcode makes the binary form of a request in JSON. OTLP's JSON has ids in
// hexadecimal where protobuf's has base64; these are not looked at, and their
// digits and lengths are those of base64 as well.
func transcode(message []byte) ([]byte, error) {
	var m logs.ExportLogsServiceRequest
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(message, &m); err != nil {
		// It quotes the message, and with it those whose requests these are.
		return nil, fmt.Errorf("no logs in OTLP's JSON %s", jsonPlace.FindString(err.Error()))
	}
	return proto.Marshal(&m)
}

// An answer is written in the encoding that the question came in.
type answer struct {
	w    http.ResponseWriter
	json bool
}

func (a answer) send(code int, m proto.Message) {
	kind, marshal := typeProtobuf, proto.Marshal
	if a.json {
		kind, marshal = typeJSON, protojson.Marshal
	}
	b, err := marshal(m)
	if err != nil {
		http.Error(a.w, err.Error(), http.StatusInternalServerError)
		return
	}
	a.w.Header().Set("Content-Type", kind)
	a.w.WriteHeader(code)
	_, _ = a.w.Write(b) // a client that is gone has no use for it
}

func (a answer) fail(code int, c codes.Code, err error) {
	a.send(code, &spb.Status{Code: int32(c), Message: err.Error()})
}

// again tells the sender when to try again.
func (a answer) again(err error) {
	a.w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
	a.fail(http.StatusServiceUnavailable, codes.Unavailable, err)
}

// serverLog takes what the HTTP server complains of.
type serverLog struct{ g *stream.Gatherer }

func (l serverLog) Write(p []byte) (int, error) {
	text := string(bytes.TrimSpace(p))
	if bytes.Contains(p, []byte("TLS handshake error")) {
		l.g.Trouble(stream.ErrorTLS, "tls http", "a TLS handshake failed", "err", text,
			"advice", "give the client the certificate that the input's client CA has signed, and the CA of the input's own")
	} else {
		l.g.Trouble(stream.ErrorConnection, "http", "trouble with a connection", "err", text)
	}
	return len(p), nil
}
