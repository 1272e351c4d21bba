package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/accesslog"
)

// A record is a request as a proxy would log it, its values in the clear.
type record struct {
	at      time.Time
	client  string
	user    string
	host    string
	target  string
	status  string
	referer string
	agent   string
	cookie  string
}

// everyFormat has a line of every format that has a name. What stands in braces is a
// value of the record.
var everyFormat = map[string]string{
	"common":                       clf,
	"combined":                     clf + behind,
	"nginx_main":                   clf + behind + ` "{client}"`,
	"darkshare":                    clf + behind + ` "{host}" "-" "-" "-" "text/html" "-" "-" "{client}"`,
	"combined_extra":               clf + behind + ` "{cookie}" 0.003`,
	"combinedio":                   clf + behind + ` 312 977`,
	"vhost_common":                 `{host} ` + clf,
	"vhost_combined":               `{host}:443 ` + clf + behind,
	"nginx_ingress":                clf + behind + ` 512 0.003 [default-shop-80] [] 10.0.0.7:8080 512 0.003 200 {cookie}`,
	"nginx_proxy_manager":          `[{clf}] - {status} {status} - GET https {host} "{target}" [Client {client}] [Length 512] [Gzip -] [Sent-to 10.0.0.7] "{agent}" "{referer}"`,
	"nginx_proxy_manager_standard": `[{clf}] {status} - GET https {host} "{target}" [Client {client}] [Length 512] [Gzip -] "{agent}" "{referer}"`,
	"lighttpd":                     `{client} {host} {user} [{clf}] "GET {target} HTTP/1.1" {status} 512` + behind,
	"varnish":                      `{client} - {user} [{clf}] "GET http://{host}{target} HTTP/1.1" {status} 512` + behind,
	"traefik":                      clf + behind + ` 17 "shop@docker" "http://10.0.0.7:80" 3ms`,
	"envoy":                        envoyText,
	"istio": strings.Replace(envoyText, "{status} -", `{status} - via_upstream - "-"`, 1) +
		` outbound|80||shop 10.0.0.7:1 10.0.0.7:2 {client}:33862 {host} default`,
	"aws_alb": `https {iso} app/web/50dc6c495c0c9188 {client}:33862 10.0.0.7:80 0.000 0.001 0.000 {status} {status} 34 366 "GET https://{host}:443{target} HTTP/2.0" "{agent}" ` +
		`ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:x "Root={cookie}" "{host}" "arn:aws:y" 0 {iso} "forward" "-" "-" "10.0.0.7:80" "{status}" "-" "-"`,
	"cloudfront": strings.ReplaceAll(`{date} {time} CDG50-P2 703 {client} GET d1.cloudfront.net {path} {status} {referer} {agent%} {query} {cookie} Hit ID== `+
		`{host} https 312 0.001 {client} TLSv1.3 TLS_AES_128_GCM_SHA256 Hit HTTP/2.0 - - 33862 0.001 Hit text/html 512 - -`, " ", "\t"),
	"iis":           `{date} {time} 10.0.0.7 GET {path} {query} 443 {user} {client} {agent+} {referer} {status} 0 0 12`,
	"haproxy":       haproxyLine,
	"haproxy_https": haproxyLine + ` 0/0/0/0/0 {host}/TLSv1.3/TLS_AES_256_GCM_SHA384`,
	"haproxy_clf": `{client} - - [{clf}] "GET {target} HTTP/1.1" {status} 72 "" "" 53454 457 "web~" "app" "s1" 0 0 0 12 13 ---- 1 1 0 0 0 0 0 ` +
		`"{cookie}" "-" "{host}" "-" `,
	"json": `{"time_iso8601":"{iso}","remote_addr":"{client}","remote_user":"{user}","host":"{host}","request":"GET {target} HTTP/1.1","status":{status},` +
		`"http_referer":"{referer}","http_user_agent":"{agent}","http_cookie":"{cookie}","http_x_forwarded_for":"{client}"}`,
	"caddy": `{"level":"info","ts":{unix},"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"{client}","client_ip":"{client}","proto":"HTTP/2.0",` +
		`"method":"GET","host":"{host}","uri":"{target}","headers":{"User-Agent":["{agent}"],"Referer":["{referer}"],"Cookie":["{cookie}"]}},` +
		`"user_id":"{user}","status":{status},"resp_headers":{"Content-Type":["text/html"]}}`,
	"traefik_json": `{"ClientHost":"{client}","ClientUsername":"{user}","DownstreamStatus":{status},"RequestHost":"{host}","RequestMethod":"GET","RequestPath":"{target}",` +
		`"StartUTC":"{iso}","request_Referer":"{referer}","request_User-Agent":"{agent}","request_Cookie":"{cookie}","level":"info","msg":"","time":"{iso}"}`,
	"envoy_json": `{"start_time":"{iso}","method":"GET","path":"{target}","response_code":{status},"authority":"{host}","downstream_remote_address":"{client}:33862",` +
		`"user_agent":"{agent}","referer":"{referer}","x_forwarded_for":"{client}","cookie":"{cookie}"}`,
}

// Parts of the lines.
const (
	clf         = `{client} - {user} [{clf}] "GET {target} HTTP/1.1" {status} 512`
	behind      = ` "{referer}" "{agent}"`
	envoyText   = `[{iso}] "GET {target} HTTP/2" {status} - 0 512 12 11 "{client}" "{agent}" "{cookie}" "{host}" "10.0.0.7:8080"`
	haproxyLine = `{client}:33862 [{haproxy}] web~ app/s1 0/0/0/12/13 {status} 72 {cookie} - ---- 1/1/0/0/0 0/0 {{host}|{agent#}|{referer}|{cookie}} "GET {target} HTTP/1.1"`
)

// in returns the line of a format, without its end.
func (r record) in(t *testing.T, format string) string {
	t.Helper()
	line, ok := everyFormat[format]
	if !ok {
		t.Fatalf("no line of the format %s is written here", format)
	}
	at := r.at.UTC()
	path, query, _ := strings.Cut(r.target, "?")
	if query == "" {
		query = "-"
	}
	return strings.NewReplacer(
		"{client}", r.client, "{user}", r.user, "{host}", r.host, "{target}", r.target, "{path}", path, "{query}", query, "{status}", r.status,
		"{referer}", r.referer, "{agent}", r.agent, "{cookie}", r.cookie,
		"{agent%}", strings.ReplaceAll(r.agent, " ", "%20"), "{agent+}", strings.ReplaceAll(r.agent, " ", "+"), "{agent#}", strings.ReplaceAll(r.agent, "|", "#7C"),
		"{clf}", at.Format("02/Jan/2006:15:04:05 -0700"), "{iso}", at.Format("2006-01-02T15:04:05.000Z"), "{date}", at.Format(time.DateOnly),
		"{time}", at.Format(time.TimeOnly), "{haproxy}", at.Local().Format("02/Jan/2006:15:04:05.000"), "{unix}", fmt.Sprintf("%d.5", at.Unix()),
	).Replace(line)
}

// TestEveryFormat: no format is left out of what is tested with all of them.
func TestEveryFormat(t *testing.T) {
	for _, name := range accesslog.Names() {
		if _, ok := everyFormat[name]; !ok {
			t.Errorf("no line of the format %s is written here", name)
		}
	}
	if len(everyFormat) != len(accesslog.Names()) {
		t.Errorf("%d formats have lines, %d have names", len(everyFormat), len(accesslog.Names()))
	}
}
