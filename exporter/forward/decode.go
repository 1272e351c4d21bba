package forward

import (
	"bytes"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/visit"
)

// A Decoder reads records. It is for one goroutine.
type Decoder struct {
	rules   *attribution.Rules
	sites   map[string]int
	sources map[string]attribution.Source
	goals   []map[string]uint32 // by site, the last one for those of no site
	unknown uint64
	// renamed has the names of other days, which the events point into.
	renamed []visit.Names
}

// renames is how many visit.Names are made at a time.
const renames = 128

// NewDecoder returns a Decoder to whom the rules, and their sites by index, say what
// the names in the records are.
func NewDecoder(rules *attribution.Rules, sites []string) *Decoder {
	d := &Decoder{rules: rules, sites: map[string]int{}, sources: map[string]attribution.Source{}}
	for i, name := range rules.Sources() {
		d.sources[name] = attribution.Source(i)
	}
	for i, name := range sites {
		d.sites[name] = i
		d.goals = append(d.goals, goalsOf(rules, i))
	}
	d.goals = append(d.goals, goalsOf(rules, -1))
	return d
}

func goalsOf(rules *attribution.Rules, site int) map[string]uint32 {
	goals := map[string]uint32{}
	for i := range 32 {
		if name := rules.GoalName(site, i); name != "" {
			goals[name] = 1 << i
		}
	}
	return goals
}

// Unknown returns how many names of sites, sources and goals, since it was asked last,
// the Decoder's rules did not have. A record that has one is counted all the same: under the rest, under
// schema.SourceOther, without the goal.
func (d *Decoder) Unknown() (n uint64) {
	n, d.unknown = d.unknown, 0
	return n
}

// Reset lets the memory of the events decoded so far be used again.
func (d *Decoder) Reset() { d.renamed = d.renamed[:0] }

// Decode reads a record. What the event has points into the line, which is rewritten,
// and into the Decoder's memory. log is the number of the log that it is from, 0 where
// it does not say. A line that is no record, or one of a version to come, has a reason.
func (d *Decoder) Decode(line []byte, e *visit.Event) (log uint32, reason schema.Reason) {
	*e = visit.Event{}
	e.Verdict.Site = -1
	if len(bytes.TrimSpace(line)) == 0 {
		return 0, schema.ReasonEmpty
	}
	r := reading{scanner: scanner{b: line}, d: d, e: e}
	for more := r.open('{', '}'); more; more = r.more('}') {
		if key, ok := r.key(); ok {
			r.field(key)
		}
	}
	if !r.end() {
		return 0, schema.ReasonJSON
	}
	return r.log, r.finish()
}

// reading is a record while it is read.
type reading struct {
	scanner
	d       *Decoder
	e       *visit.Event
	log     uint32
	version uint64
	reason  schema.Reason
	site    []byte
	names   [32][]byte // of goals
	goals   int
	before  []byte
	after   []byte
	kind    bool
	channel bool
}

// field takes the value of a key.
func (r *reading) field(key []byte) {
	e := r.e
	switch string(key) {
	case keyVersion:
		r.version = r.number()
	case keyTime:
		n := r.number()
		if n == 0 || n > (1<<63-1)/1000 {
			r.reason = schema.ReasonTime
			return
		}
		e.Time = int64(n) * 1000
	case keyLog:
		r.log = number32(r.text())
	case keySite:
		r.site = r.text()
	case keyHost:
		e.Host = r.text()
	case keyKind:
		e.Kind, r.kind = member(r, kinds)
	case keyStatus:
		n := r.number()
		if n < 100 || n > 999 {
			r.reason = schema.ReasonStatus
			return
		}
		e.Status = int(n)
	case keyVisitor:
		e.Client = r.text()
	case keyBefore:
		r.before = r.text()
	case keyAfter:
		r.after = r.text()
	case keyPage:
		e.Page = r.text()
	case keyFrom:
		e.RefererPage = r.text()
	case keyChannel:
		e.Channel, r.channel = member(r, channels)
	case keySource:
		e.Source = r.source()
	case keyEvidence:
		e.Evidence, _ = member(r, evidence)
	case keyDevice:
		e.Device, _ = member(r, devices)
	case keyApp:
		e.App = r.source()
	case keyScope:
		e.Scope, _ = member(r, scopes)
	case keyEntryPage:
		e.EntryPage = r.truth()
	case keyGoals:
		for more := r.open('[', ']'); more; more = r.more(']') {
			if name := r.text(); r.goals < len(r.names) {
				r.names[r.goals] = name
				r.goals++
			}
		}
	case keySignals:
		for more := r.open('[', ']'); more; more = r.more(']') {
			s, _ := member(r, signals)
			e.Signals |= s
		}
	default:
		r.skip()
	}
}

// member reads a word of a closed set. A record with another one is of a darkshare to
// come, and is not guessed at.
func member[T any](r *reading, set map[string]T) (T, bool) {
	v, ok := set[string(r.text())]
	if !ok {
		r.reason = schema.ReasonFormat
	}
	return v, ok
}

func (r *reading) source() attribution.Source {
	s, ok := r.d.sources[string(r.text())]
	if !ok {
		r.d.unknown++
	}
	return s
}

// finish puts together what more than one key says, and checks that nothing is missing.
func (r *reading) finish() schema.Reason {
	e, d := r.e, r.d
	page := e.Kind == schema.KindLanding || e.Kind == schema.KindInternal
	switch {
	case r.version != version || !r.kind:
		return schema.ReasonFormat
	case r.reason != schema.ReasonNone:
		return r.reason
	case e.Time == 0:
		return schema.ReasonTime
	case page && len(e.Page) == 0, len(e.Client) == 0 && needsVisitor(e), (e.Evidence != schema.EvidenceNone) != r.channel,
		e.Evidence != schema.EvidenceNone && e.Kind != schema.KindLanding:
		return schema.ReasonFormat
	}
	e.PageHash, e.RefererHash = attribution.HashPage(e.Page), attribution.HashPage(e.RefererPage)
	goals := d.goals[len(d.goals)-1]
	if len(r.site) > 0 {
		site, ok := d.sites[string(r.site)]
		switch {
		case ok:
			e.Verdict.Site, goals = site, d.goals[site]
		case len(d.sites) > 0:
			d.unknown++
		default:
			e.Host = r.site // no sites are named here: those that come are
		}
	}
	for _, name := range r.names[:r.goals] {
		if bit, ok := goals[string(name)]; ok {
			e.Goals |= bit
		} else {
			d.unknown++
		}
	}
	if len(r.before)+len(r.after) > 0 {
		if len(d.renamed) == cap(d.renamed) {
			d.renamed = make([]visit.Names, 0, renames) // events point to those before
		}
		d.renamed = append(d.renamed, visit.Names{Before: r.before, After: r.after})
		e.Renamed = &d.renamed[len(d.renamed)-1]
	}
	return schema.ReasonNone
}

// number32 reads a hexadecimal number, 0 where it is none.
func number32(text []byte) (n uint32) {
	if len(text) > 8 {
		return 0
	}
	for _, c := range text {
		d := unhex(c)
		if d < 0 {
			return 0
		}
		n = n<<4 | uint32(d)
	}
	return n
}
