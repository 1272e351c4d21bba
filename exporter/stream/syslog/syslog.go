// Package syslog receives access logs as proxies, rsyslog and syslog-ng send them:
// by UDP, TCP, TLS or a unix datagram socket, with the header of RFC 3164, of RFC
// 5424, or none, which is cut off.
//
// Syslog has no acknowledgements. By TCP and TLS nothing is lost while both sides
// live: who reads slowly makes the sender wait. UDP loses what comes while its
// buffer is full; the kernel counts that, and so does the input. A unix socket
// makes its senders wait, or, as nginx does, drop records that nobody then counts.
package syslog

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/darkshare/darkshare/exporter/stream"
)

// The defaults of Options.
const (
	DefaultConnections    = 256
	DefaultMessage        = 64 << 10
	DefaultMessageTimeout = 30 * time.Second
	DefaultSilence        = time.Minute
)

// DefaultKeepAlive finds a sender that is gone within two minutes.
var DefaultKeepAlive = net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 15 * time.Second, Count: 4}

// Options are the options of New.
type Options struct {
	stream.Options
	// Listen is where: see ParseAddress.
	Listen string
	// TLS is the server's side of tls://. With ClientAuth set to
	// tls.RequireAndVerifyClientCert clients need a certificate.
	TLS *tls.Config
	// Connections is how many there may be at a time. Another one has the place of the
	// one that was silent the longest, those first that never brought a message; it is
	// refused where none was for as long as Silence. 0 means the default.
	Connections int
	Silence     time.Duration
	// KeepAlive is how a sender is looked for that is silent. A silent one that is there
	// stays for as long as it likes, since it may lose a record before it notices that it
	// was closed. The zero value means DefaultKeepAlive.
	KeepAlive net.KeepAliveConfig
	// Message is the longest message in bytes, its header included; a longer one comes as
	// a record that is longer than a line may be. 0 means DefaultMessage.
	Message int
	// MessageTimeout is how long a message, or the TLS handshake, may take from its first
	// byte to its last. 0 means the default.
	MessageTimeout time.Duration
}

const (
	// listenAgain is how often an address is tried that cannot be listened on.
	listenAgain = time.Second
	// lastWords is how long is read at the end what has been sent before.
	lastWords = 100 * time.Millisecond
	// lookEvery is how often the kernel is asked for what it has dropped.
	lookEvery = time.Second
)

// A Listener is a stream.Source of the records that come to an address.
type Listener struct {
	o                Options
	g                *stream.Gatherer
	network, address string
	bound            atomic.Pointer[net.Addr]
}

// New returns a Listener. The error is that of the address.
func New(o Options) (*Listener, error) {
	network, address, err := ParseAddress(o.Listen)
	switch {
	case err != nil:
		return nil, err
	case network == "tls" && o.TLS == nil:
		return nil, errors.New("tls:// needs a certificate")
	}
	if o.Connections <= 0 {
		o.Connections = DefaultConnections
	}
	if o.Message <= 0 {
		o.Message = DefaultMessage
	}
	if o.Silence <= 0 {
		o.Silence = DefaultSilence
	}
	if o.KeepAlive == (net.KeepAliveConfig{}) {
		o.KeepAlive = DefaultKeepAlive
	}
	if o.MessageTimeout <= 0 {
		o.MessageTimeout = DefaultMessageTimeout
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Listener{o: o, g: stream.NewGatherer(o.Options), network: network, address: address}, nil
}

// ParseAddress takes udp://host:port, tcp://host:port, tls://host:port or
// unix:///path apart. Without a host it is the loopback interface: who wants
// records from other machines says so. Port 0 is any that is free.
func ParseAddress(s string) (network, address string, err error) {
	network, address, ok := strings.Cut(s, "://")
	switch {
	case !ok:
	case network == "unix" && strings.Trim(address, "/") != "":
		return network, address, nil
	case network == "udp", network == "tcp", network == "tls":
		host, port, err := net.SplitHostPort(address)
		if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
			break
		}
		if host == "" {
			host = "127.0.0.1"
		}
		return network, net.JoinHostPort(host, port), nil
	}
	return "", "", fmt.Errorf("expected an address such as udp://127.0.0.1:5140, tcp://…, tls://… or unix:///run/darkshare.sock, got %q", s)
}

// Stats implements stream.Source.
func (l *Listener) Stats() *stream.Stats { return l.g.Stats() }

// Addr returns the address that is listened on, nil while none is.
func (l *Listener) Addr() net.Addr {
	if a := l.bound.Load(); a != nil {
		return *a
	}
	return nil
}

// Run implements stream.Source. While the address cannot be listened on, it tries
// again every second. At the end it takes what has been sent before.
func (l *Listener) Run(ctx context.Context, out chan<- *stream.Block) error {
	return l.g.Serve(ctx, out, func(ctx, late context.Context) error {
		for ctx.Err() == nil {
			err := l.listen(ctx, late)
			l.bound.Store(nil)
			if err != nil && ctx.Err() == nil {
				l.g.Fail(err)
				l.g.Complain("listen", "cannot listen for syslog; trying on", "address", l.o.Listen, "err", err,
					"advice", "give the input another address, end what has this one, or allow darkshare to use it")
				select {
				case <-time.After(listenAgain):
				case <-ctx.Done():
				}
			}
		}
		return ctx.Err()
	})
}

// listen takes records until ctx is done or the socket fails.
func (l *Listener) listen(ctx, late context.Context) error {
	switch l.network {
	case "udp":
		address, err := net.ResolveUDPAddr("udp", l.address)
		if err != nil {
			return err
		}
		conn, err := net.ListenUDP("udp", address)
		if err != nil {
			return err
		}
		return l.datagrams(ctx, late, conn, nil)
	case "unix":
		return l.unix(ctx, late)
	}
	listener, err := (&net.ListenConfig{KeepAliveConfig: l.o.KeepAlive}).Listen(ctx, "tcp", l.address)
	if err != nil {
		return err
	}
	return l.connections(ctx, late, listener)
}

func (l *Listener) up(address net.Addr, args ...any) {
	l.bound.Store(&address)
	l.g.Up()
	l.g.Recovered("listen", "listening again", "address", address)
	l.o.Logger.Info("listening for syslog", append([]any{"network", l.network, "address", address}, args...)...)
}

// take hands a message on. It waits while there is no room.
func (l *Listener) take(late context.Context, message []byte, cut bool) {
	if l.g.Add(late, "", l.record(message, cut)) != nil {
		l.g.Drop(stream.DropShutdown, 1)
	}
}

// record returns a message without its header. One whose end was cut off looks like a record
// that it is not, and is made too long for one, so that it is counted as what it is.
func (l *Listener) record(message []byte, cut bool) []byte {
	record := body(message)
	if !cut {
		return record
	}
	l.g.Trouble(stream.ErrorLimit, "cut", "a message is longer than allowed, and no record", "max_message", l.o.Message,
		"advice", "raise max_message, or have the proxy log less")
	long := bytes.Repeat([]byte{' '}, l.g.MaxLine()+1)
	copy(long, record)
	return long
}
