package main

import (
	"testing"
	"time"
)

// TestForwardWaits: while Kafka is away, no more is kept than the blocks of lines that may
// be in use have: reading waits.
func TestForwardWaits(t *testing.T) {
	f := newFleet(t)
	_, args := f.forwarder("edge", "")
	f.client.Close()
	f.cluster.Close()
	s := serve(t, args...)
	f.write("edge.log", string(benchLog(t, 200_000)))
	s.await("some are kept", func() bool { return s.sums()["darkshare_forward_pending_records"] > 0 })
	time.Sleep(time.Second)
	// Eight blocks of 256 KiB, with lines of some 240 bytes.
	if n := s.sums()["darkshare_forward_pending_records"]; n > 10_000 {
		t.Errorf("%v records are kept", n)
	}
	s.await("the others wait to be read", func() bool { return s.sums()["darkshare_input_lag_bytes"] > 30e6 })
}
