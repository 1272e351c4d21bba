// Package otlplogs receives access logs by the OpenTelemetry protocol, over gRPC
// and HTTP, as Envoy's OpenTelemetry access logger, Traefik 3 and Collectors send
// them, and hands each record on as a line.
//
// A request is answered with success once its records are in blocks that wait to
// be counted. Where there is no room for them, or too many requests are at work,
// the sender is told to try again; so nothing is lost as long as the sender does.
package otlplogs

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"

	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/stream/internal/jsonline"
	"github.com/darkshare/darkshare/exporter/stream/internal/rpc"
)

// Format is the definition of the lines, for accesslog.Compile, where the records
// have a request's parts as attributes or in a map as their body. Where they have
// a whole log line as their body, the lines are these, and of that line's format.
const Format = jsonline.Format

// The addresses on which a Receiver listens unless it is told otherwise: the
// protocol's own ports.
const (
	DefaultGRPC = "127.0.0.1:4317"
	DefaultHTTP = "127.0.0.1:4318"
)

// The defaults of Options.
const (
	DefaultConnections = 256
	DefaultRequests    = 16
	DefaultMessage     = 4 << 20
)

const (
	// patience is how long a request waits for room before it is sent back. It is
	// less than senders wait for an answer, 10 s by default.
	patience = 5 * time.Second
	// readTimeout is how long a request may take to come: it has one of few places.
	readTimeout = 10 * time.Second
	// retryAfter is when senders should try again.
	retryAfter = time.Second
)

// Options are the options of New. The zero value is usable.
type Options struct {
	stream.Options
	// GRPC and HTTP are the addresses to listen on, host:port. Where one of them is
	// "" only the other is; where both are, both have their defaults.
	GRPC, HTTP string
	// TLS is the server's side of it; nil means none. With ClientAuth set to
	// tls.RequireAndVerifyClientCert clients need a certificate.
	TLS *tls.Config
	// Connections is how many there may be at a time by each protocol: further
	// ones wait. Requests is how many are read at a time: further ones are to try
	// again. 0 means the default.
	Connections, Requests int
	// Message is the longest request in bytes, uncompressed; 0 means
	// DefaultMessage. A longer one is refused.
	Message int
}

// A Receiver is a stream.Source.
type Receiver struct {
	o        Options
	gatherer *stream.Gatherer
	health   *rpc.Health
	grpc     *rpc.Server
	http     httpServer
	requests rpc.Places
	patience time.Duration
	slow     time.Duration
	idle     sync.Pool // of *converter
}

// New returns a Receiver. The error is that of an address.
func New(o Options) (*Receiver, error) {
	if o.GRPC == "" && o.HTTP == "" {
		o.GRPC, o.HTTP = DefaultGRPC, DefaultHTTP
	}
	var addresses []string
	for _, a := range []string{o.GRPC, o.HTTP} {
		if a == "" {
			continue
		}
		if _, err := net.ResolveTCPAddr("tcp", a); err != nil {
			return nil, err
		}
		addresses = append(addresses, a)
	}
	o.Connections = cmp.Or(o.Connections, DefaultConnections)
	o.Requests = cmp.Or(o.Requests, DefaultRequests)
	o.Message = cmp.Or(o.Message, DefaultMessage)
	g := stream.NewGatherer(o.Options)
	r := &Receiver{
		o: o, gatherer: g, health: rpc.NewHealth(g, addresses...), requests: make(rpc.Places, o.Requests), patience: patience, slow: readTimeout,
		idle: sync.Pool{New: func() any { return new(converter) }},
	}
	r.grpc = rpc.NewServer(rpc.Options{Address: o.GRPC, TLS: o.TLS, Connections: o.Connections, Message: o.Message}, g, r.health)
	return r, nil
}

// Stats returns the input's counters.
func (r *Receiver) Stats() *stream.Stats { return r.gatherer.Stats() }

// GRPCAddr returns the address of gRPC, nil while there is none.
func (r *Receiver) GRPCAddr() net.Addr { return r.grpc.Addr() }

// HTTPAddr returns the address of HTTP, nil while there is none.
func (r *Receiver) HTTPAddr() net.Addr { return r.http.addr() }

// Run receives until ctx is done. Then it answers the requests that are under way,
// hands on their records, and returns ctx's error.
func (r *Receiver) Run(ctx context.Context, out chan<- *stream.Block) error {
	gathering, stop := context.WithCancel(context.WithoutCancel(ctx))
	var gatherer, servers sync.WaitGroup
	gatherer.Go(func() { _ = r.gatherer.Run(gathering, out) })
	if r.o.GRPC != "" {
		service, method := logs.LogsService_ServiceDesc.ServiceName, logs.LogsService_ServiceDesc.Methods[0].MethodName
		servers.Go(func() { _ = r.grpc.Run(ctx, service, method, r.export) })
	}
	if r.o.HTTP != "" {
		servers.Go(func() { _ = r.serveHTTP(ctx) })
	}
	servers.Wait()
	stop()
	gatherer.Wait()
	return ctx.Err()
}

// Why a request was sent back. The sender should try again.
var (
	errBusy   = errors.New("too many requests at a time")
	errNoRoom = errors.New("the records are counted more slowly than they come")
	errEnding = errors.New("darkshare is ending")
)

// take takes the records of an ExportLogsServiceRequest. The error is errMalformed
// or one of those after which the sender should try again; then none was taken.
// Otherwise the response says how many were.
//
// client ends when the client goes, and work when nothing can be taken any more.
func (r *Receiver) take(client, work context.Context, message []byte) (*logs.ExportLogsServiceResponse, error) {
	c := r.idle.Get().(*converter)
	defer func() {
		if cap(c.text) <= 4*stream.BlockSize {
			r.idle.Put(c)
		}
	}()
	if err := c.convert(message, time.Now()); err != nil {
		r.gatherer.Trouble(stream.ErrorProtocol, "otlp malformed", "a request cannot be taken apart", "err", err)
		return nil, err
	}
	answer := &logs.ExportLogsServiceResponse{}
	if len(c.ends) == 0 {
		return answer, nil
	}
	if err := r.first(client, work, c.line(0)); err != nil {
		return nil, err
	}
	// From here on the client must not send the records again, so they are taken
	// even where it does not wait for the answer.
	for n := 1; n < len(c.ends); n++ {
		if err := r.gatherer.Add(work, "", c.line(n)); err != nil {
			left := len(c.ends) - n
			r.gatherer.Drop(stream.DropShutdown, uint64(left))
			answer.PartialSuccess = &logs.ExportLogsPartialSuccess{RejectedLogRecords: int64(left), ErrorMessage: errEnding.Error()}
			break
		}
	}
	return answer, nil
}

// first adds the first record of a request, for whose room the client may have to
// wait.
func (r *Receiver) first(client, work context.Context, line []byte) error {
	wait, cancel := context.WithTimeout(client, r.patience)
	defer cancel()
	defer context.AfterFunc(work, cancel)()
	err := r.gatherer.Add(wait, "", line)
	switch {
	case err == nil:
		return nil
	case work.Err() != nil || errors.Is(err, stream.ErrEnded):
		return errEnding
	case client.Err() != nil:
		return fmt.Errorf("the client has gone: %w", client.Err())
	}
	r.refuse(errNoRoom)
	return errNoRoom
}

// refuse counts a request that is to be sent again.
func (r *Receiver) refuse(err error) {
	r.gatherer.Trouble(stream.ErrorLimit, "otlp refused", "a request was sent back, to be sent again", "err", err)
}
