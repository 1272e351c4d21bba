package history

import (
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// recordBlocks records a random story in blocks, and returns what a naive recorder has.
func recordBlocks(t *testing.T, seed uint64, dir string, moments int) *naiveRecorder {
	t.Helper()
	const interval = time.Minute
	story := newTableStory(seed)
	recorder, naive := NewRecorder(interval, labels.FromStrings("job", "test"), true), newNaive(interval, true)
	put := func() {
		if b := take(t, recorder, map[string][]naiveSample{}); b != nil {
			name, err := b.writeBlock(dir)
			if err != nil {
				t.Fatal(err)
			}
			if fi, err := os.Stat(filepath.Join(dir, name)); err != nil || !fi.IsDir() {
				t.Fatal(err)
			}
		}
		naive.mark()
	}
	for i := range moments {
		at := recordEpoch.Add(time.Duration(i) * interval)
		story.step(20)
		recorder.Sample(at.UnixNano(), &story.table)
		naive.sample(at.UnixMilli(), story.now)
		if i%300 == 299 {
			put()
		}
	}
	put()
	return naive
}

// readBlocks returns all samples of a directory of blocks.
func readBlocks(t *testing.T, dir string) map[string][]naiveSample {
	t.Helper()
	db, err := tsdb.OpenDBReadOnly(dir, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var until int64
	blocks, err := db.Blocks()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		until = max(until, b.Meta().MaxTime)
	}
	q, err := db.Querier(math.MinInt64, until-1) // it would look for a log behind the blocks
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	samples := map[string][]naiveSample{}
	set := q.Select(t.Context(), true, nil, labels.MustNewMatcher(labels.MatchRegexp, model.MetricNameLabel, ".+"))
	var it chunkenc.Iterator
	for set.Next() {
		name := set.At().Labels().String()
		it = set.At().Iterator(it)
		for it.Next() != chunkenc.ValNone {
			at, v := it.At()
			text := fmt.Sprint(v)
			if value.IsStaleNaN(v) {
				text = "stale"
			}
			samples[name] = append(samples[name], naiveSample{at, text})
		}
		if it.Err() != nil {
			t.Fatal(it.Err())
		}
	}
	if set.Err() != nil {
		t.Fatal(set.Err())
	}
	return samples
}

// TestBlocks: blocks are read by the TSDB, and by Debian's promtool of an older one, with
// the samples that were recorded.
func TestBlocks(t *testing.T) {
	dir := t.TempDir()
	naive := recordBlocks(t, 7, dir, 1000)
	if diff := cmp.Diff(naive.samples, readBlocks(t, dir)); diff != "" {
		t.Errorf("read by the TSDB (-recorded +read):\n%.3000s", diff)
	}
	blocks, err := filepath.Glob(filepath.Join(dir, "0*"))
	if err != nil || len(blocks) != 4 {
		t.Fatalf("%d blocks, %v", len(blocks), err)
	}

	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool here (Debian: apt install prometheus)")
	}
	out, err := exec.Command(promtool, "tsdb", "list", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("promtool tsdb list: %v\n%s", err, out)
	}
	var samples int
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) >= 6 && strings.HasPrefix(fields[0], "0") {
			n, err := strconv.Atoi(fields[4])
			if err != nil {
				t.Errorf("%v in %q", err, line)
			}
			samples += n
		}
	}
	var want int
	for _, s := range naive.samples {
		want += len(s)
	}
	if samples != want {
		t.Errorf("promtool lists %d samples of %d:\n%s", samples, want, out)
	}
	for _, block := range blocks {
		if out, err := exec.Command(promtool, "tsdb", "analyze", dir, filepath.Base(block)).CombinedOutput(); err != nil || !strings.Contains(string(out), "Series: 12") {
			t.Errorf("promtool tsdb analyze: %v\n%s", err, out)
		}
	}
}

// TestIncreaseIsExact: over everything that was recorded, increase() of what began at
// zero is what was counted, through every end and beginning; no event is lost and none
// is twice. The ranges end where samples are, so that nothing is extrapolated.
func TestIncreaseIsExact(t *testing.T) {
	for seed := range uint64(10) {
		dir := t.TempDir()
		naive := recordBlocks(t, 100+seed, dir, 700)
		db, err := tsdb.OpenDBReadOnly(dir, "", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e7, Timeout: time.Minute})
		query, err := engine.NewInstantQuery(t.Context(), db, nil,
			`sum by (input) (sum_over_time((clamp_min(darkshare_log_lines_total - darkshare_log_lines_total offset 1m, 0))[700m:1m]))`,
			recordEpoch.Add(699*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		vector, err := query.Exec(t.Context()).Vector()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, s := range vector {
			got[s.Metric.Get("input")] = s.F
		}
		query.Close()
		engine.Close()
		db.Close()
		for name, samples := range naive.samples {
			if !strings.Contains(name, "darkshare_log_lines_total") {
				continue
			}
			// Every beginning has a zero before or in place of its first value.
			want, last := 0.0, math.NaN()
			for _, s := range samples {
				v, err := strconv.ParseFloat(s.Value, 64)
				if err != nil { // stale
					last = math.NaN()
					continue
				}
				switch {
				case math.IsNaN(last) && v != 0:
					t.Fatalf("seed %d: %s begins at %v", seed, name, v)
				case v > last:
					want += v - last
				}
				last = v
			}
			_, input, _ := strings.Cut(name, `input="`)
			input, _, _ = strings.Cut(input, `"`)
			if math.Abs(got[input]-want) > 1e-9 {
				t.Errorf("seed %d: increase of %s is %v, and %v was counted", seed, input, got[input], want)
			}
		}
	}
}

// TestSameLabels: bytes that are no text become the same label; a block has it once.
func TestSameLabels(t *testing.T) {
	story := newTableStory(1)
	r := NewRecorder(time.Minute, labels.EmptyLabels(), true)
	for i := range 3 {
		story.table.Begin()
		for _, hostile := range []string{"\xff", "\xfe", "ok"} {
			story.table.Put(metricOf(true), float64(1+i), recordEpoch, hostile)
		}
		story.table.End()
		r.Sample(recordEpoch.Add(time.Duration(i)*time.Minute).UnixNano(), &story.table)
	}
	r.Mark()
	dir := t.TempDir()
	if _, err := r.Take().writeBlock(dir); err != nil {
		t.Fatal(err)
	}
	if got := readBlocks(t, dir); len(got) != 2 {
		t.Errorf("%d series: %v", len(got), got)
	}
}
