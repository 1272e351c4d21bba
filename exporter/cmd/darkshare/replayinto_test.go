//go:build unix

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/darkshare/darkshare/exporter/simulate"
	"github.com/darkshare/darkshare/exporter/tally"
)

// pastDays is how much a test's log has: parts are stored each 54 hours.
const pastDays = 6

// A past is the log of a site, whole and as two proxies have written and rotated it.
type past struct {
	whole []byte
	end   time.Time
	// lines are those of whole, and of says which proxy's each is.
	lines [][]byte
	of    []int
}

// thePast is simulated once. It ends some hours ago, since servers keep a month only.
var thePast = sync.OnceValue(func() past {
	mix, err := simulate.MixByName("news")
	if err != nil {
		panic(err)
	}
	p := past{end: time.Now().Add(-3 * time.Hour).Truncate(time.Hour).UTC()}
	var log bytes.Buffer
	_, err = simulate.Run(simulate.Options{
		Seed: 7, Start: p.end.Add(-pastDays * 24 * time.Hour), Duration: pastDays * 24 * time.Hour, Lead: time.Hour,
		Visits: 40, Bots: 0.2, Site: simulate.Site{Host: "example.com"}, Mix: mix, Format: simulate.Combined,
	}, &log)
	if err != nil {
		panic(err)
	}
	p.whole = log.Bytes()
	p.lines = bytes.SplitAfter(p.whole, []byte("\n"))
	p.lines = p.lines[:len(p.lines)-1]
	for _, l := range p.lines {
		// Lines of one second are one proxy's: nobody knows the order of two.
		_, at, _ := bytes.Cut(l, []byte("["))
		at, _, _ = bytes.Cut(at, []byte("]"))
		p.of = append(p.of, int(crc32.ChecksumIEEE(at)>>7&1))
	}
	return p
})

// files writes the part of the log up to that share of its lines as two proxies'
// rotated files, and returns their names in no order. Old ones are compressed.
func (p past) files(t *testing.T, dir string, share float64) (names []string) {
	t.Helper()
	n := int(share * float64(len(p.lines)))
	for proxy := range 2 {
		for part := range 4 {
			var text bytes.Buffer
			for i := part * len(p.lines) / 4; i < min(n, (part+1)*len(p.lines)/4); i++ {
				if p.of[i] == proxy {
					text.Write(p.lines[i])
				}
			}
			if text.Len() == 0 {
				continue
			}
			name := filepath.Join(dir, fmt.Sprintf("proxy%d.log.%d", proxy, 3-part))
			if part < 2 {
				name += ".gz"
				text = *bytes.NewBuffer(zipped(t, text.Bytes()))
			}
			if err := os.WriteFile(name, text.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
	}
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names
}

func zipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// slowly is a configuration with a sample each four minutes.
func slowly(t *testing.T) string { return write(t, "slowly.yaml", []byte("store: {interval: 4m}\n")) }

// replayArgs are the arguments of a replay.
func replayArgs(t *testing.T, more ...string) []string {
	return append([]string{"replay", "--config", slowly(t), "--format", "combined", "--site", "example.com", "--output", "json"}, more...)
}

// replayed runs a replay to its end.
func replayed(t *testing.T, args ...string) *tally.Report {
	t.Helper()
	return report(t, must(t, replayArgs(t, args...)...))
}

// A point is a sample as it is compared.
type point struct {
	At    int64
	Value float64 // NaN for the end of the series
}

func (p point) stale() bool { return math.IsNaN(p.Value) }

// pointsIn returns what a directory of blocks has, by series.
func pointsIn(t *testing.T, dir string) map[string][]point {
	t.Helper()
	db, err := tsdb.OpenDBReadOnly(dir, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	blocks, err := db.Blocks()
	if err != nil {
		t.Fatal(err)
	}
	var until int64
	for _, b := range blocks {
		until = max(until, b.Meta().MaxTime)
	}
	if _, err := os.Stat(filepath.Join(dir, "wal")); err == nil {
		until = math.MaxInt64
	}
	q, err := db.Querier(math.MinInt64, until-1)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	all := map[string][]point{}
	set := q.Select(context.Background(), true, nil, labels.MustNewMatcher(labels.MatchRegexp, model.MetricNameLabel, "darkshare_.+"))
	var it chunkenc.Iterator
	for set.Next() {
		name := set.At().Labels().String()
		it = set.At().Iterator(it)
		for it.Next() != chunkenc.ValNone {
			at, v := it.At()
			if value.IsStaleNaN(v) {
				v = math.NaN()
			}
			all[name] = append(all[name], point{at, v})
		}
		if it.Err() != nil {
			t.Fatal(it.Err())
		}
	}
	if set.Err() != nil {
		t.Fatal(set.Err())
	}
	return all
}

// A moments has sums over series at each time.
type moments map[int64]map[string]float64

// summed are the metrics that sumsOver looks at, with the label that it sums by.
var summed = map[string]string{
	"darkshare_log_lines_total": "", "darkshare_log_errors_total": "", "darkshare_requests_total": "kind",
	"darkshare_visits_total": "channel", "darkshare_unconfirmed_landings_total": "", "darkshare_pending_landings": "",
}

// sumsOver adds samples up by metric, and by metric and label.
func sumsOver(all map[string][]point) moments {
	sums := moments{}
	for name, points := range all {
		metric, rest, _ := strings.Cut(strings.TrimPrefix(name, "{__name__=\""), "\"")
		by, ok := summed[metric]
		if !ok {
			continue
		}
		keys := []string{metric}
		for pair := range strings.SplitSeq(strings.Trim(rest, ", }"), ", ") {
			if by != "" && strings.HasPrefix(pair, by+"=") {
				keys = append(keys, metric+"/"+strings.ReplaceAll(pair, `"`, ""))
			}
		}
		for _, p := range points {
			if p.stale() {
				continue
			}
			if sums[p.At] == nil {
				sums[p.At] = map[string]float64{}
			}
			for _, key := range keys {
				sums[p.At][key] += p.Value
			}
		}
	}
	return sums
}

func (m moments) times() []int64 { return slices.Sorted(maps.Keys(m)) }

func (m moments) last() map[string]float64 {
	times := m.times()
	return m[times[len(times)-1]]
}

// holds checks what must hold in every sample, and that the last ones are what replay
// has printed.
func holds(t *testing.T, all map[string][]point, printed *tally.Report) {
	t.Helper()
	sums := sumsOver(all)
	bad := 0
	for _, at := range sums.times() {
		s := sums[at]
		lines, landings := s["darkshare_log_lines_total"], s["darkshare_requests_total/kind=landing"]
		if lines == 0 {
			continue // the zeros before the first sample
		}
		if counted := s["darkshare_log_errors_total"] + s["darkshare_requests_total"]; lines != counted && bad < 5 {
			bad++
			t.Errorf("at %v: %v lines, %v errors and requests", time.UnixMilli(at).UTC(), lines, counted)
		}
		if resolved := s["darkshare_visits_total"] + s["darkshare_unconfirmed_landings_total"] + s["darkshare_pending_landings"]; landings < resolved && bad < 5 {
			bad++
			t.Errorf("at %v: %v landings, %v visits, unconfirmed and pending", time.UnixMilli(at).UTC(), landings, resolved)
		}
	}
	for name, points := range all {
		// A page that loses its series begins at zero when it gets it back.
		if !strings.Contains(name, "_total\"") || strings.Contains(name, "page_") || strings.Contains(name, "section_") {
			continue
		}
		if points[0].Value != 0 {
			t.Errorf("%s begins at %v", name, points[0].Value)
		}
		for i := 1; i < len(points); i++ {
			if points[i].At <= points[i-1].At || points[i].Value < points[i-1].Value {
				t.Errorf("%s goes from %v to %v", name, points[i-1], points[i])
			}
		}
	}
	last := sums.last()
	want := map[string]float64{
		"darkshare_log_lines_total":            float64(printed.Lines),
		"darkshare_visits_total":               float64(printed.Visits),
		"darkshare_unconfirmed_landings_total": float64(printed.Unconfirmed),
		"darkshare_pending_landings":           0,
	}
	for _, c := range printed.Channels {
		want["darkshare_visits_total/channel="+c.Channel] = float64(c.Visits)
	}
	for kind, n := range printed.Requests {
		want["darkshare_requests_total/kind="+kind] = float64(n)
	}
	for key, want := range want {
		if last[key] != want {
			t.Errorf("the last sample has %s %v, and replay printed %v", key, last[key], want)
		}
	}
	if dark := last["darkshare_visits_total/channel=dark_social"] / last["darkshare_visits_total"]; dark != printed.DarkShare.Estimate || dark == 0 {
		t.Errorf("the dark share is %v, and replay printed %v", dark, printed.DarkShare.Estimate)
	}
}

// TestTimesLeaveLinesAlone: to tell a line's time changes nothing in it, whatever it has
// in escapes, so that it counts as what it is.
func TestTimesLeaveLinesAlone(t *testing.T) {
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	var text strings.Builder
	for i := range 8 * 24 * 60 {
		request := `GET /a HTTP/1.1`
		if i%3 == 0 {
			request = `\x16\x03\x01\x22\x5Cx00 \x01`
		}
		fmt.Fprintf(&text, "192.0.2.%d - - [%s] \"%s\" 400 1 \"-\" \"a \\x22b\\x22 c\"\n", i%250, at.Add(time.Duration(i)*time.Minute).Format("02/Jan/2006:15:04:05 -0700"), request)
	}
	log := write(t, "hostile.log", []byte(text.String()))
	want, got := replayed(t, log), replayed(t, log, "--store", filepath.Join(t.TempDir(), "store"))
	want.Sites, got.Sites = nil, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-replay +replay --store):\n%s", diff)
	}
}

// hashes are of all files but locks.
func hashes(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "lock") {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = fmt.Sprintf("%x", sha256.Sum256(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestReplayIntoStore: a store has what replay prints, whatever the files are called;
// the same files again change nothing, grown ones go on, and older ones are refused.
func TestReplayIntoStore(t *testing.T) {
	p := thePast()
	dir, store := t.TempDir(), filepath.Join(t.TempDir(), "store")
	files := p.files(t, dir, 0.7)
	whole := write(t, "whole.log", bytes.Join(p.lines[:int(0.7*float64(len(p.lines)))], nil))

	printed := replayed(t, append(files, "--store", store)...)
	plain := replayed(t, whole)
	all := pointsIn(t, store)
	holds(t, all, printed)
	plain.Sites, printed.Sites = nil, nil // a history ranks pages by their latest visits
	if diff := cmp.Diff(plain, printed); diff != "" {
		t.Errorf("(-replay of the whole log +replay --store of the files):\n%s", diff)
	}
	if blocks, _ := filepath.Glob(filepath.Join(store, "0*")); len(blocks) < 2 {
		t.Errorf("%d blocks", len(blocks))
	}

	before := hashes(t, store)
	slices.Reverse(files)
	out, errs, code := darkshare(t, replayArgs(t, append(files, "--store", store)...)...)
	if code != 0 || !strings.Contains(errs, "Nothing new") || report(t, out).Lines != plain.Lines {
		t.Errorf("again: exit %d, %s", code, errs)
	}
	if diff := cmp.Diff(before, hashes(t, store)); diff != "" {
		t.Errorf("a second replay has changed the store:\n%s", diff)
	}

	older := write(t, "older.log", []byte(line(p.end.Add(-30*24*time.Hour), "192.0.2.1", "GET / HTTP/1.1", 200, "-", desktop)))
	_, errs, code = darkshare(t, replayArgs(t, append(files, older, "--store", store)...)...)
	if code == 0 || !strings.Contains(errs, older) || !strings.Contains(errs, "new store") {
		t.Errorf("an older file: exit %d, %s", code, errs)
	}
	if diff := cmp.Diff(before, hashes(t, store)); diff != "" {
		t.Errorf("a file that was refused has changed the store:\n%s", diff)
	}

	// The last files have grown, new ones have come, one was compressed since.
	files = p.files(t, dir, 1)
	printed = replayed(t, append(files, "--store", store)...)
	holds(t, pointsIn(t, store), printed)
	if printed.Lines != uint64(len(p.lines)) {
		t.Errorf("%d lines of %d", printed.Lines, len(p.lines))
	}
	for name, points := range all {
		if grown := pointsIn(t, store)[name]; len(grown) < len(points) {
			t.Errorf("%s had %d samples and has %d", name, len(points), len(grown))
		}
		break
	}
}

// killed runs a command over and over, and kills it ever later, until it has come to
// its end. It returns how often it was killed.
func killed(t *testing.T, args ...string) (kills int) {
	t.Helper()
	for patience := 60 * time.Millisecond; ; patience += patience / 4 {
		cmd := command(t.Context(), args...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case err := <-done:
			// A kill just behind the renaming of a whole file of OpenMetrics.
			if err != nil && !strings.Contains(errs.String(), "there already") {
				t.Fatalf("after %d kills: %v\n%s", kills, err, errs.String())
			}
			return kills
		case <-time.After(patience/2 + time.Duration(rand.Int64N(int64(patience)))):
			_ = cmd.Process.Kill()
			<-done
			kills++
		}
	}
}

// same compares histories as far as a kill leaves them the same: visitors that are
// under way are forgotten with the process, as privacy wants it.
func same(t *testing.T, want, got map[string][]point) {
	t.Helper()
	w, g := sumsOver(want), sumsOver(got)
	if diff := cmp.Diff(w.times(), g.times()); diff != "" {
		t.Errorf("times of samples (-undisturbed +killed):\n%.2000s", diff)
	}
	bad := 0
	for _, at := range w.times() {
		for _, key := range []string{"darkshare_log_lines_total", "darkshare_log_errors_total", "darkshare_requests_total", "darkshare_requests_total/kind=bot", "darkshare_requests_total/kind=asset"} {
			if w[at][key] != g[at][key] && bad < 5 {
				bad++
				t.Errorf("at %v %s is %v, undisturbed %v", time.UnixMilli(at).UTC(), key, g[at][key], w[at][key])
			}
		}
	}
	if w, g := w.last()["darkshare_visits_total"], g.last()["darkshare_visits_total"]; math.Abs(w-g) > 0.02*w {
		t.Errorf("%v visits, undisturbed %v", g, w)
	}
}

// TestReplayKilled: killed at any moments and run again until it is done, a replay
// leaves the samples that it would have left undisturbed.
func TestReplayKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	p := thePast()
	files := p.files(t, t.TempDir(), 1)
	dir := t.TempDir()
	undisturbed, store := filepath.Join(dir, "undisturbed"), filepath.Join(dir, "killed")
	replayed(t, append(files, "--store", undisturbed)...)
	args := replayArgs(t, append(files, "--store", store)...)
	kills := killed(t, args...)
	printed := report(t, must(t, args...)) // nothing new
	got := pointsIn(t, store)
	holds(t, got, printed)
	same(t, pointsIn(t, undisturbed), got)
	t.Logf("%d kills, %d series", kills, len(got))
	if left, _ := filepath.Glob(filepath.Join(store, "darkshare.unfinished")); left != nil {
		t.Errorf("%v is left", left)
	}
}

// TestReplayTrouble: what cannot go on says so, and deletes nothing.
func TestReplayTrouble(t *testing.T) {
	p := thePast()
	log := write(t, "a.log", bytes.Join(p.lines[:5000], nil))
	base := filepath.Join(t.TempDir(), "store")
	replayed(t, log, "--store", base)
	appendTo(t, log, bytes.Join(p.lines[5000:6000], nil))
	for name, c := range map[string]struct {
		spoil func(t *testing.T, store string)
		want  string
	}{
		"a corrupt state": {func(t *testing.T, store string) {
			spoilFile(t, filepath.Join(store, "darkshare.state"), func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		}, "damaged"},
		"a newer state": {func(t *testing.T, store string) {
			spoilFile(t, filepath.Join(store, "darkshare.state"), func(b []byte) []byte { b[len("darkshare state\n")]++; return b })
		}, "newer darkshare"},
		"no state": {func(t *testing.T, store string) {
			if err := os.Remove(filepath.Join(store, "darkshare.state")); err != nil {
				t.Fatal(err)
			}
		}, "name an empty directory"},
	} {
		t.Run(name, func(t *testing.T) {
			store := filepath.Join(t.TempDir(), "store")
			if err := os.CopyFS(store, os.DirFS(base)); err != nil {
				t.Fatal(err)
			}
			c.spoil(t, store)
			before := hashes(t, store)
			_, errs, code := darkshare(t, replayArgs(t, log, "--store", store)...)
			if code != 1 || !strings.Contains(errs, c.want) || !strings.Contains(errs, store) {
				t.Errorf("exit %d, want %q of %s: %s", code, c.want, store, errs)
			}
			if diff := cmp.Diff(before, hashes(t, store)); diff != "" {
				t.Errorf("it was changed:\n%s", diff)
			}
		})
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"two targets":               {[]string{"--store", "a", "--blocks", "b"}, "store"},
		"a remote without a state":  {[]string{"--remote-write", "http://127.0.0.1:1/write"}, "--state"},
		"a state without a remote":  {[]string{"--store", filepath.Join(t.TempDir(), "x"), "--state", "s"}, "--remote-write"},
		"a label that is none":      {[]string{"--store", filepath.Join(t.TempDir(), "x"), "--label", "1x=y"}, "--label 1x"},
		"a file that is there":      {[]string{"--openmetrics", log}, "there already"},
		"a file without times":      {[]string{"--store", filepath.Join(t.TempDir(), "x"), write(t, "timeless", []byte("nothing\nof the kind\n"))}, "timeless"},
		"a file that is not there":  {[]string{"--store", filepath.Join(t.TempDir(), "x"), "/nonexistent.log"}, "/nonexistent.log"},
		"a directory of something":  {[]string{"--store", "/proc/1"}, "/proc/1"},
		"a url that is none at all": {[]string{"--remote-write", "nonsense", "--state", filepath.Join(t.TempDir(), "s")}, "--remote-write"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs, code := darkshare(t, replayArgs(t, append(c.args, log)...)...)
			if code != 1 || !strings.Contains(errs, c.want) {
				t.Errorf("exit %d, want %q: %s", code, c.want, errs)
			}
		})
	}
}

func spoilFile(t *testing.T, path string, spoil func([]byte) []byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, spoil(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A promServer is a server that speaks Prometheus's API.
type promServer struct {
	t   *testing.T
	url string
	log bytes.Buffer
}
