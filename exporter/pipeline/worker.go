package pipeline

import (
	"bytes"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stream"
)

// A job is a block with all that it takes to parse it, or a barrier.
type job struct {
	block  *stream.Block
	gen    *generation
	format *accesslog.Format // nil where it could not be told
	site   int
	// more are the parts of the block, after the first, that have another format.
	more []part
	// forwarded says that the lines are records of package forward.
	forwarded bool
	// reached is a barrier's, and called in its turn.
	reached func()

	// What the queue knows of it: whether somebody works on it, and whether that is
	// done; and what came of it.
	taken, done bool
	batch       *batch
	shipment    *shipment
}

// A part is where lines of another format begin in a block.
type part struct {
	from   int
	format *accesslog.Format
	site   int
}

// A worker parses and classifies, with caches of its own.
type worker struct {
	gen        *generation
	classifier *attribution.Classifier
	parsers    map[*accesslog.Format]*accesslog.Parser
	// The bunch of lines at hand.
	requests [attribution.Bunch]accesslog.Request
	said     [attribution.Bunch]attribution.Verdict
	maxLine  int
	explain  bool
	// forwarder is nil where the records are counted here.
	forwarder *forwarder
}

// few is how many records are parsed before they are observed, where that can be at
// once.
const few = 4 * attribution.Bunch

// parse makes records of the block's lines. After every few of them it calls
// pause, which may take them away.
func (w *worker) parse(j *job, b *batch, pause func()) {
	b.reset()
	if j.forwarded {
		b.decode(j, w.maxLine, w.explain, pause)
		return
	}
	if w.gen != j.gen {
		w.gen, w.classifier = j.gen, j.gen.rules.NewClassifier()
	}
	w.classifier.Reset(b.verdicts)
	defer func() { b.verdicts = w.classifier.Reset(nil) }()
	data, first := j.block.Data, len(j.block.Data)
	if len(j.more) > 0 {
		first = j.more[0].from
	}
	if parser := w.parser(j.format); parser != nil {
		parser.Reset(b.requests)
		defer func() { b.requests = parser.Reset(nil) }()
	}
	w.lines(b, j.format, j.site, data[:first], pause)
	for i, p := range j.more {
		end := len(data)
		if i+1 < len(j.more) {
			end = j.more[i+1].from
		}
		// The records before still need the memory that a parser joins targets in.
		if parser := w.parser(p.format); p.format != j.format {
			parser.Reset(nil)
		}
		w.lines(b, p.format, p.site, data[p.from:end], pause)
	}
}

// lines makes records of lines that have one format and site.
func (w *worker) lines(b *batch, format *accesslog.Format, site int, data []byte, pause func()) {
	parser := w.parser(format)
	for len(data) > 0 {
		// What is wrong with each line of a bunch; those with which nothing is become requests.
		var reasons [attribution.Bunch]schema.Reason
		lines, requests := 0, 0
		for ; lines < len(reasons) && len(data) > 0; lines++ {
			line := data
			if i := bytes.IndexByte(data, '\n'); i >= 0 {
				line, data = data[:i], data[i+1:]
			} else {
				data = nil
			}
			if reasons[lines] = w.line(parser, line, &w.requests[requests]); reasons[lines] == schema.ReasonNone {
				requests++
			}
		}
		w.classifier.ClassifyAll(w.requests[:requests], site, w.said[:requests])
		next := 0
		for _, reason := range reasons[:lines] {
			if reason != schema.ReasonNone {
				w.add(b, reason, nil, nil)
				continue
			}
			w.add(b, reason, &w.requests[next], &w.said[next])
			next++
		}
		if len(b.records) >= few {
			pause()
		}
	}
}

// line parses a line.
func (w *worker) line(parser *accesslog.Parser, line []byte, req *accesslog.Request) schema.Reason {
	switch {
	case len(line) > w.maxLine:
		return schema.ReasonTooLong
	case parser == nil:
		return schema.ReasonFormat
	}
	return parser.Parse(line, req)
}

// add makes a record of a request and its verdict, or of the reason why there are none.
func (w *worker) add(b *batch, reason schema.Reason, req *accesslog.Request, said *attribution.Verdict) {
	if w.forwarder != nil {
		w.forwarder.add(w.gen, reason, req, said)
		return
	}
	if reason != schema.ReasonNone {
		b.bad(reason)
		return
	}
	r := b.good(req.Time, client(req), req.Status, said, w.explain)
	if w.explain {
		b.details[r.detail].why = w.gen.rules.Why(said, req)
	}
}

// client returns the address of whoever asked.
func client(req *accesslog.Request) []byte {
	if len(req.ForwardedFor) > 0 {
		return req.ForwardedFor
	}
	return req.Client
}

func (w *worker) parser(f *accesslog.Format) *accesslog.Parser {
	if f == nil {
		return nil
	}
	p := w.parsers[f]
	if p == nil {
		if w.parsers == nil || len(w.parsers) > 64 {
			w.parsers = map[*accesslog.Format]*accesslog.Parser{}
		}
		p = f.NewParser()
		w.parsers[f] = p
	}
	return p
}
