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
	var (
		p      pattern
		escape string
		err    error
	)
	directive := strings.ToLower(firstWord(definition))
	switch {
	case directive == "logformat" || directive == "customlog" || directive == "transferlog":
		f.name, f.proxies = "apache", proxyApache
		p, err = parseApache(definition)
	case strings.Contains(definition, "$") || strings.HasPrefix(directive, "log_format"):
		f.name, f.proxies = "nginx", proxyNginx
		p, escape, err = parseNginx(definition)
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
	prog, err := compileProgram(p, escape == "none")
	if err != nil {
		return nil, fmt.Errorf("%s format %q: %w", f.name, clip(definition), err)
	}
	f.reader, f.fields = prog, prog.fields
	return f, nil
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
