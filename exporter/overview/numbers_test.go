package overview

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"

	"github.com/darkshare/darkshare/exporter/schema"
)

// figuresOf returns the figures behind a page.
func figuresOf(t *testing.T, o Options, site, rng string) *figures {
	t.Helper()
	h := New(o).(*handler)
	ix, err := h.index(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !h.stored(ix, site) {
		return counted(ix, site, clock)
	}
	f, err := h.ask(t.Context(), site, h.rangeOf(rng, ix.oldest[site]))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestNumbers holds what the page shows of each range against what was put in.
func TestNumbers(t *testing.T) {
	w := aWorld().run(t, 30*day)
	for _, r := range ranges {
		t.Run(r.name, func(t *testing.T) { checkNumbers(t, w, r.name, figuresOf(t, w.options(), news, r.name)) })
	}
}

// TestNumbersWithoutStore does so for what was counted since the start.
func TestNumbersWithoutStore(t *testing.T) {
	w := aWorld().run(t, 20*time.Hour)
	w.query = nil
	f := figuresOf(t, w.options(), news, "")
	checkNumbers(t, w, "24h", f)
	if f.lastDay != nil || f.buckets != nil {
		t.Error("more than was counted")
	}
	w.lastDay(news, 5000, 0.21, 0.33, 0.48)
	w.lastDay(shop, 1, 1, 1, 1)
	f = figuresOf(t, w.options(), news, "")
	if f.lastDay == nil || *f.lastDay != (lastDay{5000, bounds{0.21, 0.33, 0.48}}) {
		t.Errorf("last day: %+v", f.lastDay)
	}
}

func checkNumbers(t *testing.T, w *world, over string, f *figures) {
	t.Helper()
	near := func(what string, got, want float64) {
		t.Helper()
		// increase() takes the part of an interval at the range's begin from the rest.
		if want == 0 || math.Abs(got-want) > 0.012*want {
			t.Errorf("%s: %s: %.4f, want %.4f", over, what, got, want)
		}
	}
	// Labels of visits: site, channel, source, evidence, device.
	visits := func(of func(l []string) bool) float64 {
		return w.sum(schema.Visits, over, func(l []string) bool { return l[0] == news && of(l) })
	}
	all := visits(func([]string) bool { return true })
	near("visits", f.visits, all)
	dark := bounds{
		visits(func(l []string) bool { return l[1] == "dark_social" && l[3] != "deep_link" }),
		visits(func(l []string) bool { return l[1] == "dark_social" }),
		visits(func(l []string) bool { return l[1] == "dark_social" || l[1] == "direct" || l[1] == "unknown" }),
	}
	social := visits(func(l []string) bool { return l[1] == "social" })
	for b := range schema.NumBounds {
		near("dark share, "+b.String(), f.dark[b], dark[b]/all)
		near("of social, "+b.String(), f.social[b], dark[b]/(dark[b]+social))
	}
	if len(f.channels) != int(schema.NumChannels) {
		t.Errorf("%d channels", len(f.channels))
	}
	for i, c := range f.channels {
		near(c.of.String(), c.n, visits(func(l []string) bool { return l[1] == c.of.String() }))
		if i > 0 && c.n > f.channels[i-1].n {
			t.Error("channels are not sorted")
		}
	}
	if len(f.apps) != 5 {
		t.Errorf("apps: %v", f.apps)
	}
	for _, a := range f.apps {
		near(a.of, a.n, visits(func(l []string) bool { return l[1] == "dark_social" && l[2] == a.of }))
	}
	near("unnamed", f.unnamed, visits(func(l []string) bool { return l[1] == "dark_social" && l[2] == "other" }))
	for i, want := range []string{"whatsapp app", "other link", "other deep_link", "other entry_page", "other suppressed"} {
		near("direct: "+want, f.direct[i], visits(func(l []string) bool { return l[2]+" "+l[3] == want }))
	}

	var names []string
	for _, p := range f.pages {
		names = append(names, p.name)
		of := func(channel string) float64 {
			return w.sum(schema.PageVisits, over, func(l []string) bool { return l[1] == p.name && (channel == "" || l[2] == channel) })
		}
		near(p.name, p.visits, of(""))
		near(p.name+" dark", p.dark, of("dark_social"))
		near(p.name+" shares", p.shares, w.sum(schema.PageLinkPreviews, over, func(l []string) bool { return l[1] == p.name }))
	}
	if s := strings.Join(names, " "); len(names) != 4 || strings.Contains(s, "other") || strings.Contains(s, "never") {
		t.Errorf("pages: %s", s)
	}
	if len(f.previews) != 4 || f.previews[0].app != "whatsapp" {
		t.Errorf("previews: %v", f.previews)
	}
	for _, p := range f.previews {
		near("previews of "+p.app, p.shares, w.sum(schema.LinkPreviews, over, func(l []string) bool { return l[1] == p.app && l[2] == p.scope.String() }))
	}
	if over == "28d" {
		checkDays(t, w, f)
	}
}

// checkDays holds the chart's days against the world's.
func checkDays(t *testing.T, w *world, f *figures) {
	t.Helper()
	if len(f.buckets) != 28 || f.buckets[27].from != clock.Truncate(day) {
		t.Fatalf("%d days, the last from %s", len(f.buckets), f.buckets[len(f.buckets)-1].from)
	}
	for _, b := range f.buckets {
		var all, dark float64
		for at := clock.Add(-29 * day); !at.After(clock); at = at.Add(interval) {
			if !at.After(b.from) || at.After(b.from.Add(day)) {
				continue
			}
			for _, c := range w.counters {
				if c.metric == schema.Visits && c.labels[0] == news {
					all += c.step(at)
					if c.labels[1] == "dark_social" {
						dark += c.step(at)
					}
				}
			}
		}
		if math.Abs(b.visits-all) > 0.02*all || math.Abs(b.estimate()-dark/all) > 0.005 {
			t.Errorf("%s: %.0f visits, %.4f dark; want %.0f, %.4f", b.from.Format(time.DateOnly), b.visits, b.estimate(), all, dark/all)
		}
	}
}

// TestDefaultRange is the longest range that has something the shorter do not.
func TestDefaultRange(t *testing.T) {
	for _, c := range []struct {
		past  time.Duration
		asked string
		want  string
	}{
		{2 * time.Hour, "", "24h"},
		{23 * time.Hour, "", "24h"},
		{2 * day, "", "7d"},
		{6 * day, "", "7d"},
		{8 * day, "", "28d"},
		{40 * day, "", "28d"},
		{40 * day, "24h", "24h"},
		{2 * time.Hour, "28d", "28d"},
		{40 * day, "1y", "28d"},
	} {
		h := New((&world{}).options()).(*handler)
		if got := h.rangeOf(c.asked, clock.Add(-c.past)).name; got != c.want {
			t.Errorf("%s of data, asked for %q: %s, want %s", c.past, c.asked, got, c.want)
		}
	}
}

// TestYoungStore begins the chart where the store does, in the days' own time zone.
func TestYoungStore(t *testing.T) {
	w := aWorld().run(t, 3*day)
	o := w.options()
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Skip("no time zones here:", err)
	}
	o.Now = func() time.Time { return clock.In(paris) }
	f := figuresOf(t, o, news, "28d")
	var days []string
	for _, b := range f.buckets {
		days = append(days, b.from.Format("02 15:04 MST"))
	}
	if got, want := strings.Join(days, ", "), "19 00:00 CET, 20 00:00 CET, 21 00:00 CET, 22 00:00 CET"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestStoreFails(t *testing.T) {
	w := aWorld().run(t, 2*day)
	o, failing := w.options(), false
	o.Query = func(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
		if failing {
			return nil, errors.New("disk on fire")
		}
		return w.query(ctx, expr, at)
	}
	h := New(o)
	if got := get(t, h, "/?range=24h"); got.Code != 200 {
		t.Fatal(got.Code)
	}
	failing = true
	got := get(t, h, "/?range=7d")
	if got.Code != 503 || !strings.Contains(got.Body.String(), "The numbers could not be read") || strings.Contains(got.Body.String(), "fire") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := get(t, h, "/?range=24h"); got.Code != 200 {
		t.Error("what is kept is not shown:", got.Code)
	}
}
