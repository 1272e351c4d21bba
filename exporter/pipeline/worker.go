package pipeline

import (
	"bytes"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/forward"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/visit"
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

// A record is one line: an event, or the reason why it is none. What it points
// to is in the block and in the batch's scratch memory.
type record struct {
	reason schema.Reason
	// log is which of the logs behind a forwarded record it is from.
	log   uint32
	event visit.Event
	why   string
}

// A batch is what a block's lines say, with the memory that it is in.
type batch struct {
	records []record
	// The scratch memory of the classifier and of the parser.
	verdicts, requests []byte
	// decoder is nil until there are forwarded records to count.
	decoder *forward.Decoder
	gen     *generation // of the decoder
}

// record returns the next record to be filled in.
func (b *batch) record() *record {
	if len(b.records) < cap(b.records) {
		b.records = b.records[:len(b.records)+1]
	} else {
		b.records = append(b.records, record{})
	}
	return &b.records[len(b.records)-1]
}

// A worker parses and classifies, with caches of its own.
type worker struct {
	gen        *generation
	classifier *attribution.Classifier
	parsers    map[*accesslog.Format]*accesslog.Parser
	request    accesslog.Request
	maxLine    int
	explain    bool
	// forwarder is nil where the records are counted here.
	forwarder *forwarder
}

// few is how many records are parsed before they are observed, where that can be at
// once.
const few = 64

// parse makes records of the block's lines. After every few of them it calls
// pause, which may take them away.
func (w *worker) parse(j *job, b *batch, pause func()) {
	b.records = b.records[:0]
	if j.forwarded {
		b.decode(j, w.maxLine, pause)
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
		line := data
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			line, data = data[:i], data[i+1:]
		} else {
			data = nil
		}
		r := b.record()
		w.line(parser, site, line, r)
		if w.forwarder != nil {
			w.forwarder.add(w.gen, r, &w.request)
		}
		if len(b.records)%few == 0 {
			pause()
		}
	}
}

// line fills in the record of a line.
func (w *worker) line(parser *accesslog.Parser, site int, line []byte, r *record) {
	r.event.Renamed, r.log = nil, 0
	if len(line) > w.maxLine {
		r.reason, r.event.Time = schema.ReasonTooLong, 0
		return
	}
	if parser == nil {
		r.reason, r.event.Time = schema.ReasonFormat, 0
		return
	}
	req := &w.request
	r.reason = parser.Parse(line, req)
	r.event.Time = req.Time
	if r.reason != schema.ReasonNone {
		return
	}
	w.classifier.Classify(req, site, &r.event.Verdict)
	r.event.Status = req.Status
	r.event.Client = req.Client
	if len(req.ForwardedFor) > 0 {
		r.event.Client = req.ForwardedFor
	}
	if w.explain {
		r.why = w.gen.rules.Why(&r.event.Verdict, req)
	}
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
