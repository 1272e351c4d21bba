package visit

import (
	"time"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
)

// What makes a scanner of a visitor with a browser's user agent. People behind
// one address share these counts, so the bounds leave room for an office.
const (
	// hostileMissing requests for what does not exist, none of them from a page of
	// the site itself, and more than hostileMissingRate times as many as its pages.
	hostileMissing     = 10
	hostileMissingRate = 2
	// hostileBurst pages within burstTime by a visitor that never fetched an asset
	// as browsers do.
	hostileBurst = 30
	burstTime    = int64(10 * time.Second)
)

// judge notes what the event says of the visitor's intentions.
func (t *Tracker) judge(v *visitor, e *Event) {
	if v.hostile {
		return
	}
	own := e.Signals&attribution.SignalOwnReferrer != 0
	switch {
	case e.Signals&attribution.SignalAttack != 0:
		v.hostile = true
	case e.Signals&attribution.SignalNotFound != 0 && !own:
		v.missing = increase(v.missing)
		v.hostile = v.missing >= hostileMissing && v.missing > hostileMissingRate*v.pages
	case e.Kind == schema.KindLanding || e.Kind == schema.KindInternal:
		v.pages = increase(v.pages)
		if !within(v.burstStart, e.Time, burstTime) {
			v.burstStart, v.burst = e.Time, 0
		}
		v.burst = increase(v.burst)
		v.hostile = v.burst >= hostileBurst && v.own == never
	}
}

func increase(n uint16) uint16 { return min(n, 1<<14) + 1 }
