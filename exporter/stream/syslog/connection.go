package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
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
	places := newPlaces(l.o.Connections, l.o.Silence)
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
		c := &connection{Conn: conn, done: make(chan struct{}), timeout: l.o.MessageTimeout}
		before, silent, ok := places.enter(c)
		switch {
		case !ok:
			conn.Close()
			l.g.Trouble(stream.ErrorLimit, "connections", "too many connections: another one was refused", "max_connections", l.o.Connections,
				"client", conn.RemoteAddr(), "advice", "raise max_connections")
			continue
		case before != nil:
			l.g.Trouble(stream.ErrorLimit, "connections", "too many connections: the one that was silent the longest was closed for another",
				"max_connections", l.o.Connections, "client", before.RemoteAddr(), "silent", silent.Round(time.Millisecond), "advice", "raise max_connections")
		}
		running.Go(func() {
			defer close(c.done)
			defer places.leave(c)
			defer conn.Close()
			if before != nil {
				<-before.done
			}
			l.serve(ctx, late, c)
		})
	}
}

// serve takes the messages of a connection.
func (l *Listener) serve(ctx, late context.Context, c *connection) {
	client := c.RemoteAddr()
	if l.network == "tls" {
		secure := tls.Server(c.Conn, l.o.TLS)
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
		c.Conn = secure
	}
	messages := framer{r: c, max: l.o.Message}
	c.begun = messages.begun
	stop := context.AfterFunc(ctx, c.hurry)
	defer stop()
	for {
		message, cut, err := messages.next()
		if len(message) > 0 {
			c.spoke()
			l.take(late, message, cut)
		}
		c.next()
		switch {
		case err == nil:
			continue
		case err == io.EOF || ctx.Err() != nil || c.hurried():
		case errors.Is(err, os.ErrDeadlineExceeded):
			l.g.Trouble(stream.ErrorTimeout, "message", "a message took too long to come: its connection was closed", "client", client)
		case errors.Is(err, syscall.ETIMEDOUT):
			l.g.Trouble(stream.ErrorTimeout, "gone", "a sender is gone without a word: its connection was closed", "client", client)
		default:
			l.g.Trouble(stream.ErrorConnection, "connection", "a connection broke", "client", client, "err", err)
		}
		return
	}
}

// A connection is read for as long as its sender may take.
type connection struct {
	net.Conn
	// done is closed when it is.
	done chan struct{}
	// begun says whether part of a message has come, and timeout how long the rest may take.
	begun   func() bool
	timeout time.Duration
	// message is since when the rest of one is waited for, zero at its beginning.
	message time.Time

	mu sync.Mutex
	// silent is since when a message is waited for that has not begun, zero while none is:
	// who waits for darkshare is not silent.
	silent time.Time
	heard  bool      // a message has come
	end    time.Time // after which nothing is read any more
}

// Read reads what comes within the time that there is.
func (c *connection) Read(p []byte) (int, error) {
	switch {
	case !c.begun():
		c.await(time.Now())
		defer c.await(time.Time{})
	case c.message.IsZero():
		c.message = time.Now()
		c.limit(c.message.Add(c.timeout))
	}
	return c.Conn.Read(p)
}

// await notes since when a message is waited for.
func (c *connection) await(since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silent = since
}

// limit says until when it is read, zero for as long as it takes.
func (c *connection) limit(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end.IsZero() {
		c.SetReadDeadline(t)
	}
}

// next takes the time anew for the message to come.
func (c *connection) next() {
	if !c.message.IsZero() {
		c.message = time.Time{}
		c.limit(time.Time{})
	}
}

// spoke notes that a message has come.
func (c *connection) spoke() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = true
}

// hurry lets it be read for the last words only.
func (c *connection) hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end.IsZero() {
		c.end = time.Now().Add(lastWords)
		c.SetReadDeadline(c.end)
	}
}

func (c *connection) hurried() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.end.IsZero()
}

// silence returns since when the connection is silent, zero where it is not, and whether a
// message has come before.
func (c *connection) silence() (since time.Time, heard bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.silent, c.heard
}
