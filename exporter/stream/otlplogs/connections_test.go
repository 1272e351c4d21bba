package otlplogs

import (
	"net"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/stream/internal/streamtest"
)

// TestConnections: past so many connections another one waits until one has gone, by
// either protocol.
func TestConnections(t *testing.T) {
	r, sink := receive(t, Options{Connections: 1})
	for n, addr := range []net.Addr{r.GRPCAddr(), r.HTTPAddr()} {
		idle, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer idle.Close()
		time.Sleep(50 * time.Millisecond) // until it is accepted
		done := make(chan struct{})
		go func() {
			defer close(done)
			if n == 0 {
				export(t, r, request(t, traefik))
			} else {
				posted(t, r, marshal(t, request(t, traefik)))
			}
		}()
		select {
		case <-done:
			t.Errorf("%s: a second connection was served", addr)
		case <-time.After(200 * time.Millisecond):
		}
		idle.Close()
		<-done
		streamtest.Eventually(t, count(sink, n+1))
	}
}
