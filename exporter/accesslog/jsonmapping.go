package accesslog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A mapping says where a JSON object has a request's fields.
type mapping struct {
	root   *node
	wants  []want
	fields Fields
	clocks int
	caddy  bool // the stream has records that are not accesses
	whole  bool // see jsonKind
}

// A path is where a value is: the keys from the outermost object inwards.
type path struct {
	keys []string
	slot slot
	rank uint8
}

// jsonSlots are the names of a mapping that the user gives, beside the fields'.
var jsonSlots = map[string]slot{"request": slotRequest, "query": slotQuery}

var fieldSlots = [numFields]slot{
	slotTime, slotStatus, slotClientPort, slotForwardedFor, slotMethod, slotTarget, slotHost, slotReferer, slotUserAgent,
	slotContentType, slotSecFetchSite, slotSecFetchMode, slotSecFetchDest, slotSecFetchUser, slotPurpose, slotRequestedWith,
}

// commonKeys are the keys that logs of flat JSON objects have: nginx's variables,
// which most formats take for keys, their names without the http_, and what the
// collectors in between call them. Of the keys of one field the first is the
// strongest.
var commonKeys = []struct {
	slot slot
	keys string
}{
	{slotTime, "msec time_iso8601 @timestamp timestamp time_local time ts datetime date"},
	{slotStatus, "status status_code"},
	{slotClientPort, "remote_addr remote_ip client_ip clientip client ip remote_host"},
	{slotForwardedFor, "http_cf_connecting_ip cf_connecting_ip http_true_client_ip true_client_ip " +
		"http_x_real_ip x_real_ip http_x_forwarded_for x_forwarded_for xff"},
	{slotMethod, "request_method method"},
	{slotHost, "host http_host vhost server_name"},
	{slotReferer, "http_referer referer http_referrer referrer"},
	{slotUserAgent, "http_user_agent user_agent useragent userAgent agent"},
	{slotContentType, "sent_http_content_type resp_content_type"},
	{slotSecFetchSite, "http_sec_fetch_site sec_fetch_site"},
	{slotSecFetchMode, "http_sec_fetch_mode sec_fetch_mode"},
	{slotSecFetchDest, "http_sec_fetch_dest sec_fetch_dest"},
	{slotSecFetchUser, "http_sec_fetch_user sec_fetch_user"},
	{slotPurpose, "http_sec_purpose sec_purpose http_purpose purpose http_x_purpose http_x_moz"},
	{slotRequestedWith, "http_x_requested_with x_requested_with"},
}

// commonTargets are the keys of the target, with the ranks of what they hold.
var commonTargets = []path{
	{[]string{"request"}, slotRequest, rankRequest},
	{[]string{"request_uri"}, slotTarget, rankWhole},
	{[]string{"args"}, slotQuery, rankQuery},
	{[]string{"query_string"}, slotQuery, rankQuery},
	{[]string{"query"}, slotQuery, rankQuery},
	{[]string{"uri"}, slotPath, rankPath},
	{[]string{"url"}, slotPath, rankPath},
	{[]string{"path"}, slotPath, rankPath},
}

// caddyKeys are the keys of Caddy's access log, whose ts may be written in any of
// the ways that its encoder knows. client_ip is what Caddy trusts: the peer, or
// what a proxy in front that is trusted says.
// Source: https://caddyserver.com/docs/logging#structured-logs.
var caddyKeys = func() []path {
	paths := []path{
		{[]string{"ts"}, slotTime, 1},
		{[]string{"msg"}, slotMessage, 0}, // before what could be refused
		{[]string{"logger"}, slotLogger, 0},
		{[]string{"status"}, slotStatus, 1},
		{[]string{"request", "client_ip"}, slotClient, 3},
		{[]string{"request", "remote_ip"}, slotClient, 2},
		{[]string{"request", "remote_addr"}, slotClientPort, 1}, // before Caddy 2.5
		{[]string{"request", "method"}, slotMethod, 1},
		{[]string{"request", "uri"}, slotTarget, rankWhole},
		{[]string{"request", "host"}, slotHost, 3},
		{[]string{"resp_headers", "Content-Type"}, slotContentType, 1},
	}
	for _, name := range slices.Sorted(maps.Keys(requestHeaders)) {
		v := requestHeaders[name]
		paths = append(paths, path{[]string{"request", "headers", canonical(name)}, v.slot, v.rank})
	}
	return paths
}()

// canonical writes a header's name as Go's servers log it: each word with a
// capital.
func canonical(name string) string {
	words := strings.Split(name, "-")
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "-")
}

// underscored writes a header's name as most logs do that cannot have a hyphen in one.
func underscored(name string) string { return strings.ReplaceAll(name, "-", "_") }

func jsonKeys() []path {
	paths := slices.Clone(commonTargets)
	for _, c := range commonKeys {
		keys := strings.Fields(c.keys)
		for i, k := range keys {
			paths = append(paths, path{[]string{k}, c.slot, uint8(len(keys) - i)})
		}
	}
	return paths
}

// compileJSON compiles a known format of JSON objects with the user's mapping.
func compileJSON(name string, kind jsonKind, o Options) (*Format, error) {
	m := &mapping{caddy: name == "caddy", whole: kind.whole}
	f := &Format{name: name, definition: name, proxies: kind.proxies, reader: m}
	paths := kind.paths()
	own, err := userPaths(o.JSON)
	if err != nil {
		return nil, err
	}
	// A field that the user names loses the keys that the format knows by itself,
	// and a key that the user names what it stands for.
	var named Fields
	for _, p := range own {
		named |= p.slot.fields()
	}
	paths = slices.DeleteFunc(slices.Clone(paths), func(p path) bool {
		return p.slot.fields()&named != 0 || p.slot == slotQuery && named.Has(FieldTarget) ||
			slices.ContainsFunc(own, func(q path) bool { return slices.Equal(p.keys, q.keys) })
	})
	return f, m.compile(f, append(paths, own...))
}

// userPaths reads a mapping that the user gives.
func userPaths(mapping map[string]string) (paths []path, err error) {
	names := slices.Sorted(maps.Keys(mapping))
	for i, name := range names {
		s, err := jsonSlot(name)
		if err != nil {
			return nil, err
		}
		keys, err := splitPath(mapping[name])
		if err != nil {
			return nil, &MappingError{name, err}
		}
		switch {
		case name == "method" && mapping["target"] == mapping[name]:
			continue
		case name == "target" && mapping["method"] == mapping[name]:
			s = slotRequest // both in one key: it has the request line
		default:
			for _, before := range names[:i] {
				if mapping[before] == mapping[name] {
					return nil, &MappingError{name, fmt.Errorf("the path %q is that of %s already", clip(mapping[name]), before)}
				}
			}
		}
		rank := userRank
		if s == slotQuery {
			rank++ // behind the target that it completes
		}
		paths = append(paths, path{keys, s, rank})
	}
	return paths, nil
}

// userRank is above the ranks of all keys that a format knows by itself.
const userRank uint8 = 100

func jsonSlot(name string) (slot, error) {
	if i := slices.Index(fieldNames[:], name); i >= 0 {
		return fieldSlots[i], nil
	}
	if s, ok := jsonSlots[name]; ok {
		return s, nil
	}
	return 0, fmt.Errorf("json: there is no field %q; the fields are %s, request, query", name, strings.Join(fieldNames[:], ", "))
}

// splitPath takes a dotted path apart; `\.` is a dot inside a key.
func splitPath(s string) ([]string, error) {
	keys := strings.Split(strings.ReplaceAll(s, `\.`, "\x00"), ".")
	for i, k := range keys {
		if k == "" {
			return nil, fmt.Errorf("the path %q has an empty key", s)
		}
		keys[i] = strings.ReplaceAll(k, "\x00", ".")
	}
	if len(keys) > maxDepth {
		return nil, fmt.Errorf("the path %q has more than %d keys", clip(s), maxDepth)
	}
	return keys, nil
}

// compile makes the tree of keys and the wants in the order of their ranks.
func (m *mapping) compile(f *Format, paths []path) error {
	paths = slices.Clone(paths)
	slices.SortStableFunc(paths, func(a, b path) int { return int(a.rank) - int(b.rank) })
	m.root = &node{}
	for _, p := range paths {
		w := want{at: len(m.wants), slot: p.slot, rank: p.rank}
		if p.slot == slotTime {
			w.clock, w.cache = clockAny, m.clocks
			m.clocks++
		}
		if !m.root.add(p.keys, w.at) {
			return fmt.Errorf("json: the path %q stands for two fields", strings.Join(p.keys, "."))
		}
		m.wants = append(m.wants, w)
		m.fields |= p.slot.fields()
	}
	f.fields = m.fields
	return nil
}

// add puts a path into the tree. It reports false where the path is taken.
func (n *node) add(keys []string, want int) bool {
	k := n.find([]byte(keys[0]))
	if k == nil {
		if len(n.keys) == 255 {
			return false
		}
		slot := &n.first[len(keys[0])%len(n.first)]
		n.keys = append(n.keys, key{name: keys[0], want: -1, next: *slot})
		*slot = uint8(len(n.keys))
		k = &n.keys[len(n.keys)-1]
	}
	if len(keys) > 1 {
		if k.sub == nil {
			k.sub = &node{}
		}
		return k.sub.add(keys[1:], want)
	}
	if k.want >= 0 {
		return false
	}
	k.want = want
	return true
}
