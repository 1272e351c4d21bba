package otlplogs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/schema"
)

var now = time.Unix(1763788567, 0)

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// request reads a request of one resource and scope from its records, in
// protobuf's text format.
func request(t testing.TB, records string) *logs.ExportLogsServiceRequest {
	t.Helper()
	m := new(logs.ExportLogsServiceRequest)
	text := `resource_logs { resource { attributes { key: "host.name" value { string_value: "not.this" } } } scope_logs { scope { name: "x" } ` + records + `} }`
	if err := prototext.Unmarshal([]byte(text), m); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return m
}

func lines(t testing.TB, message []byte) (lines []string) {
	t.Helper()
	var c converter
	if err := c.convert(message, now); err != nil {
		t.Fatal(err)
	}
	for n := range c.ends {
		lines = append(lines, string(c.line(n)))
	}
	return lines
}

// attrs writes attributes as text: name=value, with a number as an int_value.
func attrs(field string, pairs ...string) string {
	var b strings.Builder
	for _, p := range pairs {
		key, value, _ := strings.Cut(p, "=")
		kind := "string_value"
		if key, _ = strings.CutSuffix(key, "#"); strings.Contains(p, "#=") {
			kind = "int_value"
		} else {
			value = fmt.Sprintf("%q", value)
		}
		fmt.Fprintf(&b, "%s { key: %q value { %s: %s } } ", field, key, kind, value)
	}
	return b.String()
}

// What Traefik 3 sends (accesslog.otlp): its fields as attributes, with the headers
// that it was told to keep, and the formatted line as the body.
var traefik = `log_records { time_unix_nano: 1763788567000000007 severity_text: "info"
	body { string_value: "203.0.113.9 - - [22/Nov/2026:05:16:07 +0000] \"GET /shop/shoes?utm_source=telegram HTTP/2.0\" 200 512 \"-\" \"-\" 1 \"web@file\" \"http://10.0.0.2\" 3ms\n" } ` +
	attrs("attributes", "StartUTC#=1763788566990000000", "StartLocal#=1763788566990000000", "Duration#=3000000", "RouterName=web@file",
		"ServiceName=web", "ServiceURL=http://10.0.0.2", "ServiceAddr=10.0.0.2", "ClientAddr=203.0.113.9:51234", "ClientHost=203.0.113.9",
		"ClientPort=51234", "ClientUsername=-", "RequestAddr=shop.example:443", "RequestHost=shop.example", "RequestPort=443",
		"RequestMethod=GET", "RequestPath=/shop/shoes?utm_source=telegram", "RequestProtocol=HTTP/2.0", "RequestScheme=https",
		"OriginStatus#=200", "DownstreamStatus#=200", "DownstreamContentSize#=512", "RequestCount#=1",
		"request_Referer=https://web.telegram.org/", "request_User-Agent=Mozilla/5.0 (X11; Linux x86_64)", "request_Sec-Fetch-Site=cross-site",
		"request_Sec-Fetch-Mode=navigate", "request_Sec-Fetch-Dest=document", "downstream_Content-Type=text/html") + `}`

// envoyValues are what Envoy's command operators give for the request.
var envoyValues = map[string]string{
	"%REQ(:METHOD)%": "GET", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%": "/shop/shoes?utm_source=telegram", "%REQ(:AUTHORITY)%": "shop.example",
	"%RESPONSE_CODE%": "200", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%": "203.0.113.9", "%REQ(X-FORWARDED-FOR)%": "-",
	"%REQ(REFERER)%": "https://web.telegram.org/", "%REQ(USER-AGENT)%": "Mozilla/5.0 (X11; Linux x86_64)",
	"%REQ(SEC-FETCH-SITE)%": "cross-site", "%REQ(SEC-FETCH-MODE)%": "navigate", "%REQ(SEC-FETCH-DEST)%": "document",
	"%REQ(SEC-FETCH-USER)%": "?1", "%REQ(SEC-PURPOSE)%": "-", "%REQ(X-REQUESTED-WITH)%": "-", "%RESP(CONTENT-TYPE)%": "text/html",
}

// envoy is what Envoy sends when it is configured as documented.
var envoy = func() string {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "proxies", "envoy.md"))
	if err != nil {
		panic(err)
	}
	var pairs []string
	for _, m := range regexp.MustCompile(`\{key: (\S+), value: \{string_value: "(%.*%)"\}\}`).FindAllStringSubmatch(string(page), -1) {
		value, ok := envoyValues[m[2]]
		if !ok {
			panic("envoy.md: " + m[2])
		}
		pairs = append(pairs, m[1]+"="+value)
	}
	return `log_records { time_unix_nano: 1763788567000000007 ` + attrs("attributes", pairs...) + `}`
}()

// The present semantic conventions, whose headers are lists.
var conventions = `log_records { time_unix_nano: 1763788567000000007 ` +
	attrs("attributes", "http.request.method=GET", "url.path=/shop/shoes", "url.query=utm_source=telegram", "url.scheme=https", "server.address=shop.example",
		"server.port#=443", "http.response.status_code#=200", "client.address=203.0.113.9", "network.peer.address=10.9.9.9",
		"user_agent.original=Mozilla/5.0 (X11; Linux x86_64)", "http.request.header.sec-fetch-mode=navigate") + `
	attributes { key: "http.request.header.referer" value { array_value { values { string_value: "https://web.telegram.org/" } } } }
	attributes { key: "http.request.header.sec_fetch_site" value { array_value { values { string_value: "cross-site" } values { string_value: "none" } } } }
	attributes { key: "http.request.header.sec-fetch-dest" value { array_value { values { bytes_value: "document" } } } }
	attributes { key: "http.response.header.content-type" value { array_value { values { string_value: "text/html" } } } } }`

// The body is a map, as of Envoy's body { kvlist_value } or a Collector's JSON parser.
var mapBody = `log_records { time_unix_nano: 1763788567000000007 body { kvlist_value { ` +
	attrs("values", "method=GET", "path=/shop/shoes?utm_source=telegram", "authority=shop.example", "response_code=200",
		"downstream_remote_address=203.0.113.9:4711", "x_forwarded_for=-") + `
	values { key: "headers" value { kvlist_value { ` + attrs("values", "Referer=https://web.telegram.org/", "User-Agent=Mozilla/5.0 (X11; Linux x86_64)",
	"Sec-Fetch-Site=cross-site", "Sec-Fetch-Mode=navigate", "Sec-Fetch-Dest=document") + `} } }
	` + attrs("values", "response_content_type=text/html") + `} } }`

// However the same request is sent, it is the same request.
func TestSenders(t *testing.T) {
	f, err := accesslog.Compile(Format)
	if err != nil {
		t.Fatal(err)
	}
	for name, records := range map[string]string{"traefik": traefik, "envoy": envoy, "conventions": conventions, "map": mapBody} {
		got := lines(t, marshal(t, request(t, records)))
		if len(got) != 1 {
			t.Fatalf("%s: %q", name, got)
		}
		var r accesslog.Request
		if reason := f.NewParser().Parse([]byte(got[0]), &r); reason != schema.ReasonNone {
			t.Fatalf("%s: %v: %s", name, reason, got[0])
		}
		for _, c := range []struct {
			name string
			got  []byte
			want string
		}{
			{"client", r.Client, "203.0.113.9"},
			{"method", r.Method, "GET"},
			{"target", r.Target, "/shop/shoes?utm_source=telegram"},
			{"host", r.Host, "shop.example"},
			{"referer", r.Referer, "https://web.telegram.org/"},
			{"user agent", r.UserAgent, "Mozilla/5.0 (X11; Linux x86_64)"},
			{"content type", r.ContentType, "text/html"},
			{"sec-fetch-site", r.SecFetchSite, "cross-site"},
			{"sec-fetch-mode", r.SecFetchMode, "navigate"},
			{"sec-fetch-dest", r.SecFetchDest, "document"},
			{"purpose", r.Purpose, ""},
		} {
			if string(c.got) != c.want {
				t.Errorf("%s: %s is %q, want %q", name, c.name, c.got, c.want)
			}
		}
		if r.Status != 200 || r.Time != 1763788567000000007 {
			t.Errorf("%s: status %d, time %d", name, r.Status, r.Time)
		}
		if len(r.ForwardedFor) > 0 && string(r.ForwardedFor) != "203.0.113.9" {
			t.Errorf("%s: forwarded for %q", name, r.ForwardedFor)
		}
	}
}

func TestRecords(t *testing.T) {
	const line = `203.0.113.9 - - [22/Nov/2026:05:16:07 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8"`
	for _, c := range []struct{ name, records, want string }{
		{"none", ``, ``},
		{"empty record", `log_records {}`, `{"time":"1763788567000000000"}`},
		{"whole line", `log_records { body { string_value: ` + fmt.Sprintf("%q", line+"\r\n") + ` } }`, line},
		{"whole line in bytes", `log_records { body { bytes_value: ` + fmt.Sprintf("%q", line) + ` } }`, line},
		{"whole line with other attributes", `log_records { body { string_value: "x" } ` + attrs("attributes", "log.file.name=access.log", "status=ok") + `}`, `x`},
		{"path without a method", `log_records { body { string_value: "x" } ` + attrs("attributes", "path=/var/log/access.log") + `}`, `x`},
		{"attributes before the line", `log_records { body { string_value: "x" } ` + attrs("attributes", "method=GET", "path=/a") + `}`,
			`{"time":"1763788567000000000","method":"GET","path":"/a"}`},
		{"no HTTP", `log_records { body { string_value: "x" } ` + attrs("attributes", "ClientAddr=203.0.113.9:1", "DownstreamStatus#=400", "RequestMethod=-") + `}`,
			`{"time":"1763788567000000000","status":"400","remote_addr":"203.0.113.9:1"}`},
		{"a request line", `log_records { body { string_value: "x" } ` + attrs("attributes", "request=GET /a HTTP/1.1") + `}`,
			`{"time":"1763788567000000000","request":"GET /a HTTP/1.1"}`},
		{"observed time", `log_records { observed_time_unix_nano: 5 ` + attrs("attributes", "request=GET /") + `}`, `{"time":"5","request":"GET /"}`},
		{"time in an attribute", `log_records { observed_time_unix_nano: 5 ` + attrs("attributes", "request=GET /", "start_time=2026-11-22T05:16:07Z") + `}`,
			`{"time":"2026-11-22T05:16:07Z","request":"GET /"}`},
		{"time of the record", `log_records { time_unix_nano: 7 ` + attrs("attributes", "request=GET /", "start_time=2026-11-22T05:16:07Z") + `}`,
			`{"time":"7","request":"GET /"}`},
		{"impossible time", `log_records { time_unix_nano: 18446744073709551615 }`, `{"time":"1763788567000000000"}`},
		{"fraction", `log_records { attributes { key: "time" value { double_value: 1763788567.25 } } }`, `{"time":"1763788567.25"}`},
		{"bool", `log_records { time_unix_nano: 7 attributes { key: "status" value { bool_value: true } } }`, `{"time":"7"}`},
		{"newline in a body", `log_records { body { string_value: "a\nb" } }`, "a\nb"}, // the Gatherer makes it one line
		{"order", `log_records { body { string_value: "1" } } log_records { body { string_value: "2" } }`, "1|2"},
		{"several scopes", `log_records { body { string_value: "1" } } } scope_logs { log_records { body { string_value: "2" } }`, "1|2"},
		{"attributes win over the body", `log_records { time_unix_nano: 7 body { kvlist_value { ` + attrs("values", "method=GET", "path=/a", "status#=200") + `} } ` +
			attrs("attributes", "status#=404") + `}`, `{"time":"7","status":"404","method":"GET","path":"/a"}`},
	} {
		if got := strings.Join(lines(t, marshal(t, request(t, c.records))), "|"); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
	}
}

// A message that is cut makes no record at all: the sender is told.
func TestTruncated(t *testing.T) {
	message := marshal(t, request(t, traefik+envoy))
	var c converter
	for cut := 1; cut < len(message); cut++ {
		if err := c.convert(message[:cut], now); err == nil || len(c.ends) != 0 {
			t.Fatalf("cut at %d: %v, %d records", cut, err, len(c.ends))
		}
	}
}

func deep(n int) string {
	value := attrs("values", "method=GET", "path=/a")
	for range n {
		value = `values { key: "x" value { kvlist_value { ` + value + `} } }`
	}
	return `log_records { time_unix_nano: 7 body { kvlist_value { ` + value + `} } }`
}

func TestNesting(t *testing.T) {
	for n, want := range map[int]string{maxDepth: `{"time":"7","method":"GET","path":"/a"}`, maxDepth + 1: `{"time":"7"}`} {
		if got := lines(t, marshal(t, request(t, deep(n)))); got[0] != want {
			t.Errorf("%d deep: %s", n, got[0])
		}
	}
}

// Whatever comes, nothing panics, and of what the published types can read every
// record gives a line.
func FuzzConvert(f *testing.F) {
	f.Add(marshal(f, request(f, traefik)))
	f.Add(marshal(f, request(f, conventions)))
	f.Add(marshal(f, request(f, mapBody)))
	f.Fuzz(func(t *testing.T, message []byte) {
		var c converter
		if err := c.convert(message, now); err != nil {
			var m logs.ExportLogsServiceRequest
			if proto.Unmarshal(message, &m) == nil {
				t.Fatal("the published types can read it")
			}
			return
		}
		var m logs.ExportLogsServiceRequest
		if proto.Unmarshal(message, &m) != nil {
			return // texts that are no UTF-8 are let through
		}
		records := 0
		for _, r := range m.ResourceLogs {
			for _, s := range r.ScopeLogs {
				records += len(s.LogRecords)
			}
		}
		if len(c.ends) != records {
			t.Fatalf("%d lines of %d records", len(c.ends), records)
		}
	})
}

func BenchmarkConvert(b *testing.B) {
	message := marshal(b, request(b, strings.Repeat(traefik, 24)))
	var c converter
	b.ReportAllocs()
	b.SetBytes(int64(len(message)))
	for b.Loop() {
		if err := c.convert(message, now); err != nil || len(c.ends) != 24 {
			b.Fatal(err, len(c.ends))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(24*b.N), "ns/record")
}
