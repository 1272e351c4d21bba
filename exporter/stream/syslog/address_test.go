package syslog

import (
	"net"
	"strings"
	"testing"
)

// FuzzParseAddress: an address that is taken is one that can be listened on, and what names
// no host is on the loopback interface.
func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"udp://127.0.0.1:5140", "tcp://:514", "tls://[::1]:6514", "unix:///run/darkshare.sock", "udp://", "tcp://a:b:c", "tcp://:99999", "://", "tcp://host:0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		network, address, err := ParseAddress(s)
		switch {
		case err != nil:
			return
		case network == "unix":
			if address == "" || !strings.HasSuffix(s, address) {
				t.Errorf("%q is %q", s, address)
			}
			return
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil || port == "" || host == "" {
			t.Errorf("%q is %q: %v", s, address, err)
		}
		if _, given, _ := strings.Cut(s, "://"); strings.HasPrefix(given, ":") && host != "127.0.0.1" {
			t.Errorf("%q is on %s", s, host)
		}
	})
}
