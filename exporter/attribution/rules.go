package attribution

import (
	"fmt"
	"slices"
)

// Options are what the user adds to the tables. The zero value is usable.
type Options struct {
	Sites []Site
	// Default is for the hosts of no configured site.
	Default SiteRules

	// Rules of the user's own, which win over the tables.
	Hosts  []HostRule
	Agents []AgentRule
	Tags   []TagRule
	// ShareParameter is the parameter that the site's own share buttons add, such
	// as "ds". Its value names the app; whatever else it says, the visit was shared
	// in private.
	ShareParameter string

	// MaskDigits and MaskToken are the lengths from which numbers and tokens in
	// page labels are masked: 10 and 20 where 0.
	MaskDigits, MaskToken int
	// Sources are interned first, so that a Source of earlier Rules, whose Sources
	// these are, stands for the same name.
	Sources []string
	// CacheEntries bounds each of a Classifier's caches: 4096 where 0.
	CacheEntries int
}

// Rules are the compiled tables and the user's own rules. They are immutable
// and may be used by many at once.
type Rules struct {
	options Options
	sources *sources
	sites   *siteTable
	senders *senderTable
	tags    *tagTable
	agents  *agentTable
	attacks *attackTable
	pages   pager
}

// New compiles the tables and the user's rules. Its errors say which rule is
// wrong, and how.
func New(o Options) (*Rules, error) {
	if o.MaskDigits == 0 {
		o.MaskDigits = 10
	}
	if o.MaskToken == 0 {
		o.MaskToken = 20
	}
	if o.CacheEntries == 0 {
		o.CacheEntries = 4096
	}
	if o.MaskDigits < 4 || o.MaskToken < 8 || o.CacheEntries < 0 {
		return nil, fmt.Errorf("mask digits %d, mask token %d, cache entries %d: at least 4, 8 and 1", o.MaskDigits, o.MaskToken, o.CacheEntries)
	}
	o.Default = o.Default.folded()
	o.Sites = slices.Clone(o.Sites)
	for i := range o.Sites {
		o.Sites[i].SiteRules = o.Sites[i].folded()
	}
	r := &Rules{options: o, sources: newSources(), pages: pager{digits: o.MaskDigits, token: o.MaskToken}}
	for _, name := range o.Sources {
		r.sources.intern(name)
	}
	var err error
	if err = o.Default.check(); err != nil {
		return nil, fmt.Errorf("default site: %w", err)
	}
	if r.sites, err = newSiteTable(o.Sites); err != nil {
		return nil, err
	}
	if r.senders, err = newSenderTable(r.sources, o.Hosts); err != nil {
		return nil, err
	}
	if r.tags, err = newTagTable(r.sources, r.senders, o.Tags, o.ShareParameter); err != nil {
		return nil, err
	}
	if r.agents, err = newAgentTable(r.sources, o.Agents); err != nil {
		return nil, err
	}
	if r.attacks, err = builtinAttacks(); err != nil {
		return nil, err
	}
	return r, nil
}

// SourceName returns a source's name, its label value.
func (r *Rules) SourceName(s Source) string {
	if int(s) >= len(r.sources.names) {
		return r.sources.names[0]
	}
	return r.sources.names[s]
}

// GoalName returns the name of a goal of a site, by the index of the site, or -1,
// and the goal's bit in Verdict.Goals; "" where the site has no such goal.
func (r *Rules) GoalName(site, goal int) string {
	if goals := r.site(site).Goals; goal < len(goals) {
		return goals[goal].Name
	}
	return ""
}

// Sources lists the names of all sources, by Source. It must not be changed.
func (r *Rules) Sources() []string { return r.sources.names }
