package syslog

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/darkshare/darkshare/exporter/stream"
)

// TestKeepAlive: a sender that is gone without a word gives its place back, one that is only
// silent keeps it.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	r := listen(t, Options{
		Listen:    "tcp://127.0.0.1:0",
		KeepAlive: net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 2},
	})
	gone, quiet := r.dial(), r.dial()
	send(t, gone, "1\n")
	r.want("1")
	send(t, quiet, "2\n")
	r.want("1", "2")
	before := time.Now()
	deafen(t, gone)
	r.counts(stream.ErrorTimeout, 1, "client="+gone.LocalAddr().String())
	if took := time.Since(before); took < time.Second || took > 6*time.Second {
		t.Errorf("it was found after %v, not about 3 s", took)
	}
	send(t, quiet, "3\n")
	r.want("1", "2", "3")
	r.counts(stream.ErrorTimeout, 1, "a sender is gone without a word")
}

// deafen makes a connection's side answer nothing any more, not even that it has heard, as
// where a machine has lost its power: by a filter that lets no packet in.
func deafen(t *testing.T, conn net.Conn) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	ok(t, err)
	none := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	var failed error
	ok(t, raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &none})
	}))
	ok(t, failed)
}
