package syslog

import (
	"crypto/tls"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/stream"
)

// TestPlaces: where all connections are taken, another one has the place of who was silent
// the longest, who never said anything before who did. Who spoke a moment ago stays.
func TestPlaces(t *testing.T) {
	const silence = 300 * time.Millisecond
	short := Options{Listen: "tcp://127.0.0.1:0", Connections: 3, Silence: silence}
	say := func(r *receiver, conn net.Conn, text string) {
		t.Helper()
		before := len(r.got())
		send(t, conn, text+"\n")
		eventually(t, func() string {
			if got := r.got(); len(got) != before+1 || got[before] != text {
				return fmt.Sprintf("%q did not come: %q", text, got)
			}
			return ""
		})
	}
	t.Run("the one that was silent the longest goes", func(t *testing.T) {
		r := listen(t, short)
		first, second, third := r.dial(), r.dial(), r.dial()
		for i, conn := range []net.Conn{second, first, third} {
			say(r, conn, fmt.Sprint("a", i))
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(silence)
		fourth := r.dial()
		say(r, fourth, "b")
		closed(t, second)
		r.counts(stream.ErrorLimit, 1, "client="+second.LocalAddr().String())
		if log := r.log.String(); !regexp.MustCompile(`the one that was silent the longest was closed.* silent=[0-9.]+m?s`).MatchString(log) {
			t.Errorf("the log does not say so: %s", log)
		}
		say(r, first, "c")
		say(r, third, "d")
		say(r, fourth, "e")
	})
	t.Run("one that never said anything goes before", func(t *testing.T) {
		r := listen(t, short)
		spoke, never, later := r.dial(), r.dial(), r.dial()
		say(r, spoke, "a")
		say(r, later, "b")
		time.Sleep(silence)
		say(r, r.dial(), "c")
		closed(t, never)
		say(r, spoke, "d")
	})
	t.Run("nobody goes who spoke a moment ago", func(t *testing.T) {
		o := short
		o.Silence = time.Minute
		r := listen(t, o)
		all := []net.Conn{r.dial(), r.dial(), r.dial()}
		for i, conn := range all {
			say(r, conn, fmt.Sprint("a", i))
		}
		closed(t, r.dial())
		r.counts(stream.ErrorLimit, 1, "too many connections: another one was refused")
		for i, conn := range all {
			say(r, conn, fmt.Sprint("b", i))
		}
		all[0].Close()
		eventually(t, func() string {
			conn := r.dial()
			fmt.Fprintln(conn, "c")
			time.Sleep(10 * time.Millisecond)
			conn.Close()
			if got := r.got(); got[len(got)-1] != "c" {
				return "no place after one has gone"
			}
			return ""
		})
	})
	t.Run("nobody goes who waits for darkshare", func(t *testing.T) {
		o := short
		o.Connections = 1
		r := hold(t, o)
		r.up()
		conn, sent := r.dial(), make(chan int)
		go func() {
			record, n := strings.Repeat("x", 999)+"\n", 0
			for conn.SetWriteDeadline(time.Now().Add(2 * silence)); ; n++ {
				if m, err := fmt.Fprint(conn, record); err != nil {
					if m > 0 {
						n++
					}
					break
				}
			}
			conn.Close()
			sent <- n
		}()
		n := <-sent // for so long nothing was taken
		closed(t, r.dial())
		r.counts(stream.ErrorLimit, 1, "another one was refused")
		r.take()
		eventually(t, func() string {
			if got := len(r.got()); got != n {
				return fmt.Sprintf("%d records of %d", got, n)
			}
			return ""
		})
	})
	t.Run("by TLS", func(t *testing.T) {
		server, client := certificates(t)
		o := short
		o.Listen, o.TLS, o.Connections = "tls://127.0.0.1:0", server, 1
		r := listen(t, o)
		one := tls.Client(r.dial(), withName(client))
		say(r, one, "a")
		time.Sleep(silence)
		two := tls.Client(r.dial(), withName(client))
		say(r, two, "b")
		closed(t, one)
	})
}
