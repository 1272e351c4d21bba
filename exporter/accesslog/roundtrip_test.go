package accesslog

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

// The proxies' own escapes, written after their sources.

// escapeNginx is ngx_http_log_escape.
func escapeNginx(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\x%02X`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return orDash(b.String())
}

// escapeNginxJSON is ngx_escape_json.
func escapeNginxJSON(s string) string {
	var b strings.Builder
	short := map[byte]string{'\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`, '"': `\"`, '\\': `\\`}
	for i := range len(s) {
		if e, ok := short[s[i]]; ok {
			b.WriteString(e)
		} else if s[i] < 0x20 {
			fmt.Fprintf(&b, `\u%04X`, s[i])
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// escapeApache is ap_escape_logitem.
func escapeApache(s string) string {
	var b strings.Builder
	short := map[byte]string{'\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\v': `\v`, '"': `\"`, '\\': `\\`}
	for i := range len(s) {
		if e, ok := short[s[i]]; ok {
			b.WriteString(e)
		} else if s[i] < 0x20 || s[i] >= 0x7f {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else {
			b.WriteByte(s[i])
		}
	}
	return orDash(b.String())
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// hostile makes a text of what could be mistaken for a log's own.
func hostile(rnd *rand.Rand) string {
	pieces := []string{`"`, `\`, ` `, `" "`, `\"`, `\x22`, `\u0022`, ` [`, `] "`, at, `" 200 1 "`, `{`, `},"`, `":"`, "\t", "\n", "\x00",
		"\x7f", "é", "\xff", "😀", "a", "Mozilla/5.0", "HTTP/1.1", "-", "|", "/", "%", "$", "'", ",", ":"}
	var b strings.Builder
	for range rnd.IntN(8) {
		b.WriteString(pieces[rnd.IntN(len(pieces))])
	}
	if s := b.String(); s != "-" {
		return s
	}
	return ""
}

// TestRoundTrip writes requests as the proxies do and reads them back.
func TestRoundTrip(t *testing.T) {
	type fields struct{ user, method, target, host, referer, agent, site, mime string }
	type dialect struct {
		name, definition string
		line             func(f fields, when time.Time, status int) string
	}
	clf := func(when time.Time) string { return when.Format("02/Jan/2006:15:04:05 -0700") }
	var dialects []dialect
	for _, escape := range []struct {
		name string
		do   func(string) string
	}{{"default", escapeNginx}, {"json", escapeNginxJSON}} {
		e := escape.do
		dialects = append(dialects, dialect{"nginx " + escape.name, `log_format x escape=` + escape.name +
			` '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_host" "$http_sec_fetch_site" "$sent_http_content_type"';`,
			func(f fields, when time.Time, status int) string {
				return fmt.Sprintf(`1.2.3.4 - %s [%s] "%s" %03d 17 "%s" "%s" "%s" "%s" "%s"`, e(f.user), clf(when),
					e(f.method+" "+f.target+" HTTP/1.1"), status, e(f.referer), e(f.agent), e(f.host), e(f.site), e(f.mime))
			}})
	}
	dialects = append(dialects, dialect{"nginx JSON",
		`log_format x escape=json '{"t":"$time_iso8601","c":"$remote_addr","m":"$request_method","u":"$request_uri","s":$status,"r":"$http_referer","ua":"$http_user_agent","h":"$http_host","site":"$http_sec_fetch_site","ct":"$sent_http_content_type"}';`,
		func(f fields, when time.Time, status int) string {
			e := escapeNginxJSON
			return fmt.Sprintf(`{"t":"%s","c":"1.2.3.4","m":"%s","u":"%s","s":%03d,"r":"%s","ua":"%s","h":"%s","site":"%s","ct":"%s"}`,
				when.Format(time.RFC3339), f.method, e(f.target), status, e(f.referer), e(f.agent), e(f.host), e(f.site), e(f.mime))
		}}, dialect{"Apache",
		`LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\" \"%{Host}i\" \"%{Sec-Fetch-Site}i\" \"%{Content-Type}o\"" x`,
		func(f fields, when time.Time, status int) string {
			e := escapeApache
			return fmt.Sprintf(`1.2.3.4 - %s [%s] "%s" %03d 17 "%s" "%s" "%s" "%s" "%s"`, e(f.user), clf(when),
				e(f.method+" "+f.target+" HTTP/1.1"), status, e(f.referer), e(f.agent), e(f.host), e(f.site), e(f.mime))
		}})
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(5, 6))
			p := compile(t, d.definition).NewParser()
			var r Request
			for range 5000 {
				f := fields{hostile(rnd), "GET", "/" + hostile(rnd), hostile(rnd), hostile(rnd), hostile(rnd), hostile(rnd), hostile(rnd)}
				when := time.Unix(1e9+rnd.Int64N(1e9), 0).In(time.FixedZone("", (rnd.IntN(24)-11)*3600))
				status := 100 + rnd.IntN(900)
				line := d.line(f, when, status)
				if reason := p.Parse([]byte(line), &r); reason != schema.ReasonNone {
					t.Fatalf("%s\n%s", line, reason)
				}
				got := fields{f.user, string(r.Method), string(r.Target), string(r.Host), string(r.Referer), string(r.UserAgent), string(r.SecFetchSite), string(r.ContentType)}
				if got != f || r.Time != when.UnixNano() || r.Status != status || string(r.Client) != "1.2.3.4" {
					t.Fatalf("%s\n got %q\nwant %q", line, got, f)
				}
			}
		})
	}
}
