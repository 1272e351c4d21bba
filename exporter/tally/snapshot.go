package tally

import (
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/series"
	"github.com/darkshare/darkshare/exporter/stats"
)

// Show gives every series its value in Options.Table. Series that are known
// beforehand are there with 0.
func (t *Tally) Show() {
	table := t.opt.Table
	t.showInputs(table)
	for id, s := range t.sites {
		if s != nil {
			t.showSite(table, t.opt.SiteName(id), s)
		}
	}
	t.showVisits(table)
	for k, c := range t.unconf {
		if c.ref != 0 {
			table.Set(c.ref, float64(c.n))
		} else {
			c.ref = c.add(table, schema.UnconfirmedLandings, t.opt.SiteName(k.site), k.channel.String())
		}
	}
	for k, c := range t.shares {
		if c.ref != 0 {
			table.Set(c.ref, float64(c.n))
		} else {
			c.ref = c.add(table, schema.LinkPreviews, t.opt.SiteName(k.site), k.app, k.scope.String())
		}
	}
	for k, c := range t.goals {
		if c.ref != 0 {
			table.Set(c.ref, float64(c.n))
		} else {
			c.ref = c.add(table, schema.Conversions, t.opt.SiteName(k.site), k.goal, k.channel.String(), k.source)
		}
	}
	for i, name := range t.limited.names {
		table.Put(schema.LimitReached, float64(t.limited.counts[i]()), t.limited.created[i], name)
	}
}

// add adds a counter's series.
func (c *counter) add(table *series.Table, m *schema.Metric, labels ...string) series.Ref {
	return table.Add(m, float64(c.n), c.created, labels...)
}

func (t *Tally) showInputs(table *series.Table) {
	for i := range t.inputs {
		in := &t.inputs[i]
		if in.lines.ref == 0 {
			in.lines.ref = in.lines.add(table, schema.LogLines, in.name)
		}
		table.Set(in.lines.ref, float64(in.lines.n))
		for r := schema.ReasonNone + 1; r < schema.NumReasons; r++ {
			c := &in.errors[r]
			if c.ref == 0 {
				c.ref = c.add(table, schema.LogErrors, in.name, r.String())
			}
			table.Set(c.ref, float64(c.n))
		}
		if in.newest != 0 {
			table.Put(schema.InputLastRecord, float64(in.newest)/float64(time.Second), time.Time{}, in.name)
		}
	}
}

// showVisits shows the visits, and what is expected beside them.
func (t *Tally) showVisits(table *series.Table) {
	for _, s := range t.sites {
		if s != nil {
			s.excess = [schema.NumCauses]parts{}
		}
	}
	for k, c := range t.visits {
		if c.ref == 0 {
			c.ref = c.add(table, schema.Visits, t.opt.SiteName(k.site()), k.channel().String(), t.opt.SourceName(k.source()), k.evidence().String(), k.device().String())
		}
		table.Set(c.ref, float64(c.n))
		t.sites[k.site()].excess[c.cause] += c.excess.times(c.n)
	}
	for id, s := range t.sites {
		if s == nil {
			continue
		}
		for cause, sum := range s.excess {
			table.Put(schema.DeepLinkExcess, sum.visits(), s.created, t.opt.SiteName(id), schema.Cause(cause).String())
		}
	}
}

func (t *Tally) showSite(table *series.Table, name string, s *siteTally) {
	for k, n := range s.requests {
		if s.refs[k] == 0 {
			s.refs[k] = table.Add(schema.Requests, 0, s.created, name, schema.Kind(k).String())
		}
		table.Set(s.refs[k], float64(n))
	}
	for i := range s.windows {
		s.windows[i].show(table, name, windowSpans[i], t.now)
	}
	s.pages.each(func(it *item) {
		if it.refs[0] == 0 {
			page := string(it.name)
			it.refs[0] = table.Add(schema.PageVisits, 0, it.created, name, page, schema.ChannelDarkSocial.String())
			it.refs[1] = table.Add(schema.PageVisits, 0, it.created, name, page, schema.PageChannelRest)
			it.refs[2] = table.Add(schema.PageLinkPreviews, 0, it.created, name, page)
		}
		dark := it.visits[schema.ChannelDarkSocial]
		table.Set(it.refs[0], float64(dark))
		table.Set(it.refs[1], float64(it.all()-dark))
		table.Set(it.refs[2], float64(it.shares))
	})
	s.sections.each(func(it *item) {
		for c, n := range it.visits {
			if it.refs[c] == 0 {
				it.refs[c] = table.Add(schema.SectionVisits, 0, it.created, name, string(it.name), schema.Channel(c).String())
			}
			table.Set(it.refs[c], float64(n))
		}
	})
}

// show shows the dark share of the window that ends now.
func (w *window) show(table *series.Table, site string, s span, now int64) {
	sum := w.share(s, now)
	table.Put(schema.RatioVisits, float64(sum.Visits), time.Time{}, site, s.name)
	if sum.Visits == 0 {
		return
	}
	for bound, dark := range sum.Dark {
		table.Put(schema.Ratio, float64(dark)/float64(sum.Visits), time.Time{}, site, s.name, schema.Bound(bound).String())
	}
	lower, upper := stats.Wilson(float64(sum.Dark[schema.BoundEstimate]), float64(sum.Visits))
	table.Put(schema.EstimateInterval, lower, time.Time{}, site, s.name, schema.LimitLower)
	table.Put(schema.EstimateInterval, upper, time.Time{}, site, s.name, schema.LimitUpper)
}

// each calls f with every name that has counters, and with the rest.
func (t *top) each(f func(*item)) {
	for _, r := range t.leaders.heap {
		f(t.items.At(r.slot))
	}
	if !t.rest.created.IsZero() {
		f(&t.rest)
	}
}
