package accesslog

import "github.com/darkshare/darkshare/exporter/schema"

// alternatives are programs for a format whose lines come in more than one shape, the
// usual one first.
type alternatives []*program

type alternativeParser struct {
	parsers []*textParser
	// message tells the proxy's own messages from lines without any of the shapes.
	message func(line []byte) bool
}

func (a alternatives) newParser() lineParser {
	p := &alternativeParser{message: haproxyMessage}
	for _, prog := range a {
		p.parsers = append(p.parsers, prog.newParser().(*textParser))
	}
	return p
}

func (p *alternativeParser) parse(line []byte, r *Request) (reason schema.Reason) {
	for _, parser := range p.parsers {
		// A line that does not have the shape was left as it is.
		if reason = parser.parse(line, r); reason != schema.ReasonFormat {
			return reason
		}
		r.Reset()
	}
	if p.message(line) {
		return schema.ReasonNotAccess
	}
	return reason
}

// reset swaps the memory of the first parser, whose shape nearly all lines have. The
// others take new memory when they need some.
func (p *alternativeParser) reset(scratch []byte) []byte { return p.parsers[0].reset(scratch) }
