package pipeline

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/forward"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/visit"
)

// A Forward is where classified requests go in place of being counted as visits: the
// engine then counts the lines, those that are no access records, and what it has
// forwarded. A line is counted, and its block released, when Kafka has acknowledged all
// of the block.
type Forward struct {
	// Producer sends the records. Run closes it at its end.
	Producer *forward.Producer
	// Secret makes the names of visitors.
	Secret *forward.Secret

	mu   sync.Mutex
	free []*shipment // as many as blocks were in use at a time
}

// A shipment is a block on its way to Kafka.
type shipment struct {
	forward.Batch
	// lines counts the block's, by the reason why they are not in the batch.
	lines  [schema.NumReasons]uint64
	newest int64
}

func (f *Forward) get() *shipment {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.free)
	if n == 0 {
		return &shipment{}
	}
	s := f.free[n-1]
	f.free = f.free[:n-1]
	return s
}

func (f *Forward) put(s *shipment) {
	s.Batch.Reset()
	s.lines, s.newest = [schema.NumReasons]uint64{}, 0
	f.mu.Lock()
	defer f.mu.Unlock()
	f.free = append(f.free, s)
}

// end waits, as long as ctx lasts, until all has been acknowledged.
func (f *Forward) end(ctx context.Context, log *slog.Logger) {
	_ = f.Producer.Wait(ctx)
	f.Producer.Close()
	if n := f.Producer.Pending(); n > 0 {
		log.Error("ended before Kafka had acknowledged all: files and topics are read again from there, given a state file", "records", n)
	}
}

// instance tells this process's logs from those of others, for as long as it runs.
var instance = rand.Uint64()

// A forwarder makes shipments, for one worker.
type forwarder struct {
	encoder *forward.Encoder
	event   visit.Event // scratch
	// What follows is of the block at hand.
	shipment *shipment
	log      uint32
	now      int64
}

func (f *Forward) forwarder(e *Engine) *forwarder {
	return &forwarder{encoder: f.Secret.NewEncoder(e.tracker.Window())}
}

// begin begins a block.
func (f *forwarder) begin(s *shipment, b *stream.Block) {
	var d xxhash.Digest
	d.Reset()
	var numbers [12]byte
	binary.LittleEndian.PutUint64(numbers[:], instance)
	binary.LittleEndian.PutUint32(numbers[8:], uint32(b.Input))
	_, _ = d.Write(numbers[:])
	_, _ = d.WriteString(b.Name)
	f.shipment, f.log, f.now = s, max(uint32(d.Sum64()), 1), time.Now().UnixNano()
}

// add takes a line: what it says, or the reason why that is nothing.
func (f *forwarder) add(g *generation, reason schema.Reason, req *accesslog.Request, said *attribution.Verdict) {
	s := f.shipment
	s.lines[reason]++
	if reason != schema.ReasonNone {
		return
	}
	e := &f.event
	*e = visit.Event{Time: req.Time, Status: req.Status, Client: client(req), Verdict: *said}
	if e.Time == 0 {
		e.Time = f.now
	}
	s.newest = max(s.newest, e.Time)
	request := forward.Request{Event: e, Rules: g.rules, Agent: req.UserAgent, Log: f.log}
	if said.Site >= 0 {
		request.Site = g.opt.Sites[said.Site].Name
	}
	f.encoder.Add(&s.Batch, &request)
}

// ship makes a shipment of a block.
func (e *Engine) ship(w *worker, j *job) {
	j.shipment = e.opt.Forward.get()
	w.forwarder.begin(j.shipment, j.block)
	w.parse(j, j.batch, func() {})
}

// forward sends a block's shipment, in the block's turn. While Kafka is slow it waits,
// and so does everything behind it.
func (e *Engine) forward(j *job) {
	s, block := j.shipment, j.block
	e.opt.Forward.Producer.Send(&s.Batch, func() { e.acknowledge(s, block) })
}

// acknowledge counts a block that Kafka has. That and the block's release are one to
// Checkpoint and Snapshot.
func (e *Engine) acknowledge(s *shipment, b *stream.Block) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for reason, n := range s.lines {
		for range n {
			e.tally.Line(b.Input, schema.Reason(reason), s.newest)
		}
	}
	e.forwarded += s.lines[schema.ReasonNone]
	b.Release()
	e.opt.Forward.put(s)
}

// decode makes records of lines that another darkshare has forwarded.
func (b *batch) decode(j *job, maxLine int, whole bool, pause func()) {
	if b.decoder == nil || b.gen != j.gen {
		var sites []string
		for _, s := range j.gen.opt.Sites {
			sites = append(sites, s.Name)
		}
		b.gen, b.decoder = j.gen, forward.NewDecoder(j.gen.rules, sites)
	}
	b.decoder.Reset()
	var e visit.Event
	for line := range bytes.Lines(j.block.Data) {
		var log uint32
		reason := schema.ReasonTooLong
		if line = bytes.TrimSuffix(line, []byte("\n")); len(line) <= maxLine {
			log, reason = b.decoder.Decode(line, &e)
		}
		if reason != schema.ReasonNone {
			b.bad(reason)
		} else {
			r := b.good(e.Time, e.Client, e.Status, &e.Verdict, whole || log != 0 || e.Renamed != nil)
			if r.detail >= 0 {
				d := &b.details[r.detail]
				d.log, d.event.Renamed = log, e.Renamed
			}
		}
		if len(b.records) >= few {
			pause()
		}
	}
}

// complain says that records have names that nobody here knows.
func (e *Engine) complain(d *forward.Decoder) {
	n := d.Unknown()
	now := time.Now()
	last := e.unknown.Load()
	if n > 0 && now.Sub(time.Unix(last, 0)) > warnEvery && e.unknown.CompareAndSwap(last, now.Unix()) {
		e.log.Warn("forwarded records name sites, sources or goals that are not configured here: "+
			"give those that count the sites and rules of those that forward", "names", n)
	}
}
