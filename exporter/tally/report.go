package tally

import (
	"cmp"
	"slices"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stats"
)

// A Report is everything that was counted, for people and for programs.
type Report struct {
	// To is the time of the newest record, zero where none has a time.
	To     time.Time         `json:"last_record,omitzero"`
	Lines  uint64            `json:"lines"`
	Errors map[string]uint64 `json:"errors"`
	Totals
	Sites []SiteReport `json:"sites"`
}

// A SiteReport is a Report's part for one site.
type SiteReport struct {
	Site string `json:"site"`
	Totals
	// Pages are those that have series, most visits first, and at the end the rest
	// as schema.Overflow. They add up to Totals.Visits.
	Pages []PageReport `json:"pages"`
}

// Totals are sums over a site, or over all.
type Totals struct {
	Requests     map[string]uint64 `json:"requests"`
	Visits       uint64            `json:"visits"`
	Unconfirmed  uint64            `json:"unconfirmed_landings"`
	DarkShare    DarkShare         `json:"dark_share"`
	OfSocial     DarkShare         `json:"dark_share_of_social"`
	Channels     []ChannelReport   `json:"channels"`
	Evidence     map[string]uint64 `json:"evidence"`
	Devices      map[string]uint64 `json:"devices"`
	LinkPreviews []ShareReport     `json:"link_previews"`
	Conversions  []GoalReport      `json:"conversions,omitempty"`
}

// DarkShare is a share as it always is: three numbers, with the visits behind
// them and a 95 % interval on the estimate. Its numbers are 0 where Visits is 0.
type DarkShare struct {
	Known    float64    `json:"known"`
	Estimate float64    `json:"estimate"`
	Ceiling  float64    `json:"ceiling"`
	Interval [2]float64 `json:"estimate_interval"`
	// Visits is what the share is of.
	Visits uint64 `json:"visits"`
	// DarkVisits is the estimate's count.
	DarkVisits uint64 `json:"dark_visits"`
	// Adjusted is the estimate without the visits that are expected to be typed, or
	// to have lost the referrer of a public sender (excess.yaml), and no less than
	// Known. It stands on assumptions about the average site.
	Adjusted float64 `json:"adjusted"`
}

// A ChannelReport is the visits of a channel, and by source, most first.
type ChannelReport struct {
	Channel string         `json:"channel"`
	Visits  uint64         `json:"visits"`
	Sources []SourceReport `json:"sources"`
}

// A SourceReport is the visits from one source.
type SourceReport struct {
	Source string `json:"source"`
	Visits uint64 `json:"visits"`
}

// A PageReport is the visits that landed on a page, and its shares.
type PageReport struct {
	Page         string `json:"page"`
	Visits       uint64 `json:"visits"`
	DarkVisits   uint64 `json:"dark_visits"`
	LinkPreviews uint64 `json:"link_previews"`
}

// A ShareReport is the shares through one app.
type ShareReport struct {
	App    string `json:"app"`
	Scope  string `json:"scope"`
	Shares uint64 `json:"shares"`
}

// A GoalReport is the conversions to one goal from one channel.
type GoalReport struct {
	Goal        string `json:"goal"`
	Channel     string `json:"channel"`
	Conversions uint64 `json:"conversions"`
}

// Report sums up what was counted.
func (t *Tally) Report() *Report {
	r := &Report{Errors: map[string]uint64{}}
	var newest int64
	for i := range t.inputs {
		in := &t.inputs[i]
		r.Lines += in.lines.n
		newest = max(newest, in.newest)
		for reason, c := range in.errors {
			if c.n > 0 {
				r.Errors[schema.Reason(reason).String()] += c.n
			}
		}
	}
	if newest != 0 {
		r.To = time.Unix(0, newest).UTC()
	}
	r.Totals = t.totals(func(int) bool { return true })
	for id, s := range t.sites {
		if s == nil {
			continue
		}
		site := SiteReport{Site: t.opt.SiteName(id), Totals: t.totals(func(other int) bool { return other == id })}
		site.Pages = s.pages.report()
		r.Sites = append(r.Sites, site)
	}
	return r
}

// report lists the names that have series, most visits first, with all that was
// counted of them, and at the end the rest: together they are every visit.
func (t *top) report() (pages []PageReport) {
	if t.rest.created.IsZero() {
		return nil
	}
	rest := t.total
	for _, r := range t.leaders.heap {
		it := t.items.At(r.slot)
		pages = append(pages, PageReport{string(it.name), it.sums.visits, it.sums.dark, it.sums.shares})
		rest.visits -= it.sums.visits
		rest.dark -= it.sums.dark
		rest.shares -= it.sums.shares
	}
	slices.SortFunc(pages, func(a, b PageReport) int {
		return cmp.Or(cmp.Compare(b.Visits, a.Visits), cmp.Compare(b.LinkPreviews, a.LinkPreviews), cmp.Compare(a.Page, b.Page))
	})
	return append(pages, PageReport{schema.Overflow, rest.visits, rest.dark, rest.shares})
}

// totals adds up the sites that of says.
func (t *Tally) totals(of func(site int) bool) Totals {
	sum := Totals{Requests: map[string]uint64{}, Evidence: map[string]uint64{}, Devices: map[string]uint64{}}
	for id, s := range t.sites {
		if s != nil && of(id) {
			for kind, n := range s.requests {
				sum.Requests[schema.Kind(kind).String()] += n
			}
		}
	}
	for k, c := range t.unconf {
		if of(k.site) {
			sum.Unconfirmed += c.n
		}
	}
	var all, social Share
	var excess parts
	sources := map[schema.Channel]map[string]uint64{}
	for k, c := range t.visits {
		if !of(k.site()) {
			continue
		}
		sum.Evidence[k.evidence().String()] += c.n
		sum.Devices[k.device().String()] += c.n
		if sources[k.channel()] == nil {
			sources[k.channel()] = map[string]uint64{}
		}
		sources[k.channel()][t.opt.SourceName(k.source())] += c.n
		excess += c.excess.times(c.n)
		all.add(k.channel(), k.evidence(), c.n)
		if k.channel() == schema.ChannelSocial || k.channel() == schema.ChannelDarkSocial {
			social.add(k.channel(), k.evidence(), c.n)
		}
	}
	sum.Visits = all.Visits
	sum.DarkShare, sum.OfSocial = all.report(excess), social.ofSocial(all, excess)
	for c := range schema.NumChannels {
		if len(sources[c]) > 0 {
			sum.Channels = append(sum.Channels, channelReport(c, sources[c]))
		}
	}
	slices.SortStableFunc(sum.Channels, func(a, b ChannelReport) int { return cmp.Compare(b.Visits, a.Visits) })
	for k, c := range t.shares {
		if of(k.site) {
			sum.addShares(k.app, k.scope.String(), c.n)
		}
	}
	slices.SortFunc(sum.LinkPreviews, func(a, b ShareReport) int {
		return cmp.Or(cmp.Compare(b.Shares, a.Shares), cmp.Compare(a.App, b.App), cmp.Compare(a.Scope, b.Scope))
	})
	for k, c := range t.goals {
		if of(k.site) {
			sum.addGoal(k.goal, k.channel.String(), c.n)
		}
	}
	slices.SortFunc(sum.Conversions, func(a, b GoalReport) int {
		return cmp.Or(cmp.Compare(a.Goal, b.Goal), cmp.Compare(b.Conversions, a.Conversions), cmp.Compare(a.Channel, b.Channel))
	})
	return sum
}

func (t *Totals) addShares(app, scope string, n uint64) {
	for i := range t.LinkPreviews {
		if s := &t.LinkPreviews[i]; s.App == app && s.Scope == scope {
			s.Shares += n
			return
		}
	}
	t.LinkPreviews = append(t.LinkPreviews, ShareReport{app, scope, n})
}

func (t *Totals) addGoal(goal, channel string, n uint64) {
	for i := range t.Conversions {
		if g := &t.Conversions[i]; g.Goal == goal && g.Channel == channel {
			g.Conversions += n
			return
		}
	}
	t.Conversions = append(t.Conversions, GoalReport{goal, channel, n})
}

func channelReport(c schema.Channel, sources map[string]uint64) ChannelReport {
	r := ChannelReport{Channel: c.String()}
	for source, n := range sources {
		r.Visits += n
		r.Sources = append(r.Sources, SourceReport{source, n})
	}
	slices.SortFunc(r.Sources, func(a, b SourceReport) int {
		return cmp.Or(cmp.Compare(b.Visits, a.Visits), cmp.Compare(a.Source, b.Source))
	})
	return r
}

func (s *Share) add(c schema.Channel, e schema.Evidence, n uint64) {
	s.Visits += n
	for bound := range s.Dark {
		if schema.Bound(bound).Dark(c, e) {
			s.Dark[bound] += n
		}
	}
}

func (s Share) report(excess parts) DarkShare {
	d := DarkShare{Visits: s.Visits, DarkVisits: s.Dark[schema.BoundEstimate]}
	if s.Visits == 0 {
		return d
	}
	n := float64(s.Visits)
	d.Known = float64(s.Dark[schema.BoundKnown]) / n
	d.Estimate = float64(s.Dark[schema.BoundEstimate]) / n
	d.Adjusted = s.without(excess) / n
	d.Ceiling = float64(s.Dark[schema.BoundCeiling]) / n
	d.Interval[0], d.Interval[1] = stats.Wilson(float64(s.Dark[schema.BoundEstimate]), n)
	return d
}

// without returns how many of the estimate's visits are left without the excess:
// all that are known, at the least.
func (s Share) without(excess parts) float64 {
	return max(float64(s.Dark[schema.BoundKnown]), float64(s.Dark[schema.BoundEstimate])-excess.visits())
}

// ofSocial is the dark share of social. Its bounds differ from those of all
// visits in what they are of, too: private and public sharing under the same bound.
func (s Share) ofSocial(all Share, excess parts) DarkShare {
	d := s.report(excess)
	public := float64(s.Visits - s.Dark[schema.BoundEstimate])
	d.Known = ratio(float64(s.Dark[schema.BoundKnown]), public)
	d.Adjusted = ratio(s.without(excess), public)
	d.Ceiling = ratio(float64(all.Dark[schema.BoundCeiling]), public)
	return d
}

func ratio(part, rest float64) float64 {
	if part+rest == 0 {
		return 0
	}
	return part / (part + rest)
}
