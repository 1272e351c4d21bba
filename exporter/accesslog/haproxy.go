package accesslog

import (
	"fmt"
	"regexp"
	"strings"
)

// haproxyVariables are the variables of HAProxy's log-format. Most strings are written
// with their quotes and control characters encoded as #22.
// Source: https://docs.haproxy.org/2.6/configuration.html#8.2.6.
var haproxyVariables = map[string]value{
	"ci":  {slot: slotClient, rank: 2, kind: kindAddr},
	"r":   {slot: slotRequest, rank: rankRequest},
	"HM":  {slot: slotMethod, rank: 1, kind: kindToken},
	"HU":  {slot: slotTarget, rank: rankWhole, kind: kindToken},
	"HP":  {slot: slotPath, rank: rankPath, kind: kindToken},
	"HPO": {slot: slotPath, rank: rankPath, kind: kindToken},
	"HQ":  {slot: slotQuery, rank: rankQuery, kind: kindToken},
	"ST":  {slot: slotStatus, rank: 1, kind: kindNumber},
	"T":   {slot: slotTime, rank: 3, kind: kindTime, clock: clockCLF, width: clockCLF.width},
	"Tl":  {slot: slotTime, rank: 3, kind: kindTime, clock: clockCLF, width: clockCLF.width},
	"trg": {slot: slotTime, rank: 4, kind: kindTime, clock: clockCLF, width: clockCLF.width},
	"trl": {slot: slotTime, rank: 4, kind: kindTime, clock: clockCLF, width: clockCLF.width},
	"t":   {slot: slotTime, rank: 1, kind: kindTime, clock: clockLocal, width: clockLocal.width},
	"tr":  {slot: slotTime, rank: 2, kind: kindTime, clock: clockLocal, width: clockLocal.width},
	"Ts":  {slot: slotTime, rank: 3, kind: kindNumber, clock: clockEpoch},

	// A cookie has no spaces (RFC 6265, section 4.1.1).
	"CC": {kind: kindToken}, "CS": {kind: kindToken}, "ID": {}, "H": {kind: kindToken}, "HV": {kind: kindToken},
	"f": {kind: kindToken}, "ft": {kind: kindToken}, "b": {kind: kindToken}, "s": {kind: kindToken},
	"ts": {kind: kindToken}, "tsc": {kind: kindToken}, "sslc": {kind: kindToken}, "sslv": {kind: kindToken},
	"fi": {kind: kindToken}, "bi": {kind: kindToken}, "si": {kind: kindToken},

	"B": {kind: kindNumber}, "U": {kind: kindNumber}, "Ta": {kind: kindNumber}, "Tc": {kind: kindNumber},
	"Td": {kind: kindNumber}, "Th": {kind: kindNumber}, "Ti": {kind: kindNumber}, "Tq": {kind: kindNumber},
	"TR": {kind: kindNumber}, "Tr": {kind: kindNumber}, "Tt": {kind: kindNumber}, "Tu": {kind: kindNumber},
	"Tw": {kind: kindNumber}, "ac": {kind: kindNumber}, "bc": {kind: kindNumber}, "bp": {kind: kindNumber},
	"bq": {kind: kindNumber}, "cp": {kind: kindNumber}, "fc": {kind: kindNumber}, "fp": {kind: kindNumber},
	"lc": {kind: kindNumber}, "ms": {kind: kindNumber}, "pid": {kind: kindNumber}, "rc": {kind: kindNumber},
	"rt": {kind: kindNumber}, "sc": {kind: kindNumber}, "sp": {kind: kindNumber}, "sq": {kind: kindNumber},
}

// haproxyFetches are the sample expressions that mean something here, beside headers.
// Source: https://docs.haproxy.org/2.6/configuration.html#7.3.
var haproxyFetches = map[string]value{
	"src":                {slot: slotClient, rank: 3, kind: kindAddr},
	"method":             {slot: slotMethod, rank: 2, kind: kindToken},
	"capture.req.method": {slot: slotMethod, rank: 2, kind: kindToken},
	"path":               {slot: slotPath, rank: rankPath},
	"query":              {slot: slotQuery, rank: rankQuery},
	"pathq":              {slot: slotTarget, rank: rankWhole},
	"url":                {slot: slotTarget, rank: rankWhole},
	"capture.req.uri":    {slot: slotTarget, rank: rankWhole},
	"base":               {slot: slotHostTarget, rank: 3},
	"status":             {slot: slotStatus, rank: 2, kind: kindNumber},
	"txn.status":         {slot: slotStatus, rank: 2, kind: kindNumber},
	"accept_date":        {slot: slotTime, rank: 3, kind: kindNumber, clock: clockEpoch},
	"request_date":       {slot: slotTime, rank: 4, kind: kindNumber, clock: clockEpoch},
	"date":               {slot: slotTime, rank: 1, kind: kindNumber, clock: clockEpoch},
}

// The log-formats that the options stand for.
// Sources: the same, 8.2.3 and 8.2.4.
const (
	haproxyHTTP = `%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r`
	haproxyTLS  = haproxyHTTP + ` %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc`
	haproxyCLF  = `%{+Q}o %{-Q}ci - - [%trg] %r %ST %B "" "" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl`
)

// A haproxyFormat is a log-format with the headers that the frontend captures, by
// their slots.
type haproxyFormat struct {
	text      string
	requests  []string
	responses []string
	// named says whether the captures are known. Where they are not, what stands in
	// their place is skipped.
	named bool
}

// A haproxyParser takes a log-format apart.
type haproxyParser struct {
	pattern
	format haproxyFormat
	// bare leaves out the captures, as HAProxy does for requests that it refuses.
	bare   bool
	global haproxyFlags // of %o
	space  bool         // at the beginning or behind a space: HAProxy writes no other one
}

type haproxyFlags struct{ quote, hex, escape bool }

// parseHAProxy makes the pattern of a log-format. Without captures it is that of a
// line that has none.
func parseHAProxy(f haproxyFormat, bare bool) (pattern, error) {
	p := haproxyParser{format: f, bare: bare, space: true}
	for text := f.text; text != ""; {
		if text[0] != '%' {
			n := strings.IndexByte(text, '%')
			if n < 0 {
				n = len(text)
			}
			p.text(text[:n])
			text = text[n:]
			continue
		}
		n, err := p.variable(text[1:])
		if err != nil {
			return p.pattern, fmt.Errorf("at byte %d: %w", len(f.text)-len(text), err)
		}
		text = text[1+n:]
	}
	p.join()
	return p.pattern, nil
}

// text writes literal text.
func (p *haproxyParser) text(s string) {
	for i := range len(s) {
		if s[i] == ' ' {
			if p.space {
				continue
			}
			p.space = true
		} else {
			p.space = false
		}
		p.literal(s[i : i+1])
	}
}

// add writes a value, in quotes where its flags say so.
func (p *haproxyParser) add(v value, f haproxyFlags) {
	if f.quote {
		// In quotes whatever is in there ends with them.
		if v.kind == kindToken || v.kind == kindAddr {
			v.kind = kindFree
		}
		p.literal(`"`)
		p.value(v)
		p.literal(`"`)
	} else {
		p.value(v)
	}
	p.space = false
}

// variable writes the variable behind a %, and returns its length.
func (p *haproxyParser) variable(s string) (n int, err error) {
	flags := p.global
	if strings.HasPrefix(s, "%") {
		p.text("%")
		return 1, nil
	}
	if strings.HasPrefix(s, "{") {
		end := strings.IndexByte(s, '}')
		if end < 0 {
			return 0, fmt.Errorf("the { has no }")
		}
		if flags, err = flags.with(s[1:end]); err != nil {
			return 0, err
		}
		n = end + 1
	}
	if n < len(s) && s[n] == '[' {
		end := closing(s[n:])
		if end < 0 {
			return 0, fmt.Errorf("the [ has no ]")
		}
		p.expression(s[n+1:n+end], flags)
		return n + end + 1, nil
	}
	from := n
	for n < len(s) && ('a' <= s[n]|0x20 && s[n]|0x20 <= 'z') {
		n++
	}
	// The longest name that is known: a letter may follow.
	for name := s[from:n]; name != ""; name = name[:len(name)-1] {
		if p.named(name, flags) {
			return from + len(name), nil
		}
	}
	return 0, fmt.Errorf("variable %%%s is not known", s[from:n])
}

// with returns the flags with the changes of a variable's braces.
func (f haproxyFlags) with(s string) (haproxyFlags, error) {
	for _, flag := range strings.Split(s, ",") {
		on := strings.HasPrefix(flag, "+")
		switch strings.TrimLeft(flag, "+-") {
		case "Q":
			f.quote = on
		case "X":
			f.hex = on
		case "E":
			f.escape = on
		default:
			return f, fmt.Errorf("flag %q is not known", flag)
		}
	}
	return f, nil
}

// named writes the variable of that name, and reports whether there is one.
func (p *haproxyParser) named(name string, f haproxyFlags) bool {
	esc := escapeHash
	if f.escape {
		esc = escapeBoth
	}
	switch name {
	case "o":
		p.global = f
		return true
	case "hr", "hrl":
		p.captures(p.format.requests, func(h string) value { return requestHeader(h) }, name == "hrl", esc, f)
		return true
	case "hs", "hsl":
		p.captures(p.format.responses, func(h string) value { return responseHeader(h, 1) }, name == "hsl", esc, f)
		return true
	}
	v, ok := haproxyVariables[name]
	if !ok {
		return false
	}
	v.escape = esc
	if v.slot == slotTime || v.kind == kindNumber || name == "ts" || name == "tsc" {
		f.quote = false // HAProxy quotes strings and addresses only
	}
	if f.hex && (v.clock == clockEpoch || v.kind == kindAddr) {
		v = value{kind: kindToken, escape: esc}
	}
	p.add(v, f)
	if v.clock == clockLocal {
		// The milliseconds stand apart: a second's lines have the same time then.
		p.text(".")
		p.value(value{kind: kindNumber, width: 3, escape: escapeHash})
	}
	return true
}

// captures writes the headers that the frontend captures: {a|b}, or, in the CLF
// style, one after the other.
func (p *haproxyParser) captures(names []string, slot func(string) value, list bool, esc escape, f haproxyFlags) {
	if p.bare {
		return
	}
	if !p.format.named {
		if n := len(p.steps); n == 0 || p.steps[n-1].lit != "" {
			p.value(value{kind: kindRest, escape: esc})
		}
		p.space = true
		return
	}
	if len(names) == 0 {
		return
	}
	if list {
		for i, name := range names {
			if i > 0 {
				p.literal(" ")
			}
			v := slot(name)
			v.escape = esc
			p.add(v, f)
		}
		return
	}
	if f.quote {
		p.literal(`"`)
	}
	for i, name := range names {
		p.literal("{|"[min(i, 1):][:1])
		v := slot(name)
		v.escape, v.kind = esc, kindHeader
		p.value(v)
	}
	p.literal("}")
	if f.quote {
		p.literal(`"`)
	}
	p.space = false
}

var haproxyHeader = regexp.MustCompile(`^(capture\.)?(req|res|request|response)?\.?f?(?:hdr|cook)\(([^)]*)\)$|^var\((?:[a-z]+\.)?([A-Za-z0-9_.-]+)\)$`)

// expression writes a sample expression. What it gives is written as it is, but for
// what its last converter or the flag E escape.
func (p *haproxyParser) expression(s string, f haproxyFlags) {
	fetch, converters, _ := strings.Cut(strings.ReplaceAll(s, " ", ""), ",")
	v := haproxyFetches[strings.TrimSuffix(fetch, "()")]
	if m := haproxyHeader.FindStringSubmatch(fetch); m != nil {
		v = p.header(m)
	}
	v.escape = escapeNone
	if f.escape {
		v.escape = escapeBoth
	}
	for _, c := range strings.Split(converters, ",") {
		name, _, _ := strings.Cut(c, "(")
		switch name {
		case "", "lower", "upper", "ltrim", "rtrim":
		case "json":
			v.escape = escapeBackslash
		case "url_enc":
			v.escape = escapePercent
		default:
			if !strings.ContainsAny(c, ")") || strings.Contains(c, "(") {
				v.slot = slotNone // something else than the fetch
			}
		}
	}
	if v.slot == slotNone && v.kind == kindFree && !f.quote && (strings.Contains(fetch, "ssl_") || strings.Contains(fetch, "fc_")) {
		v = value{kind: kindToken, escape: v.escape}
	}
	if v.kind != kindFree {
		v.escape = escapeHash // it has no quotes
	}
	p.add(v, f)
}

// header returns what a fetch of a header holds.
func (p *haproxyParser) header(m []string) value {
	capture, side, arg, variable := m[1] != "", m[2], m[3], m[4]
	response := strings.HasPrefix(side, "res")
	switch {
	case variable != "":
		return requestHeader(strings.ReplaceAll(variable, "_", "-"))
	case capture:
		names := p.format.requests
		if response {
			names = p.format.responses
		}
		i := 0
		if _, err := fmt.Sscanf(arg, "%d", &i); err != nil || i < 0 || i >= len(names) {
			return value{}
		}
		arg = names[i]
	}
	name, _, _ := strings.Cut(arg, ",")
	if response {
		return responseHeader(name, 1)
	}
	return requestHeader(name)
}

// join makes one value of several that mean nothing here, and of an address and its
// port: they need not be told apart, and an IPv6 address could not be.
func (p *haproxyParser) join() {
	plain := func(s step) bool {
		return s.slot == slotNone && s.width == 0 && (s.kind == kindToken || s.kind == kindNumber)
	}
	var steps []step
	for _, s := range p.steps {
		n := len(steps)
		switch {
		case n > 0 && steps[n-1].slot == slotClient && steps[n-1].lit == ":" && s.slot == slotNone && s.kind == kindNumber:
			steps[n-1].value = value{slot: slotPeer, rank: steps[n-1].rank, kind: kindToken, escape: escapeHash}
			steps[n-1].lit = s.lit
		case n > 0 && plain(steps[n-1]) && plain(s) && steps[n-1].lit != "" && strings.IndexFunc(steps[n-1].lit, func(c rune) bool { return !kindToken.has(byte(c)) }) < 0:
			steps[n-1].value = value{kind: kindToken, escape: escapeHash}
			steps[n-1].lit = s.lit
		default:
			steps = append(steps, s)
		}
	}
	p.steps = steps
}

// closing returns the index of the bracket that closes the one that s begins with.
func closing(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
