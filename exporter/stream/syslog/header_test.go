package syslog

import (
	"bytes"
	"strings"
	"testing"
)

const (
	combined = `192.0.2.1 - - [22/Nov/2026:05:16:07 +0000] "GET / HTTP/1.1" 200 1 "-" "Mozilla/5.0 (X11; Linux)"`
	httplog  = `192.0.2.1:4000 [22/Nov/2026:05:16:07.001] fe be/s 0/0/0/0/0 200 1 - - ---- 1/1/0/0/0 0/0 "GET / HTTP/1.1"`
)

// The headers are from what the programs sent to the tests beside this one, from
// their manuals, and from the RFCs.
func TestBody(t *testing.T) {
	for _, c := range []struct{ name, header, record, end string }{
		{"nginx", "<190>Nov 22 05:16:07 web1 nginx: ", combined, ""},
		{"nginx nohostname", "<190>Nov 22 05:16:07 nginx: ", combined, ""},
		{"nginx, first days of a month", "<190>Nov  2 05:16:07 web1 nginx: ", combined, ""},
		{"nginx with a tag", "<190>Nov 22 05:16:07 shop_1: ", combined, ""},
		{"nginx, JSON", "<190>Nov 22 05:16:07 web1 nginx: ", `{"time": "x", "a b": "c: d"}`, ""},
		{"nginx, IPv6", "<190>Nov 22 05:16:07 nginx: ", strings.Replace(combined, "192.0.2.1", "2001:db8::", 1), ""},
		{"HAProxy local", "<134>Nov 22 05:16:07 haproxy[4711]: ", httplog, "\n"},
		{"HAProxy rfc3164", "<134>Nov 22 05:16:07 lb haproxy[4711]: ", httplog, "\n"},
		{"HAProxy rfc5424", "<134>1 2026-11-22T05:16:07.123456+00:00 lb haproxy 4711 - - ", httplog, ""},
		{"HAProxy rfc5424 with data", `<134>1 2026-11-22T05:16:07.123456+00:00 - haproxy 4711 - [x@1 a="\"]\\"][y b="c d"] `, httplog, ""},
		{"ISO time, no host", "<134>2026-11-22T05:16:07+00:00 haproxy[4711]: ", httplog, ""},
		{"HAProxy timed", "<134>2026-11-22T05:16:07.001+00:00 ", httplog, ""},
		{"HAProxy timed, combined", "<134>2026-11-22T05:16:07.001+00:00 ", combined, ""},
		{"HAProxy priority", "<134>haproxy[4711]: ", httplog, ""},
		{"HAProxy short", "<134>", httplog, ""},
		{"HAProxy raw", "", httplog, ""},
		{"rsyslog traditional", "<190>Nov 22 05:16:07 web1 nginx: ", combined, ""},
		{"rsyslog ForwardFormat", "<190>2026-11-22T05:16:07.123456+01:00 web1 nginx: ", combined, ""},
		{"rsyslog SyslogProtocol23Format", "<190>1 2026-11-22T05:16:07.123456+01:00 web1 nginx - - - ", combined, ""},
		{"rsyslog SyslogProtocol23Format of RFC 3164", "<190>1 2026-11-22T05:16:07.123456+01:00 web1 nginx - - -  ", combined, ""},
		{"rsyslog, from a file", "<133>Nov 22 05:16:07 web1 /var/log/access: ", combined, ""},
		{"syslog-ng", "<190>Nov 22 05:16:07 web1 nginx: ", combined, "\n"},
		{"syslog-ng with fractions", "<190>Nov 22 05:16:07.123 web1 nginx[1]: ", combined, "\n"},
		{"syslog-ng with years", "<190>2026 Nov 22 05:16:07 web1 nginx: ", combined, ""},
		{"syslog-ng syslog()", `<190>1 2026-11-22T05:16:07+00:00 web1 nginx - - [meta sequenceId="1"] `, combined, ""},
		{"a byte-order mark", "<190>1 2026-11-22T05:16:07Z web1 nginx - - - \xef\xbb\xbf", combined, ""},
		{"a byte-order mark before 5424", "<190>Nov 22 05:16:07 nginx: \xef\xbb\xbf", combined, ""},
		{"RFC 5424 without anything", "<0>1 - - - - - - ", combined, ""},
		{"RFC 5424 without a record", "<0>1 - - - - - -", "", ""},
		{"a router's year", "<190>Nov 22 2026 05:16:07 web1 nginx: ", combined, ""},
		{"no tag", "<190>Nov 22 05:16:07 web1 ", combined, ""},
		{"no tag and no host", "<190>Nov 22 05:16:07 ", combined, ""},
		{"a host that is an address", "<190>Nov 22 05:16:07 2001:db8::1 nginx: ", combined, ""},
		{"syslog(3)", "<190>nginx[12]: ", combined, "\x00"},
		{"a tag next to JSON", "<190>Nov 22 05:16:07 nginx:", `{"a":1}`, "\r\n"},
		{"nothing behind the tag", "<190>Nov 22 05:16:07 nginx: ", "", ""},
		{"nothing behind the time", "<190>Nov 22 05:16:07", "", ""},
		{"nothing behind the priority", "<190>", "", ""},
		{"no header", "", combined, "\n"},
		{"no header, a virtual host", "", "example.com:443 " + combined, "\n"},
		{"priority alone, a virtual host", "<190>", "example.com:443 " + combined, ""},
		{"no priority after all", "", "<192>x", ""},
		{"no priority, letters", "", "<a>x", ""},
		{"no priority, no end", "", "<19", ""},
		{"no RFC 5424 after all", "<190>", "1 second", ""},
		{"RFC 5424, broken off", "<190>", "1 2026-11-22T05:16:07Z web1 nginx - - [x a=\"", ""},
		{"a time that is none", "<190>", "Nov 22 05:16 nginx", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := body([]byte(c.header + c.record + c.end)); string(got) != c.record {
				t.Errorf("%q: got %q, want %q", c.header+c.record+c.end, got, c.record)
			}
		})
	}
}

func TestBodyAllocatesNothing(t *testing.T) {
	message := []byte("<190>Nov 22 05:16:07 web1 nginx: " + combined)
	if n := testing.AllocsPerRun(100, func() { body(message) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzBody(f *testing.F) {
	for _, header := range []string{
		"<190>Nov 22 05:16:07 web1 nginx: ", "<134>1 2026-11-22T05:16:07.1+00:00 lb haproxy 4711 - - ",
		`<1>1 - - - - - [a b="\]"]`, "<134>2026-11-22T05:16:07+00:00 ", "<1>a[", "<1>2026 Nov  1 00:00:00.1 a", "\x00\r\n",
	} {
		f.Add([]byte(header + combined))
		f.Add([]byte(header))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		before := bytes.Clone(message)
		record := body(message)
		if !bytes.Equal(before, message) {
			t.Fatal("the message was changed")
		}
		// A record is the end of its message, but for what is trimmed.
		if !bytes.HasSuffix(bytes.TrimRight(message, "\r\n\x00"), record) {
			t.Fatalf("%q is not the end of %q", record, message)
		}
	})
}

func BenchmarkBody(b *testing.B) {
	for name, header := range map[string]string{
		"3164": "<190>Nov 22 05:16:07 web1 nginx: ",
		"5424": "<134>1 2026-11-22T05:16:07.123456+00:00 lb haproxy 4711 - - ",
	} {
		message := []byte(header + combined)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(message)))
			b.ReportAllocs()
			for b.Loop() {
				body(message)
			}
		})
	}
}
