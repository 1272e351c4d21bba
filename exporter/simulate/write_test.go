package simulate

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var hostile = request{
	took: 1_234_567_890, addr: "2a02::1", method: "GET", path: "/a\"b\\c", query: "q=é\n", proto: "HTTP/1.1",
	status: 404, bytes: 17, referer: "https://x.example/\x01", agent: `"><script>` + "\t\x7f", ctype: html,
	fetchSite: "none", fetchMode: "navigate", fetchDest: "document", fetchUser: "?1", purpose: "prefetch", requestedWith: "com.whatsapp",
}

func line(f Format, r request) string {
	var out bytes.Buffer
	l := lineWriter{sink: newSink(&out), format: f, host: "www.example.com", zone: time.FixedZone("", 3600)}
	l.write(monday.UnixNano()+500, &r)
	l.flush()
	return out.String()
}

func TestFormats(t *testing.T) {
	raw := request{addr: "192.0.2.1", raw: "\x16\x03\x01", status: 400, bytes: 157}
	for _, c := range []struct {
		format Format
		r      request
		want   string
	}{
		{Combined, hostile, `2a02::1 - - [02/Nov/2026:00:00:00 +0100] "GET /a\x22b\x5Cc?q=\xC3\xA9\x0A HTTP/1.1" 404 17 "https://x.example/\x01" "\x22><script>\x09\x7F"`},
		{VhostCombined, hostile, `www.example.com:443 2a02::1 - - [01/Nov/2026:23:59:58 +0100] "GET /a\"b\\c?q=\xc3\xa9\n HTTP/1.1" 404 17 "https://x.example/\x01" "\"><script>\t\x7f"`},
		{Combined, raw, `192.0.2.1 - - [02/Nov/2026:00:00:00 +0100] "\x16\x03\x01" 400 157 "-" "-"`},
		{Caddy, hostile, `{"level":"info","ts":1793574000.0000005,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"2a02::1","remote_port":"443","client_ip":"2a02::1","proto":"HTTP/1.1","method":"GET","host":"www.example.com","uri":"/a\"b\\c?q=é\n","headers":{"Accept-Encoding":["gzip, deflate, br"],"User-Agent":["\"><script>\t` + "\x7f" + `"],"Referer":["https://x.example/\u0001"],"Sec-Fetch-Site":["none"],"Sec-Fetch-Mode":["navigate"],"Sec-Fetch-Dest":["document"],"Sec-Fetch-User":["?1"],"Sec-Purpose":["prefetch"],"X-Requested-With":["com.whatsapp"]},"tls":{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2"}},"bytes_read":0,"user_id":"","duration":1.234567890,"size":17,"status":404,"resp_headers":{"Server":["Caddy"],"Content-Type":["text/html; charset=utf-8"]}}`},
	} {
		if got := line(c.format, c.r); got != c.want+"\n" {
			t.Errorf("%v:\n got %s want %s", c.format, got, c.want)
		}
	}
}

// What NginxJSON writes is what nginx would with NginxJSONFormat.
func TestNginxJSONFormat(t *testing.T) {
	esc := func(s string) string { return string(appendJSON(nil, s)) }
	r := hostile
	want := strings.NewReplacer(
		"$time_iso8601", "2026-11-02T00:00:00+01:00", "$remote_addr", r.addr, "$host", "www.example.com",
		"$request_method", r.method, "$request_uri", esc(r.path+"?"+r.query), "$server_protocol", r.proto,
		"$status", strconv.Itoa(r.status), "$body_bytes_sent", strconv.Itoa(r.bytes), "$request_time", "1.234",
		"$http_referer", esc(r.referer), "$http_user_agent", esc(r.agent), "$sent_http_content_type", r.ctype,
		"$http_sec_fetch_site", r.fetchSite, "$http_sec_fetch_mode", r.fetchMode, "$http_sec_fetch_dest", r.fetchDest,
		"$http_sec_fetch_user", r.fetchUser, "$http_sec_purpose", r.purpose, "$http_x_requested_with", r.requestedWith,
	).Replace(NginxJSONFormat)
	if got := line(NginxJSON, r); got != want+"\n" {
		t.Errorf("\n got %s want %s", got, want)
	}
}

func TestParseFormat(t *testing.T) {
	for f := range formatNames {
		if got, err := ParseFormat(Format(f).String()); err != nil || got != Format(f) {
			t.Errorf("%v: %v, %v", Format(f), got, err)
		}
	}
	if _, err := ParseFormat("clf"); err == nil {
		t.Error("an unknown format is accepted")
	}
}

// FuzzEscape: no value leaves its field, and each can be had back.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "plain", `"\`, "\x00\x1f\x7f\xff", "é\n\t\r"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		nginx := string(appendNginx(nil, s))
		if strings.ContainsAny(nginx, "\"\n\r\x00") {
			t.Errorf("%q leaves its field as %q", s, nginx)
		}
		for name, escaped := range map[string]string{"nginx": nginx, "Apache": string(appendApache(nil, s))} {
			if back, err := strconv.Unquote(`"` + escaped + `"`); err != nil || back != s {
				t.Errorf("%s: %q comes back as %q, %v", name, s, back, err)
			}
		}
		if !utf8.ValidString(s) {
			return
		}
		var back string
		if err := json.Unmarshal([]byte(`"`+string(appendJSON(nil, s))+`"`), &back); err != nil || back != s {
			t.Errorf("JSON: %q comes back as %q, %v", s, back, err)
		}
	})
}

// What is plain is what no format escapes, wherever a byte stands.
func TestPlain(t *testing.T) {
	for size := 1; size < 20; size++ {
		for at := range size {
			for c := range 256 {
				b := bytes.Repeat([]byte("~"), size)
				b[at] = byte(c)
				s := string(b)
				want := c >= 0x20 && c < 0x7f && c != '"' && c != '\\'
				if got := plain(s); got != want {
					t.Fatalf("byte %#x at %d of %d: %v", c, at, size, got)
				}
				escaped := string(appendNginx(nil, s)) != s && string(appendApache(nil, s)) != s
				if escaped == want {
					t.Fatalf("byte %#x at %d of %d: escaped %v", c, at, size, escaped)
				}
			}
		}
	}
	if !plain("") {
		t.Error("nothing is not plain")
	}
}
