package accesslog

import (
	"strings"
	"testing"
)

func TestCaddy(t *testing.T) {
	f := compile(t, "caddy")
	const head = `{"level":"info","ts":1699949112.250,"logger":"http.log.access.log0","msg":"handled request",`
	const now = `time=2023-11-14T08:05:12.25Z `
	for _, c := range []struct{ what, line, want string }{
		{"a page", head + `"request":{"remote_ip":"10.0.0.1","client_ip":"1.2.3.4","proto":"HTTP/2.0","method":"GET","host":"a.b","uri":"/c?d",` +
			`"headers":{"User-Agent":["x \"y\""],"Referer":["https://t.co/"],"X-Forwarded-For":["1.1.1.1, 2.2.2.2","3.3.3.3"],"Sec-Fetch-Site":["none"],` +
			`"Sec-Fetch-Mode":["navigate"],"Sec-Fetch-Dest":["document"],"Sec-Fetch-User":["?1"],"Sec-Purpose":["prefetch"],"X-Requested-With":["com.app"]}},` +
			`"status":200,"resp_headers":{"Content-Type":["text/html"]}}`,
			now + `status=200 client="1.2.3.4" for="1.1.1.1" method="GET" target="/c?d" host="a.b" referer="https://t.co/" agent="x \"y\"" ` +
				`type="text/html" site="none" mode="navigate" dest="document" user="?1" purpose="prefetch" with="com.app"`},
		{"any order", `{"status":404,"request":{"uri":"/","method":"GET"},"ts":1699949112.25}`, now + `status=404 method="GET" target="/"`},
		{"white space", " {\t\"status\" : 404 , \"request\" : { \"uri\" : \"/\" } , \"ts\" : 1699949112.25 } ", now + `status=404 target="/"`},
		{"no response", head + `"request":{"method":"GET","uri":"/"},"status":0}`, now + `method="GET" target="/"`},
		{"before 2.5", head + `"request":{"remote_addr":"[::1]:443","method":"GET","uri":"/"},"status":200}`, now + `status=200 client="::1" method="GET" target="/"`},
		{"before 2.5, IPv4", head + `"request":{"remote_addr":"1.2.3.4:443","method":"GET","uri":"/"},"status":200}`, now + `status=200 client="1.2.3.4" method="GET" target="/"`},
		{"the last of duplicates", head + `"status":500,"request":{"uri":"/a","uri":"/b"},"request":{"method":"GET"},"status":200}`, now + `status=200 method="GET" target="/b"`},
		{"a header twice", head + `"request":{"uri":"/","headers":{"Referer":["a","b"]}},"status":200}`, now + `status=200 target="/" referer="a"`},
		{"empty lists", head + `"request":{"uri":"/","headers":{"Referer":[],"User-Agent":[""],"X-Moz":[["a"]]}},"status":200}`, now + `status=200 target="/"`},
		{"redacted", head + `"request":{"uri":"/","headers":{"Referer":null,"User-Agent":"REDACTED"}},"status":200}`, now + `status=200 target="/" agent="REDACTED"`},
		{"an escaped key", head + `"re\u0071uest":{"uri":"/"},"status":200}`, now + `status=200 target="/"`},
		{"nothing in it", head + `"x":{},"y":[],"z":[{},[]],"t":true,"f":false,"n":null,"d":-1.5e+7,"request":{"uri":"/"},"status":200}`, now + `status=200 target="/"`},
		{"time as text", `{"ts":"2023/11/14 08:05:12.250","request":{"uri":"/"},"status":200}`, now + `status=200 target="/"`},
		{"time of common log", `{"ts":"14/Nov/2023:09:05:12 +0100","request":{"uri":"/"},"status":200}`, utc + ` status=200 target="/"`},
		{"deep", head + `"request":{"uri":"/"},"status":200,"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, now + `status=200 target="/"`},

		{"an error beside its access", `{"level":"error","ts":1699949112.25,"logger":"http.log.error","msg":"dial tcp: refused","request":{"method":"GET","uri":"/"},"status":502}`, "not_access"},
		{"a message", `{"level":"info","ts":1699949112.25,"msg":"using provided configuration"}`, "not_access"},
		{"a message with a logger", `{"level":"debug","ts":1742400753.0547564,"logger":"http.handlers.reverse_proxy","msg":"selected upstream","total_upstreams":1}`, "not_access"},
		{"a message with another status", `{"ts":1742400753,"logger":"tls","msg":"challenge failed","status":"invalid"}`, "not_access"},
		{"an empty object", `{}`, "not_access"},
		{"too deep", head + `"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "json"},
		{"truncated", head + `"request":{"uri":"/"},"status":200`, "json"},
		{"truncated in a string", head + `"request":{"uri":"/`, "json"},
		{"truncated behind a backslash", head + `"request":{"uri":"/\`, "json"},
		{"two objects", `{"status":200}{"status":200}`, "json"},
		{"a comma too many", `{"status":200,}`, "json"},
		{"a comma too few", `{"status":200 "ts":1}`, "json"},
		{"no colon", `{"status" 200}`, "json"},
		{"a bare key", `{status:200}`, "json"},
		{"no value", `{"status":}`, "json"},
		{"an array", `[1]`, "json"},
		{"brackets that do not match", `{"a":[1}]`, "json"},
		{"a wrong word", `{"a":nil}`, "json"},
		{"text", `hello`, "json"},
		{"no time", `{"request":{"uri":"/"},"status":200}`, "time"},
		{"an unreadable time", `{"ts":"noon","request":{"uri":"/"},"status":200}`, "time"},
		{"a status of text", head + `"request":{"uri":"/"},"status":"OK"}`, "status"},
		{"a status with decimals", head + `"request":{"uri":"/"},"status":200.5}`, "status"},
	} {
		if got := parse(t, f, c.line); got != c.want {
			t.Errorf("%s: %s\n got %s\nwant %s", c.what, c.line, got, c.want)
		}
	}
}

func TestJSON(t *testing.T) {
	for _, c := range []struct {
		mapping    map[string]string
		line, want string
	}{
		{nil, `{"time_iso8601":"2023-11-14T09:05:12+01:00","remote_addr":"1.2.3.4","http_x_forwarded_for":"5.6.7.8","request_method":"GET","request_uri":"/a?b",` +
			`"host":"a.b","status":"200","http_referer":"-","http_user_agent":"x","sent_http_content_type":"text/html","http_sec_fetch_site":"none","http_sec_purpose":"prefetch"}`,
			utc + ` status=200 client="1.2.3.4" for="5.6.7.8" method="GET" target="/a?b" host="a.b" agent="x" type="text/html" site="none" purpose="prefetch"`},
		{nil, `{"@timestamp":"2023-11-14T08:05:12Z","request":"GET /a HTTP/1.1","status":200,"referer":"https://t.co/","agent":"x"}`,
			utc + ` status=200 method="GET" target="/a" referer="https://t.co/" agent="x"`},
		{nil, `{"time":"14/Nov/2023:09:05:12 +0100","uri":"/a","args":"b","method":"GET","status":304}`, utc + ` status=304 method="GET" target="/a?b"`},
		{nil, `{"time":"14/Nov/2023:09:05:12 +0100","uri":"/a?b","args":"b","status":304}`, utc + ` status=304 target="/a?b"`},
		{nil, `{"msec":"1699949112.250","time":"noon","status":200,"uri":"/"}`, `time=2023-11-14T08:05:12.25Z status=200 target="/"`},
		{nil, `{"msec":1699949112,"request":{"uri":"/not/ours"},"uri":"/","status":200}`, utc + ` status=200 target="/"`},
		// nginx's escape=default inside JSON is not JSON, and yet is written.
		{nil, `{"msec":1699949112,"uri":"/","status":200,"http_user_agent":"a \x22b\x22"}`, utc + ` status=200 target="/" agent="a \"b\""`},
		{nil, `{"msec":1699949112,"level":"info","message":"started"}`, "not_access"},
		{nil, `{"status":200,"uri":"/"}`, "time"},
		{map[string]string{"user_agent": "req.headers.ua", "target": "req.path", "query": "req.q", "client": `peer\.addr`},
			`{"ts":1699949112,"req":{"headers":{"ua":["x"]},"q":"b=c","path":"/a"},"peer.addr":"1.2.3.4:5","uri":"/wrong","http_user_agent":"wrong"}`,
			utc + ` client="1.2.3.4" target="/a?b=c" agent="x"`},
		{map[string]string{"host": "request"}, `{"ts":1699949112,"request":"a.b","uri":"/"}`, utc + ` target="/" host="a.b"`},
		{map[string]string{"method": "line", "target": "line"}, `{"ts":1699949112,"line":"GET /a HTTP/1.1"}`, utc + ` method="GET" target="/a"`},
		{map[string]string{"request": "line"}, `{"ts":1699949112,"line":"GET /a HTTP/1.1"}`, utc + ` method="GET" target="/a"`},
	} {
		f, err := CompileOptions("json", Options{JSON: c.mapping})
		if err != nil {
			t.Fatal(err)
		}
		if got := parse(t, f, c.line); got != c.want {
			t.Errorf("%v %s\n got %s\nwant %s", c.mapping, c.line, got, c.want)
		}
	}
}
