package accesslog

import (
	"strings"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

// local is a time that HAProxy wrote in the zone of this machine.
func local(hour int) string {
	return "time=" + time.Date(2023, 11, 14, hour, 5, 12, 0, time.Local).UTC().Format(time.RFC3339)
}

// TestHAProxy reads lines that HAProxy 2.6 wrote, but for their times and addresses.
func TestHAProxy(t *testing.T) {
	const (
		head     = `192.0.2.1:33862 [14/Nov/2023:09:05:12.456] web~ app/s1 0/0/0/12/13 200 72 - - ---- 1/1/0/0/0 0/0 `
		request  = `"GET /a?b=c HTTP/1.1"`
		got      = ` status=200 client="192.0.2.1" method="GET" target="/a?b=c"`
		captures = "capture request header Host len 64\ncapture request header Referer len 256 # whence\n" +
			"capture request header User-Agent len 256\ncapture response header Content-Type len 64\n"
	)
	at9 := local(9)
	for _, c := range []struct{ definition, line, want string }{
		{"haproxy", head + request, at9 + got},
		{"option httplog", head + request, at9 + got},
		{"haproxy", head + `{a.example||x y} {text/html} ` + request, at9 + got},
		{"haproxy", `2001:db8::1:443 [14/Nov/2023:09:05:12.456] a b/<NOSRV> -1/-1/-1/-1/+0 -1 +0 - - CR-- 1/1/0/0/+1 0/0 "<BADREQ>"`, at9 + ` client="2001:db8::1"`},
		{captures + "option httplog", head + `{a.example:80|https://t.co/|x #22y#22 #7cz#7d \} {text/html} ` + request,
			at9 + ` status=200 client="192.0.2.1" method="GET" target="/a?b=c" host="a.example:80" referer="https://t.co/" agent="x \"y\" |z} \\" type="text/html"`},
		{captures + "option httplog", head + `{||} {} "GET /#22 HTTP/1.1"`, at9 + ` status=200 client="192.0.2.1" method="GET" target="/\""`},
		{captures + "option httplog", head + `"<BADREQ>"`, at9 + ` status=200 client="192.0.2.1"`}, // refused before anything was captured
		{"haproxy {Host|Referer|User-Agent} {Content-Type}", head + `{a.example|-|x} {text/html} ` + request,
			at9 + ` status=200 client="192.0.2.1" method="GET" target="/a?b=c" host="a.example" agent="x" type="text/html"`},
		{"haproxy_https {Host|Sec-Fetch-Site}", head + `{a.example|none} ` + request + ` 0/0/0/0/0 a.example/TLSv1.3/TLS_AES_256_GCM_SHA384`,
			at9 + ` status=200 client="192.0.2.1" method="GET" target="/a?b=c" host="a.example" site="none"`},
		{"option httpslog", head + request + ` 0/0/0/0/0 -/TLSv1.3/TLS_AES_256_GCM_SHA384`, at9 + got},
		{"capture request header Host len 64\ncapture request header Referer len 256\noption httplog clf",
			`192.0.2.1 - - [14/Nov/2023:09:05:12 +0100] "GET /end\ HTTP/1.1" 200 72 "" "" 53454 457 "b" "b" "<NOSRV>" 0 -1 -1 -1 0 LR-- 1 1 0 0 0 0 0 "" "" "h.example" "-" `,
			utc + ` status=200 client="192.0.2.1" method="GET" target="/end\\" host="h.example"`},
		{"haproxy_clf", `192.0.2.1 - - [14/Nov/2023:09:05:12 +0100] "GET / HTTP/1.1" 200 72 "" "" 53454 457 "b" "b" "<NOSRV>" 0 -1 -1 -1 0 LR-- 1 1 0 0 0 0 0 "" "" "h" "-" `,
			utc + ` status=200 client="192.0.2.1" method="GET" target="/"`},
		{"haproxy_clf", `192.0.2.1 - - [14/Nov/2023:09:05:12 +0100] "<BADREQ>" 400 0 "" "" 53418 456 "b" "b" "<NOSRV>" -1 -1 -1 -1 0 PR-- 1 1 0 0 0 0 0 "" "" `,
			utc + ` status=400 client="192.0.2.1"`},
		{`log-format "%ci [%trl] %HM %HP%HQ %ST %{+Q}[capture.req.hdr(0)] \"%[capture.req.hdr(1),json(utf8s)]\""` + "\n" + captures,
			`192.0.2.1 [14/Nov/2023:09:05:12 +0100] GET /a?b=c 200 "a.example" "https:\/\/t.co\/\\x"`,
			utc + ` status=200 client="192.0.2.1" method="GET" target="/a?b=c" host="a.example" referer="https://t.co/\\x"`},
		{captures + `log-format '{"t":"%trl","h":"%[capture.req.hdr(0),json(utf8s)]","u":"%[capture.req.hdr(2),json(utf8s)]","r":"%r","s":%ST}'`,
			`{"t":"14/Nov/2023:09:05:12 +0100","h":"a.example","u":"x \"y\" #","r":"GET /\#23 HTTP/1.1","s":200}`,
			utc + ` status=200 method="GET" target="/\\#" host="a.example" agent="x \"y\" #"`},
		{`log-format %ci\ %Ts\ %HM\ %HU\ %ST\ %{+Q,+E}[var(txn.user_agent)]`, `192.0.2.1 1699949112 GET /a 200 "x \"y\" \] z"`,
			utc + ` status=200 client="192.0.2.1" method="GET" target="/a" agent="x \"y\" ] z"`},
		{`%ci %Ts %HP %HQ %ST`, `192.0.2.1 1699949112 /a ?b=c 200`, utc + ` status=200 client="192.0.2.1" target="/a?b=c"`},
		{`%ci %Ts "%[capture.req.hdr(0)]" %ST` + " ", `192.0.2.1 1699949112 "a"b" 200`, "format"},

		{"haproxy", `192.168.1.4:50033 [28/Feb/2025:02:43:10.123] frontend/backend: SSL handshake failure (error:0A0000C1:SSL routines::no shared cipher)`, "not_access"},
		{"haproxy", `Server app/s1 is DOWN, reason: Layer4 connection problem`, "not_access"},
		{"haproxy", head + `GET /`, "format"},
		{"haproxy", `Nov 22 05:32:00 lb1 haproxy[14389]: ` + head + request, at9 + got},
		{"haproxy", `<134>Nov 22 05:32:00 haproxy[14389]: ` + head + request, "format"}, // the syslog input cuts this one off
		{"haproxy", `2026-11-22T05:32:00.123456+00:00 lb1 haproxy[14389]: ` + head + request, at9 + got},
		{"combined", `Nov  2 05:32:00 web nginx: 1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 512 "-" "x"`, utc + ` status=200 client="1.2.3.4" method="GET" target="/" agent="x"`},
		{"json", `Nov  2 05:32:00 web nginx: {"msec":1699949112,"request_uri":"/","status":200}`, utc + ` status=200 target="/"`},
		{"combined", `Nov  2 05:32:00 web nginx: hello`, "format"},
	} {
		if got := parse(t, compile(t, c.definition), c.line); got != c.want {
			t.Errorf("%s\n%s\n got %s\nwant %s", c.definition, c.line, got, c.want)
		}
	}
}

func TestEnvoy(t *testing.T) {
	const object = `{"a": {"t": "%START_TIME%", "ua": "%REQ(USER-AGENT)%"}, "m": "%REQ(:METHOD)%", "p": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
"code": "%RESPONSE_CODE%", "from": "%DOWNSTREAM_REMOTE_ADDRESS%", "ct": "%RESP(CONTENT-TYPE)%", "sum": "%PROTOCOL% x", "fixed": 1}`
	for _, c := range []struct{ definition, line, want string }{
		{"envoy", `[2016-04-15T20:17:00.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "nsq2http" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80"`,
			`time=2016-04-15T20:17:00.31Z status=204 for="10.0.35.28" method="POST" target="/api/v1/locations" host="locations" agent="nsq2http"`},
		{"envoy", `[2016-04-15T20:17:00.310Z] "- - HTTP/1.1" 0 DC 0 0 0 - "-" "-" "x" "-" "-"`, `time=2016-04-15T20:17:00.31Z`},
		// Envoy escapes nothing here: a quote in a value makes the line unreadable.
		{"envoy", `[2016-04-15T20:17:00.310Z] "GET / HTTP/2" 204 - 154 0 226 100 "-" "a" "b" "c" "d" "e"`, "format"},
		{"envoy", `[2016-04-15T20:17:00.310Z] "GET / HTTP/2" 204 - 154 0 226 100 "-" "a\x22" "b" "c" "d"`, `time=2016-04-15T20:17:00.31Z status=204 method="GET" target="/" host="c" agent="a\\x22"`},
		{"istio", `[2023-11-14T08:05:12.000Z] "GET /a HTTP/1.1" 200 - via_upstream - "-" 0 135 4 3 "-" "curl/7.73" "84961386" "a.example:8000" "10.44.1.27:80" inbound|8000|| 127.0.0.1:37868 10.44.1.27:80 10.44.1.23:46520 outbound_.8000_._.a default`,
			utc + ` status=200 client="10.44.1.23" method="GET" target="/a" host="a.example:8000" agent="curl/7.73"`},
		{`%START_TIME(%s.%3f)% %DOWNSTREAM_REMOTE_ADDRESS% "%REQ(:METHOD)%" "%REQ(:PATH):64%" %RESPONSE_CODE% "%REQ(SEC-FETCH-SITE)%" "%REQ(X?REFERER)%" %%\n`,
			`1699949112.250 [fd00::1]:43000 "GET" "/a b" 200 "none" "-" %`, `time=2023-11-14T08:05:12.25Z status=200 client="fd00::1" method="GET" target="/a b" site="none"`},
		{`%START_TIME(%Y/%m/%dT%H:%M:%S%z)% %REQ_WITHOUT_QUERY(:PATH)% %RESPONSE_CODE%`, `2023/11/14T09:05:12+0100 /a 200`, utc + ` status=200 target="/a"`},
		{object, `{"a":{"t":"2023-11-14T08:05:12.000Z","ua":"a \"b\""},"m":"GET","p":"/a?b=c","code":200,"from":"10.0.0.12:59292","ct":null}`,
			utc + ` status=200 client="10.0.0.12" method="GET" target="/a?b=c" agent="a \"b\""`},
		{"json_format:\n  when: \"%START_TIME%\"\n  what: \"%REQ(:PATH)%\"\n  status: \"%RESPONSE_CODE%\"", `{"when":"2023-11-14T08:05:12.000Z","what":"/a","status":"200"}`, utc + ` status=200 target="/a"`},
		{"envoy_json", `{":authority":"www.example.com","downstream_remote_address":"10.0.0.12:59292","method":"GET","response_code":200,"start_time":"2023-11-14T08:05:12.000Z","user-agent":"x","x-envoy-origin-path":"/a","x-forwarded-for":"192.168.1.100, 10.42.0.1","referer":"https://t.co/"}`,
			utc + ` status=200 client="10.0.0.12" for="192.168.1.100" method="GET" target="/a" host="www.example.com" referer="https://t.co/" agent="x"`},
		{"envoy_json", `{"authority":"a.example","downstream_remote_address":"[fd00::1]:1","method":"GET","path":"/","response_code":200,"start_time":"2023-11-14T08:05:12.000Z","user_agent":"x"}`,
			utc + ` status=200 client="fd00::1" method="GET" target="/" host="a.example" agent="x"`},
	} {
		if got := parse(t, compile(t, c.definition), c.line); got != c.want {
			t.Errorf("%s\n%s\n got %s\nwant %s", c.definition, c.line, got, c.want)
		}
	}
}

func TestOtherProxies(t *testing.T) {
	for _, c := range []struct{ definition, line, want string }{
		{"traefik", `172.17.0.1 - bob ` + at + ` "GET /a HTTP/2" 200 352 "https://t.co/" "x" 244 "test@docker -> leaf@docker" "http://172.17.0.3:80" 42ms`,
			utc + ` status=200 client="172.17.0.1" method="GET" target="/a" referer="https://t.co/" agent="x"`},
		{"traefik", `172.17.1.1 - - ` + at + ` "GET / HTTP/1.1" - - "-" "x" 45640 "-" "-" 0ms`, utc + ` client="172.17.1.1" method="GET" target="/" agent="x"`},
		{"traefik", `172.17.1.1 - - ` + at + ` "GET / HTTP/1.1" - - "-" "x "y" z" 45640 "-" "-" 0ms`, "format"}, // Traefik escapes nothing
		{"traefik_json", `{"ClientAddr":"10.0.0.1:39496","ClientHost":"172.17.0.1","DownstreamStatus":404,"OriginStatus":0,"RequestAddr":"a.example:80","RequestHost":"a.example","RequestMethod":"GET","RequestPath":"/a?b=c","StartUTC":"2023-11-14T08:05:12.000000000Z","request_Referer":"https://t.co/","request_User-Agent":"x","request_Sec-Fetch-Site":"none","downstream_Content-Type":"text/html","request_X-Forwarded-For":"5.6.7.8","level":"info","msg":"","time":"2023-11-14T08:05:13Z"}`,
			utc + ` status=404 client="172.17.0.1" for="5.6.7.8" method="GET" target="/a?b=c" host="a.example" referer="https://t.co/" agent="x" type="text/html" site="none"`},
		{"traefik_json", `{"ClientAddr":"172.71.122.85:11029","ClientHost":"192.168.1.100,10.0.0.50","DownstreamStatus":204,"RequestHost":"a.example","RequestMethod":"GET","RequestPath":"/","StartUTC":"2023-11-14T08:05:12Z"}`,
			utc + ` status=204 client="192.168.1.100" method="GET" target="/" host="a.example"`},
		{"traefik_json", `{"level":"error","msg":"no such router","time":"2023-11-14T08:05:13Z"}`, "not_access"},
		{"caddy", `{"level":"info","ts":1699949112.25,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"1.2.3.4","remote_port":"5","proto":"HTTP/2.0","method":"GET","host":"a.example","uri":"/a","headers":{"Sec-Fetch-Site":["none"],"Referer":["https://t.co/"]}},"user_id":"","duration":0.1,"size":1,"status":200,"resp_headers":{"Content-Type":["text/html"]}}`,
			`time=2023-11-14T08:05:12.25Z status=200 client="1.2.3.4" method="GET" target="/a" host="a.example" referer="https://t.co/" type="text/html" site="none"`}, // Caddy 2.6
		{"caddy", `{"level":"info","ts":1699949112.25,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"10.0.0.1","remote_port":"5","client_ip":"1.2.3.4","proto":"HTTP/2.0","method":"GET","host":"a.example","uri":"/a","headers":{"User-Agent":["x"]}},"bytes_read":0,"user_id":"","duration":0.1,"size":1,"status":200,"resp_headers":{}}`,
			`time=2023-11-14T08:05:12.25Z status=200 client="1.2.3.4" method="GET" target="/a" host="a.example" agent="x"`}, // Caddy 2.8
		{"varnish", `1.2.3.4 - - ` + at + ` "GET http://a.example/a?b=c HTTP/1.1" 200 5 "-" "x"`, utc + ` status=200 client="1.2.3.4" method="GET" target="/a?b=c" host="a.example" agent="x"`},
		{`varnishncsa -F '%h %t "%r" %s "%{User-agent}i" "%{VCL_Log:key}x" %{Varnish:hitmiss}x "%{Sec-Fetch-Site}i"' -w x`, `1.2.3.4 ` + at + ` "GET http://a.example/ HTTP/1.1" 200 "x" "k" hit "none"`,
			utc + ` status=200 client="1.2.3.4" method="GET" target="/" host="a.example" agent="x" site="none"`},
		{`accesslog.format = "%h %V %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""`, `1.2.3.4 a.example - ` + at + ` "GET / HTTP/1.1" 200 5 "-" "x"`,
			utc + ` status=200 client="1.2.3.4" method="GET" target="/" host="a.example" agent="x"`},
		{"nginx_ingress", `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 5 "-" "x" 464 0.003 [default-app-80] [] 10.0.0.1:80, 10.0.0.2:80 1, 2 0.001, 0.002 502, 200 65e9d2d2cd8a7ab8`,
			utc + ` status=200 client="1.2.3.4" method="GET" target="/" agent="x"`},
		{"nginx_proxy_manager", `[14/Nov/2023:09:05:12 +0100] - 304 304 - GET https a.example "/a" [Client 1.2.3.4] [Length 0] [Gzip -] [Sent-to 10.0.0.1] "x" "https://t.co/"`,
			utc + ` status=304 client="1.2.3.4" method="GET" target="/a" host="a.example" referer="https://t.co/" agent="x"`},
		{"aws_alb", `https 2023-11-14T08:05:12.186641Z app/lb/4 1.2.3.4:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/a?b=c HTTP/1.1" "x \x22y\x22" ECDHE TLSv1.2 arn:x "Root=1" "www.example.com" "arn:y" 1 2018-07-02T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1 "-" "-" "-"`,
			`time=2023-11-14T08:05:12.186641Z status=200 client="1.2.3.4" method="GET" target="/a?b=c" host="www.example.com:443" agent="x \"y\""`},
		{"cloudfront", strings.Join([]string{"2023-11-14", "08:05:12", "CDG50-P2", "703", "1.2.3.4", "GET", "d1.cloudfront.net", "/a%20b", "200", "https://t.co/", "Mozilla/5.0%20(X11)%20%2525", "q=1%2541", "-", "Hit", "ID==", "a.example",
			"https", "62", "0.113", "5.6.7.8", "TLSv1.3", "TLS", "Hit", "HTTP/2.0", "-", "-", "51754", "0.113", "Hit", "text/html;%20charset=utf-8", "20", "-", "-"}, "\t"),
			utc + ` status=200 client="1.2.3.4" for="5.6.7.8" method="GET" target="/a%20b?q=1%2541" host="a.example" referer="https://t.co/" agent="Mozilla/5.0 (X11) %25" type="text/html; charset=utf-8"`},
		{"iis", `2023-11-14 08:05:12 10.0.0.1 GET /a b=c 443 - 1.2.3.4 Mozilla/5.0+(X11) https://t.co/+x 200 0 0 15`,
			utc + ` status=200 client="1.2.3.4" method="GET" target="/a?b=c" referer="https://t.co/+x" agent="Mozilla/5.0 (X11)"`},
		{"iis", `#Software: Microsoft Internet Information Services 10.0`, "not_access"},
		{"iis", `2023-11-14 08:05:12 10.0.0.1 GET /a b=c 443 - 1.2.3.4 x y 200 0 0`, "format"},
		{"iis", `2023-11-14 08:05:12 10.0.0.1 GET /a b=c 443 - 1.2.3.4 x y 200 0 0 1 2`, "format"},
		{"iis", `2023-11-14 25:05:12 10.0.0.1 GET /a - 443 - 1.2.3.4 x - 200 0 0 1`, "time"},
		{"#Fields: date time cs-host cs-uri-stem sc-status cs(Sec-Fetch-Site) sc(Content-Type) \"x\"", `2023-11-14 08:05:12.5 a.example /a 200 none text/html "a b"`,
			`time=2023-11-14T08:05:12.5Z status=200 target="/a" host="a.example" type="text/html" site="none"`},
	} {
		if got := parse(t, compile(t, c.definition), c.line); got != c.want {
			t.Errorf("%s\n%s\n got %s\nwant %s", c.definition, c.line, got, c.want)
		}
	}
}

// TestDetectProxies: each known format is told from a line of its own, and none but it.
func TestDetectProxies(t *testing.T) {
	for _, c := range []struct{ line, name string }{
		{`192.0.2.1:33862 [14/Nov/2023:09:05:12.456] web~ app/s1 0/0/0/12/13 200 72 - - ---- 1/1/0/0/0 0/0 {a|b} "GET / HTTP/1.1"`, "haproxy"},
		{`Nov 22 05:32:00 lb1 haproxy[14389]: 192.0.2.1:33862 [14/Nov/2023:09:05:12.456] web~ app/s1 0/0/0/12/13 200 72 - - ---- 1/1/0/0/0 0/0 "GET / HTTP/1.1"`, "haproxy"},
		{`192.0.2.1:33862 [14/Nov/2023:09:05:12.456] web~ app/s1 0/0/0/12/13 200 72 - - ---- 1/1/0/0/0 0/0 "GET / HTTP/1.1" 0/0/0/0/0 -/TLSv1.3/TLS_AES`, "haproxy_https"},
		{`192.0.2.1 - - ` + at + ` "GET / HTTP/1.1" 200 72 "" "" 53454 457 "b" "b" "<NOSRV>" 0 -1 -1 -1 0 LR-- 1 1 0 0 0 0 0 "" "" "h" "-" `, "haproxy_clf"},
		{`172.17.0.1 - - ` + at + ` "GET / HTTP/2" 200 352 "-" "x" 244 "a@docker" "http://172.17.0.3:80" 42ms`, "traefik"},
		{`{"ClientHost":"172.17.0.1","DownstreamStatus":404,"RequestMethod":"GET","RequestPath":"/","StartUTC":"2023-11-14T08:05:12Z"}`, "traefik_json"},
		{`{"start_time":"2023-11-14T08:05:12Z","response_code":200,"path":"/","method":"GET"}`, "envoy_json"},
		{`[2016-04-15T20:17:00.310Z] "GET / HTTP/2" 204 - 154 0 226 100 "-" "x" "cc21d9b0" "locations" "tcp://10.0.2.1:80"`, "envoy"},
		{`[2023-11-14T08:05:12.000Z] "GET / HTTP/1.1" 200 - via_upstream - "-" 0 135 4 3 "-" "x" "84" "a:8000" "10.44.1.27:80" in 127.0.0.1:1 10.44.1.27:80 10.44.1.23:46520 out default`, "istio"},
		{`1.2.3.4 - - ` + at + ` "GET http://a.example/ HTTP/1.1" 200 5 "-" "x"`, "varnish"},
		{`1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 5 "-" "x" 464 0.003 [default-app-80] [] 10.0.0.1:80 1 0.001 200 65e9`, "nginx_ingress"},
		{`[14/Nov/2023:09:05:12 +0100] - 304 304 - GET https a.example "/a" [Client 1.2.3.4] [Length 0] [Gzip -] [Sent-to 10.0.0.1] "x" "-"`, "nginx_proxy_manager"},
		{`[14/Nov/2023:09:05:12 +0100] 304 - GET https a.example "/a" [Client 1.2.3.4] [Length 0] [Gzip -] "x" "-"`, "nginx_proxy_manager_standard"},
		{`1.2.3.4 a.example - ` + at + ` "GET / HTTP/1.1" 200 5 "-" "x"`, "lighttpd"},
		{`1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 5 "-" "x" "a.example" "none" "navigate" "document" "text/html" "-" "-" "-"`, "darkshare"},
		{`2023-11-14 08:05:12 10.0.0.1 GET /a - 443 - 1.2.3.4 x - 200 0 0 15`, "iis"},
		{"#Software: x\n#Fields: date time cs-uri-stem sc-status\n2023-11-14 08:05:12 /a 200", "w3c"},
		{"#Software: x\n#Fields: date time cs-uri-stem sc-status", "w3c"},
		{"#Fields: date sc-status\n2023-11-14 200\n#Fields: date time cs-uri-stem sc-status\n2023-11-14 08:05:12 /a 200", "w3c"},
	} {
		var lines [][]byte
		for _, l := range strings.Split(c.line, "\n") {
			lines = append(lines, []byte(l))
		}
		f, err := Detect(lines)
		if err != nil || f.Name() != c.name {
			t.Errorf("%s\n got %v %v, want %s", c.line, f, err, c.name)
			continue
		}
		if f.Headed() != (c.name == "iis" || c.name == "w3c") {
			t.Errorf("%s: headed is %t", c.name, f.Headed())
		}
	}
}

// TestAdviseProxies: each proxy is advised in its own language, and whoever follows it
// gets no more of it.
func TestAdviseProxies(t *testing.T) {
	for _, c := range []struct{ definition, add, recommend string }{
		{"haproxy", "capture request header Sec-Fetch-Site len 64", "capture request header Host len 128\n"},
		{"capture request header Host len 64\noption httplog", "capture request header Referer len 1024", "capture request header Host len 512\n"},
		{"envoy", `"%REQ(SEC-FETCH-SITE)%"`, `  sec-fetch-site: "%REQ(SEC-FETCH-SITE)%"`},
		{`{"s": "%RESPONSE_CODE%"}`, `sec-fetch-site: "%REQ(SEC-FETCH-SITE)%"`, `  start_time: "%START_TIME%"`},
		{"varnish", `"%{Sec-Fetch-Site}i"`, `varnishncsa -F '%h %l %u %t "%r" %s %b "%{Referer}i" "%{User-agent}i" "%{Sec-Fetch-Site}i" `},
		{`accesslog.format = "%h %t \"%r\" %>s"`, `\"%{Sec-Fetch-Site}i\"`, `accesslog.format = "%h %t \"%r\" %>s \"%{User-Agent}i\"`},
		{"nginx_ingress", `"$http_sec_fetch_site"`, `$req_id "$host" "$http_sec_fetch_site"`},
		{"iis", `<add logFieldName="cs(Sec-Fetch-Site)" sourceName="Sec-Fetch-Site" sourceType="RequestHeader" />`, "  <!-- with the fields cs-host -->\n"},
		{"traefik", "Sec-Fetch-Site: keep", "        Sec-Fetch-Site: keep"},
		{"aws_alb", "nothing: an ALB's log has no such field", ""},
		{"cloudfront", "nothing: CloudFront's standard log has no such field", ""},
	} {
		f := compile(t, c.definition)
		var all []string
		for _, a := range f.Advise() {
			all = append(all, a.Add)
		}
		if !strings.Contains(strings.Join(all, "\n"), c.add) {
			t.Errorf("%s: %q is not in the advice\n%s", c.definition, c.add, strings.Join(all, "\n"))
		}
		got := strings.Join(f.Recommend(), "\n")
		if c.recommend == "" != (got == "") || !strings.Contains(got, c.recommend) {
			t.Errorf("%s: %q is not in what is recommended\n%s", c.definition, c.recommend, got)
		}
		if got == "" || f.proxies&(proxyIIS|proxyTraefik) != 0 {
			continue
		}
		if left := compile(t, got).Advise(); len(left) > 0 {
			t.Errorf("%s\nstill lacks %v", got, left)
		}
	}
}

// TestNoAllocations: no format allocates for a line.
func TestNoAllocations(t *testing.T) {
	for _, c := range []struct{ definition, line string }{
		{"haproxy {Host|User-Agent}", `192.0.2.1:33862 [14/Nov/2023:09:05:12.456] web~ app/s1 0/0/0/12/13 200 72 - - ---- 1/1/0/0/0 0/0 {a.example|x#22y} "GET / HTTP/1.1"`},
		{"haproxy", `Nov 22 05:32:00 lb1 haproxy[14389]: 192.0.2.1:33862 [14/Nov/2023:09:05:12.456] web~ app/s1 0/0/0/12/13 200 72 - - ---- 1/1/0/0/0 0/0 "GET / HTTP/1.1"`},
		{"envoy", `[2016-04-15T20:17:00.310Z] "GET / HTTP/2" 204 - 154 0 226 100 "-" "x" "cc21d9b0" "locations" "tcp://10.0.2.1:80"`},
		{"traefik", `172.17.0.1 - - ` + at + ` "GET / HTTP/2" 200 352 "-" "x" 244 "a@docker" "http://172.17.0.3:80" 42ms`},
		{"aws_alb", `https 2023-11-14T08:05:12.186641Z app/lb/4 1.2.3.4:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/a HTTP/1.1" "x" E T arn:x "R"`},
		{"iis", `2023-11-14 08:05:12 10.0.0.1 GET /a - 443 - 1.2.3.4 x+y - 200 0 0 15`},
		{"varnish", `1.2.3.4 - - ` + at + ` "GET http://a.example/ HTTP/1.1" 200 5 "-" "x"`},
		{"traefik_json", `{"ClientHost":"172.17.0.1","DownstreamStatus":404,"RequestMethod":"GET","RequestPath":"/","StartUTC":"2023-11-14T08:05:12Z"}`},
	} {
		p := compile(t, c.definition).NewParser()
		line, buf := []byte(c.line), make([]byte, len(c.line))
		var r Request
		if n := testing.AllocsPerRun(100, func() {
			copy(buf, line)
			if reason := p.Parse(buf, &r); reason != schema.ReasonNone {
				t.Fatalf("%s: %s", c.line, reason)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", c.definition, n)
		}
	}
}
