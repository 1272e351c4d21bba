package accesslog

import (
	"maps"
	"slices"
)

// A jsonKind is one of the known formats whose lines are JSON objects.
type jsonKind struct {
	proxies proxies
	paths   func() []path
	// whole says that a record has a status whatever else, so that other logs are not
	// taken for it.
	whole bool
}

var jsonKinds = map[string]jsonKind{
	"json":         {proxies: proxyNginx, paths: jsonKeys},
	"caddy":        {proxies: proxyCaddy, paths: func() []path { return caddyKeys }},
	"traefik_json": {proxies: proxyTraefik, paths: traefikKeys, whole: true},
	"envoy_json":   {proxies: proxyEnvoy, paths: envoyKeys, whole: true},
}

// traefikKeys are the keys of Traefik's access log. ClientHost is the peer, or what
// X-Forwarded-For says where the entry point trusts it. Headers are only there where the
// configuration keeps them.
// Source: https://doc.traefik.io/traefik/observe/logs-and-access-logs/.
func traefikKeys() []path {
	paths := []path{
		{[]string{"time"}, slotTime, 1},
		{[]string{"StartLocal"}, slotTime, 2},
		{[]string{"StartUTC"}, slotTime, 3},
		// Traefik's own answers, such as redirects, have no OriginStatus.
		{[]string{"OriginStatus"}, slotStatus, 1},
		{[]string{"DownstreamStatus"}, slotStatus, 2},
		{[]string{"ClientAddr"}, slotClientPort, 1},
		{[]string{"ClientHost"}, slotClientPort, 2}, // several where X-Forwarded-For had
		{[]string{"RequestMethod"}, slotMethod, 1},
		{[]string{"RequestPath"}, slotTarget, rankWhole},
		{[]string{"RequestAddr"}, slotHost, 4},
		{[]string{"RequestHost"}, slotHost, 5},
		{[]string{"origin_Content-Type"}, slotContentType, 1},
		{[]string{"downstream_Content-Type"}, slotContentType, 2},
	}
	for _, name := range slices.Sorted(maps.Keys(requestHeaders)) {
		v := requestHeaders[name]
		paths = append(paths, path{[]string{"request_" + canonical(name)}, v.slot, v.rank})
	}
	return paths
}

// envoyKeys are the keys of the access logs that Envoy Gateway, Istio and Contour make
// Envoy write, and of Envoy's own documentation.
// Sources: https://gateway.envoyproxy.io/docs/tasks/observability/proxy-accesslog/,
// https://istio.io/latest/docs/tasks/observability/logs/access-log/,
// https://projectcontour.io/docs/main/config/access-logging/.
func envoyKeys() []path {
	paths := []path{
		{[]string{"@timestamp"}, slotTime, 1},
		{[]string{"start_time"}, slotTime, 2},
		{[]string{"response_code"}, slotStatus, 1},
		{[]string{"downstream_direct_remote_address"}, slotClientPort, 1},
		{[]string{"downstream_remote_address"}, slotClientPort, 2},
		{[]string{"method"}, slotMethod, 1},
		{[]string{":method"}, slotMethod, 2},
		{[]string{"path"}, slotTarget, rankWhole},
		{[]string{":path"}, slotTarget, rankWhole + 1},
		{[]string{"x-envoy-origin-path"}, slotTarget, rankWhole + 2},
		{[]string{"x-envoy-original-path"}, slotTarget, rankWhole + 3},
		{[]string{"requested_server_name"}, slotHost, 1},
		{[]string{"authority"}, slotHost, 3},
		{[]string{":authority"}, slotHost, 4},
		{[]string{"content-type"}, slotContentType, 1},
		{[]string{"content_type"}, slotContentType, 2},
	}
	for _, name := range slices.Sorted(maps.Keys(requestHeaders)) {
		if name == "host" {
			continue
		}
		v := requestHeaders[name]
		paths = append(paths, path{[]string{name}, v.slot, 2*v.rank - 1}, path{[]string{underscored(name)}, v.slot, 2 * v.rank})
	}
	return slices.CompactFunc(paths, func(a, b path) bool { return slices.Equal(a.keys, b.keys) })
}
