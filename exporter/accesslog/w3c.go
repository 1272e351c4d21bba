package accesslog

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/darkshare/darkshare/exporter/schema"
)

// FieldsDirective begins the line of a W3C extended log that names the fields of the
// lines behind it (https://www.w3.org/TR/WD-logfile.html). It is a definition by itself:
// Compile takes the whole line. A log may have several, each for what follows it.
const FieldsDirective = "#Fields:"

// The fields that come without a directive: CloudFront's standard log, whose directive
// is the second line of each file, and IIS's as it is set up at first.
// Sources: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html,
// https://learn.microsoft.com/en-us/iis/configuration/system.applicationhost/sites/sitedefaults/logfile/.
const (
	cloudfrontFields = FieldsDirective + ` date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) ` +
		`cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ` +
		`ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte ` +
		`x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end`
	iisFields = FieldsDirective + ` date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status ` +
		`sc-substatus sc-win32-status time-taken`
)

// w3cFields are the fields that mean something here, in lower case. Headers are
// cs(Name) and sc(Name).
var w3cFields = map[string]value{
	"date":            {slot: slotTime, rank: 1, clock: clockDate},
	"time":            {slot: slotTime, rank: 2, clock: clockTime},
	"timestamp":       {slot: slotTime, rank: 1, clock: clockEpoch},
	"timestamp(ms)":   {slot: slotTime, rank: 3, clock: clockFine},
	"c-ip":            {slot: slotClient, rank: 1},
	"cs-method":       {slot: slotMethod, rank: 1},
	"cs-uri":          {slot: slotTarget, rank: rankWhole},
	"cs-uri-stem":     {slot: slotPath, rank: rankPath},
	"cs-uri-query":    {slot: slotQuery, rank: rankQuery},
	"sc-status":       {slot: slotStatus, rank: 1},
	"cs-host":         {slot: slotHost, rank: 3},
	"x-host-header":   {slot: slotHost, rank: 4},
	"x-forwarded-for": {slot: slotForwardedFor, rank: 1},
	"sc-content-type": {slot: slotContentType, rank: 1},
}

// A w3c is a log whose lines have the fields of a directive.
type w3c struct {
	count  int
	fields Fields
	wants  []want
	clocks int
}

// compileW3C compiles a directive.
func compileW3C(f *Format, directive string) error {
	names := strings.Fields(directive[len(FieldsDirective):])
	if len(names) == 0 || len(names) > maxSteps {
		return fmt.Errorf("the directive %s names %d fields; it must be 1 to %d", FieldsDirective, len(names), maxSteps)
	}
	cloudfront := slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(strings.ToLower(n), "x-edge-") })
	var p program
	for _, name := range names {
		name = strings.ToLower(name)
		v := w3cFields[name]
		if header, ok := strings.CutPrefix(name, "cs("); ok {
			v = requestHeader(strings.TrimSuffix(header, ")"))
		} else if header, ok := strings.CutPrefix(name, "sc("); ok {
			v = responseHeader(strings.TrimSuffix(header, ")"), 1)
		}
		// CloudFront encodes fields as in URLs; IIS writes a + for a space, which only
		// user agents have.
		switch {
		case v.slot == slotTarget || v.slot == slotPath || v.slot == slotQuery:
			v.escape = escapeNone
		case cloudfront:
			v.escape = escapePercent
		case v.slot == slotUserAgent || v.slot == slotPurpose:
			v.escape = escapePlus
		default:
			v.escape = escapeNone
		}
		p.steps = append(p.steps, step{value: v})
	}
	p.want()
	w := &w3c{count: len(names), wants: p.wants, clocks: p.clocks}
	for _, want := range w.wants {
		w.fields |= want.slot.fields()
	}
	if cloudfront {
		f.proxies = proxyCloudFront
	}
	f.reader, f.fields = w, w.fields
	return nil
}

// Headed reports whether the log itself says, in lines that begin with
// FieldsDirective, which fields its lines have. Such a line is compiled, and the
// format that it gives is that of the lines behind it.
func (f *Format) Headed() bool {
	_, ok := f.reader.(*w3c)
	return ok
}

type w3cParser struct {
	*w3c
	bounds []span
	assigner
}

func (w *w3c) newParser() lineParser {
	return &w3cParser{w3c: w, bounds: make([]span, w.count), assigner: newAssigner(w.clocks)}
}

func (p *w3cParser) parse(line []byte, r *Request) schema.Reason {
	if line[0] == '#' {
		return schema.ReasonNotAccess
	}
	// IIS has spaces between its fields, CloudFront tabs; no field has either.
	sep := byte(' ')
	if bytes.IndexByte(line, '\t') >= 0 {
		sep = '\t'
	}
	pos := 0
	for i := range p.bounds {
		if pos > len(line) {
			return schema.ReasonFormat
		}
		b := span{pos, len(line)}
		next := len(line) + 1
		if pos < len(line) && line[pos] == '"' {
			end := bytes.IndexByte(line[pos+1:], '"')
			if end < 0 {
				return schema.ReasonFormat
			}
			b = span{pos + 1, pos + 1 + end}
			if next = b.to + 1; next < len(line) && line[next] != sep {
				return schema.ReasonFormat
			}
			next++
		} else if n := bytes.IndexByte(line[pos:], sep); n >= 0 {
			b.to = pos + n
			next = b.to + 1
		}
		p.bounds[i] = b
		pos = next
	}
	if pos <= len(line) && len(bytes.TrimSpace(line[pos:])) > 0 {
		return schema.ReasonFormat
	}
	if reason := p.assign(r, p.wants, line, p.bounds, true); reason != schema.ReasonNone {
		return reason
	}
	return p.finish(r, p.fields)
}
