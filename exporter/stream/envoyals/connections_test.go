package envoyals

import (
	"net"
	"testing"

	"github.com/darkshare/darkshare/exporter/stream/internal/streamtest"
)

// TestConnections: past so many connections another one waits until one has gone.
func TestConnections(t *testing.T) {
	_, sink, address := receive(t, Options{Connections: 2}, streamtest.Options{})
	idle, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	first := open(t, dial(t, address, nil))
	if err := first.Send(httpLogs(visit(1))); err != nil {
		t.Fatal(err)
	}
	streamtest.Eventually(t, count(sink, 1))
	second := make(chan error, 1)
	conn := dial(t, address, nil)
	go func() {
		s := open(t, conn)
		second <- s.Send(httpLogs(visit(2)))
		_, _ = s.CloseAndRecv()
	}()
	if err := first.Send(httpLogs(visit(3))); err != nil {
		t.Fatal(err)
	}
	streamtest.Eventually(t, count(sink, 2))
	select {
	case err := <-second:
		t.Fatalf("a third connection was served: %v", err)
	default:
	}
	idle.Close()
	if err := <-second; err != nil {
		t.Error(err)
	}
	streamtest.Eventually(t, count(sink, 3))
}
