package history

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// ownRules are a user's: one group leans on another, and a rule on the one before it.
const ownRules = `
groups:
- name: often
  interval: 5m
  rules:
  - record: site:darkshare_requests:rate10m
    expr: sum by (site) (rate(darkshare_requests_total[10m]))
    labels: {own: "yes"}
  - record: darkshare_requests:rate10m
    expr: sum(site:darkshare_requests:rate10m)
  - alert: Quiet
    expr: darkshare_requests:rate10m < 0
- name: seldom
  interval: 30m
  query_offset: 7m
  rules:
  - record: darkshare_requests:max30m
    expr: max_over_time(darkshare_requests:rate10m[30m])
`

func ownRuleFile(t testing.TB) string {
	file := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(file, []byte(ownRules), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// recordedSamples returns every recorded sample by series, without stale markers.
func recordedSamples(t testing.TB, s *Store) map[string][]string {
	t.Helper()
	q, err := s.db.Querier(0, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	all := map[string][]string{}
	set := q.Select(context.Background(), true, nil, labels.MustNewMatcher(labels.MatchRegexp, model.MetricNameLabel, ".*:.*"))
	for set.Next() {
		series := set.At()
		for it := series.Iterator(nil); it.Next() != chunkenc.ValNone; {
			if at, v := it.At(); !value.IsStaleNaN(v) {
				all[series.Labels().String()] = append(all[series.Labels().String()], fmt.Sprintf("%s %.9g", time.UnixMilli(at).UTC().Format(time.RFC3339Nano), v))
			}
		}
	}
	if set.Err() != nil {
		t.Fatal(set.Err())
	}
	return all
}

// live evaluates the groups at the times at which the manager would have between the
// minute before and this one.
func live(s *Store, minute int) {
	from, to := storyTime(minute-1), storyTime(minute)
	for _, g := range s.ruleGroups() {
		if at := g.EvalTimestamp(to.UnixNano()); at.After(from) {
			g.Eval(context.Background(), at)
		}
	}
}

// TestBackfillIsWhatLiveIs has one store evaluate its rules while the samples come, and
// another afterwards: the recorded samples are the same, at the same times.
func TestBackfillIsWhatLiveIs(t *testing.T) {
	const minutes = 30 * 60
	o := Options{RuleFiles: []string{ownRuleFile(t)}, LateBy: 90 * time.Second, Replay: true}
	during := openStore(t, t.TempDir(), o)
	story := newStory()
	for m := range minutes {
		appendAll(t, during, story.minute(m))
		live(during, m)
	}
	want := recordedSamples(t, during)
	if len(want) < 100 {
		t.Fatalf("only %d series were recorded", len(want))
	}

	dir := t.TempDir()
	after := openStore(t, dir, o)
	newStory().tell(t, after, 0, minutes)
	backfill := func(from, to int) {
		t.Helper()
		if err := after.Backfill(context.Background(), storyTime(from).UnixMilli(), storyTime(to).UnixMilli()); err != nil {
			t.Fatal(err)
		}
	}
	// What live had evaluated when the last minute came.
	last := minutes - 1
	// A part first, then all of it, then nothing is left to do.
	backfill(0, 9*60+17)
	backfill(0, last-10)
	same := func(what string) {
		t.Helper()
		got := recordedSamples(t, after)
		if diff := cmp.Diff(until(want, storyTime(last-10)), got); diff != "" {
			t.Errorf("%s: %s", what, diff[:min(len(diff), 4000)])
		}
	}
	same("backfilled")
	blocks := len(after.db.Blocks())
	backfill(0, last-10)
	if n := len(after.db.Blocks()); n > blocks {
		t.Errorf("a second time wrote %d blocks", n-blocks)
	}
	if err := after.db.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
	same("compacted")
	closeStore(t, after)
	after = openStore(t, dir, o)
	same("opened again")
	if n, _ := ask(t, after, "count_over_time(darkshare_build_info[2d])", storyTime(minutes)); n != minutes {
		t.Errorf("%v of the story's %d minutes are left", n, minutes)
	}
	// It goes on with live evaluations. Their phase depends on the name of the file.
	story = newStory()
	for m := range minutes + 120 {
		if points := story.minute(m); m >= minutes {
			appendAll(t, after, points)
			live(after, m)
		}
	}
	if at, ok := ask(t, after, "max(max_over_time(timestamp(darkshare_requests:rate10m)[10m:1m]))", storyTime(minutes+119)); !ok || at < float64(storyTime(minutes+110).Unix()) {
		t.Errorf("the last live evaluation was at %v", at)
	}
}

// until leaves out samples after the time.
func until(all map[string][]string, end time.Time) map[string][]string {
	out := map[string][]string{}
	for series, samples := range all {
		for _, s := range samples {
			at, _, _ := strings.Cut(s, " ")
			if v, err := time.Parse(time.RFC3339Nano, at); err == nil && !v.After(end) {
				out[series] = append(out[series], s)
			}
		}
	}
	return out
}

// TestLiveRules lets the manager itself evaluate, on the clock.
func TestLiveRules(t *testing.T) {
	file := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(file, []byte("groups: [{name: quick, interval: 1s, rules: [{record: \"a:b:c\", expr: m * 2}]}]"), 0o666); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, t.TempDir(), Options{RuleFiles: []string{file}, LateBy: time.Second})
	appendAll(t, s, []Point{{&Series{Labels: labels.FromStrings(model.MetricNameLabel, "m")}, time.Now().Add(-2 * time.Second).UnixMilli(), 21}})
	deadline := time.Now().Add(10 * time.Second)
	for {
		if v, ok := ask(t, s, "a:b:c", time.Now()); ok {
			if v != 42 {
				t.Errorf("recorded %v", v)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing was recorded")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestBackfillNothing(t *testing.T) {
	s := openStore(t, t.TempDir(), Options{})
	if err := s.Backfill(context.Background(), 0, time.Now().UnixMilli()); err != nil {
		t.Error(err)
	}
	if n := len(recordedSamples(t, s)); n > 0 {
		t.Errorf("%d series of nothing", n)
	}
}

func TestBackfillStops(t *testing.T) {
	s := openStore(t, t.TempDir(), Options{})
	story := newStory()
	for m := 0; m < 24*60; m += 5 {
		appendAll(t, s, story.minute(m))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Backfill(ctx, 0, storyTime(24*60).UnixMilli()); err == nil {
		t.Error("no word that it was interrupted")
	}
	if _, err := os.Stat(filepath.Join(s.dir, scratch)); !os.IsNotExist(err) {
		t.Errorf("the half block is left: %v", err)
	}
}

func TestWrongRules(t *testing.T) {
	for name, tc := range map[string]struct{ rules, want string }{
		"no file":     {"", "no such file"},
		"no yaml":     {"groups: {", "did not find"},
		"no PromQL":   {"groups: [{name: a, rules: [{record: b, expr: \"sum(\"}]}]", "could not parse expression"},
		"unknown key": {"groups: [{name: a, rule: []}]", "field rule not found"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "own.yaml")
			if tc.rules != "" {
				if err := os.WriteFile(file, []byte(tc.rules), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Open(t.TempDir(), Options{RuleFiles: []string{file}})
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), file) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestPhases pins when the embedded groups are evaluated: another phase would leave a gap,
// or count minutes twice, where an update of darkshare meets a store.
func TestPhases(t *testing.T) {
	s := openStore(t, t.TempDir(), Options{})
	got := map[string]time.Duration{}
	for _, g := range s.manager.RuleGroups() {
		got[g.Name()] = g.EvalTimestamp(storyTime(59).UnixNano()).Sub(storyStart)
	}
	want := map[string]time.Duration{
		"darkshare_hourly": phase,
		// Four minutes after the hour before, less two.
		"darkshare_shift_dispersion": 131_597_476_510 * time.Nanosecond,
		// Five minutes on, at the same minute as the hours.
		"darkshare_shift_scores": 55*time.Minute + 59_998_973_541*time.Nanosecond,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// phase is a minute, in which samples come, less a little: see embedded.
const phase = 59_979_298_972 * time.Nanosecond

func BenchmarkBackfill28Days(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		s := openStore(b, b.TempDir(), Options{})
		var all []Point
		for i := range 700 {
			all = append(all, Point{Series: &Series{Labels: labels.FromStrings(model.MetricNameLabel, "darkshare_visits_total", "source", fmt.Sprint(i))}})
		}
		for m := range 28 * 24 * 60 {
			for i := range all {
				all[i].At, all[i].Value = storyTime(m).UnixMilli(), float64(m*(i%7)/10)
			}
			appendAll(b, s, all)
		}
		b.StartTimer()
		if err := s.Backfill(context.Background(), storyStart.UnixMilli(), s.Newest()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if n := len(recordedSamples(b, s)); n != 700 {
			b.Fatalf("%d series", n)
		}
		closeStore(b, s)
		b.StartTimer()
	}
}
