package accesslog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

// show writes a request's fields that are not empty, so that a test reads as a
// line in and a line out.
func show(r *Request) string {
	var out []string
	add := func(name string, v []byte) {
		if len(v) > 0 {
			out = append(out, fmt.Sprintf("%s=%q", name, v))
		}
	}
	if r.Time != 0 {
		out = append(out, "time="+time.Unix(0, r.Time).UTC().Format(time.RFC3339Nano))
	}
	if r.Status != 0 {
		out = append(out, fmt.Sprintf("status=%d", r.Status))
	}
	add("client", r.Client)
	add("for", r.ForwardedFor)
	add("method", r.Method)
	add("target", r.Target)
	add("host", r.Host)
	add("referer", r.Referer)
	add("agent", r.UserAgent)
	add("type", r.ContentType)
	add("site", r.SecFetchSite)
	add("mode", r.SecFetchMode)
	add("dest", r.SecFetchDest)
	add("user", r.SecFetchUser)
	add("purpose", r.Purpose)
	add("with", r.RequestedWith)
	return strings.Join(out, " ")
}

// parse returns what the format makes of a line: the fields, or the reason.
func parse(t testing.TB, f *Format, line string) string {
	t.Helper()
	var r Request
	if reason := f.NewParser().Parse([]byte(line), &r); reason != schema.ReasonNone {
		return reason.String()
	}
	return show(&r)
}

func compile(t testing.TB, definition string) *Format {
	t.Helper()
	f, err := Compile(definition)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const (
	at  = `[14/Nov/2023:09:05:12 +0100]`
	utc = `time=2023-11-14T08:05:12Z`
)

func TestCombined(t *testing.T) {
	f := compile(t, "combined")
	for _, c := range []struct{ what, line, want string }{
		{"a page", `1.2.3.4 - - ` + at + ` "GET /a?b=c HTTP/1.1" 200 512 "https://t.co/" "curl/8"`,
			utc + ` status=200 client="1.2.3.4" method="GET" target="/a?b=c" referer="https://t.co/" agent="curl/8"`},
		{"nothing known", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 - "-" "-"`, utc + ` status=200 client="1.2.3.4" method="GET" target="/"`},
		{"empty header", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1 "" ""`, utc + ` status=200 client="1.2.3.4" method="GET" target="/"`},
		{"IPv6", `2001:db8::1 - - ` + at + ` "GET / HTTP/2.0" 200 1 "-" "-"`, utc + ` status=200 client="2001:db8::1" method="GET" target="/"`},
		{"IPv6 with zone", `fe80::1%eth0 - - ` + at + ` "GET / HTTP/2.0" 200 1 "-" "-"`, utc + ` status=200 client="fe80::1%eth0" method="GET" target="/"`},
		{"a socket", `unix: - - ` + at + ` "GET / HTTP/1.1" 200 1 "-" "-"`, utc + ` status=200 client="unix:" method="GET" target="/"`},
		{"HTTP/0.9", `1.2.3.4 - - ` + at + ` "GET /" 200 1 "-" "-"`, utc + ` status=200 client="1.2.3.4" method="GET" target="/"`},
		{"HTTP/3", `1.2.3.4 - - ` + at + ` "GET / HTTP/3" 200 1 "-" "-"`, utc + ` status=200 client="1.2.3.4" method="GET" target="/"`},
		{"absolute form", `1.2.3.4 - - ` + at + ` "GET http://a.b/c HTTP/1.1" 200 1 "-" "-"`, utc + ` status=200 client="1.2.3.4" method="GET" target="http://a.b/c"`},
		{"authority form", `1.2.3.4 - - ` + at + ` "CONNECT a.b:443 HTTP/1.1" 405 1 "-" "-"`, utc + ` status=405 client="1.2.3.4" method="CONNECT" target="a.b:443"`},
		{"asterisk form", `1.2.3.4 - - ` + at + ` "OPTIONS * HTTP/1.0" 200 1 "-" "-"`, utc + ` status=200 client="1.2.3.4" method="OPTIONS" target="*"`},
		{"a space in the target", `1.2.3.4 - - ` + at + ` "GET /a b HTTP/1.1" 400 1 "-" "-"`, utc + ` status=400 client="1.2.3.4" method="GET" target="/a b"`},
		{"a version in the target", `1.2.3.4 - - ` + at + ` "GET /a HTTP/1.1 HTTP/1.1" 400 1 "-" "-"`, utc + ` status=400 client="1.2.3.4" method="GET" target="/a HTTP/1.1"`},
		{"TLS", `1.2.3.4 - - ` + at + ` "\x16\x03\x01\x00\xEE \x01" 400 226 "-" "-"`, utc + ` status=400 client="1.2.3.4"`},
		{"another protocol", `1.2.3.4 - - ` + at + ` "SSH-2.0-Go client" 400 1 "-" "-"`, utc + ` status=400 client="1.2.3.4"`},
		{"one word", `1.2.3.4 - - ` + at + ` "MGLNDD_1.2.3.4_80" 400 1 "-" "-"`, utc + ` status=400 client="1.2.3.4"`},
		{"a method and a version", `1.2.3.4 - - ` + at + ` "GET HTTP/1.1" 400 1 "-" "-"`, utc + ` status=400 client="1.2.3.4"`},
		{"a request that never came", `1.2.3.4 - - ` + at + ` "-" 408 - "-" "-"`, utc + ` status=408 client="1.2.3.4"`},
		{"an empty request", `1.2.3.4 - - ` + at + ` "" 400 0 "-" "-"`, utc + ` status=400 client="1.2.3.4"`},
		{"gone before the response", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 000 0 "-" "-"`, utc + ` client="1.2.3.4" method="GET" target="/"`},
		{"gone, HTTP/0.9", `1.2.3.4 - - ` + at + ` "GET /" 009 0 "-" "-"`, utc + ` client="1.2.3.4" method="GET" target="/"`},
		{"a user", `1.2.3.4 - bob ` + at + ` "GET / HTTP/1.1" 200 1 "-" "-"`, utc + ` status=200 client="1.2.3.4" method="GET" target="/"`},
		{"a user with spaces", `1.2.3.4 - bob the builder ` + at + ` "GET / HTTP/1.1" 200 1 "-" "-"`, utc + ` status=200 client="1.2.3.4" method="GET" target="/"`},
		{"a user with a bracket", `1.2.3.4 - x [y] ` + at + ` "GET / HTTP/1.1" 200 1 "-" "-"`, utc + ` status=200 client="1.2.3.4" method="GET" target="/"`},
		{"a user who plays a record", `1.2.3.4 - x [01/Jan/2000:00:00:00 +0000] \x22GET /evil HTTP/1.1\x22 200 ` + at + ` "GET / HTTP/1.1" 200 1 "-" "-"`,
			utc + ` status=200 client="1.2.3.4" method="GET" target="/"`},
		{"the same in Apache", `1.2.3.4 - x [01/Jan/2000:00:00:00 +0000] \"GET /evil HTTP/1.1\" 200 ` + at + ` "GET / HTTP/1.1" 200 1 "-" "-"`,
			utc + ` status=200 client="1.2.3.4" method="GET" target="/"`},
		{"quotes, nginx", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1 "-" "a \x22b\x22 \x5C"`, utc + ` status=200 client="1.2.3.4" method="GET" target="/" agent="a \"b\" \\"`},
		{"quotes, Apache", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1 "-" "a \"b\" \\"`, utc + ` status=200 client="1.2.3.4" method="GET" target="/" agent="a \"b\" \\"`},
		{"quotes that play fields", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1 "-\" \"evil" "good"`, utc + ` status=200 client="1.2.3.4" method="GET" target="/" referer="-\" \"evil" agent="good"`},
		{"a backslash before the end", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1 "a\\" "b"`, utc + ` status=200 client="1.2.3.4" method="GET" target="/" referer="a\\" agent="b"`},
		{"control characters", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1 "-" "\t\n\x00\x7f"`, utc + ` status=200 client="1.2.3.4" method="GET" target="/" agent="\t\n\x00\x7f"`},
		{"UTF-8", `1.2.3.4 - - ` + at + ` "GET /\xC3\xA9 HTTP/1.1" 200 1 "-" "é"`, utc + ` status=200 client="1.2.3.4" method="GET" target="/é" agent="é"`},
		{"not UTF-8", "1.2.3.4 - - " + at + " \"GET /\xff HTTP/1.1\" 200 1 \"-\" \"\xfe\"", utc + ` status=200 client="1.2.3.4" method="GET" target="/\xff" agent="\xfe"`},
		{"NUL", "1.2.3.4 - - " + at + " \"GET /\x00 HTTP/1.1\" 200 1 \"-\" \"-\"", utc + ` status=200 client="1.2.3.4" method="GET" target="/\x00"`},
		{"CRLF", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1 "-" "-"` + "\r", utc + ` status=200 client="1.2.3.4" method="GET" target="/"`},
		{"an unknown escape", `1.2.3.4 - - ` + at + ` "GET /\q HTTP/1.1" 200 1 "-" "\xZZ"`, utc + ` status=200 client="1.2.3.4" method="GET" target="/\\q" agent="\\xZZ"`},

		{"no line", ``, "empty"},
		{"white space", " \t \r", "empty"},
		{"a truncated line", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1 "-" "Mozilla/5.0 (`, "format"},
		{"a truncated request", `1.2.3.4 - - ` + at + ` "GET / HT`, "format"},
		{"two lines in one", `1.2.3.4 - - ` + at + ` "GET / HT1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1 "-" "-"`, "format"},
		{"a field more", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1 "-" "-" "-"`, "format"},
		{"a field less", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1 "-"`, "format"},
		{"a number more", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1 2 "-" "-"`, "format"},
		{"a virtual host before", `a.example:80 1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1 "-" "-"`, "format"},
		{"a virtual host without a port", `a.example 1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1 "-" "-"`, "format"},
		{"no such month", `1.2.3.4 - - [14/Foo/2023:09:05:12 +0100] "GET / HTTP/1.1" 200 1 "-" "-"`, "time"},
		{"no such day", `1.2.3.4 - - [30/Feb/2023:09:05:12 +0100] "GET / HTTP/1.1" 200 1 "-" "-"`, "time"},
		{"no time at all", `1.2.3.4 - - [then] "GET / HTTP/1.1" 200 1 "-" "-"`, "time"},
		{"an empty time", `1.2.3.4 - - [-] "GET / HTTP/1.1" 200 1 "-" "-"`, "time"},
		{"status too small", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 099 1 "-" "-"`, "status"},
		{"status too long", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 2000 1 "-" "-"`, "status"},
		{"status of letters", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" abc 1 "-" "-"`, "status"},
		{"nginx's error log", `2022/01/24 16:33:06 [error] 334#334: *338 user "toto": password mismatch`, "not_access"},
		{"Apache's error log", `[Thu Oct 13 12:24:49.880562 2022] [auth_basic:error] [pid 10] AH01618: user sss not found: /`, "not_access"},
		{"a head", `#Version: 1.0`, "not_access"},
		{"garbage", `hello`, "format"},
	} {
		if got := parse(t, f, c.line); got != c.want {
			t.Errorf("%s: %s\n got %s\nwant %s", c.what, c.line, got, c.want)
		}
	}
}

func TestLineLength(t *testing.T) {
	f := compile(t, "combined")
	head, tail := `1.2.3.4 - - `+at+` "GET /`, ` HTTP/1.1" 200 1 "-" "-"`
	longest := head + strings.Repeat("a", MaxLine-len(head)-len(tail)) + tail
	var r Request
	if reason := f.NewParser().Parse([]byte(longest), &r); reason != schema.ReasonNone || len(r.Target) != MaxLine-len(head)-len(tail)+1 {
		t.Errorf("a line of %d bytes: %v, target of %d bytes", len(longest), reason, len(r.Target))
	}
	if reason := f.NewParser().Parse([]byte(longest+"a"), &r); reason != schema.ReasonTooLong {
		t.Errorf("a line of %d bytes: %v", len(longest)+1, reason)
	}
}

// TestParserForgets: nothing of a line is left in the next one's request.
func TestParserForgets(t *testing.T) {
	p := compile(t, `$remote_addr [$time_local] "$uri" "$args" $status "$http_user_agent"`).NewParser()
	var r Request
	for _, c := range []struct{ line, want string }{
		{`1.2.3.4 ` + at + ` "/a" "b=c" 200 "x"`, utc + ` status=200 client="1.2.3.4" target="/a?b=c" agent="x"`},
		{`- ` + at + ` "/d" "-" 200 "-"`, utc + ` status=200 target="/d"`},
		{`- [] "-" "-" 200 "-"`, "time"},
		{`1.2.3.4 ` + at + ` "-" "b=c" 200 "x"`, utc + ` status=200 client="1.2.3.4" agent="x"`},
	} {
		reason := p.Parse([]byte(c.line), &r)
		got := show(&r)
		if reason != schema.ReasonNone {
			got = reason.String()
		}
		if got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.line, got, c.want)
		}
	}
}

func TestDefinitions(t *testing.T) {
	for _, c := range []struct{ definition, line, want string }{
		// Apache's.
		{"vhost_combined", `a.example:443 1.2.3.4 - x [y z ` + at + ` "GET / HTTP/1.1" 200 1 "-" "b"`, utc + ` status=200 client="1.2.3.4" method="GET" target="/" host="a.example" agent="b"`},
		{"vhost_combined", `[::1]:443 ::1 - - ` + at + ` "GET / HTTP/1.1" 200 1 "-" "b"`, utc + ` status=200 client="::1" method="GET" target="/" host="[::1]" agent="b"`},
		{`LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" combined`, `h.example ident bob ` + at + ` "GET / HTTP/1.1" 200 1 "a" "b"`,
			utc + ` status=200 client="h.example" method="GET" target="/" referer="a" agent="b"`},
		{`%h %l %u %t \"%r\" %>s %b`, `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 -`, utc + ` status=200 client="1.2.3.4" method="GET" target="/"`},
		{`"%h \"%r\" %t"`, `1.2.3.4 "GET / HTTP/1.1" ` + at, utc + ` client="1.2.3.4" method="GET" target="/"`},
		{`CustomLog logs/access_log "%a %t %m %U%q %s"`, `1.2.3.4 ` + at + ` GET /a?b 404`, utc + ` status=404 client="1.2.3.4" method="GET" target="/a?b"`},
		{`%t %m "%U" "%q" %>s`, at + ` GET "/a b" "?c" 200`, utc + ` status=200 method="GET" target="/a b?c"`},
		{`%t %m "%U" "%q" %>s`, at + ` GET "/a" "" 200`, utc + ` status=200 method="GET" target="/a"`},
		{`%{c}a %a %t %V %v`, `10.0.0.1 1.2.3.4 ` + at + ` asked configured`, utc + ` client="1.2.3.4" host="asked"`},
		{`%{c}a %a %t %V %v`, `10.0.0.1 - ` + at + ` - configured`, utc + ` client="10.0.0.1" host="configured"`},
		{`%t %<s %>s`, at + ` 301 200`, utc + ` status=200`},
		{`%t "%!200,304{Referer}i" "%400,501{User-agent}i"`, at + ` "-" "x"`, utc + ` agent="x"`},
		{`%{sec}t.%{msec_frac}t %s`, `1699949112.250 200`, `time=2023-11-14T08:05:12.25Z status=200`},
		{`%{%d/%b/%Y %T}t.%{usec_frac}t %{%z}t %s`, `14/Nov/2023 09:05:12.000250 +0100 200`, `time=2023-11-14T08:05:12.00025Z status=200`},
		{`%{%Y-%m-%d}t %{%T}t %{%z}t %s`, `2023-11-14 09:05:12 +0100 200`, utc + ` status=200`},
		{`%{begin:usec}t %{end:%FT%T%z}t %s`, `1699949112250000 2023-11-14T09:05:14+0100 200`, `time=2023-11-14T08:05:12.25Z status=200`},
		{`[%{%d/%b/%Y:%T %z}t] %% %D`, `[14/Nov/2023:09:05:12 +0100] % 17`, utc},
		{`%t "%{Sec-Fetch-Site}i" "%{X-Requested-With}i" "%{Content-Type}o" "%{X}e" "%{Foobar}^ti"`, at + ` "none" "com.app" "text/html" "z" "-"`,
			utc + ` type="text/html" site="none" with="com.app"`},
		{"%h\\t%t\\t%{User-Agent}i\\t%s", "1.2.3.4\t" + at + "\ta\\tb\t200", utc + ` status=200 client="1.2.3.4" agent="a\tb"`},
		// nginx's.
		{"nginx_main", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1 "-" "b" "5.6.7.8, 9.9.9.9"`, utc + ` status=200 client="1.2.3.4" for="5.6.7.8" method="GET" target="/" agent="b"`},
		{"combined_extra", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1 "-" "b" 500 "x@docker" 0ms`, utc + ` status=200 client="1.2.3.4" method="GET" target="/" agent="b"`},
		{"log_format main escape=json '$remote_addr [$time_local] '\n  # who\n  '\"$http_user_agent\"' \"$host\";", `1.2.3.4 ` + at + ` "a\u0001\"b\/"example.org`,
			utc + ` client="1.2.3.4" host="example.org" agent="a\x01\"b/"`},
		{`'$remote_addr '  '$msec'`, `1.2.3.4 1699949112.250`, `time=2023-11-14T08:05:12.25Z client="1.2.3.4"`},
		{`${remote_addr}x $time_iso8601 $msec`, `1.2.3.4x 2023-11-14T09:05:12+01:00 1699949112.250`, `time=2023-11-14T08:05:12.25Z client="1.2.3.4"`},
		{`$time_iso8601 $status`, `2023-11-14T09:05:12+01:00 200`, utc + ` status=200`},
		{`[$time_local] $upstream_cache_status $upstream_status $status - $request_method $scheme $host "$request_uri" [Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] [Sent-to $server] "$http_user_agent" "$http_referer"`,
			`[01/Oct/2025:14:32:15 +0000] HIT 200 200 - GET https example.com "/api/users" [Client 192.168.1.100] [Length 1543] [Gzip 2.45] [Sent-to 10.0.0.15:8080] "Mozilla/5.0" "https://example.com/dashboard"`,
			`time=2025-10-01T14:32:15Z status=200 client="192.168.1.100" method="GET" target="/api/users" host="example.com" referer="https://example.com/dashboard" agent="Mozilla/5.0"`},
		{`$remote_addr:$remote_port $time_local`, `::1:443 14/Nov/2023:09:05:12 +0100`, utc + ` client="::1"`},
		{`$msec "$request_method $scheme://$host$request_uri $server_protocol"`, `1699949112 "GET https://a.b/c?d HTTP/1.1"`, utc + ` method="GET" target="/c?d" host="a.b"`},
		{`$msec $uri$is_args$args $status`, `1699949112 /a b?c 200`, utc + ` status=200 target="/a b?c"`},
		{`$msec "$http_x_real_ip" "$http_x_forwarded_for" "$http_cf_connecting_ip"`, `1699949112 "2.2.2.2" "1.1.1.1" "-"`, utc + ` for="2.2.2.2"`},
		{`$msec "$http_x_forwarded_for"`, `1699949112 ", 1.1.1.1"`, utc},
		{`$msec "$http_x_forwarded_for"`, `1699949112 " 1.1.1.1 ,2.2.2.2"`, utc + ` for="1.1.1.1"`},
		{`$msec $realip_remote_addr $server_name $http_host`, `1699949112 10.0.0.1 _ a.b:80`, utc + ` client="10.0.0.1" host="a.b:80"`},
		{`$msec "$http_purpose" "$http_sec_purpose" "$sent_http_content_type"`, `1699949112 "prefetch" "prefetch;prerender" "text/html"`, utc + ` type="text/html" purpose="prefetch;prerender"`},
		{`{"t":$msec,"up":$upstream_response_time,"ua":"$http_user_agent","s":$status}`, `{"t":1699949112.5,"up":0.1, 0.2,"ua":"a\"},\"s\":1}","s":200}`,
			`time=2023-11-14T08:05:12.5Z status=200 agent="a\"},\"s\":1}"`},
		// Several free values without a quote: a line with one reading is read, one
		// with more is not.
		{`$msec|$host|$uri|$http_user_agent|$status`, `1699949112|a|/b|c d|200`, utc + ` status=200 target="/b" host="a" agent="c d"`},
		{`$msec|$host|$uri|$http_user_agent|$status`, `1699949112|a|/b|c|d|200`, "format"},
		{`$msec|$uri|$upstream_addr|$status`, `1699949112|/a|b|c|200`, "format"},
		{`$msec "$uri" $upstream_addr $upstream_response_time $status`, `1699949112 "/a" 10.0.0.1:80, 10.0.0.2:80 0.1, 0.2 200`, utc + ` status=200 target="/a"`},
		{`$http_host $remote_addr - $remote_user [$time_local]`, `a.b 1.2.3.4 - c d [e ` + at, utc + ` client="1.2.3.4" host="a.b"`},
		{`$msec $http_user_agent $status`, `1699949112 a b 404 200`, utc + ` status=200 agent="a b 404"`},
		{`$msec $status $http_user_agent`, `1699949112 200 a b 404`, utc + ` status=200 agent="a b 404"`},
	} {
		if got := parse(t, compile(t, c.definition), c.line); got != c.want {
			t.Errorf("%s\n%s\n got %s\nwant %s", c.definition, c.line, got, c.want)
		}
	}
}

// TestEscapeNone: without escapes a quote in a value cannot be told from the
// format's own, so such a line is refused, whatever it looks like.
func TestEscapeNone(t *testing.T) {
	f, err := CompileOptions("combined", Options{Escape: "none"})
	if err != nil {
		t.Fatal(err)
	}
	g := compile(t, `log_format t escape=none '$msec	"$http_user_agent"	$http_referer	x';`)
	for _, c := range []struct {
		format     *Format
		line, want string
	}{
		{f, `1.2.3.4 -  ` + at + ` "GET / HTTP/1.1" 200 1 "" "a\b\x22"`, utc + ` status=200 client="1.2.3.4" method="GET" target="/" agent="a\\b\\x22"`},
		{f, `1.2.3.4 -  ` + at + ` "GET /?"a HTTP/1.1" 200 1 "" "b"`, "format"},
		{f, `1.2.3.4 -  ` + at + ` "GET / HTTP/1.1" 200 1 "a" "b" "c"`, "format"},
		{f, `1.2.3.4 - x [01/Jan/2000:00:00:00 +0000] "GET /evil HTTP/1.1" 200 1 "" ` + at + ` "GET / HTTP/1.1" 200 1 "" "b"`, "format"},
		{g, "1699949112\t\"a\"\tb c\tx", utc + ` referer="b c" agent="a"`},
		{g, "1699949112\t\"a\"\tb\tc\tx", "format"},
		{g, "1699949112\t\"a\"\tb\"c\tx", "format"},
	} {
		if got := parse(t, c.format, c.line); got != c.want {
			t.Errorf("%s\n%s\n got %s\nwant %s", c.format.Definition(), c.line, got, c.want)
		}
	}
}
