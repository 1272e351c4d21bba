package visit

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
)

// FuzzObserve: whatever the requests are, in whatever order, each is reported
// once, each landing comes out once, and nothing grows past its limit.
func FuzzObserve(f *testing.F) {
	rnd := rand.New(rand.NewPCG(9, 10))
	for range 20 {
		b := make([]byte, 50*eventBytes)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		f.Add(b)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		w := &witness{t: t, pending: map[uint64]string{}}
		o := Options{Visitors: 8, Pending: 5, Pages: 20, Sharers: 3, Confirmation: Confirmation(len(b) % 3),
			OnConfirmation: func(site int, _ bool) { w.site(site) }}
		tr := NewTracker(o, w)
		now := start.UnixNano()
		for id := uint64(1); len(b) >= eventBytes; id, b = id+1, b[eventBytes:] {
			now += jumps[int(b[0])%len(jumps)]
			switch b[1] % 16 {
			case 0:
				tr.Rewind(now)
			case 1:
				tr.Hurry()
			case 2:
				tr.Flush()
			}
			if b[1]%16 > 4 {
				tr.Advance(now)
			}
			e := fuzzEvent([eventBytes]byte(b), id, now)
			w.requests = 0
			w.event = e
			tr.Observe(e)
			if w.requests != 1 {
				t.Fatalf("event %d was reported %d times", id, w.requests)
			}
			w.check(tr, o)
		}
		tr.Flush()
		if s := tr.Stats(); s.Pending != 0 || len(w.pending) != 0 {
			t.Fatalf("after the end %+v and the landings %v are pending", s, w.pending)
		}
	})
}

// jumps are the times between requests: mostly a few seconds, not always forwards.
var jumps = []int64{
	0, int64(time.Millisecond), int64(time.Second), int64(time.Second), int64(20 * time.Second), int64(2 * time.Minute),
	int64(29 * time.Minute), int64(31 * time.Minute), int64(11 * time.Hour), int64(8 * 24 * time.Hour),
	-int64(time.Second), -int64(10 * time.Minute), -int64(26 * time.Hour), -int64(20 * 24 * time.Hour),
	int64(12 * 365 * 24 * time.Hour), -int64(12 * 365 * 24 * time.Hour),
}

const eventBytes = 8

func fuzzEvent(b [eventBytes]byte, id uint64, now int64) *Event {
	e := &Event{Time: now, ID: id, Site: int(b[2]>>6) * 300, Client: []byte{'1', '.', b[2] & 7}}
	e.Kind = schema.Kind(b[3] % uint8(schema.NumKinds))
	if e.Kind == schema.KindReload { // only this package tells them
		e.Kind = schema.KindLanding
	}
	e.Status = []int{0, 200, 304, 404, 500}[b[3]>>4%5]
	e.Signals = attribution.Signal(b[4]) & (1<<5 - 1)
	if b[4]>>5 != 0 {
		e.Signals &^= attribution.SignalAttack
	}
	e.Page = fmt.Append(nil, "/", b[5]%12)
	if b[5] > 250 {
		e.Page = nil
	}
	e.RefererPage = fmt.Append(nil, "/", b[6]%12)
	e.PageHash, e.RefererHash = attribution.HashPage(e.Page), attribution.HashPage(e.RefererPage)
	e.Channel = schema.Channel(b[6]>>4) % schema.NumChannels
	e.Evidence = schema.Evidence(b[7]) % (schema.EvidenceLink + 1)
	e.Goals = uint32(b[7]>>4) << (b[6] % 29)
	e.EntryPage = b[7]&8 != 0
	e.App = attribution.Source(b[7] >> 6)
	return e
}

// A witness is a Sink that checks what it is told.
type witness struct {
	t        *testing.T
	event    *Event
	requests int
	pending  map[uint64]string // the landings' pages
}

func (w *witness) site(site int) {
	if site%300 != 0 || site < 0 || site > 900 {
		w.t.Errorf("site %d", site)
	}
}

func (w *witness) Request(e *Event, kind schema.Kind) {
	w.requests++
	if e != w.event {
		w.t.Errorf("event %d was reported during event %d", e.ID, w.event.ID)
	}
	if kind == schema.KindLanding {
		w.pending[e.ID] = string(e.Page)
	}
}

func (w *witness) Landing(o *Outcome) {
	w.site(o.Site)
	page, ok := w.pending[o.ID]
	if !ok || page != string(o.Page) {
		w.t.Errorf("landing %d on %s comes out, of %v", o.ID, o.Page, w.pending)
	}
	delete(w.pending, o.ID)
	if o.Evidence == schema.EvidenceNone || o.Learned && o.Evidence != schema.EvidenceEntryPage {
		w.t.Errorf("landing %d: %+v", o.ID, o)
	}
}

func (w *witness) Share(site int, _ attribution.Source, _ schema.Scope, page []byte) {
	w.site(site)
	if len(page) == 0 {
		w.t.Error("a share of no page")
	}
}

func (w *witness) Conversion(site, goal int, _ schema.Channel, _ attribution.Source) {
	w.site(site)
	if goal < 0 || goal >= 32 {
		w.t.Errorf("goal %d", goal)
	}
}

// check compares the tracker's tables, which refer to each other, with themselves
// and with their limits.
func (w *witness) check(tr *Tracker, o Options) {
	s, vs := tr.Stats(), &tr.visitors
	if s.Visitors > o.Visitors || s.Pending > o.Pending || tr.entries.Len() > o.Pages || tr.sharers.Len() > o.Sharers {
		w.t.Fatalf("past the limits: %+v", s)
	}
	visitors, waits := 0, 0
	for i, last := vs.head, none; i != none; i, last = vs.At(i).next, i {
		v := vs.At(i)
		if v.prev != last || vs.get(v.key) != i {
			w.t.Fatalf("visitor %d is not where it belongs", i)
		}
		n, newest := 0, none
		for l := v.pending; l != none; l, newest = tr.landings.At(l).next, l {
			n++
		}
		if n != int(v.waits) || v.pending != none && newest != v.lastPending {
			w.t.Fatalf("visitor %d has %d landings that wait, and says %d", i, n, v.waits)
		}
		visitors, waits = visitors+1, waits+n
	}
	if visitors != vs.n || visitors != vs.index.Len() || waits != s.Pending || waits != len(w.pending) {
		w.t.Fatalf("%d visitors, %d in the table, %d in the index; %d landings wait, %d are held, %d were seen",
			visitors, vs.n, vs.index.Len(), waits, s.Pending, len(w.pending))
	}
}
