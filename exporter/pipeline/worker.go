package pipeline

import (
	"bytes"
	"sync"
	"sync/atomic"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/visit"
)

// A job is a block with all that it takes to parse it, or a barrier.
type job struct {
	turn   uint64
	block  *stream.Block
	gen    *generation
	format *accesslog.Format // nil where it could not be told
	site   int
	// reached is a barrier's, and closed in its turn.
	reached chan struct{}
}

// turns lets jobs that are worked on side by side go on one after the other.
type turns struct {
	mu   sync.Mutex
	cond sync.Cond
	next atomic.Uint64
}

func newTurns() *turns {
	t := &turns{}
	t.cond.L = &t.mu
	return t
}

// wait waits until all turns before have been done.
func (t *turns) wait(turn uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.next.Load() != turn {
		t.cond.Wait()
	}
}

// come reports whether all turns before have been done.
func (t *turns) come(turn uint64) bool { return t.next.Load() == turn }

func (t *turns) done() {
	t.mu.Lock()
	t.next.Add(1)
	t.mu.Unlock()
	t.cond.Broadcast()
}

// A record is one line: an event, or the reason why it is none. What it points
// to is in the block and in the worker's scratch memory.
type record struct {
	reason schema.Reason
	event  visit.Event
	why    string
}

// A worker parses and classifies, with caches and memory of its own. Its records
// hold until it parses again.
type worker struct {
	gen        *generation
	classifier *attribution.Classifier
	parsers    map[*accesslog.Format]*accesslog.Parser
	request    accesslog.Request
	explain    bool
	records    []record
	// The scratch memory of the classifier and of the parser.
	verdicts, requests []byte
}

// few is how many records are parsed before it is asked whether they can be
// observed.
const few = 64

// parse makes records of the block's lines. After every few of them it calls
// pause, which may take them away.
func (w *worker) parse(j *job, pause func()) {
	if w.gen != j.gen {
		w.gen, w.classifier = j.gen, j.gen.rules.NewClassifier()
	}
	parser := w.parser(j.format)
	w.classifier.Reset(w.verdicts)
	defer func() { w.verdicts = w.classifier.Reset(nil) }()
	if parser != nil {
		parser.Reset(w.requests)
		defer func() { w.requests = parser.Reset(nil) }()
	}
	w.records = w.records[:0]
	for data := j.block.Data; len(data) > 0; {
		line := data
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			line, data = data[:i], data[i+1:]
		} else {
			data = nil
		}
		w.line(parser, j, line)
		if len(w.records)%few == 0 {
			pause()
		}
	}
}

// record returns the next record to be filled in.
func (w *worker) record() *record {
	if len(w.records) < cap(w.records) {
		w.records = w.records[:len(w.records)+1]
	} else {
		w.records = append(w.records, record{})
	}
	return &w.records[len(w.records)-1]
}

func (w *worker) line(parser *accesslog.Parser, j *job, line []byte) {
	r := w.record()
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
