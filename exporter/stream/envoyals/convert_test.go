package envoyals

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	data "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	als "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stream/internal/jsonline"
)

var now = time.Unix(1763788567, 0)

func lines(t testing.TB, message []byte) (lines []string, malformed int) {
	t.Helper()
	var c converter
	left, err := c.convert(message, now, func(line []byte) error {
		lines = append(lines, string(line))
		return nil
	})
	if left != 0 || err != nil {
		t.Fatal(left, err)
	}
	return lines, c.malformed
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func httpLogs(entries ...*data.HTTPAccessLogEntry) *als.StreamAccessLogsMessage {
	return &als.StreamAccessLogsMessage{LogEntries: &als.StreamAccessLogsMessage_HttpLogs{
		HttpLogs: &als.StreamAccessLogsMessage_HTTPAccessLogEntries{LogEntry: entries}}}
}

// visit is an entry with everything that is asked of Envoy, and more.
func visit(n int) *data.HTTPAccessLogEntry {
	return &data.HTTPAccessLogEntry{
		CommonProperties: &data.AccessLogCommon{
			SampleRate: 1,
			DownstreamRemoteAddress: &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
				Address: fmt.Sprintf("203.0.113.%d", n%256), PortSpecifier: &core.SocketAddress_PortValue{PortValue: 50000}}}},
			DownstreamLocalAddress: &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{Address: "10.0.0.1"}}},
			StartTime:              timestamppb.New(now.Add(time.Duration(n) * time.Microsecond)),
			UpstreamCluster:        "shop",
			RouteName:              "default",
			AccessLogType:          data.AccessLogType_DownstreamEnd,
			ResponseFlags:          &data.ResponseFlags{},
		},
		ProtocolVersion: data.HTTPAccessLogEntry_HTTP2,
		Request: &data.HTTPRequestProperties{
			RequestMethod: core.RequestMethod_GET, Scheme: "https", Authority: "www.example.com",
			Path: fmt.Sprintf("/blog/%d?utm_source=whatsapp", n), Referer: "https://web.whatsapp.com/",
			UserAgent:    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
			ForwardedFor: "198.51.100.7,203.0.113.9", RequestId: "5c3c1a1e-6c7b-4ad3-a11c-0b3f5b7d7f10",
			RequestHeaders: map[string]string{
				"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "sec-fetch-user": "?1",
				"x-requested-with": "com.whatsapp", "sec-purpose": "prefetch", "cookie": "secret",
			},
		},
		Response: &data.HTTPResponseProperties{
			ResponseCode: wrapperspb.UInt32(200), ResponseBodyBytes: 5120,
			ResponseHeaders: map[string]string{"content-type": "text/html; charset=utf-8"},
		},
	}
}

// The lines mean to accesslog what the entries say.
func TestConvert(t *testing.T) {
	got, _ := lines(t, marshal(t, httpLogs(visit(1))))
	f, err := accesslog.Compile(Format)
	if err != nil {
		t.Fatal(err)
	}
	var r accesslog.Request
	if reason := f.NewParser().Parse([]byte(got[0]), &r); reason != schema.ReasonNone {
		t.Fatal(reason)
	}
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"client", r.Client, "203.0.113.1"},
		{"forwarded for", r.ForwardedFor, "198.51.100.7"},
		{"method", r.Method, "GET"},
		{"target", r.Target, "/blog/1?utm_source=whatsapp"},
		{"host", r.Host, "www.example.com"},
		{"referer", r.Referer, "https://web.whatsapp.com/"},
		{"user agent", r.UserAgent, visit(1).Request.UserAgent},
		{"content type", r.ContentType, "text/html; charset=utf-8"},
		{"sec-fetch-site", r.SecFetchSite, "cross-site"},
		{"sec-fetch-mode", r.SecFetchMode, "navigate"},
		{"sec-fetch-dest", r.SecFetchDest, "document"},
		{"sec-fetch-user", r.SecFetchUser, "?1"},
		{"purpose", r.Purpose, "prefetch"},
		{"requested with", r.RequestedWith, "com.whatsapp"},
	} {
		if string(c.got) != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
	if r.Status != 200 || r.Time != now.UnixNano()+1000 {
		t.Errorf("status %d, time %d", r.Status, r.Time)
	}
}

func TestEntries(t *testing.T) {
	const stamp = `{"time":"1763788567000000000"`
	for _, c := range []struct{ name, message, want string }{
		{"empty message", ``, ``},
		{"identifier only", `identifier { log_name: "x" node { id: "n" } }`, ``},
		{"empty entry", `http_logs { log_entry {} }`, stamp + `}`},
		{"no response", `http_logs { log_entry { request { request_method: GET path: "/" authority: "a" } } }`,
			stamp + `,"method":"GET","request_uri":"/","host":"a"}`},
		{"no code", `http_logs { log_entry { request { path: "/" } response { response_code { } } } }`, stamp + `,"request_uri":"/"}`},
		{"client gone", `http_logs { log_entry { request { path: "/" } response { response_code { value: 0 } } } }`, stamp + `,"request_uri":"/"}`},
		{"rewritten path", `http_logs { log_entry { request { original_path: "/public" path: "/internal" } } }`, stamp + `,"request_uri":"/public"}`},
		{"unknown method", `http_logs { log_entry { request { request_method: METHOD_UNSPECIFIED path: "/" } } }`, stamp + `,"request_uri":"/"}`},
		{"method of a later version", `http_logs { log_entry { request { request_method: 99 path: "/" } } }`, stamp + `,"request_uri":"/"}`},
		{"headers in any case", `http_logs { log_entry { request { path: "/" request_headers { key: "Sec-Purpose" value: "prefetch" } } } }`,
			stamp + `,"request_uri":"/","sec_purpose":"prefetch"}`},
		{"header without value", `http_logs { log_entry { request { path: "/" request_headers { key: "purpose" } } } }`, stamp + `,"request_uri":"/"}`},
		{"IPv6", `http_logs { log_entry { common_properties { downstream_remote_address { socket_address { address: "2001:db8::1" } } } } }`,
			stamp + `,"remote_addr":"2001:db8::1"}`},
		{"pipe", `http_logs { log_entry { common_properties { downstream_remote_address { pipe { path: "/run/x" } } } } }`, stamp + `}`},
		{"start of a request", `http_logs { log_entry { common_properties { start_time { seconds: 5 } access_log_type: DownstreamStart } request { path: "/" } } }`,
			`{"time":"5000000000"}`},
		{"upstream's half", `http_logs { log_entry { request { path: "/" } common_properties { access_log_type: UpstreamEnd } } }`, stamp + `}`},
		{"in between", `http_logs { log_entry { request { path: "/" } common_properties { intermediate_log_entry: true } } }`, stamp + `}`},
		{"TCP", `tcp_logs { log_entry { common_properties { start_time { seconds: 5 nanos: 7 } } connection_properties { received_bytes: 1 } } log_entry {} }`,
			`{"time":"5000000007"}` + "\n" + stamp + `}`},
		{"impossible time", `http_logs { log_entry { common_properties { start_time { seconds: -5 } } } }`, stamp + `}`},
		{"quotes and controls", `http_logs { log_entry { request { path: "/\"\\\n" } } }`, stamp + `,"request_uri":"/\"\\\u000a"}`},
		{"order is kept", `http_logs { log_entry { request { path: "/1" } } log_entry { request { path: "/2" } } }`,
			stamp + `,"request_uri":"/1"}` + "\n" + stamp + `,"request_uri":"/2"}`},
	} {
		m := new(als.StreamAccessLogsMessage)
		if err := prototext.Unmarshal([]byte(c.message), m); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got, malformed := lines(t, marshal(t, m))
		if strings.Join(got, "\n") != c.want || malformed != 0 {
			t.Errorf("%s: %s\nwant %s", c.name, strings.Join(got, "\n"), c.want)
		}
	}
}

// A message that was cut anywhere gives the entries before the cut, and one
// record for the rest, where there is one.
func TestTruncated(t *testing.T) {
	message := marshal(t, httpLogs(visit(1), visit(2), visit(3)))
	whole, _ := lines(t, message)
	for cut := range len(message) {
		got, malformed := lines(t, message[:cut])
		if cut > 0 && (malformed != 1 || got[len(got)-1] != jsonline.Malformed) {
			t.Fatalf("cut at %d: %d malformed of %q", cut, malformed, got)
		}
		for i, line := range got[:max(len(got)-1, 0)] {
			if line != whole[i] {
				t.Fatalf("cut at %d: %q", cut, line)
			}
		}
	}
	// Within an entry, only that one is lost.
	entry := marshal(t, visit(2))
	m := httpLogs(visit(1), &data.HTTPAccessLogEntry{}, visit(3))
	m.GetHttpLogs().LogEntry[1].ProtoReflect().SetUnknown(append([]byte{3<<3 | 2}, entry[len(entry)-5:]...))
	got, malformed := lines(t, marshal(t, m))
	if len(got) != 3 || got[0] != whole[0] || got[1] != jsonline.Malformed || got[2] != whole[2] || malformed != 1 {
		t.Errorf("%d malformed of %q", malformed, got)
	}
}

func TestAddFails(t *testing.T) {
	boom := errors.New("boom")
	for fail := range 3 {
		var c converter
		n := 0
		left, err := c.convert(marshal(t, httpLogs(visit(1), visit(2), visit(3))), now, func([]byte) error {
			if n++; n > fail {
				return boom
			}
			return nil
		})
		if err != boom || left != 3-fail || n != fail+1 {
			t.Errorf("failed at %d: %d left, %d added, %v", fail, left, n, err)
		}
	}
}

// reference makes the line of an entry with the published types.
func reference(e *data.HTTPAccessLogEntry) string {
	var r jsonline.Record
	set := func(f jsonline.Field, v string) { r.Set(f, []byte(v)) }
	p := e.GetCommonProperties()
	stamp := p.GetStartTime().AsTime()
	if s := p.GetStartTime(); s.GetSeconds() <= 0 || s.GetSeconds() >= 1<<33 || s.GetNanos() < 0 || s.GetNanos() >= 1e9 {
		stamp = now
	}
	r.SetInt(jsonline.Time, stamp.UnixNano())
	//lint:ignore SA1019 Envoys before 1.26 set nothing else
	if t := p.GetAccessLogType(); p.GetIntermediateLogEntry() || t != 0 && t != data.AccessLogType_DownstreamEnd {
		return string(r.Append(nil))
	}
	set(jsonline.Client, p.GetDownstreamRemoteAddress().GetSocketAddress().GetAddress())
	q := e.GetRequest()
	if m := q.GetRequestMethod(); m > 0 {
		if name, ok := core.RequestMethod_name[int32(m)]; ok {
			set(jsonline.Method, name)
		}
	}
	set(jsonline.Target, q.GetPath())
	set(jsonline.Target, q.GetOriginalPath())
	set(jsonline.Host, q.GetAuthority())
	set(jsonline.Referer, q.GetReferer())
	set(jsonline.UserAgent, q.GetUserAgent())
	set(jsonline.ForwardedFor, q.GetForwardedFor())
	for name, f := range map[string]jsonline.Field{
		"sec-fetch-site": jsonline.SecFetchSite, "sec-fetch-mode": jsonline.SecFetchMode, "sec-fetch-dest": jsonline.SecFetchDest,
		"sec-fetch-user": jsonline.SecFetchUser, "sec-purpose": jsonline.SecPurpose, "x-requested-with": jsonline.RequestedWith,
	} {
		set(f, q.GetRequestHeaders()[name])
	}
	if c := e.GetResponse().GetResponseCode(); c.GetValue() != 0 {
		r.SetInt(jsonline.Status, int64(c.GetValue()))
	}
	set(jsonline.ContentType, e.GetResponse().GetResponseHeaders()["content-type"])
	return string(r.Append(nil))
}

// Whatever comes, nothing panics, every entry gives a line, and what the published
// types can read gives what they say.
func FuzzConvert(f *testing.F) {
	f.Add(marshal(f, httpLogs(visit(1), visit(2))))
	f.Add(marshal(f, httpLogs(&data.HTTPAccessLogEntry{})))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, message []byte) {
		got, malformed := lines(t, message)
		for _, line := range got {
			if strings.Contains(line, "\n") {
				t.Fatalf("%q", line)
			}
		}
		var m als.StreamAccessLogsMessage
		if proto.Unmarshal(message, &m) != nil {
			return
		}
		if malformed != 0 {
			t.Fatal("malformed, but not to the published types")
		}
		// Sent again in the usual way: no field twice, no part in pieces.
		again, err := proto.MarshalOptions{Deterministic: true}.Marshal(&m)
		if err != nil {
			t.Fatal(err)
		}
		got, _ = lines(t, again)
		entries := m.GetHttpLogs().GetLogEntry()
		if n := len(entries) + len(m.GetTcpLogs().GetLogEntry()); len(got) != n {
			t.Fatalf("%d lines of %d entries", len(got), n)
		}
		for i, e := range entries {
			if unusual(e) {
				continue
			}
			if want := reference(e); got[i] != want {
				t.Fatalf("%s\nwant %s", got[i], want)
			}
		}
	})
}

// unusual reports what the reference does not say: header names that differ in
// case only, and other names for the same.
func unusual(e *data.HTTPAccessLogEntry) bool {
	for name := range e.GetRequest().GetRequestHeaders() {
		switch name {
		case "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "sec-fetch-user", "sec-purpose", "x-requested-with", "cookie":
		default:
			return true
		}
	}
	for name := range e.GetResponse().GetResponseHeaders() {
		if name != "content-type" {
			return true
		}
	}
	return len(e.ProtoReflect().GetUnknown()) > 0
}

func TestGolden(t *testing.T) {
	got, _ := lines(t, marshal(t, httpLogs(visit(7))))
	path := filepath.Join("testdata", "visit.json")
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got[0] != string(bytes.TrimSpace(want)) {
		t.Errorf("got  %s\nwant %s", got[0], want)
	}
}

func BenchmarkConvert(b *testing.B) {
	var entries []*data.HTTPAccessLogEntry
	for n := range 24 {
		entries = append(entries, visit(n))
	}
	message := marshal(b, httpLogs(entries...))
	var c converter
	n := 0
	b.ReportAllocs()
	b.SetBytes(int64(len(message)))
	add := func([]byte) error { n++; return nil }
	for b.Loop() {
		if _, err := c.convert(message, now, add); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
	if n != 24*b.N {
		b.Fatal(n, b.N)
	}
}
