package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/darkshare/darkshare/exporter/stream"
)

// connections serves the connections of a listener until ctx is done or it fails.
func (l *Listener) connections(ctx, late context.Context, listener net.Listener) error {
	l.up(listener.Addr())
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	defer listener.Close()
	var running sync.WaitGroup
	defer running.Wait()
	places := make(chan struct{}, l.o.Connections)
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return err
			}
			l.g.Trouble(stream.ErrorConnection, "accept", "cannot take a connection; trying on", "err", err,
				"advice", "raise the limit of open files (ulimit -n)")
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		select {
		case places <- struct{}{}:
			running.Go(func() {
				defer func() { <-places }()
				l.connection(ctx, late, conn)
			})
		default:
			conn.Close()
			l.g.Trouble(stream.ErrorLimit, "connections", "too many connections: one was closed", "max_connections", l.o.Connections,
				"client", conn.RemoteAddr(), "advice", "raise max_connections")
		}
	}
}

// connection takes the messages of a connection.
func (l *Listener) connection(ctx, late context.Context, conn net.Conn) {
	defer conn.Close()
	client := conn.RemoteAddr()
	if l.network == "tls" {
		secure := tls.Server(conn, l.o.TLS)
		shaking, cancel := context.WithTimeout(ctx, l.o.MessageTimeout)
		err := secure.HandshakeContext(shaking)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			l.g.Trouble(stream.ErrorTLS, "tls", "a TLS client was refused", "client", client, "err", err,
				"advice", "give the sender a certificate that client_ca_file has signed, and the CA of cert_file")
			return
		}
		conn = secure
	}
	r := &patientReader{ctx: ctx, conn: conn, o: &l.o}
	messages := framer{r: r, max: l.o.Message}
	r.begun = messages.begun
	stop := context.AfterFunc(ctx, r.hurry)
	defer stop()
	for {
		message, cut, err := messages.next()
		if len(message) > 0 {
			l.take(late, message, cut)
		}
		r.message = time.Time{}
		switch {
		case err == nil:
			continue
		case err == io.EOF || ctx.Err() != nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			l.g.Trouble(stream.ErrorTimeout, "timeout", "a connection that brought nothing for too long was closed", "client", client)
		default:
			l.g.Trouble(stream.ErrorConnection, "connection", "a connection broke", "client", client, "err", err)
		}
		return
	}
}

// A patientReader reads from a connection for as long as it may take.
type patientReader struct {
	ctx   context.Context
	conn  net.Conn
	o     *Options
	begun func() bool // part of a message has come

	// message is since when the rest of one is waited for, zero at its beginning.
	message time.Time

	mu  sync.Mutex
	end time.Time // once ctx is done
}

func (r *patientReader) Read(p []byte) (int, error) {
	switch {
	case !r.begun():
		r.deadline(time.Now().Add(r.o.IdleTimeout))
	case r.message.IsZero():
		r.message = time.Now()
		r.deadline(r.message.Add(r.o.MessageTimeout))
	}
	return r.conn.Read(p)
}

func (r *patientReader) deadline(t time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.end.IsZero() {
		r.conn.SetReadDeadline(t)
	}
}

// hurry lets it read for the last words only.
func (r *patientReader) hurry() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end = time.Now().Add(lastWords)
	r.conn.SetReadDeadline(r.end)
}
