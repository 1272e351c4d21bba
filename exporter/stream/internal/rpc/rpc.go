// Package rpc serves the gRPC methods by which proxies send their records: within
// limits, with TLS, through trouble with the address, and to an end that loses
// nothing of what has come.
package rpc

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // senders may compress
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/darkshare/darkshare/exporter/stream"
)

// The times of a server.
const (
	// handshakeTimeout is for a connection's TLS and HTTP/2 to begin.
	handshakeTimeout = 10 * time.Second
	// pingAfter is how long a connection may be silent before it is tried, and
	// pingTimeout how long it has to answer: a sender that is gone frees its place.
	pingAfter   = time.Minute
	pingTimeout = 20 * time.Second
	// pingsEvery is how often senders may try the connection themselves.
	pingsEvery = 5 * time.Second
	// At the end, streams that have brought nothing for quiet are closed, and all
	// after drain.
	quiet = 100 * time.Millisecond
	drain = 2 * time.Second
)

// window is how much of a stream, and of a connection, is on its way while nobody
// reads it. It bounds the memory of senders that are faster than the counting.
const window = 256 << 10

// streams is how many calls a connection may have at a time; others wait in the
// client.
const streams = 128

// Options say how a Server listens.
type Options struct {
	// Address is host:port.
	Address string
	// TLS, where it is set, is asked of all clients.
	TLS *tls.Config
	// Connections is how many there may be at a time; others wait to be accepted.
	Connections int
	// Message is the longest message in bytes.
	Message int
}

// A Server serves one method until the end of its Run.
type Server struct {
	o       Options
	g       *stream.Gatherer
	health  *Health
	address atomic.Pointer[net.Addr]
	busy    atomic.Int32 // messages that are being worked on
	last    atomic.Int64 // when the last one came
}

// A Handler serves one call. ctx ends when nothing can be handed on any more, and
// not when the client goes: what has come is counted.
type Handler func(ctx context.Context, c *Call) error

// NewServer returns a server whose trouble goes to the gatherer and to health.
func NewServer(o Options, g *stream.Gatherer, health *Health) *Server {
	return &Server{o: o, g: g, health: health}
}

// Addr returns the address that the server listens on, nil while it does not.
func (s *Server) Addr() net.Addr {
	if a := s.address.Load(); a != nil {
		return *a
	}
	return nil
}

// Run serves the service's method until ctx is done: it waits for the address
// where that is taken, and at the end for what clients have sent.
func (s *Server) Run(ctx context.Context, service, method string, h Handler) error {
	return Listen(ctx, s.o.Address, s.health, func(l net.Listener) error {
		address := l.Addr()
		s.address.Store(&address)
		defer s.address.Store(nil)
		return s.serve(ctx, netutil.LimitListener(l, s.o.Connections), service, method, h)
	})
}

func (s *Server) serve(ctx context.Context, l net.Listener, service, method string, h Handler) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	options := []grpc.ServerOption{
		grpc.ForceServerCodecV2(codec{}),
		grpc.MaxRecvMsgSize(s.o.Message),
		grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window),
		grpc.MaxHeaderListSize(16 << 10), grpc.MaxConcurrentStreams(streams),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingAfter, Timeout: pingTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingsEvery, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
	}
	if s.o.TLS != nil {
		options = append(options, grpc.Creds(handshakes{credentials.NewTLS(s.o.TLS), s.g}))
	}
	server := grpc.NewServer(options...)
	// A call with one message is a stream with one message: read as a stream, it
	// is read only once there is a place for it.
	server.RegisterService(&grpc.ServiceDesc{ServiceName: service, Streams: []grpc.StreamDesc{{
		StreamName: method, ClientStreams: true,
		Handler: func(_ any, g grpc.ServerStream) error {
			return h(work, &Call{server: s, stream: g})
		},
	}}}, nil)

	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		server.Stop()
		return err
	case <-ctx.Done():
	}
	graceful := make(chan struct{})
	go func() {
		defer close(graceful)
		server.GracefulStop()
	}()
	s.drain(graceful)
	stop()
	server.Stop()
	<-graceful
	<-ended
	return ctx.Err()
}

// drain waits until all calls have ended, or bring nothing any more, or for long
// enough.
func (s *Server) drain(graceful <-chan struct{}) {
	start := time.Now()
	for tick := time.NewTicker(quiet / 10); ; {
		select {
		case <-graceful:
			tick.Stop()
			return
		case now := <-tick.C:
			last := max(s.last.Load(), start.UnixNano())
			if s.busy.Load() == 0 && now.UnixNano()-last > int64(quiet) || now.Sub(start) > drain {
				tick.Stop()
				return
			}
		}
	}
}

// A Call is one call of the method.
type Call struct {
	server *Server
	stream grpc.ServerStream
	Frame  Frame // the message that was received last
	busy   bool
}

// Receive waits for the next message. The error is io.EOF at the end of them, and
// otherwise what the handler should return.
func (c *Call) Receive() error {
	c.Done()
	err := c.stream.RecvMsg(&c.Frame)
	if err == nil {
		c.busy = true
		c.server.busy.Add(1)
		c.server.last.Store(time.Now().UnixNano())
		return nil
	}
	switch status.Code(err) {
	case codes.ResourceExhausted:
		c.server.g.Trouble(stream.ErrorLimit, "rpc message", "a message is too long and was refused", "err", err,
			"advice", "let the sender's buffer be smaller")
	case codes.Internal, codes.Unimplemented, codes.InvalidArgument:
		c.server.g.Trouble(stream.ErrorProtocol, "rpc receive", "a message cannot be read", "err", err)
	}
	return err
}

// ReceiveWithin is Receive for a message that is to come at once. Where it does not,
// the handler must end without another look at the call.
func (c *Call) ReceiveWithin(d time.Duration) error {
	received := make(chan error, 1)
	go func() { received <- c.Receive() }() // ends with the handler, if not before
	late := time.NewTimer(d)
	defer late.Stop()
	select {
	case err := <-received:
		return err
	case <-late.C:
		go func() { // the end of the handler ends the waiting
			<-received
			c.Done()
		}()
		c.server.g.Trouble(stream.ErrorTimeout, "rpc late", "a call brings no message and was ended", "after", d)
		return status.Error(codes.DeadlineExceeded, "no message came")
	}
}

// Done says that the message has been dealt with.
func (c *Call) Done() {
	if c.busy {
		c.busy = false
		c.server.busy.Add(-1)
	}
}

// Reply sends the only answer.
func (c *Call) Reply(message proto.Message) error { return c.stream.SendMsg(message) }

// Context ends when the client goes.
func (c *Call) Context() context.Context { return c.stream.Context() }

// handshakes tells of those that failed, of which gRPC says nothing.
type handshakes struct {
	credentials.TransportCredentials
	g *stream.Gatherer
}

func (h handshakes) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secure, info, err := h.TransportCredentials.ServerHandshake(c)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		h.g.Trouble(stream.ErrorTLS, "tls", "a TLS handshake failed", "client", c.RemoteAddr(), "err", err,
			"advice", "give the client the certificate that the input's client CA has signed, and the CA of the input's own")
	}
	return secure, info, err
}

func (h handshakes) Clone() credentials.TransportCredentials {
	return handshakes{h.TransportCredentials.Clone(), h.g}
}
