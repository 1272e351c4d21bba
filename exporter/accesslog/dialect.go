package accesslog

import (
	"fmt"
	"regexp"
	"strings"
)

// apacheSign finds a directive of Apache's LogFormat.
var apacheSign = regexp.MustCompile(`%[<>!,0-9]*(\{[^}]*\})?[a-zA-Z]`)

// compileText compiles a definition that is not a name.
func compileText(definition string, o Options) (*Format, error) {
	if len(definition) > MaxLine {
		return nil, fmt.Errorf("the definition is longer than %d bytes", MaxLine)
	}
	f := &Format{definition: definition}
	switch {
	case strings.HasPrefix(definition, FieldsDirective):
		f.name, f.proxies = "w3c", proxyIIS
		return f.compiled(compileW3C(f, definition))
	case haproxyName.MatchString(definition) || haproxyLine.MatchString(definition) && !strings.HasPrefix(definition, "log_format"):
		f.name, f.proxies = "haproxy", proxyHAProxy
		return f.compiled(compileHAProxy(f, definition))
	case isEnvoyJSON(definition):
		f.name, f.proxies = "envoy_json", proxyEnvoy
		return f.compiled(compileEnvoyJSON(f, definition))
	}
	var (
		p      pattern
		escape string
		err    error
	)
	directive := strings.ToLower(firstWord(definition))
	switch {
	case apacheDirectiveNames[directive] != 0:
		f.name, f.proxies = "apache", apacheDirectiveNames[directive]
		p, err = parseApache(definition)
	case envoySign.MatchString(definition) && directive != "log_format":
		f.name, f.proxies = "envoy", proxyEnvoy
		p, err = parseEnvoy(definition)
	case strings.Contains(definition, "$") || strings.HasPrefix(directive, "log_format"):
		f.name, f.proxies = "nginx", proxyNginx
		p, escape, err = parseNginx(definition)
	case haproxySign.MatchString(definition):
		f.name, f.proxies = "haproxy", proxyHAProxy
		return f.compiled(compileHAProxy(f, definition))
	case apacheSign.MatchString(definition):
		f.name, f.proxies = "apache", proxyApache
		p, err = parseApache(definition)
	default:
		return nil, fmt.Errorf("%q is neither a known format nor a definition: %s%s", clip(definition), howToName, knownNames())
	}
	if err != nil {
		return nil, fmt.Errorf("%s format %q: %w", f.name, clip(definition), err)
	}
	if o.Escape != "" {
		escape = o.Escape
	}
	if escape == "none" {
		for i := range p.steps {
			p.steps[i].escape = escapeNone
		}
	}
	prog, err := compileProgram(p)
	if err != nil {
		return nil, fmt.Errorf("%s format %q: %w", f.name, clip(definition), err)
	}
	f.reader, f.fields = prog, prog.fields
	return f, nil
}

// compiled returns the format, or what is wrong with its definition.
func (f *Format) compiled(err error) (*Format, error) {
	if err != nil {
		return nil, fmt.Errorf("%s format %q: %w", f.name, clip(f.definition), err)
	}
	return f, nil
}

// isEnvoyJSON reports whether a definition is an object with Envoy's operators in it.
func isEnvoyJSON(definition string) bool {
	object := strings.HasPrefix(definition, "{") && strings.HasSuffix(definition, "}") ||
		strings.HasPrefix(definition, "json_format:") || strings.HasPrefix(definition, "typed_json_format:") ||
		strings.HasPrefix(definition, "log_format:")
	return object && envoySign.MatchString(definition)
}

// firstWord returns what is before the first white space.
func firstWord(s string) string {
	if i := strings.IndexAny(s, " \t\r\n\\"); i >= 0 {
		return s[:i]
	}
	return s
}

// clip shortens a text for a message.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
