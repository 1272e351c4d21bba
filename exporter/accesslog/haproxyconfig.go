package accesslog

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	// haproxyLine finds lines of HAProxy's configuration.
	haproxyLine = regexp.MustCompile(`(?m)^[ \t]*(log-format[ \t]|option[ \t]+https?log\b|capture[ \t]+(request|response)[ \t])`)
	// haproxySign finds variables that only HAProxy's log-format has.
	haproxySign = regexp.MustCompile(`%(\{[-+QXE,]*\})?((ci|ST|HM|HU|HPO?|HQ|hrl?|hsl?|trg|trl|tr|ft|tsc)\b|\[[a-z])`)
	// haproxyName finds a known format's name with the names of the captured headers.
	haproxyName = regexp.MustCompile(`(?i)^(haproxy(?:_https|_clf)?)\s*(?:\{([^{}]*)\})?\s*(?:\{([^{}]*)\})?$`)
)

// compileHAProxy compiles lines of HAProxy's configuration, the log-format's bare
// string, or a known name with the captured headers behind it.
func compileHAProxy(f *Format, definition string) error {
	h, err := haproxyDefinition(definition)
	if err != nil {
		return err
	}
	var programs alternatives
	for _, bare := range []bool{false, true} {
		p, err := parseHAProxy(h, bare)
		if err != nil {
			return err
		}
		prog, err := compileProgram(p)
		if err != nil {
			return err
		}
		if f.fields |= prog.fields; !bare || prog.prefix != programs[0].prefix || !slices.EqualFunc(prog.steps, programs[0].steps, sameShape) {
			programs = append(programs, prog)
		}
	}
	f.reader = programs
	return nil
}

func sameShape(a, b step) bool { return a.lit == b.lit && a.kind == b.kind }

// haproxyDefinition finds the log-format and the captures.
func haproxyDefinition(definition string) (h haproxyFormat, err error) {
	if m := haproxyName.FindStringSubmatch(definition); m != nil {
		h.text = map[string]string{"haproxy": haproxyHTTP, "haproxy_https": haproxyTLS, "haproxy_clf": haproxyCLF}[strings.ToLower(m[1])]
		for i, list := range []*[]string{&h.requests, &h.responses} {
			for _, name := range strings.Split(m[2+i], "|") {
				if m[2+i] != "" {
					*list = append(*list, strings.TrimSpace(name))
				}
			}
		}
		h.named = strings.ContainsRune(definition, '{')
		return h, nil
	}
	if !haproxyLine.MatchString(definition) {
		return haproxyFormat{text: unquoteHAProxy(definition)}, nil
	}
	for line := range strings.Lines(strings.ReplaceAll(definition, "\\\n", "")) {
		words, err := haproxyWords(line)
		if err != nil {
			return h, err
		}
		at := func(i int) string {
			if i < len(words) {
				return words[i]
			}
			return ""
		}
		switch first := at(0); {
		case first == "log-format":
			if h.text = strings.Join(words[1:], " "); h.text == "" {
				return h, fmt.Errorf("log-format needs a string")
			}
		case first == "option" && at(1) == "httplog" && at(2) == "clf":
			h.text = haproxyCLF
		case first == "option" && at(1) == "httplog":
			h.text = haproxyHTTP
		case first == "option" && at(1) == "httpslog":
			h.text = haproxyTLS
		case first == "capture" && at(1) == "request" && at(2) == "header":
			h.requests, h.named = append(h.requests, at(3)), true
		case first == "capture" && at(1) == "response" && at(2) == "header":
			h.responses, h.named = append(h.responses, at(3)), true
		case first == "http-request" && at(1) == "capture":
			h.requests, h.named = append(h.requests, fetchedHeader(at(2))), true
		case first == "http-response" && at(1) == "capture":
			h.responses, h.named = append(h.responses, fetchedHeader(at(2))), true
		}
	}
	if h.text == "" {
		h.text = haproxyHTTP
	}
	return h, nil
}

// fetchedHeader returns the name of the header in an expression such as
// req.hdr(Referer), empty where it is something else.
func fetchedHeader(expression string) string {
	if m := haproxyHeader.FindStringSubmatch(expression); m != nil && m[1] == "" {
		name, _, _ := strings.Cut(m[3], ",")
		return name
	}
	return ""
}

// haproxyWords splits a line of the configuration into its words.
// Source: https://docs.haproxy.org/2.6/configuration.html#2.2.
func haproxyWords(line string) (words []string, err error) {
	var (
		b     strings.Builder
		open  bool
		quote byte
	)
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && quote != '\'' && i+1 < len(line):
			i++
			switch n := line[i]; {
			case strings.IndexByte(` \"'#$`, n) >= 0:
				b.WriteByte(n)
			case n == 'n':
				b.WriteByte('\n')
			case n == 't':
				b.WriteByte('\t')
			default:
				b.WriteString(line[i-1 : i+1])
			}
			open = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			b.WriteByte(c)
		case c == '"' || c == '\'':
			quote, open = c, true
		case c == '#':
			line = line[:i]
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			if open {
				words = append(words, b.String())
				b.Reset()
			}
			open = false
		default:
			b.WriteByte(c)
			open = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote is not closed")
	}
	if open {
		words = append(words, b.String())
	}
	return words, nil
}

// unquoteHAProxy takes a log-format's string out of the quotes or the backslashes in
// which it was copied.
func unquoteHAProxy(s string) string {
	if words, err := haproxyWords(s); err == nil && len(words) == 1 {
		return words[0]
	}
	return s
}

// haproxyMessage reports whether a line is a message of HAProxy's own: an error of a
// connection that brought no request, or what becomes of a server.
func haproxyMessage(line []byte) bool {
	for _, head := range [...]string{"Server ", "Proxy ", "Connect from ", "backend ", "Backup Server ", "Health check ", "[NOTICE]", "[WARNING]", "[ALERT]", "Stopping ", "Pausing "} {
		if hasAt(line, 0, head) {
			return true
		}
	}
	// 192.0.2.1:50033 [28/Feb/2025:02:43:10.123] frontend/backend: SSL handshake failure
	open := bytes.Index(line, []byte(" ["))
	if open < 0 || !hasAt(line, open+2+clockLocal.width, ".") {
		return false
	}
	rest := line[open+2+clockLocal.width:]
	end := bytes.Index(rest, []byte("] "))
	if end < 0 || end > 4 {
		return false
	}
	rest = rest[end+2:]
	space := bytes.IndexByte(rest, ' ')
	return space > 0 && rest[space-1] == ':'
}
