package question

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"golang.org/x/sync/errgroup"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stats"
)

// fewBefore is how many private visits a page must have had before, so that a change of
// them says something.
const fewBefore = 10

// A page is what is known of a page over the range.
type page struct {
	site, name                   string
	visits, dark, shares, before float64
}

// topPages answers which pages go round in private.
func (a *ask) topPages(ctx context.Context) (data.Frames, error) {
	s, err := a.total(ctx, schema.PageVisits, schema.PageLinkPreviews)
	if err != nil {
		return nil, err
	}
	earlier, err := a.before(ctx, s, schema.PageVisits)
	if err != nil {
		return nil, err
	}
	byPage := []string{schema.LabelSite, schema.LabelPage}
	byChannel := append(byPage[:2:2], schema.LabelChannel)
	var visits, shares, before *counts
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		visits, err = a.counts(inner, schema.PageVisits, byChannel, a.matchers(), s)
		return err
	})
	group.Go(func() (err error) {
		shares, err = a.counts(inner, schema.PageLinkPreviews, byPage, a.matchers(), s)
		return err
	})
	group.Go(func() (err error) {
		private := append(a.matchers(), only(schema.LabelChannel, schema.ChannelDarkSocial.String()))
		before, err = a.counts(inner, schema.PageVisits, byPage, private, earlier)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return data.Frames{a.pagesFrame(pagesOf(visits, shares, before), before.seen[0])}, nil
}

// pagesOf joins what was counted by page.
func pagesOf(visits, shares, before *counts) []*page {
	type key struct{ site, page string }
	all := map[key]*page{}
	of := func(values []string) *page {
		k := key{values[0], values[1]}
		if all[k] == nil {
			all[k] = &page{site: k.site, name: k.page}
		}
		return all[k]
	}
	for _, r := range visits.rows {
		p := of(r.values)
		p.visits += r.sum()
		if r.values[2] == schema.ChannelDarkSocial.String() {
			p.dark += r.sum()
		}
	}
	for _, r := range shares.rows {
		of(r.values).shares += r.sum()
	}
	for _, r := range before.rows {
		of(r.values).before += r.sum()
	}
	var pages []*page
	for _, p := range all {
		if p.visits > 0 || p.shares > 0 {
			pages = append(pages, p)
		}
	}
	slices.SortFunc(pages, func(a, b *page) int {
		return cmp.Or(boolCompare(a.name == schema.Overflow, b.name == schema.Overflow),
			cmp.Compare(countable(b.dark), countable(a.dark)), cmp.Compare(countable(b.visits), countable(a.visits)), cmp.Compare(a.site, b.site), cmp.Compare(a.name, b.name))
	})
	return pages
}

// cut puts the pages past the limit, and those that were never told apart, into one.
func cut(pages []*page, limit int) []*page {
	var out []*page
	rest := &page{name: schema.Overflow}
	for i, p := range pages {
		if i < limit && p.name != schema.Overflow {
			out = append(out, p)
			continue
		}
		rest.visits += p.visits
		rest.dark += p.dark
		rest.shares += p.shares
		rest.before += p.before
	}
	if rest.visits > 0 || rest.shares > 0 {
		out = append(out, rest)
	}
	return out
}

func (a *ask) pagesFrame(pages []*page, knownBefore bool) *data.Frame {
	sites := map[string]bool{}
	for _, p := range pages {
		sites[p.site] = true
	}
	pages = cut(pages, a.limit())
	var site, name []string
	var visits, dark, share, low, high, shares, perShare, before, changed []float64
	for _, p := range pages {
		site, name = append(site, p.site), append(name, Named(schema.LabelPage, p.name))
		visits, dark, shares = append(visits, p.visits), append(dark, p.dark), append(shares, p.shares)
		share = append(share, over(p.dark, p.visits))
		l, h := stats.Wilson(p.dark, p.visits)
		low, high = append(low, l), append(high, h)
		perShare = append(perShare, over(p.dark, p.shares))
		was := p.before
		if !knownBefore {
			was = math.NaN()
		}
		before = append(before, was)
		if !(was >= fewBefore) {
			was = math.NaN()
		}
		changed = append(changed, p.dark/was-1)
	}
	if a.Single {
		paths := make([]string, len(pages))
		for i, p := range pages {
			paths[i] = p.site + p.name
		}
		return single("Top pages", schema.LabelPage, paths, numbers(namePrivate, nil, dark, count))
	}
	fields := []*data.Field{
		texts("Page", name),
		numbers(namePrivate, nil, dark, count, coloured(colourDark)),
		numbers(nameVisits, nil, visits, count),
		numbers(nameShare, nil, share, percent, coloured(colourDark)),
		numbers(nameLow, nil, low, percent, described("Chance alone explains a share between these two.")),
		numbers(nameHigh, nil, high, percent),
		numbers("Shares", nil, shares, count, described("Link previews that apps fetched to show a pasted link: one for each share that could be seen.")),
		numbers("Private visits per share", nil, perShare, times),
		numbers("Private visits before", nil, before, count, described("In the time of the same length before.")),
		numbers("Change", nil, changed, change, described("Of the private visits, against the time of the same length before.")),
	}
	if len(sites) > 1 {
		fields = append(fields[:1:1], append([]*data.Field{texts("Site", site)}, fields[1:]...)...)
	}
	return rowsOf("Top pages", fields...)
}

// over is a over b, nothing where b is 0.
func over(a, b float64) float64 {
	if b > 0 {
		return a / b
	}
	return math.NaN()
}
