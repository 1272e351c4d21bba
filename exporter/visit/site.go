package visit

import (
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stats"
)

// site is what is learned of one site as a whole.
type site struct {
	// The control group: landings from search engines are people, so the share
	// of them that is confirmed tells how visible confirmation is here. Old ones
	// count less and less.
	control, confirmed float64
	// Visitors who went from page to page, each page asked for with the one before
	// as its referrer, and those of them who fetched anything but pages. Nobody who
	// makes up referrers is among them, so they tell whether assets can be seen here
	// even where scanners pretend to come from search engines.
	walkers, fetchers float64
	// fetched is set once anybody fetched anything but pages.
	fetched   bool
	invisible bool
	// How many of the group's visitors ever sent the site's own referrer, and how
	// many fetched an asset without. With "Referrer-Policy: no-referrer" nobody
	// does the first, and a bare asset says nothing of the visitor.
	visible, bare float64
	mixed         mixed
}

const (
	// memory is after how many landings of the control group the older ones count half.
	memory = 2000
	// Confirmation is off while at most invisibleBelow of the walkers can have
	// fetched anything, and on again once more than visibleAbove must have (the ends
	// of the 95 % interval). While walkers are fewer than enoughWalkers and
	// nobody has fetched anything yet, the control group decides.
	invisibleBelow = 0.10
	visibleAbove   = 0.15
	enoughWalkers  = 20
	// A site is believed to hide its referrers itself after hiddenAfter visitors
	// with bare assets, hiddenRatio times as many as sent the site's referrer.
	hiddenAfter = 10
	hiddenRatio = 5
)

// site returns the site's state, which holds until the next call.
func (t *Tracker) site(id int) *site {
	for id >= len(t.sites) {
		t.sites = append(t.sites, site{})
	}
	return &t.sites[id]
}

func (s *site) confirming(c Confirmation) bool {
	return c == ConfirmAlways || c == ConfirmAuto && !s.invisible
}

func (s *site) hidesReferrers() bool {
	return s.bare >= hiddenAfter && s.bare > hiddenRatio*s.visible
}

// observeControl counts what a visitor of the control group has shown of the
// site's referrers.
func (t *Tracker) observeControl(v *visitor) {
	s := t.site(int(v.site))
	if v.own != never && v.shown&attribution.SignalOwnReferrer == 0 {
		v.shown |= attribution.SignalOwnReferrer
		s.visible++
	}
	if v.bare != never && v.shown&attribution.SignalBareAsset == 0 {
		v.shown |= attribution.SignalBareAsset
		s.bare++
	}
}

// inControlGroup reports whether the landing came from a search engine, by its
// referrer: whoever did is a person.
func inControlGroup(o *Outcome) bool {
	return o.Channel == schema.ChannelSearch && o.Evidence == schema.EvidenceReferrer
}

// learn takes a resolved landing into the control group if it belongs there.
func (t *Tracker) learn(o *Outcome) {
	if !inControlGroup(o) || o.Reason == ReasonEvicted || o.Reason == ReasonHostile {
		return
	}
	s := t.site(o.Site)
	s.control++
	if o.Visit && o.Reason != ReasonInvisible {
		s.confirmed++
	}
	if s.control >= memory {
		s.control, s.confirmed, s.visible, s.bare = s.control/2, s.confirmed/2, s.visible/2, s.bare/2
	}
	t.decide(o.Site)
}

// observeWalk notes that a visitor walked or fetched.
func (t *Tracker) observeWalk(i int32, walked, fetched bool) {
	v := t.visitors.At(i)
	if v.walked && v.fetched || walked == v.walked && fetched == v.fetched {
		return
	}
	was := v.walked && v.fetched
	s := t.site(int(v.site))
	if walked && !v.walked {
		v.walked = true
		s.walkers++
	}
	v.fetched = v.fetched || fetched
	s.fetched = s.fetched || fetched
	if v.walked && v.fetched && !was {
		s.fetchers++
	}
	if s.walkers >= memory {
		s.walkers, s.fetchers = s.walkers/2, s.fetchers/2
	}
	t.decide(int(v.site))
}

// decide switches confirmation of the site off or on.
func (t *Tracker) decide(id int) {
	s := t.site(id)
	was := s.invisible
	lower, upper := stats.Wilson(s.fetchers, s.walkers)
	if s.walkers < enoughWalkers {
		lower, upper = stats.Wilson(s.confirmed, s.control)
		if s.fetched {
			// Assets can be seen: that few are confirmed may be for scanners that
			// pretend to come from search engines.
			upper = 1
		}
	}
	if upper < invisibleBelow {
		s.invisible = true
	} else if lower > visibleAbove {
		s.invisible = false
	}
	if s.invisible != was && t.opt.Confirmation == ConfirmAuto && t.opt.OnConfirmation != nil {
		t.opt.OnConfirmation(id, was)
	}
}

// A Control is what the control group says of a site.
type Control struct {
	// Landings from search engines, and those that were confirmed.
	Landings, Confirmed float64
	// Enabled reports whether landings must be confirmed to count as visits.
	Enabled bool
}

// Control returns the control group of the site.
func (t *Tracker) Control(id int) Control {
	s := t.site(id)
	return Control{s.control, s.confirmed, s.confirming(t.opt.Confirmation)}
}
