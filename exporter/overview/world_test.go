package overview

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/darkshare/darkshare/exporter/schema"
)

const (
	news = "news.example"
	shop = "shop.example"
	// interval is the time between two samples.
	interval = 10 * time.Minute
)

// clock is the test's now: a Sunday, 37 minutes past an hour.
var clock = time.Date(2026, 11, 22, 14, 37, 0, 0, time.UTC)

// A counter is a series that goes up by a number of its own in every interval.
type counter struct {
	metric *schema.Metric
	labels []string
	step   func(at time.Time) float64
	// total is what it has come to, in all and in the last 24 hours, 7 and 28 days.
	total float64
	over  map[string]float64
}

// A world is counters, and a store that has their past.
type world struct {
	counters []*counter
	gauges   []schema.Family
	queries  int
	query    func(ctx context.Context, expr string, at time.Time) (promql.Vector, error)
	rangeOf  func(ctx context.Context, expr string, start, end time.Time, step time.Duration) (promql.Matrix, error)
}

func (w *world) add(m *schema.Metric, step func(time.Time) float64, labels ...string) {
	w.counters = append(w.counters, &counter{metric: m, labels: labels, step: step, over: map[string]float64{}})
}

// daily is a rate that is low at night and mean on average, and wanders by some days.
func daily(mean float64) func(time.Time) float64 {
	return func(at time.Time) float64 {
		days := at.Sub(clock).Hours() / 24
		wander := 0.25 * math.Sin(days*(1+mean/10))
		return math.Round(mean * (1 + wander + 0.7*math.Sin((days-0.77)*2*math.Pi)))
	}
}

// viral is daily, and for a day and a half a lot more.
func viral(mean, more float64) func(time.Time) float64 {
	from, usual := time.Date(2026, 11, 10, 8, 0, 0, 0, time.UTC), daily(mean)
	return func(at time.Time) float64 {
		if at.After(from) && at.Before(from.Add(36*time.Hour)) {
			return usual(at) + more
		}
		return usual(at)
	}
}

// aWorld is two sites: one of news, with an article that went round, and a small shop.
func aWorld() *world {
	w := &world{}
	visit := func(site string, step func(time.Time) float64, channel schema.Channel, source string, evidence schema.Evidence) {
		w.add(schema.Visits, step, site, channel.String(), source, evidence.String(), schema.DeviceMobile.String())
	}
	dark := schema.ChannelDarkSocial
	visit(news, viral(7, 40), dark, "whatsapp", schema.EvidenceApp)
	visit(news, daily(4), dark, "messenger", schema.EvidenceReferrer)
	visit(news, daily(3), dark, "gmail", schema.EvidenceReferrer)
	visit(news, daily(2), dark, "telegram", schema.EvidenceTag)
	visit(news, daily(1), dark, "copy", schema.EvidenceTag)
	visit(news, daily(3), dark, "other", schema.EvidenceLink)
	visit(news, viral(15, 30), dark, "other", schema.EvidenceDeepLink)
	visit(news, daily(20), schema.ChannelDirect, "other", schema.EvidenceEntryPage)
	visit(news, daily(45), schema.ChannelSearch, "google", schema.EvidenceReferrer)
	visit(news, daily(10), schema.ChannelSocial, "facebook", schema.EvidenceReferrer)
	visit(news, daily(2), schema.ChannelAI, "chatgpt", schema.EvidenceReferrer)
	visit(news, daily(6), schema.ChannelEmail, "mailchimp", schema.EvidenceTag)
	visit(news, daily(3), schema.ChannelPaid, "google", schema.EvidenceTag)
	visit(news, daily(5), schema.ChannelReferral, "other", schema.EvidenceReferrer)
	visit(news, daily(4), schema.ChannelUnknown, "other", schema.EvidenceSuppressed)
	visit(shop, daily(5), schema.ChannelSearch, "bing", schema.EvidenceReferrer)
	visit(shop, daily(2), dark, "signal", schema.EvidenceApp)

	page := func(path string, dark, rest, shares func(time.Time) float64) {
		w.add(schema.PageVisits, dark, news, path, schema.ChannelDarkSocial.String())
		w.add(schema.PageVisits, rest, news, path, schema.PageChannelRest)
		w.add(schema.PageLinkPreviews, shares, news, path)
	}
	page("/2026/11/the-bridge-that-nobody-wanted-to-build", viral(2, 70), daily(9), viral(1, 12))
	page("/2026/11/winter-tyres", daily(8), daily(30), daily(2))
	page("/opinion/a-letter-to-my-neighbour", daily(5), daily(3), daily(3))
	page("/", daily(2), daily(25), daily(1))
	page(schema.Overflow, daily(18), daily(28), daily(4))
	page("/2026/10/never-shared", daily(0), daily(5), daily(0))

	w.add(schema.LinkPreviews, viral(6, 9), news, "whatsapp", schema.ScopePrivate.String())
	w.add(schema.LinkPreviews, daily(2), news, "slack", schema.ScopePrivate.String())
	w.add(schema.LinkPreviews, daily(4), news, "facebook", schema.ScopeMixed.String())
	w.add(schema.LinkPreviews, daily(2), news, "mastodon", schema.ScopePublic.String())

	w.add(schema.Requests, daily(140), news, schema.KindLanding.String())
	w.add(schema.Requests, daily(8), shop, schema.KindLanding.String())
	w.add(schema.LogLines, daily(400), "access.log")
	return w
}

// run lets the world go on for a time that ends now, and stores it.
func (w *world) run(t testing.TB, length time.Duration) *world {
	t.Helper()
	o := tsdb.DefaultOptions()
	// All stays in memory: compacting weeks to blocks would take most of the time.
	o.MinBlockDuration = (60 * day).Milliseconds()
	o.MaxBlockDuration = o.MinBlockDuration
	db, err := tsdb.Open(t.TempDir(), promslog.NewNopLogger(), nil, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 10e6, Timeout: time.Minute})
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	refs := make([]storage.SeriesRef, len(w.counters))
	start := clock.Add(-length)
	app := db.Appender(t.Context())
	for n, at := 0, start; !at.After(clock); n, at = n+1, at.Add(interval) {
		for i, c := range w.counters {
			if at.After(start) {
				v := c.step(at)
				c.total += v
				for _, r := range ranges {
					if at.After(clock.Add(-r.length)) {
						c.over[r.name] += v
					}
				}
			}
			if refs[i], err = app.Append(refs[i], c.all(), at.UnixMilli(), c.total); err != nil {
				t.Fatal(err)
			}
		}
		if n%500 == 499 {
			if err := app.Commit(); err != nil {
				t.Fatal(err)
			}
			app = db.Appender(t.Context())
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	w.query = func(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
		w.queries++
		q, err := engine.NewInstantQuery(ctx, db, nil, expr, at)
		if err != nil {
			return nil, err
		}
		defer q.Close()
		v, err := q.Exec(ctx).Vector()
		return append(promql.Vector(nil), v...), err
	}
	w.rangeOf = func(ctx context.Context, expr string, start, end time.Time, step time.Duration) (promql.Matrix, error) {
		w.queries++
		q, err := engine.NewRangeQuery(ctx, db, nil, expr, start, end, step)
		if err != nil {
			return nil, err
		}
		defer q.Close()
		m, err := q.Exec(ctx).Matrix()
		copied := make(promql.Matrix, len(m))
		for i, s := range m {
			copied[i] = promql.Series{Metric: s.Metric, Floats: append([]promql.FPoint(nil), s.Floats...)}
		}
		return copied, err
	}
	return w
}

func (c *counter) all() labels.Labels {
	b := labels.NewScratchBuilder(8)
	b.Add(model.MetricNameLabel, c.metric.Name)
	b.Add("job", "darkshare")
	for i, name := range c.metric.Labels {
		b.Add(name, c.labels[i])
	}
	b.Sort()
	return b.Labels()
}

// snapshot is the world as it is now.
func (w *world) snapshot() []schema.Family {
	families := append([]schema.Family(nil), w.gauges...)
	for _, m := range schema.Metrics {
		f := schema.Family{Metric: m}
		for _, c := range w.counters {
			if c.metric == m {
				f.Add(c.total, clock.Add(-90*time.Minute), c.labels...)
			}
		}
		if len(f.Samples) > 0 {
			families = append(families, f)
		}
	}
	return families
}

// sum adds up what counters of a metric came to over a range.
func (w *world) sum(m *schema.Metric, over string, of func(labels []string) bool) (sum float64) {
	for _, c := range w.counters {
		if c.metric == m && of(c.labels) {
			sum += c.over[over]
		}
	}
	return sum
}

// gauge sets a gauge of the snapshot.
func (w *world) gauge(m *schema.Metric, v float64, labels ...string) {
	f := schema.Family{Metric: m}
	f.Add(v, time.Time{}, labels...)
	w.gauges = append(w.gauges, f)
}

// lastDay sets the gauges of a site's last 24 hours.
func (w *world) lastDay(site string, visits, known, estimate, ceiling float64) {
	w.gauge(schema.RatioVisits, visits, site, "24h")
	w.gauge(schema.Ratio, known, site, "24h", schema.BoundKnown.String())
	w.gauge(schema.Ratio, estimate, site, "24h", schema.BoundEstimate.String())
	w.gauge(schema.Ratio, ceiling, site, "24h", schema.BoundCeiling.String())
}

func (w *world) options() Options {
	return Options{
		Snapshot: w.snapshot, Query: w.query, Range: w.rangeOf,
		Now: func() time.Time { return clock }, Version: "1.2.3", Logger: promslog.NewNopLogger(),
	}
}
