package accesslog

import (
	"fmt"
	"strings"
)

// apacheDirectives are the directives without an argument of Apache's LogFormat
// that mean something here, or that cannot look like anything.
// Source: https://httpd.apache.org/docs/2.4/mod/mod_log_config.html#formats.
var apacheDirectives = map[byte]value{
	'a': {slot: slotClient, rank: 3, kind: kindAddr},
	'h': {slot: slotClient, rank: 2, kind: kindAddr},
	'r': {slot: slotRequest, rank: rankRequest},
	'm': {slot: slotMethod, rank: 1, kind: kindToken},
	'U': {slot: slotPath, rank: rankPath},
	'q': {slot: slotQuery, rank: rankQuery, kind: kindToken},
	's': {slot: slotStatus, rank: 1, kind: kindNumber},
	'V': {slot: slotHost, rank: 3, kind: kindName},
	'v': {slot: slotHost, rank: 1, kind: kindName},

	'A': {kind: kindAddr},
	'b': {kind: kindNumber},
	'B': {kind: kindNumber},
	'D': {kind: kindNumber},
	'I': {kind: kindNumber},
	'O': {kind: kindNumber},
	'S': {kind: kindNumber},
	'T': {kind: kindNumber},
	'k': {kind: kindNumber},
	'p': {kind: kindNumber},
	'P': {kind: kindNumber},
	'l': {kind: kindToken},
	'H': {kind: kindToken},
	'X': {kind: kindToken},
	'L': {kind: kindToken},
	'u': {},
	'f': {},
	'R': {},
}

// apacheDirectiveNames are the directives and commands, in lower case, that a definition
// in Apache's language stands behind, and whose they are.
var apacheDirectiveNames = map[string]proxies{
	"logformat": proxyApache, "customlog": proxyApache, "transferlog": proxyApache,
	"varnishncsa": proxyVarnish, "accesslog.format": proxyLighttpd,
}

// parseApache takes a LogFormat's string apart. The definition may be the bare
// string, with its quotes escaped or not, or the directive with its nickname.
func parseApache(definition string) (p pattern, err error) {
	text, err := apacheDirective(definition)
	if err != nil {
		return p, err
	}
	// Varnish makes the request line of the host and the URL (varnishncsa(1), NOTES).
	varnish := apacheDirectiveNames[strings.ToLower(firstWord(definition))] == proxyVarnish
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			// A backslash itself is always escaped in a configuration, and a quote
			// mostly is in what people copy out of one.
			lit := text[i : i+2]
			switch text[i+1] {
			case '"', '\\':
				lit = text[i+1 : i+2]
			case 'n':
				lit = "\n"
			case 't':
				lit = "\t"
			case 'r':
				lit = "\r"
			}
			p.literal(lit)
			i += 2
		case c != '%':
			p.literal(text[i : i+1])
			i++
		default:
			if varnish && strings.HasPrefix(text[i:], "%r") {
				p.value(value{slot: slotRequestURL, rank: rankRequest})
				i += len("%r")
				continue
			}
			n, err := apacheValue(&p, text[i+1:])
			if err != nil {
				return p, fmt.Errorf("at byte %d: %w", i, err)
			}
			i += 1 + n
		}
	}
	return p, nil
}

// apacheValue adds the directive behind a %, and returns its length.
func apacheValue(p *pattern, s string) (n int, err error) {
	if strings.HasPrefix(s, "%") {
		p.literal("%")
		return 1, nil
	}
	// Modifiers: %!200,304{Referer}i logs for some statuses only, else "-"; %>s
	// is the last of internal redirects, %<s the first.
	final := false
	for n < len(s) && strings.IndexByte("<>!,0123456789", s[n]) >= 0 {
		final = final || s[n] == '>'
		n++
	}
	argument, has := "", false
	if n < len(s) && s[n] == '{' {
		end := strings.IndexByte(s[n:], '}')
		if end < 0 {
			return 0, fmt.Errorf("the { has no }")
		}
		argument, has = s[n+1:n+end], true
		n += end + 1
	}
	if n == len(s) {
		return 0, fmt.Errorf("the %% has no directive behind it")
	}
	c := s[n]
	n++
	if c == '^' {
		// %{Foobar}^ti and ^to are trailers.
		if n+2 > len(s) {
			return 0, fmt.Errorf("%%^ is not complete")
		}
		p.value(value{})
		return n + 2, nil
	}
	v, known := apacheDirectives[c]
	switch {
	case c == 't':
		return n, apacheTime(p, argument, has)
	case c == 'i' && has:
		v = requestHeader(argument)
	case c == 'o' && has:
		v = responseHeader(argument, 1)
	case c == 'a' && argument == "c", c == 'h' && argument == "c":
		v.rank = 1
	case c == 's' && final:
		v.rank = 2
	case strings.IndexByte("eCnTpx", c) >= 0 && has:
		if c != 'T' && c != 'p' {
			v = value{}
		}
	case !known || 'a' > c|0x20 || c|0x20 > 'z':
		return 0, fmt.Errorf("directive %%%c is not known", c)
	}
	p.value(v)
	return n, nil
}

// apacheTime adds %t or %{...}t.
func apacheTime(p *pattern, format string, has bool) error {
	v := value{slot: slotTime, rank: 1, kind: kindTime}
	format = strings.TrimPrefix(strings.TrimPrefix(format, "begin:"), "end:")
	switch {
	case format == "" && has, !has:
		p.literal("[")
		v.clock, v.width = clockCLF, clockCLF.width
		p.value(v)
		p.literal("]")
		return nil
	case format == "sec":
		v.clock, v.kind = clockEpoch, kindNumber
	case format == "msec", format == "usec":
		v.clock, v.kind, v.rank = clockFine, kindNumber, 2
	case format == "msec_frac":
		v.clock, v.kind, v.width = clockMsec, kindNumber, clockMsec.width
	case format == "usec_frac":
		v.clock, v.kind, v.width = clockUsec, kindNumber, clockUsec.width
	default:
		c, err := strftime(format)
		if err != nil {
			return err
		}
		v.clock, v.width = c, c.width
	}
	p.value(v)
	return nil
}

// apacheDirective takes the string out of `LogFormat "..." nickname` or
// `CustomLog file "..."`. A bare string comes back as it is, but for quotes around
// the whole of it whose inner ones are escaped.
func apacheDirective(definition string) (string, error) {
	rest := strings.ReplaceAll(definition, "\\\n", "") // a line that goes on
	word := firstWord(definition)
	after := rest[len(word):]
	switch strings.ToLower(word) {
	case "logformat":
		rest = strings.TrimSpace(after)
	case "varnishncsa", "accesslog.format":
		// The format is what the quotes of a shell or of lighttpd stand around.
		i := strings.IndexAny(after, `"'`)
		if i < 0 {
			return "", fmt.Errorf("%s has no format in quotes", word)
		}
		if rest = after[i:]; rest[0] == '\'' {
			end := strings.LastIndexByte(rest, '\'')
			if end == 0 {
				return "", fmt.Errorf("the quote around the format is not closed")
			}
			return rest[1:end], nil
		}
	case "customlog", "transferlog":
		i := strings.IndexByte(after, '"')
		if i < 0 {
			return "", fmt.Errorf("%s has no format in quotes: give the LogFormat that it names", word)
		}
		rest = after[i:]
	default:
		if len(rest) < 2 || rest[0] != '"' || !strings.Contains(rest, `\"`) {
			return rest, nil
		}
	}
	if rest == "" || rest[0] != '"' {
		return rest, nil
	}
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case '"':
			return rest[1:i], nil
		}
	}
	return "", fmt.Errorf("the quote around the format is not closed")
}
