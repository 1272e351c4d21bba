package history

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"go.uber.org/goleak"
)

// storyStart is when the test's story begins: on a whole hour, so that samples are at
// whole minutes and evaluations at odd seconds never meet one. Prometheus 3's ranges
// are open on the left, Prometheus 2's closed.
var storyStart = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// openStore opens a store that is closed, and has left no goroutine, when the test ends.
func openStore(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	ignore := goleak.IgnoreCurrent()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		closeStore(t, s)
		goleak.VerifyNone(t, ignore)
	})
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func appendAll(t testing.TB, s *Store, points []Point) {
	t.Helper()
	if err := s.Append(points); err != nil {
		t.Fatal(err)
	}
}

// A story is what darkshare's series do over some days: counters with the day's
// rhythm, a restart, series that begin late and that end, gauges.
type story struct {
	rand  *rand.Rand
	actor []*actor
}

type actor struct {
	series   Series
	counter  bool
	rate     float64 // a minute, by day
	value    float64
	from, to int // minutes
	ended    bool
}

func newStory() *story {
	s := &story{rand: rand.New(rand.NewPCG(1, 2))}
	sources := [][3]string{
		{"dark_social", "whatsapp", "app"}, {"dark_social", "gmail", "referrer"}, {"dark_social", "other", "deep_link"},
		{"direct", "other", "entry_page"}, {"search", "google", "referrer"}, {"search", "bing", "referrer"},
		{"social", "facebook", "referrer"}, {"social", "mastodon", "referrer"}, {"ai", "chatgpt", "tag"},
		{"email", "newsletter", "tag"}, {"paid", "google", "tag"}, {"referral", "other", "referrer"}, {"unknown", "other", "suppressed"},
	}
	for n, site := range []string{"blog.example", "shop.example", "news.example"} {
		add := func(counter bool, rate float64, kv ...string) *actor {
			a := &actor{series: Series{Labels: labels.FromStrings(append(kv, "site", site)...)}, counter: counter, rate: rate, to: math.MaxInt}
			s.actor = append(s.actor, a)
			return a
		}
		for i, source := range sources {
			for j, device := range []string{"mobile", "desktop"} {
				a := add(true, float64((n+1)*(i+1))/10, model.MetricNameLabel, "darkshare_visits_total",
					"channel", source[0], "source", source[1], "evidence", source[2], "device", device)
				switch {
				case i == 8: // assistants begin to send visitors on the second day
					a.from = 24*60 + 7*j
				case i == 11 && j == 1: // and a series ends
					a.to = 30 * 60
				}
			}
		}
		for i := range 20 {
			for _, channel := range []string{"dark_social", "rest"} {
				add(true, 1/float64(i+1), model.MetricNameLabel, "darkshare_page_visits_total", "page", fmt.Sprintf("/article/%d", i), "channel", channel)
			}
		}
		for i, app := range []string{"whatsapp", "telegram", "facebook"} {
			add(true, .2, model.MetricNameLabel, "darkshare_link_previews_total", "app", app, "scope", []string{"private", "private", "mixed"}[i])
		}
		for _, goal := range []string{"signup", "order"} {
			add(true, .05, model.MetricNameLabel, "darkshare_conversions_total", "goal", goal, "channel", "dark_social", "source", "whatsapp")
		}
		for i, kind := range []string{"landing", "internal", "asset", "bot"} {
			add(true, float64(i+1)*3, model.MetricNameLabel, "darkshare_requests_total", "kind", kind)
		}
		for i, bound := range []string{"known", "estimate", "ceiling"} {
			for _, window := range []string{"5m", "1h", "24h"} {
				add(false, .2*float64(i+1), model.MetricNameLabel, "darkshare_ratio", "window", window, "bound", bound)
			}
		}
	}
	s.actor = append(s.actor, &actor{series: Series{Labels: labels.FromStrings(model.MetricNameLabel, "darkshare_build_info", "version", `1.0 "ü"\`)}, rate: 1, to: math.MaxInt})
	return s
}

// minute returns the samples of a minute.
func (s *story) minute(m int) (points []Point) {
	const restart = 40 * 60
	day := 1 + .8*math.Sin(2*math.Pi*float64(m)/(24*60))
	at := storyStart.Add(time.Duration(m) * time.Minute).UnixMilli()
	for _, a := range s.actor {
		switch {
		case m < a.from || a.ended:
			continue
		case m >= a.to:
			a.ended = true
			points = append(points, Point{&a.series, at, math.Float64frombits(value.StaleNaN)})
			continue
		case !a.counter:
			a.value = a.rate * (.5 + .5*s.rand.Float64())
		case m == restart:
			a.value = 0
		default:
			a.value += math.Floor(a.rate*day + s.rand.Float64())
		}
		points = append(points, Point{&a.series, at, a.value})
	}
	return points
}

// tell appends the minutes to the store.
func (s *story) tell(t testing.TB, to *Store, from, until int) {
	t.Helper()
	for m := from; m < until; m++ {
		appendAll(t, to, s.minute(m))
	}
}

// forget drops what the series know of the store that they were handed to.
func (s *story) forget() {
	for _, a := range s.actor {
		a.series.ref = 0
	}
}

func storyTime(minutes int) time.Time { return storyStart.Add(time.Duration(minutes) * time.Minute) }

// ask asks for one value; 0, false where there is none.
func ask(t testing.TB, s *Store, expr string, at time.Time) (float64, bool) {
	t.Helper()
	v, err := s.Query(context.Background(), expr, at)
	if err != nil {
		t.Fatal(err)
	}
	switch len(v) {
	case 0:
		return 0, false
	case 1:
		return v[0].F, true
	}
	t.Fatalf("%s: %d values", expr, len(v))
	return 0, false
}

func TestAppendOnce(t *testing.T) {
	registry := prometheus.NewRegistry()
	dir := t.TempDir()
	s := openStore(t, dir, Options{Registerer: registry})
	if s.Newest() != 0 {
		t.Errorf("newest of nothing: %d", s.Newest())
	}
	series := &Series{Labels: labels.FromStrings(model.MetricNameLabel, "m")}
	at := storyStart.UnixMilli()
	for _, tc := range []struct {
		what    string
		at      int64
		value   float64
		skipped float64
	}{
		{"the first", at, 1, 0},
		{"the next", at + 60_000, 2, 0},
		{"the same again", at + 60_000, 2, 0},
		{"the same time, another value", at + 60_000, 3, 1},
		{"an older one", at, 1, 2},
		{"one from before the store", at - 86_400_000, 1, 3},
		{"a stale marker", at + 120_000, math.Float64frombits(value.StaleNaN), 3},
		{"on again", at + 180_000, 4, 3},
	} {
		appendAll(t, s, []Point{{series, tc.at, tc.value}})
		if got := testutil.ToFloat64(s.skipped); got != tc.skipped {
			t.Errorf("%s: %v skipped, want %v", tc.what, got, tc.skipped)
		}
	}
	if s.Newest() != at+180_000 {
		t.Errorf("newest: %d", s.Newest())
	}
	if series.ref == 0 {
		t.Error("the series was not found again")
	}
	closeStore(t, s)

	s = openStore(t, dir, Options{Registerer: registry}) // the registry has nothing left of the first
	if s.Newest() != at+180_000 {
		t.Errorf("newest after opening again: %d", s.Newest())
	}
	appendAll(t, s, []Point{{&Series{Labels: series.Labels}, at, 9}, {&Series{Labels: series.Labels}, at + 240_000, 5}})
	m, err := s.Range(context.Background(), "m", storyTime(0), storyTime(4), time.Minute)
	if err != nil || len(m) != 1 {
		t.Fatal(m, err)
	}
	var got []string
	for _, p := range m[0].Floats {
		got = append(got, fmt.Sprint((p.T-at)/60_000, "m ", p.F))
	}
	if diff := cmp.Diff([]string{"0m 1", "1m 2", "3m 4", "4m 5"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAppendAllOrNothing(t *testing.T) {
	s := openStore(t, t.TempDir(), Options{})
	good := Series{Labels: labels.FromStrings(model.MetricNameLabel, "good")}
	bad := Series{} // no labels at all
	if err := s.Append([]Point{{&good, storyStart.UnixMilli(), 1}, {&bad, storyStart.UnixMilli(), 1}}); err == nil {
		t.Error("a series without labels was taken")
	}
	if _, ok := ask(t, s, "good", storyTime(0)); ok {
		t.Error("half of the points were taken")
	}
}

// TestMemoryStaysFlat replays two days at once: memory never holds more than the limit.
func TestMemoryStaysFlat(t *testing.T) {
	s := openStore(t, t.TempDir(), Options{})
	story := newStory()
	for m := 0; m < 2*24*60; m += 10 {
		appendAll(t, s, story.minute(m))
		if span := s.db.Head().MaxTime() - s.db.Head().MinTime(); span > headLimit.Milliseconds()+10*60_000 {
			t.Fatalf("%v in memory", time.Duration(span)*time.Millisecond)
		}
	}
	if n := len(s.db.Blocks()); n < 3 {
		t.Errorf("%d blocks", n)
	}
	if _, ok := ask(t, s, "darkshare_build_info", storyTime(4)); !ok {
		t.Error("the first samples are gone")
	}
}

func TestRetention(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, Options{Retention: 24 * time.Hour})
	story := newStory()
	for m := 0; m < 4*24*60; m += 15 {
		appendAll(t, s, story.minute(m))
	}
	if err := s.db.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, ok := ask(t, s, "darkshare_build_info", storyTime(60)); ok {
		t.Error("the first day is still there")
	}
	if _, ok := ask(t, s, "darkshare_build_info", storyTime(3*24*60+12*60)); !ok {
		t.Error("the last day is gone")
	}
}

func TestLogsLittle(t *testing.T) {
	var out logLines
	s := openStore(t, t.TempDir(), Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
	newStory().tell(t, s, 0, 10)
	closeStore(t, s)
	if len(out) > 0 {
		t.Errorf("logged without need:\n%s", out)
	}
}

type logLines []byte

func (l *logLines) Write(b []byte) (int, error) { *l = append(*l, b...); return len(b), nil }

func BenchmarkAppend(b *testing.B) {
	s := openStore(b, b.TempDir(), Options{})
	var points []Point
	for i := range 700 {
		points = append(points, Point{Series: &Series{Labels: labels.FromStrings(model.MetricNameLabel, "m", "i", strconv.Itoa(i))}})
	}
	b.ReportAllocs()
	b.SetBytes(int64(16 * len(points)))
	at := storyStart.UnixMilli()
	for b.Loop() {
		for i := range points {
			points[i].At, points[i].Value = at, float64(at)
		}
		if err := s.Append(points); err != nil {
			b.Fatal(err)
		}
		at += 60_000
	}
}

// copyDir copies the files of a directory.
func copyDir(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// files lists the files under a directory with their contents.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	if err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all[path] = string(b)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}
