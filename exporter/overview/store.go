package overview

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"

	"github.com/darkshare/darkshare/exporter/schema"
)

const day = 24 * time.Hour

// A timeRange is a stretch of time that the page can show, in buckets of a step.
type timeRange struct {
	name         string
	length, step time.Duration
}

// ranges are in the order of their length. Their steps make charts of 24 to 29 points:
// enough to see a shape, few enough to have visits in each.
var ranges = [...]timeRange{{"24h", day, time.Hour}, {"7d", 7 * day, 6 * time.Hour}, {"28d", 28 * day, day}}

// rangeOf returns the range of that name, else the longest that has something the
// shorter ones do not have.
func (h *handler) rangeOf(name string, oldest time.Time) timeRange {
	chosen := ranges[0]
	for i, r := range ranges {
		if r.name == name {
			return r
		}
		if i > 0 && !oldest.IsZero() && oldest.Before(h.opts.Now().Add(-ranges[i-1].length)) {
			chosen = r
		}
	}
	return chosen
}

// stored reports whether the store has anything of the site; in its first minute
// it has not.
func (h *handler) stored(ix *index, site string) bool {
	return h.opts.Query != nil && !ix.oldest[site].IsZero()
}

// history fills the index with the sites that the store has, by landings, and since when.
func (h *handler) history(ctx context.Context, ix *index) error {
	const step = 6 * time.Hour
	now := h.opts.Now()
	landings := matcher(schema.LabelKind, schema.KindLanding.String())
	m, err := h.opts.Range(ctx, increase(schema.Requests, step, []string{schema.LabelSite}, landings),
		now.Add(step-ranges[len(ranges)-1].length), now, step)
	if err != nil {
		return err
	}
	for _, series := range m {
		site := series.Metric.Get(schema.LabelSite)
		if len(series.Floats) == 0 || site == "" {
			continue
		}
		ix.oldest[site] = time.UnixMilli(series.Floats[0].T)
		landings := 0.0
		for _, p := range series.Floats {
			landings += p.F
		}
		ix.landings[site] = max(ix.landings[site], landings)
	}
	return nil
}

// ask gets the figures of the range that ends now from the store.
func (h *handler) ask(ctx context.Context, site string, r timeRange) (*figures, error) {
	now := h.opts.Now()
	f := &figures{from: now.Add(-r.length), to: now, step: r.step}
	q := storeQuery{ctx: ctx, opts: &h.opts, site: matcher(schema.LabelSite, site), over: r.length, at: now}

	var visits visitCount
	q.each(schema.Visits, func(l []string, n float64) { visits.add(l[0], l[1], l[2], n) },
		schema.LabelChannel, schema.LabelSource, schema.LabelEvidence)
	visits.fill(f)

	pages := pageCount{}
	q.each(schema.PageVisits, func(l []string, n float64) { pages.add(l[0], l[1], n) }, schema.LabelPage, schema.LabelChannel)
	q.each(schema.PageLinkPreviews, func(l []string, n float64) { pages.of(l[0]).shares += n }, schema.LabelPage)
	f.pages = pages.top()

	var previews []preview
	q.each(schema.LinkPreviews, func(l []string, n float64) {
		if scope, ok := schema.ParseScope(l[1]); ok {
			previews = append(previews, preview{l[0], scope, n})
		}
	}, schema.LabelApp, schema.LabelScope)
	f.previews = topPreviews(previews)

	f.buckets = q.buckets(r)
	return f, q.err
}

// A storeQuery asks for one site's figures, until the first error.
type storeQuery struct {
	ctx  context.Context
	opts *Options
	site string
	over time.Duration
	at   time.Time
	err  error
}

// each calls f with the increase of a metric for every combination of the labels.
func (q *storeQuery) each(m *schema.Metric, f func(values []string, n float64), by ...string) {
	if q.err != nil {
		return
	}
	var v promql.Vector
	if v, q.err = q.opts.Query(q.ctx, increase(m, q.over, by, q.site), q.at); q.err != nil {
		return
	}
	values := make([]string, len(by))
	for _, s := range v {
		for i, name := range by {
			values[i] = s.Metric.Get(name)
		}
		f(values, s.F)
	}
}

// buckets returns the dark share by the range's step. Buckets begin where days and
// hours do, so the first is older than the range's begin and the last is not full.
func (q *storeQuery) buckets(r timeRange) []bucket {
	if q.err != nil {
		return nil
	}
	midnight := time.Date(q.at.Year(), q.at.Month(), q.at.Day(), 0, 0, 0, 0, q.at.Location())
	last := midnight.Add(q.at.Sub(midnight).Truncate(r.step))
	first := last.Add(-(r.length - r.step))
	if r.length == ranges[0].length {
		first = first.Add(-r.step)
	}
	by := []string{schema.LabelChannel, schema.LabelEvidence}
	// A point's value is over the time that ends there.
	m, err := q.opts.Range(q.ctx, increase(schema.Visits, r.step, by, q.site), first.Add(r.step), last.Add(r.step), r.step)
	if err != nil {
		q.err = err
		return nil
	}
	at := map[int64]*visitCount{}
	for _, series := range m {
		for _, p := range series.Floats {
			if at[p.T] == nil {
				at[p.T] = &visitCount{}
			}
			at[p.T].add(series.Metric.Get(schema.LabelChannel), "", series.Metric.Get(schema.LabelEvidence), p.F)
		}
	}
	if len(at) == 0 {
		return nil
	}
	// Where the store begins within the range, so does the chart.
	oldest := time.UnixMilli(slices.Min(slices.Collect(maps.Keys(at)))).Add(-r.step)
	var buckets []bucket
	for t := first; !t.After(last); t = t.Add(r.step) {
		if t.Before(oldest) {
			continue
		}
		b := bucket{from: t}
		if c := at[t.Add(r.step).UnixMilli()]; c != nil {
			b.visits, b.dark = c.visits(), c.share()
		}
		buckets = append(buckets, b)
	}
	return buckets
}

// increase is the PromQL for the increase of a counter, summed by the labels.
func increase(m *schema.Metric, over time.Duration, by []string, matcher string) string {
	return fmt.Sprintf("sum by (%s) (increase(%s{%s}[%s]))", strings.Join(by, ", "), m.Name, matcher, model.Duration(over))
}

// matcher selects series by a label. PromQL's lexer takes U+FFFD, which stands in
// names that were no UTF-8, for a mistake unless it is escaped: labels.Matcher does not.
func matcher(name, value string) string { return name + "=" + strconv.QuoteToASCII(value) }
