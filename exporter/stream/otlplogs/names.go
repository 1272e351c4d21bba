package otlplogs

import (
	"strings"

	"github.com/darkshare/darkshare/exporter/stream/internal/jsonline"
)

// attributes are the names that the parts of a request have in attributes and in
// bodies that are maps, in lower case, with "_" for "-".
//
// Sources: OpenTelemetry's semantic conventions for HTTP, the present ones and those
// before 1.21 (https://opentelemetry.io/docs/specs/semconv/registry/attributes/http/);
// Traefik's access log fields (pkg/middlewares/accesslog/logdata.go), which are its
// attributes; and what people call them who choose the names themselves, as in
// Envoy's configuration or a Collector's parsers.
var attributes = func() map[string]jsonline.Field {
	m := map[string]jsonline.Field{}
	for field, names := range map[jsonline.Field]string{
		jsonline.Status: "http.response.status_code http.status_code status status_code response_code downstreamstatus",
		jsonline.Client: "client.address http.client_ip client_address clientaddr client_ip remote_addr remote_ip client " +
			"downstream_remote_address downstream_remote_address_without_port source.address",
		jsonline.Peer: "network.peer.address net.sock.peer.addr net.peer.ip",
		// Traefik's ClientHost is the X-Forwarded-For that came, where one did.
		jsonline.ForwardedFor: "clienthost xff",
		jsonline.Method:       "http.request.method http.method method requestmethod",
		jsonline.Request:      "request request_line",
		jsonline.Target:       "http.target request_uri requestpath target",
		jsonline.Path:         "url.path path uri",
		jsonline.URL:          "url.full http.url url",
		jsonline.Query:        "url.query query query_string args",
		jsonline.Host:         "http.host authority requesthost vhost",
		jsonline.ServerName:   "server.address net.host.name http.server_name server_name",
		jsonline.Referer:      "referrer",
		jsonline.UserAgent:    "user_agent.original useragent agent",
		jsonline.ContentType: "http.response.header.content_type downstream_content_type origin_content_type " +
			"sent_http_content_type resp_content_type response_content_type",
		jsonline.Time: "time timestamp @timestamp start_time time_iso8601 time_local msec",
	} {
		for name := range strings.FieldsSeq(names) {
			m[name] = field
		}
	}
	// A header's own name, and how the conventions, Traefik and nginx write it.
	for header, field := range jsonline.Headers {
		for _, prefix := range []string{"", "http.request.header.", "http.", "request_", "http_"} {
			m[prefix+header] = field
		}
	}
	return m
}()
