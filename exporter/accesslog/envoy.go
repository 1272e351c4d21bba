package accesslog

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// envoySign finds a command operator of Envoy's access log formats.
var envoySign = regexp.MustCompile(`%[A-Z][A-Z0-9_]{3,}(\([^%]*\)(:[0-9]+)?)?%|%REQ\(`)

// envoyOperators are the operators without an argument that mean something here, or
// that cannot look like anything.
// Source: https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage.
var envoyOperators = map[string]value{
	"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT":        {slot: slotClient, rank: 4, kind: kindToken},
	"DOWNSTREAM_REMOTE_ADDRESS":                     {slot: slotClientPort, rank: 3, kind: kindToken},
	"DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": {slot: slotClient, rank: 2, kind: kindToken},
	"DOWNSTREAM_DIRECT_REMOTE_ADDRESS":              {slot: slotClientPort, rank: 1, kind: kindToken},
	"RESPONSE_CODE":                                 {slot: slotStatus, rank: 1, kind: kindNumber},
	"REQUESTED_SERVER_NAME":                         {slot: slotHost, rank: 1, kind: kindToken},

	"PROTOCOL": {kind: kindToken}, "BYTES_RECEIVED": {kind: kindNumber}, "BYTES_SENT": {kind: kindNumber},
	"DURATION": {kind: kindNumber}, "REQUEST_DURATION": {kind: kindNumber}, "RESPONSE_DURATION": {kind: kindNumber},
	"RESPONSE_TX_DURATION": {kind: kindNumber}, "RESPONSE_FLAGS": {kind: kindToken}, "UPSTREAM_HOST": {kind: kindToken},
	"UPSTREAM_LOCAL_ADDRESS": {kind: kindToken}, "DOWNSTREAM_LOCAL_ADDRESS": {kind: kindToken},
	"DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT": {kind: kindToken}, "DOWNSTREAM_LOCAL_PORT": {kind: kindNumber},
	"UPSTREAM_CLUSTER": {kind: kindToken}, "ROUTE_NAME": {kind: kindToken}, "CONNECTION_ID": {kind: kindNumber},
	"STREAM_ID": {kind: kindToken}, "GRPC_STATUS": {kind: kindToken},
}

// envoyPseudo are the request's pseudo-headers.
var envoyPseudo = map[string]value{
	":method":    {slot: slotMethod, rank: 1, kind: kindToken},
	":path":      {slot: slotTarget, rank: rankWhole, kind: kindToken},
	":authority": {slot: slotHost, rank: 3, kind: kindToken},
	"host":       {slot: slotHost, rank: 3, kind: kindToken},
	// The path before a route rewrote it.
	"x-envoy-original-path": {slot: slotTarget, rank: rankWhole + 1, kind: kindToken},
}

// parseEnvoy takes a text_format apart. Envoy escapes nothing in it.
func parseEnvoy(text string) (p pattern, err error) {
	text = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\"`, `"`).Replace(strings.TrimSuffix(text, `\n`))
	text = strings.TrimRight(text, "\n")
	for i := 0; i < len(text); {
		if text[i] != '%' {
			n := strings.IndexByte(text[i:], '%')
			if n < 0 {
				n = len(text) - i
			}
			p.literal(text[i : i+n])
			i += n
			continue
		}
		if strings.HasPrefix(text[i:], "%%") {
			p.literal("%")
			i += 2
			continue
		}
		v, n, err := envoyOperator(text[i:])
		if err != nil {
			return p, fmt.Errorf("at byte %d: %w", i, err)
		}
		p.value(v)
		i += n
	}
	return p, nil
}

// envoyOperator returns what the operator that s begins with holds, and its length.
func envoyOperator(s string) (v value, n int, err error) {
	name, rest := s[1:], ""
	argument := ""
	end := strings.IndexAny(name, "(%")
	if end < 0 {
		return v, 0, fmt.Errorf("the %% has no other behind it")
	}
	name, rest = name[:end], name[end:]
	n = 1 + end
	if rest[0] == '(' {
		close := strings.Index(rest, ")")
		// A time's format may have verbs, and a percent sign in it.
		if close < 0 {
			return v, 0, fmt.Errorf("the ( of %s has no )", name)
		}
		argument = rest[1:close]
		rest = rest[close+1:]
		n += close + 1
		if i := strings.IndexByte(rest, '%'); i >= 0 && strings.HasPrefix(rest, ":") {
			n, rest = n+i, rest[i:]
		}
	}
	if !strings.HasPrefix(rest, "%") {
		return v, 0, fmt.Errorf("%s has no %% behind it", name)
	}
	n++
	v, err = envoyValue(name, argument)
	v.escape = escapeNone
	if v.kind != kindFree && v.slot != slotTarget {
		v.escape = escapeHash // it has no quotes
	}
	return v, n, err
}

func envoyValue(name, argument string) (value, error) {
	first, second, _ := strings.Cut(strings.ToLower(argument), "?")
	switch name {
	case "START_TIME", "START_TIME_LOCAL", "EMIT_TIME", "EMIT_TIME_LOCAL":
		v := value{slot: slotTime, rank: 2, kind: kindToken, clock: clockISO}
		if strings.HasPrefix(name, "EMIT") {
			v.rank = 1
		}
		switch argument {
		case "":
			return v, nil
		case "%s":
			v.clock, v.kind = clockEpoch, kindNumber
			return v, nil
		case "%s.%3f", "%s.%6f", "%s.%9f", "%s.%f":
			v.clock, v.kind, v.rank = clockFine, kindNumber, v.rank+2
			return v, nil
		}
		c, err := strftime(argument)
		if err != nil {
			return v, err
		}
		v.clock, v.width, v.kind = c, c.width, kindTime
		return v, nil
	case "REQ", "REQ_WITHOUT_QUERY":
		v, ok := envoyPseudo[first]
		if !ok {
			v = requestHeader(first)
		}
		if alternative, ok := envoyPseudo[second]; ok && v.slot == slotNone {
			v = alternative
		}
		if name == "REQ_WITHOUT_QUERY" && v.slot == slotTarget {
			v.slot, v.rank = slotPath, rankPath
		}
		return v, nil
	case "PATH":
		v := envoyPseudo[":path"]
		if strings.HasPrefix(argument, "NQ") {
			v.slot, v.rank = slotPath, rankPath
		}
		return v, nil
	case "QUERY_PARAMS":
		return value{slot: slotQuery, rank: rankQuery, kind: kindToken}, nil
	case "RESP":
		return responseHeader(first, 1), nil
	}
	return envoyOperators[name], nil
}

// compileEnvoyJSON compiles a json_format: an object, as JSON or YAML, whose values are
// operators.
func compileEnvoyJSON(f *Format, definition string) error {
	var object map[string]any
	if err := yaml.Unmarshal([]byte(definition), &object); err != nil {
		return fmt.Errorf("it is neither JSON nor YAML: %w", err)
	}
	for _, key := range []string{"json_format", "typed_json_format", "log_format", "json_format"} {
		if inner, ok := object[key].(map[string]any); ok {
			object = inner
		}
	}
	var paths []path
	if err := envoyPaths(object, nil, &paths); err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("no key has an operator that says something of a request")
	}
	m := &mapping{}
	f.reader = m
	return m.compile(f, paths)
}

// envoyPaths collects the paths of the operators that mean something.
func envoyPaths(object map[string]any, at []string, paths *[]path) error {
	if len(at) >= maxDepth {
		return fmt.Errorf("it is nested too deeply")
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		keys := append(slices.Clone(at), key)
		switch v := object[key].(type) {
		case map[string]any:
			if err := envoyPaths(v, keys, paths); err != nil {
				return err
			}
		case string:
			if !strings.HasPrefix(v, "%") {
				continue
			}
			operator, n, err := envoyOperator(v)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			if n == len(v) && operator.slot != slotNone {
				*paths = append(*paths, path{keys, operator.slot, operator.rank})
			}
		}
	}
	return nil
}
