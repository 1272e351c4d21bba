package pipeline

import (
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/forward"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/visit"
)

// A record is what is read of every line by whoever observes it: mostly another
// processor than the one that parsed the line. So it is small, and the rest, which few
// lines need, is in a detail.
type record struct {
	time    int64
	who     uint64
	detail  int32         // the index of the record's detail, or -1
	site    int32         // the index of the configured site, or -1
	reason  schema.Reason // why it is no access record
	kind    schema.Kind
	signals attribution.Signal
}

// A detail is a whole event. What it points to is in the block and in the batch's
// scratch memory.
type detail struct {
	event visit.Event
	why   string
	log   uint32 // which of the logs behind a forwarded record it is from
}

// A batch is what a block's lines say, with the memory that it is in.
type batch struct {
	records []record
	details []detail
	// The scratch memory of the classifier and of the parser.
	verdicts, requests []byte
	// decoder is nil until there are forwarded records to count.
	decoder *forward.Decoder
	gen     *generation // of the decoder
}

// reset takes the records out.
func (b *batch) reset() { b.records, b.details = b.records[:0], b.details[:0] }

// own brings the records' memory to this processor before they are written one after the
// other: each write would wait for its own line from the one that read them last.
func (b *batch) own() { clear(b.records[:cap(b.records)]) }

// bad adds a line that is no access record.
func (b *batch) bad(reason schema.Reason) {
	b.records = append(b.records, record{reason: reason, detail: -1})
}

// good adds a request with its verdict, and returns the record: with its detail where
// observing it takes one, or where whoever asks wants it whole. It is valid until the next
// is added.
func (b *batch) good(at int64, client []byte, status int, said *attribution.Verdict, whole bool) *record {
	b.records = append(b.records, record{time: at, detail: -1, site: int32(said.Site), kind: said.Kind, signals: said.Signals})
	r := &b.records[len(b.records)-1]
	switch said.Kind {
	case schema.KindBot, schema.KindPreview: // have no visitor
	default:
		r.who = visit.HashVisitor(client, said.Agent)
	}
	switch said.Kind {
	case schema.KindLanding, schema.KindInternal, schema.KindPreview:
		whole = true
	}
	if whole || said.Goals != 0 || said.Site < 0 {
		r.detail = int32(len(b.details))
		b.details = append(b.details, detail{event: visit.Event{
			Time: at, Who: r.who, Status: status, Client: client, Verdict: *said,
		}})
	}
	return r
}

// detail returns the record's detail, or nil where the record is all there is.
func (b *batch) detail(r *record) *detail {
	if r.detail < 0 {
		return nil
	}
	return &b.details[r.detail]
}
