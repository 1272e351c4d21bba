package pipeline

import (
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/visit"
)

// An Observer is told what becomes of every record, in the log's order. IDs count
// the records from 1.
type Observer interface {
	visit.Sink
	// Malformed takes a record that is not an access record.
	Malformed(id uint64, reason schema.Reason)
	// Explained takes an access record before the Sink's methods are called for
	// it. why says what the record shows by itself.
	Explained(e *visit.Event, site string, rules *attribution.Rules, why string)
	// Behind is asked after every block. While it returns true, the landing that
	// has waited longest is resolved by what is known of it.
	Behind() bool
}

// tee hands what a Tracker finds to the tally and to an observer.
type tee struct{ tally, observer visit.Sink }

func (t tee) Request(ev *visit.Event, kind schema.Kind) {
	t.tally.Request(ev, kind)
	t.observer.Request(ev, kind)
}

func (t tee) Landing(o *visit.Outcome) {
	t.tally.Landing(o)
	t.observer.Landing(o)
}

func (t tee) Share(site int, app attribution.Source, scope schema.Scope, page []byte) {
	t.tally.Share(site, app, scope, page)
	t.observer.Share(site, app, scope, page)
}

func (t tee) Conversion(site, goal int, c schema.Channel, s attribution.Source) {
	t.tally.Conversion(site, goal, c, s)
	t.observer.Conversion(site, goal, c, s)
}
