package accesslog

import (
	"maps"
	"slices"
	"strings"
)

// proxies is a set of the kinds of proxy that write a format.
type proxies uint16

const (
	proxyNginx proxies = 1 << iota
	proxyApache
	proxyCaddy
	proxyHAProxy
	proxyVarnish
	proxyLighttpd
	proxyTraefik
	proxyEnvoy
	proxyALB
	proxyCloudFront
	proxyIIS
)

type knownFormat struct {
	definition string
	proxies    proxies
}

// The definitions that come with the proxies. Apache's common and combined are
// written as nginx has them: they are the same, but for the identity that Apache
// would ask of an ident daemon, which is always "-". Taking it literally tells
// combined from a line that begins with a virtual host.
// Sources: https://nginx.org/en/docs/http/ngx_http_log_module.html,
// https://httpd.apache.org/docs/2.4/mod/mod_log_config.html, Debian's apache2.conf.
const (
	common   = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent`
	combined = common + ` "$http_referer" "$http_user_agent"`
)

// Sources of the others:
// https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/log-format/,
// https://github.com/NginxProxyManager/nginx-proxy-manager/blob/develop/docker/rootfs/etc/nginx/conf.d/include/log-proxy.conf,
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html,
// Traefik's pkg/middlewares/accesslog/logger_formatters.go, varnishncsa(1).
var knownText = map[string]knownFormat{
	"common":     {common, proxyNginx | proxyApache},
	"combined":   {combined, proxyNginx | proxyApache},
	"nginx_main": {combined + ` "$http_x_forwarded_for"`, proxyNginx},
	// What Recommend makes of combined and the documentation says for nginx, Apache, Varnish
	// and lighttpd: with it in use, no format need be named.
	"darkshare": {combined + ` "$host" "$http_sec_fetch_site" "$http_sec_fetch_mode" "$http_sec_fetch_dest" "$sent_http_content_type" ` +
		`"$http_x_requested_with" "$http_sec_purpose" "$http_x_forwarded_for"`, proxyNginx | proxyApache},
	// Fields behind the ones of combined that nobody has named: they are skipped.
	"combined_extra": {combined + ` $` + restVariable, proxyNginx | proxyApache},
	"combinedio":     {`%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %I %O`, proxyApache},
	"vhost_common":   {`%v %h %l %u %t "%r" %>s %b`, proxyApache},
	"vhost_combined": {`%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"`, proxyApache},
	"nginx_ingress": {combined + ` $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] ` +
		`$upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id`, proxyNginx},
	"nginx_proxy_manager": {`[$time_local] $upstream_cache_status $upstream_status $status - $request_method $scheme $host "$request_uri" ` +
		`[Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] [Sent-to $server] "$http_user_agent" "$http_referer"`, proxyNginx},
	"nginx_proxy_manager_standard": {`[$time_local] $status - $request_method $scheme $host "$request_uri" ` +
		`[Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] "$http_user_agent" "$http_referer"`, proxyNginx},
	"lighttpd": {`accesslog.format = "%h %V %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""`, proxyLighttpd},
	"varnish":  {`varnishncsa -F '%h %l %u %t "%r" %s %b "%{Referer}i" "%{User-agent}i"'`, proxyVarnish},
	"traefik":  {`log_format traefik escape=none '` + combined + ` $connection "$router" "$service" ${request_time}ms';`, proxyTraefik},
	"envoy": {`[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ` +
		`%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ` +
		`"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"`, proxyEnvoy},
	"istio": {`[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ` +
		`%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% ` +
		`%DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" ` +
		`"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% ` +
		`%DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%`, proxyEnvoy},
	// Amazon adds fields at the end from time to time.
	"aws_alb": {`$` + wordVariable + ` $` + timeVariable + ` $` + wordVariable + ` $` + peerVariable + ` $` + wordVariable + ` ` +
		`$request_time $request_time $request_time $status $` + wordVariable + ` $request_length $bytes_sent "$` + urlVariable + `" "$http_user_agent" $` + restVariable, proxyALB},
	"cloudfront":    {cloudfrontFields, proxyCloudFront},
	"iis":           {iisFields, proxyIIS},
	"haproxy":       {"haproxy", proxyHAProxy},
	"haproxy_https": {"haproxy_https", proxyHAProxy},
	"haproxy_clf":   {"haproxy_clf", proxyHAProxy},
}

var aliases = map[string]string{
	"nginx": "combined", "apache": "combined", "apache2": "combined", "httpd": "combined", "ncsa": "combined",
	"clf": "common", "main": "nginx_main", "nginx_combined": "combined", "apache_combined": "combined",
	"vhost": "vhost_combined", "nginx_json": "json", "varnishncsa": "varnish", "traefik_clf": "traefik", "alb": "aws_alb",
	"aws_cloudfront": "cloudfront", "ingress_nginx": "nginx_ingress", "upstreaminfo": "nginx_ingress", "npm": "nginx_proxy_manager",
	"httplog": "haproxy", "w3c": "iis",
}

const howToName = "name a known format or give the proxy's own definition (nginx's log_format, Apache's LogFormat, HAProxy's log-format, " +
	"Envoy's text_format, ...); known are "

// Names lists the names of the formats that Compile knows.
func Names() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for n := range maps.Keys(knownText) {
			if !yield(n) {
				return
			}
		}
		for n := range maps.Keys(jsonKinds) {
			if !yield(n) {
				return
			}
		}
	})
}

func knownNames() string { return strings.Join(Names(), ", ") }
