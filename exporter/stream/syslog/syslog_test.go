package syslog

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/stream"
)

func TestParseAddress(t *testing.T) {
	for _, c := range []struct{ in, network, address string }{
		{"udp://127.0.0.1:5140", "udp", "127.0.0.1:5140"},
		{"udp://:5140", "udp", "127.0.0.1:5140"},
		{"tcp://0.0.0.0:514", "tcp", "0.0.0.0:514"},
		{"tls://[::1]:6514", "tls", "[::1]:6514"},
		{"tcp://logs.internal:0", "tcp", "logs.internal:0"},
		{"unix:///run/darkshare.sock", "unix", "/run/darkshare.sock"},
		{"unix://s", "unix", "s"},
		{"", "", ""},
		{"127.0.0.1:5140", "", ""},
		{"udp://127.0.0.1", "", ""},
		{"udp://127.0.0.1:syslog", "", ""},
		{"udp://127.0.0.1:65536", "", ""},
		{"tcp://", "", ""},
		{"unix://", "", ""},
		{"unix:///", "", ""},
		{"http://127.0.0.1:1", "", ""},
	} {
		network, address, err := ParseAddress(c.in)
		if network != c.network || address != c.address || (err == nil) != (c.network != "") {
			t.Errorf("%q: got %q, %q, %v", c.in, network, address, err)
		}
	}
	if _, err := New(Options{Listen: "tls://127.0.0.1:0"}); err == nil {
		t.Error("TLS without a certificate")
	}
}

func TestTransports(t *testing.T) {
	serverTLS, clientTLS := certificates(t)
	const header = "<190>Nov 22 05:16:07 nginx: "
	line := func(i int) string { return fmt.Sprintf("%s%d\n", header, i) }
	counted := func(i int) string { m := fmt.Sprint(header, i); return fmt.Sprint(len(m), " ", m) }
	for _, c := range []struct {
		name, listen string
		message      func(int) string
	}{
		{"UDP", "udp://127.0.0.1:0", line},
		{"unix", "unix://" + socketPath(t), line},
		{"TCP, lines", "tcp://127.0.0.1:0", line},
		{"TCP, counted", "tcp://127.0.0.1:0", counted},
		{"TLS", "tls://127.0.0.1:0", counted},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := listen(t, Options{Listen: c.listen, TLS: serverTLS})
			conn := r.dial()
			if strings.HasPrefix(c.listen, "tls") {
				conn = tls.Client(conn, withName(clientTLS))
			}
			var want []string
			for i := range 100 {
				send(t, conn, c.message(i))
				want = append(want, fmt.Sprint(i))
			}
			r.want(want...)
			r.stop()
			if r.Stats().Up() || r.Addr() != nil {
				t.Error("up after its end")
			}
		})
	}
}

func withName(c *tls.Config) *tls.Config {
	c = c.Clone()
	c.ServerName = "127.0.0.1"
	return c
}

func TestWhatWasSentBeforeTheEndComes(t *testing.T) {
	const records = 5000
	for _, address := range []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0", "unix://" + socketPath(t)} {
		t.Run(address[:4], func(t *testing.T) {
			r := hold(t, Options{Listen: address})
			r.up()
			conn := r.dial()
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				for i := range records {
					fmt.Fprintf(conn, "%d\n", i)
				}
			}()
			if r.network == "unix" {
				r.take() // or the sender waits
			}
			<-sent
			eventually(t, func() string { // or the connection may not be accepted yet
				if r.Stats().Bytes() == 0 {
					return "nothing came"
				}
				return ""
			})
			r.stop()
			if got := r.got(); len(got) != records || got[records-1] != fmt.Sprint(records-1) {
				t.Errorf("%d records of %d", len(got), records)
			}
		})
	}
}

func TestSlowReader(t *testing.T) {
	record := strings.Repeat("x", 999)
	t.Run("TCP waits", func(t *testing.T) {
		r := hold(t, Options{Listen: "tcp://127.0.0.1:0"})
		r.up()
		conn := r.dial()
		const records = 30_000
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for range records {
				fmt.Fprintln(conn, record)
			}
			conn.Close()
		}()
		select {
		case <-sent:
			t.Fatal("the sender did not have to wait")
		case <-time.After(200 * time.Millisecond):
		}
		r.take()
		<-sent
		eventually(t, func() string {
			if n := len(r.got()); n != records {
				return fmt.Sprintf("%d records of %d", n, records)
			}
			return ""
		})
		if n := r.Stats().Dropped(stream.DropOverflow); n != 0 {
			t.Errorf("%d dropped", n)
		}
	})
	t.Run("UDP drops and counts", func(t *testing.T) {
		r := hold(t, Options{Listen: "udp://127.0.0.1:0"})
		r.up()
		conn := r.dial()
		const records = 60_000
		for range records {
			send(t, conn, record)
		}
		r.take()
		eventually(t, func() string {
			got, dropped := len(r.got()), int(r.Stats().Dropped(stream.DropOverflow))
			if dropped == 0 || got+dropped != records {
				return fmt.Sprintf("%d records, %d dropped, want %d together", got, dropped, records)
			}
			return ""
		})
		// Those that come afterwards come.
		send(t, conn, "afterwards")
		eventually(t, func() string {
			if got := r.got(); got[len(got)-1] != "afterwards" {
				return "no more records"
			}
			return ""
		})
	})
}

// counts waits until so many errors are counted, and the text is in the log.
func (r *receiver) counts(reason stream.ErrorReason, n uint64, text string) {
	r.t.Helper()
	eventually(r.t, func() string {
		if got := r.Stats().Errors(reason); got != n || !strings.Contains(r.log.String(), text) {
			return fmt.Sprintf("%d errors %v, want %d; log %s", got, reason, n, r.log.String())
		}
		return ""
	})
}

// closed waits until the other side has closed the connection.
func closed(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Fatalf("the connection was not closed: %v", err)
	}
}

func TestBounds(t *testing.T) {
	short := Options{Listen: "tcp://127.0.0.1:0", Message: 64, MessageTimeout: 100 * time.Millisecond}
	t.Run("a message that does not end", func(t *testing.T) {
		r := listen(t, short)
		conn := r.dial()
		before := time.Now()
		for i := 0; ; i++ {
			if _, err := conn.Write([]byte("x")); err != nil {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if took := time.Since(before); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		r.counts(stream.ErrorTimeout, 1, "a message took too long")
		eventually(t, func() string {
			if got := r.got(); len(got) != 1 || strings.Trim(got[0], "x") != "" {
				return fmt.Sprintf("got %q: what came of it is one record", got)
			}
			return ""
		})
	})
	t.Run("messages that come in parts for long", func(t *testing.T) {
		r := listen(t, short)
		conn := r.dial()
		var want []string
		send(t, conn, "a")
		for range 40 { // there is always a part of one
			send(t, conn, "\na")
			want = append(want, "a")
			time.Sleep(5 * time.Millisecond)
		}
		r.want(want...)
		r.counts(stream.ErrorTimeout, 0, "")
	})
	t.Run("silence between messages", func(t *testing.T) {
		r := listen(t, short)
		conn := r.dial()
		send(t, conn, "1\n")
		r.want("1")
		time.Sleep(3 * short.MessageTimeout)
		send(t, conn, "2\n")
		r.want("1", "2")
	})
	t.Run("length", func(t *testing.T) {
		for _, address := range []string{"tcp://127.0.0.1:0", "udp://127.0.0.1:0"} {
			o := short
			o.Listen, o.MaxLine = address, 128
			r := listen(t, o)
			conn := r.dial()
			send(t, conn, strings.Repeat("x", 65)+"\n")
			send(t, conn, "<190>"+strings.Repeat("y", 59)+"\n")
			// The first one is longer than a line may be, as nobody knows what it was.
			r.want(strings.Repeat("x", 64)+strings.Repeat(" ", 65), strings.Repeat("y", 59))
			r.counts(stream.ErrorLimit, 1, "longer than allowed")
		}
	})
	t.Run("TLS without a certificate", func(t *testing.T) {
		server, client := certificates(t)
		o := short
		o.Listen, o.TLS = "tls://127.0.0.1:0", server
		r := listen(t, o)
		bare := client.Clone()
		bare.Certificates = nil
		for i := range 3 {
			conn := tls.Client(r.dial(), withName(bare))
			conn.Handshake()
			closed(t, conn)
			r.counts(stream.ErrorTLS, uint64(i+1), "a TLS client was refused")
		}
		if n := strings.Count(r.log.String(), "a TLS client was refused"); n != 1 {
			t.Errorf("logged %d times", n)
		}
		closed(t, r.dial()) // no TLS at all, and nothing said
		r.counts(stream.ErrorTLS, 4, "")
		conn := tls.Client(r.dial(), withName(client))
		send(t, conn, "with one\n")
		r.want("with one")
		if !r.Stats().Up() {
			t.Error("down")
		}
	})
}

func TestRecovers(t *testing.T) {
	down := func(r *receiver, text string) {
		r.t.Helper()
		eventually(r.t, func() string {
			if r.Stats().Up() || !strings.Contains(r.log.String(), text) {
				return "it does not say that it is down: " + r.log.String()
			}
			return ""
		})
	}
	t.Run("an address in use", func(t *testing.T) {
		t.Parallel()
		other, err := net.Listen("tcp", "127.0.0.1:0")
		ok(t, err)
		r := hold(t, Options{Listen: "tcp://" + other.Addr().String()})
		r.take()
		down(r, "address already in use")
		ok(t, other.Close())
		r.up()
		send(t, r.dial(), "1\n")
		r.want("1")
	})
	t.Run("a directory that goes and comes", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "d")
		ok(t, os.Mkdir(dir, 0o755))
		r := listen(t, Options{Listen: "unix://" + dir + "/s"})
		ok(t, os.RemoveAll(dir))
		down(r, "was removed")
		ok(t, os.Mkdir(dir, 0o755))
		r.up()
		send(t, r.dial(), "1\n")
		r.want("1")
		r.stop()
		if _, err := os.Stat(dir + "/s"); err == nil {
			t.Error("the socket is still there")
		}
	})
	t.Run("the socket of a killed process", func(t *testing.T) {
		t.Parallel()
		path := socketPath(t)
		killed, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		ok(t, err)
		ok(t, killed.Close())
		r := listen(t, Options{Listen: "unix://" + path})
		fi, err := os.Stat(path)
		ok(t, err)
		if fi.Mode().Perm() != 0o666 {
			t.Errorf("mode %v", fi.Mode())
		}
		second := hold(t, Options{Listen: "unix://" + path})
		down(second, "is in use")
		send(t, r.dial(), "1\n")
		r.want("1")
	})
	t.Run("a file that is no socket", func(t *testing.T) {
		t.Parallel()
		path := socketPath(t)
		ok(t, os.WriteFile(path, nil, 0o600))
		down(hold(t, Options{Listen: "unix://" + path}), "address already in use")
		if _, err := os.Stat(path); err != nil {
			t.Error("it was removed")
		}
	})
}
