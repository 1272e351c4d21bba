package tally

import (
	"sort"
	"strings"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stats"
)

// Snapshot returns every series, in the order of schema.Metrics and sorted by
// label values within. Series that are known beforehand are there with 0.
func (t *Tally) Snapshot() []schema.Family {
	b := builder{families: map[*schema.Metric]*schema.Family{}}
	t.snapshotInputs(&b)
	for id, s := range t.sites {
		if s != nil {
			t.snapshotSite(&b, t.opt.SiteName(id), s)
		}
	}
	t.snapshotExcess(&b)
	for k, c := range t.visits {
		b.add(schema.Visits, c, t.opt.SiteName(k.site()), k.channel().String(), t.opt.SourceName(k.source()), k.evidence().String(), k.device().String())
	}
	for k, c := range t.unconf {
		b.add(schema.UnconfirmedLandings, c, t.opt.SiteName(k.site), k.channel.String())
	}
	for k, c := range t.shares {
		b.add(schema.LinkPreviews, c, t.opt.SiteName(k.site), k.app, k.scope.String())
	}
	for k, c := range t.goals {
		b.add(schema.Conversions, c, t.opt.SiteName(k.site), k.goal, k.channel.String(), k.source)
	}
	for i, name := range t.limited.names {
		b.add(schema.LimitReached, &counter{t.limited.counts[i](), t.limited.created[i]}, name)
	}
	return b.sorted()
}

func (t *Tally) snapshotInputs(b *builder) {
	for i := range t.inputs {
		in := &t.inputs[i]
		b.add(schema.LogLines, &in.lines, in.name)
		for r := schema.ReasonNone + 1; r < schema.NumReasons; r++ {
			b.add(schema.LogErrors, &in.errors[r], in.name, r.String())
		}
		if in.newest != 0 {
			b.gauge(schema.InputLastRecord, float64(in.newest)/float64(time.Second), in.name)
		}
	}
}

func (t *Tally) snapshotSite(b *builder, name string, s *siteTally) {
	for k, n := range s.requests {
		b.add(schema.Requests, &counter{n, s.created}, name, schema.Kind(k).String())
	}
	for i := range s.windows {
		sum := s.windows[i].share(windowSpans[i], t.now)
		b.gauge(schema.RatioVisits, float64(sum.Visits), name, windowSpans[i].name)
		if sum.Visits == 0 {
			continue
		}
		for bound, dark := range sum.Dark {
			b.gauge(schema.Ratio, float64(dark)/float64(sum.Visits), name, windowSpans[i].name, schema.Bound(bound).String())
		}
		lower, upper := stats.Wilson(float64(sum.Dark[schema.BoundEstimate]), float64(sum.Visits))
		b.gauge(schema.EstimateInterval, lower, name, windowSpans[i].name, schema.LimitLower)
		b.gauge(schema.EstimateInterval, upper, name, windowSpans[i].name, schema.LimitUpper)
	}
	s.pages.each(func(page string, it *item) {
		var rest uint64
		for c, n := range it.visits {
			if schema.Channel(c) != schema.ChannelDarkSocial {
				rest += n
			}
		}
		b.add(schema.PageVisits, &counter{it.visits[schema.ChannelDarkSocial], it.created}, name, page, schema.ChannelDarkSocial.String())
		b.add(schema.PageVisits, &counter{rest, it.created}, name, page, schema.PageChannelRest)
		b.add(schema.PageLinkPreviews, &counter{it.shares, it.created}, name, page)
	})
	s.sections.each(func(section string, it *item) {
		for c, n := range it.visits {
			b.add(schema.SectionVisits, &counter{n, it.created}, name, section, schema.Channel(c).String())
		}
	})
}

// snapshotExcess adds up what is expected beside the visits that are counted.
func (t *Tally) snapshotExcess(b *builder) {
	sums := make([][schema.NumCauses]parts, len(t.sites))
	for k, c := range t.visits {
		n, cause := t.excess(k.channel(), k.source(), k.evidence())
		sums[k.site()][cause] += n.times(c.n)
	}
	for id, s := range t.sites {
		if s == nil {
			continue
		}
		for cause, sum := range sums[id] {
			b.family(schema.DeepLinkExcess).Add(sum.visits(), s.created, t.opt.SiteName(id), schema.Cause(cause).String())
		}
	}
}

// each calls f with every name that has counters, and with the rest.
func (t *top) each(f func(name string, it *item)) {
	for _, r := range t.leaders {
		f(r.name, r.item)
	}
	if !t.rest.created.IsZero() {
		f(schema.Overflow, &t.rest)
	}
}

// A builder collects series by metric.
type builder struct {
	families map[*schema.Metric]*schema.Family
}

func (b *builder) add(m *schema.Metric, c *counter, labels ...string) {
	b.family(m).Add(float64(c.n), c.created, labels...)
}

func (b *builder) gauge(m *schema.Metric, v float64, labels ...string) {
	b.family(m).Add(v, time.Time{}, labels...)
}

func (b *builder) family(m *schema.Metric) *schema.Family {
	f := b.families[m]
	if f == nil {
		f = &schema.Family{Metric: m}
		b.families[m] = f
	}
	return f
}

func (b *builder) sorted() []schema.Family {
	var out []schema.Family
	for _, m := range schema.Metrics {
		f := b.families[m]
		if f == nil {
			continue
		}
		sort.Slice(f.Samples, func(i, j int) bool {
			return less(f.Samples[i].Labels, f.Samples[j].Labels)
		})
		out = append(out, *f)
	}
	return out
}

func less(a, b []string) bool {
	for i := range a {
		if c := strings.Compare(a[i], b[i]); c != 0 {
			return c < 0
		}
	}
	return false
}
