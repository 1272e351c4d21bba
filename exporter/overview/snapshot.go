package overview

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

// An index is what is there to show, whichever site and range is chosen.
type index struct {
	families []schema.Family
	// sites are sorted, most landings first and schema.Overflow at the end.
	sites    []string
	landings map[string]float64
	// oldest is a time that the store has the site at, its first to some hours; no
	// entry is none.
	oldest map[string]time.Time
}

func (h *handler) index(ctx context.Context) (*index, error) {
	ix := &index{families: h.opts.Snapshot(), landings: map[string]float64{}, oldest: map[string]time.Time{}}
	ix.each(schema.Requests, func(site string, l []string, s schema.Sample) {
		// A site that has no landing yet is one all the same.
		n := 0.0
		if l[1] == schema.KindLanding.String() {
			n = s.Value
		}
		ix.landings[site] += n
	})
	if h.opts.Range != nil {
		if err := h.history(ctx, ix); err != nil {
			return nil, err
		}
	}
	ix.sites = slices.SortedFunc(maps.Keys(ix.landings), func(a, b string) int {
		return cmp.Or(
			cmp.Compare(overflow(a), overflow(b)),
			cmp.Compare(ix.landings[b], ix.landings[a]),
			cmp.Compare(a, b))
	})
	return ix, nil
}

// overflow is 1 for what takes the sites that have no name, which comes last.
func overflow(site string) int {
	if site == schema.Overflow {
		return 1
	}
	return 0
}

// site returns the site of that name, else the largest, or "" where there is none.
func (ix *index) site(name string) string {
	if slices.Contains(ix.sites, name) {
		return name
	}
	if len(ix.sites) == 0 {
		return ""
	}
	return ix.sites[0]
}

// each calls f with every sample of a metric whose first label is the site.
func (ix *index) each(m *schema.Metric, f func(site string, l []string, s schema.Sample)) {
	for _, family := range ix.families {
		if family.Metric == m {
			for _, s := range family.Samples {
				f(s.Labels[0], s.Labels, s)
			}
		}
	}
}

// total adds up the samples of a metric, those whose label i is the value, or all
// where i is negative.
func (ix *index) total(m *schema.Metric, i int, value string) (sum float64) {
	for _, family := range ix.families {
		if family.Metric == m {
			for _, s := range family.Samples {
				if i < 0 || s.Labels[i] == value {
					sum += s.Value
				}
			}
		}
	}
	return sum
}

// counted gets the figures from what was counted since the start. The dark share is
// that of the last 24 hours, if there was a visit.
func counted(ix *index, site string, now time.Time) *figures {
	f := &figures{to: now, since: true}
	var visits visitCount
	ix.each(schema.Visits, func(of string, l []string, s schema.Sample) {
		if of != site {
			return
		}
		visits.add(l[1], l[2], l[3], s.Value)
		if !s.Created.IsZero() && (f.from.IsZero() || s.Created.Before(f.from)) {
			f.from = s.Created.In(now.Location())
		}
	})
	visits.fill(f)

	pages := pageCount{}
	ix.each(schema.PageVisits, func(of string, l []string, s schema.Sample) {
		if of == site {
			pages.add(l[1], l[2], s.Value)
		}
	})
	ix.each(schema.PageLinkPreviews, func(of string, l []string, s schema.Sample) {
		if of == site {
			pages.of(l[1]).shares += s.Value
		}
	})
	f.pages = pages.top()

	var previews []preview
	ix.each(schema.LinkPreviews, func(of string, l []string, s schema.Sample) {
		if scope, ok := schema.ParseScope(l[2]); ok && of == site {
			previews = append(previews, preview{l[1], scope, s.Value})
		}
	})
	f.previews = topPreviews(previews)
	ix.lastDay(f, site)
	return f
}

// lastDay puts in the dark share of the last 24 hours.
func (ix *index) lastDay(f *figures, site string) {
	const window = "24h"
	var d lastDay
	ix.each(schema.RatioVisits, func(of string, l []string, s schema.Sample) {
		if of == site && l[1] == window {
			d.visits = s.Value
		}
	})
	ix.each(schema.Ratio, func(of string, l []string, s schema.Sample) {
		for b := range schema.NumBounds {
			if of == site && l[1] == window && l[2] == b.String() {
				d.dark[b] = s.Value
			}
		}
	})
	if d.visits > 0 {
		f.lastDay = &d
	}
}
