// Package envoyals receives the access logs that Envoy streams by its gRPC access
// log service (envoy.service.accesslog.v3.AccessLogService), and hands each entry
// on as a line of JSON.
//
// The protocol has no acknowledgements: what is on its way when either side ends
// is lost. A server that is slow is not: it stops reading, Envoy buffers as much
// as it is configured to, and counts in logs_dropped what it cannot keep.
package envoyals

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	accesslog "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/stream/internal/jsonline"
	"github.com/darkshare/darkshare/exporter/stream/internal/rpc"
)

// Format is the definition of the lines, for accesslog.Compile.
const Format = jsonline.Format

// DefaultAddress is where a Receiver listens unless it is told otherwise.
const DefaultAddress = "127.0.0.1:9001"

// The defaults of Options. Envoy has a connection and a stream for each of its
// worker threads, and sends messages of 16 KiB.
const (
	DefaultConnections = 512
	DefaultStreams     = 1024
	DefaultMessage     = 4 << 20
)

// Options are the options of New. The zero value is usable.
type Options struct {
	stream.Options
	// Listen is host:port; "" means DefaultAddress.
	Listen string
	// TLS is the server's side of it; nil means none. With ClientAuth set to
	// tls.RequireAndVerifyClientCert clients need a certificate.
	TLS *tls.Config
	// Connections is how many there may be at a time: further ones wait. Streams
	// is how many calls: further ones are refused. 0 means the default.
	Connections, Streams int
	// Message is the longest message in bytes; 0 means DefaultMessage. The call
	// that a longer one comes in is ended, and Envoy begins another.
	Message int
}

// A Receiver is a stream.Source.
type Receiver struct {
	gatherer *stream.Gatherer
	streams  rpc.Places
	server   *rpc.Server
}

// New returns a Receiver. The error is that of the address.
func New(o Options) (*Receiver, error) {
	if o.Listen == "" {
		o.Listen = DefaultAddress
	}
	if _, err := net.ResolveTCPAddr("tcp", o.Listen); err != nil {
		return nil, err
	}
	g := stream.NewGatherer(o.Options)
	return &Receiver{
		gatherer: g,
		streams:  make(rpc.Places, cmp.Or(o.Streams, DefaultStreams)),
		server: rpc.NewServer(rpc.Options{
			Address: o.Listen, TLS: o.TLS,
			Connections: cmp.Or(o.Connections, DefaultConnections), Message: cmp.Or(o.Message, DefaultMessage),
		}, g, rpc.NewHealth(g, o.Listen)),
	}, nil
}

// Stats returns the input's counters.
func (r *Receiver) Stats() *stream.Stats { return r.gatherer.Stats() }

// Addr returns the address that the receiver listens on, nil while it does not.
func (r *Receiver) Addr() net.Addr { return r.server.Addr() }

// Run receives until ctx is done. Then it reads what clients have sent, as far as
// it comes within two seconds, hands it on, and returns ctx's error.
func (r *Receiver) Run(ctx context.Context, out chan<- *stream.Block) error {
	gathering, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.gatherer.Run(gathering, out)
	}()
	desc := &accesslog.AccessLogService_ServiceDesc
	err := r.server.Run(ctx, desc.ServiceName, desc.Streams[0].StreamName, r.receive)
	stop()
	<-done
	return err
}

// receive reads one stream to its end.
func (r *Receiver) receive(ctx context.Context, call *rpc.Call) error {
	if !r.streams.Take() {
		r.gatherer.Trouble(stream.ErrorLimit, "als streams", "too many streams: one was refused",
			"advice", "raise the input's limit, or lower Envoy's --concurrency")
		return status.Error(codes.ResourceExhausted, "too many streams")
	}
	defer r.streams.Leave()
	defer call.Done()
	var c converter
	add := func(line []byte) error { return r.gatherer.Add(ctx, "", line) }
	for {
		if err := call.Receive(); errors.Is(err, io.EOF) {
			return call.Reply(&accesslog.StreamAccessLogsResponse{})
		} else if err != nil {
			return err
		}
		left, err := c.convert(call.Frame.Data, time.Now(), add)
		if err != nil {
			r.gatherer.Drop(stream.DropShutdown, uint64(left))
			return status.Error(codes.Unavailable, "darkshare is ending")
		}
		if c.malformed > 0 {
			r.gatherer.Trouble(stream.ErrorProtocol, "als malformed", "access log entries cannot be taken apart",
				"entries", c.malformed, "advice", "it must be Envoy that sends here, by its v3 access log service")
		}
	}
}
