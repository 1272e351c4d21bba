package accesslog

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/darkshare/darkshare/exporter/schema"
)

// MaxLine is the length of the longest line that is parsed, in bytes; a longer
// one is schema.ReasonTooLong.
const MaxLine = 64 << 10

// A Format is the compiled definition of an access log. It does not change and
// may be shared by goroutines.
type Format struct {
	name       string
	definition string
	proxies    proxies
	fields     Fields
	reader     interface{ newParser() lineParser }
}

// Name returns the format's short name: the known name that it was compiled or
// detected by, else the proxy's kind of definition ("nginx", "apache", "json").
func (f *Format) Name() string { return f.name }

// Definition returns the definition as the proxy has it; compiled again with the
// same options, it gives the same format.
func (f *Format) Definition() string { return f.definition }

// Fields returns the fields that the format has. Those of JSON lines are the
// mapped ones, present in a given line or not; for a detected format, the ones
// that were seen.
func (f *Format) Fields() Fields { return f.fields }

// NewParser returns a parser of the format, for one goroutine.
func (f *Format) NewParser() *Parser { return &Parser{lines: f.reader.newParser()} }

// A Parser parses the lines of a Format, one after the other.
type Parser struct {
	lines lineParser
	// headed is set once a line was a record behind a syslog daemon's header.
	headed bool
}

// A lineParser reads the lines of one kind of format. It gets lines that are not
// blank, not too long and without their line end, and an empty request.
type lineParser interface {
	parse(line []byte, r *Request) schema.Reason
	reset(scratch []byte) []byte
}

// Reset gives the parser the scratch memory for the lines to come, and returns what
// it had, which the requests so far point into. Called once per block of lines, it
// lets a block's requests outlive the next block's. A parser that is never reset
// takes new memory when it needs some.
func (p *Parser) Reset(scratch []byte) []byte { return p.lines.reset(scratch) }

// Parse reads one line, without its newline, into r, which it resets first. It
// returns schema.ReasonNone, or why the line is not an access record; the request
// is then without meaning.
//
// Escapes are undone in place: the line is rewritten, and must not be parsed a
// second time. Where a format splits the target over several fields it is joined
// in the parser's scratch memory, which Reset hands over.
//
// Where a syslog daemon wrote the log into a file, the header that it puts before each
// record is cut off.
func (p *Parser) Parse(line []byte, r *Request) schema.Reason {
	r.Reset()
	if len(line) > MaxLine {
		return schema.ReasonTooLong
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if len(line) == 0 || line[0] <= ' ' && len(bytes.TrimSpace(line)) == 0 {
		return schema.ReasonEmpty
	}
	if p.headed {
		line = line[syslogHeader(line):]
	}
	reason := p.lines.parse(line, r)
	if p.headed || reason != schema.ReasonFormat && reason != schema.ReasonJSON {
		return reason
	}
	n := syslogHeader(line)
	if n == 0 {
		return reason
	}
	r.Reset()
	again := p.lines.parse(line[n:], r)
	p.headed = again == schema.ReasonNone
	return again
}

// Options refine a definition.
type Options struct {
	// Escape is the escape= parameter of nginx's log_format: "default", "json" or
	// "none". Empty takes it from the definition. The escapes of the first two
	// cannot be mistaken for each other and are both undone in either case.
	Escape string
	// JSON maps a field's name (as Fields.String has it) to the dotted path of its
	// key, for logs of JSON objects; a dot inside a key is written `\.`. Two more
	// names are known: "request", a whole request line, and "query", what follows
	// the target's "?". Fields that are not named keep the keys that the format
	// knows by itself.
	JSON map[string]string
}

// ErrNoMapping is the error of CompileOptions where Options.JSON comes with another format.
var ErrNoMapping = errors.New("a mapping of JSON keys goes with formats such as json and caddy")

// A MappingError is the error of CompileOptions where an entry of Options.JSON is wrong.
type MappingError struct {
	// Name is the entry's: the field that it is for.
	Name string
	// Err says what is wrong with it.
	Err error
}

// Error implements error.
func (e *MappingError) Error() string { return fmt.Sprintf("json: %s: %v", e.Name, e.Err) }

// Unwrap returns what is wrong with the entry.
func (e *MappingError) Unwrap() error { return e.Err }

// Compile compiles a known format's name ("combined", "caddy", ...; Names lists them),
// or a proxy's own definition as it stands in its configuration: nginx's log_format,
// Apache's and Varnish's LogFormat, lighttpd's accesslog.format, with or without the
// directive around it; HAProxy's log-format, with the lines that capture headers before
// it; Envoy's text_format or json_format; the #Fields line of a W3C extended log.
func Compile(definition string) (*Format, error) { return CompileOptions(definition, Options{}) }

// CompileOptions is Compile with options.
func CompileOptions(definition string, o Options) (*Format, error) {
	definition = strings.TrimSpace(definition)
	switch o.Escape {
	case "", "default", "json", "none":
	default:
		return nil, fmt.Errorf(`escape is %q: it must be "default", "json" or "none"`, o.Escape)
	}
	name := strings.ToLower(definition)
	if alias, ok := aliases[name]; ok {
		name = alias
	}
	if name == "" && len(o.JSON) > 0 {
		name = "json"
	}
	if kind, ok := jsonKinds[name]; ok {
		return compileJSON(name, kind, o)
	}
	if len(o.JSON) > 0 {
		return nil, ErrNoMapping
	}
	if known, ok := knownText[name]; ok {
		f, err := compileText(known.definition, o)
		if err != nil {
			return nil, err
		}
		f.name, f.proxies = name, known.proxies
		return f, nil
	}
	if definition == "" {
		return nil, fmt.Errorf("the definition is empty: %s%s", howToName, knownNames())
	}
	return compileText(definition, o)
}
