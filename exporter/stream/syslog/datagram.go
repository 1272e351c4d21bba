package syslog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/darkshare/darkshare/exporter/stream"
)

// unix listens on a unix datagram socket, which everyone who reaches its directory
// may write to, as to /dev/log.
func (l *Listener) unix(ctx, late context.Context) error {
	// What a killed process has left is no socket any more, and only in the way.
	if fi, err := os.Lstat(l.address); err == nil && fi.Mode()&os.ModeSocket != 0 {
		if c, err := net.Dial("unixgram", l.address); err == nil {
			c.Close()
			return fmt.Errorf("%s is in use", l.address)
		}
		os.Remove(l.address)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: l.address, Net: "unixgram"})
	if err != nil {
		return err
	}
	made, err := os.Lstat(l.address)
	if err == nil {
		err = os.Chmod(l.address, 0o666)
	}
	if err != nil {
		conn.Close()
		return err
	}
	there := func() error {
		if now, err := os.Lstat(l.address); err != nil || !os.SameFile(now, made) {
			return fmt.Errorf("%s was removed", l.address)
		}
		return nil
	}
	defer func() {
		if there() == nil {
			os.Remove(l.address)
		}
	}()
	return l.datagrams(ctx, late, conn, there)
}

// A datagramConn is a UDP or unix datagram socket.
type datagramConn interface {
	net.Conn
	socket
}

// longestEnd is what some senders put behind a message: "\r\n\x00".
const longestEnd = 3

// datagrams takes a record from each datagram, until ctx is done, the socket fails
// or check does.
func (l *Listener) datagrams(ctx, late context.Context, conn datagramConn, check func() error) error {
	defer conn.Close()
	buffer := growBuffer(conn, receiveBuffer)
	dropped := &kernelDrops{socket: conn}
	counting := dropped.read() == nil
	defer func() { l.g.Drop(stream.DropOverflow, dropped.news()) }()
	l.up(conn.LocalAddr(), "receive_buffer", buffer)

	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Now().Add(lastWords)) })
	defer stop()
	var looking sync.WaitGroup
	defer looking.Wait()
	done := make(chan struct{})
	defer close(done)
	looking.Go(func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			l.g.Drop(stream.DropOverflow, dropped.news())
			if check != nil && check() != nil {
				conn.SetReadDeadline(time.Now())
				return
			}
		}
	})

	buf := make([]byte, l.o.Message+longestEnd+1)
	for {
		n, err := conn.Read(buf)
		message := trimEnd(buf[:n])
		cut := len(message) > l.o.Message || n == len(buf)
		message = message[:min(len(message), l.o.Message)]
		switch {
		case err == nil && n == 0:
		case err == nil && (counting || l.network == "unix"):
			l.take(late, message, cut)
		case err == nil:
			// Where the kernel does not tell what it drops, nothing is left to it.
			l.g.TryAdd("", l.record(message, cut))
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("%s was removed", l.address)
		default:
			return err
		}
	}
}
