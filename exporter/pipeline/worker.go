package pipeline

import (
	"bytes"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/visit"
)

// A job is a block on its way: first parsed, then observed. Its memory is used
// again for other blocks.
type job struct {
	block   *stream.Block
	gen     *generation
	format  *accesslog.Format // nil where it could not be told
	site    int
	records []record
	n       int
	scratch []byte
	done    chan struct{}
	// reached makes a barrier of a job without a block.
	reached chan struct{}
}

// A record is one line: an event, or the reason why it is none. What it points
// to is in the job's block and scratch memory.
type record struct {
	reason schema.Reason
	event  visit.Event
	why    string
}

// next returns the next record to be filled in.
func (j *job) next() *record {
	if j.n == len(j.records) {
		j.records = append(j.records, record{})
	}
	j.n++
	return &j.records[j.n-1]
}

// A worker parses and classifies, with caches of its own.
type worker struct {
	gen        *generation
	classifier *attribution.Classifier
	parsers    map[*accesslog.Format]*accesslog.Parser
	request    accesslog.Request
	explain    bool
}

func (w *worker) parse(j *job) {
	if w.gen != j.gen {
		w.gen, w.classifier = j.gen, j.gen.rules.NewClassifier()
	}
	parser := w.parser(j.format)
	w.classifier.Reset(j.scratch)
	defer func() { j.scratch = w.classifier.Reset(nil) }()
	j.n = 0
	for data := j.block.Data; len(data) > 0; {
		line := data
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			line, data = data[:i], data[i+1:]
		} else {
			data = nil
		}
		w.line(parser, j, line)
	}
}

func (w *worker) line(parser *accesslog.Parser, j *job, line []byte) {
	r := j.next()
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
	w.classifier.Classify(req, j.site, &r.event.Verdict)
	r.event.Status = req.Status
	r.event.Client = req.Client
	if len(req.ForwardedFor) > 0 {
		r.event.Client = req.ForwardedFor
	}
	if w.explain {
		r.why = j.gen.rules.Why(&r.event.Verdict, req)
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
