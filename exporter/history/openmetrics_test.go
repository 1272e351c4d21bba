package history

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/darkshare/darkshare/exporter/schema"
)

// TestOpenMetricsText shows all there is to the text.
func TestOpenMetricsText(t *testing.T) {
	at := int64(1_763_798_400_000)
	series := func(pairs ...string) *Series { return &Series{Labels: labels.FromStrings(pairs...)} }
	visits := series("__name__", "darkshare_visits_total", "site", `a "b" \c`+"\nd", "channel", "direct")
	early := series("__name__", "darkshare_visits_total", "site", "b")
	input := series("__name__", "darkshare_input_bytes_total", "input", "é")
	ratio := series("__name__", "darkshare_ratio", "site", "a")
	saved := series("__name__", "darkshare_state_saved_timestamp_seconds")
	rule := series("__name__", "site:darkshare_visits:increase1h", "site", "a")
	db := newRemoteTSDB(t)
	db.add(t, []Point{
		{early, at - 1, 7}, // before
		{visits, at, 1}, {input, at, 3e10}, {ratio, at, math.NaN()}, {series("__name__", "up"), at, 1},
		{ratio, at + 123, math.Float64frombits(value.StaleNaN)},
		{visits, at + 60_001, 1234567.5}, {ratio, at + 60_001, math.Inf(1)}, {rule, at + 60_001, 1e-9},
		{visits, at + 120_000, 2}, {saved, at + 120_000, 1.763798400123e9},
		{visits, at + 120_001, 3}, // after
	})
	var got bytes.Buffer
	if err := WriteOpenMetrics(t.Context(), &got, db, at, at+120_000); err != nil {
		t.Fatal(err)
	}
	const want = `# TYPE darkshare_visits counter
# HELP darkshare_visits Landings by confirmed browsers, reloads left out.
darkshare_visits_total{channel="direct",site="a \"b\" \\c\nd"} 1 1763798400
darkshare_visits_total{channel="direct",site="a \"b\" \\c\nd"} 1.2345675e+06 1763798460.001
darkshare_visits_total{channel="direct",site="a \"b\" \\c\nd"} 2 1763798520
# TYPE darkshare_ratio gauge
# UNIT darkshare_ratio ratio
# HELP darkshare_ratio The dark share: dark-social visits over all visits of the window, as known, as estimated, and at most.
darkshare_ratio{site="a"} NaN 1763798400
darkshare_ratio{site="a"} +Inf 1763798460.001
# TYPE darkshare_input_bytes counter
# UNIT darkshare_input_bytes bytes
# HELP darkshare_input_bytes Bytes read from the input, after decompression.
darkshare_input_bytes_total{input="é"} 3e+10 1763798400
# TYPE darkshare_state_saved_timestamp_seconds gauge
# UNIT darkshare_state_saved_timestamp_seconds seconds
# HELP darkshare_state_saved_timestamp_seconds When the state file was last written; 0 before. Only where there is one.
darkshare_state_saved_timestamp_seconds 1.763798400123e+09 1763798520
# TYPE site:darkshare_visits:increase1h unknown
site:darkshare_visits:increase1h{site="a"} 1e-09 1763798460.001
# EOF
`
	if d := cmp.Diff(want, got.String()); d != "" {
		t.Error(d)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := WriteOpenMetrics(ctx, &got, db, at, at+120_000); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of ctx: %v", err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer full.Close()
	if err := WriteOpenMetrics(t.Context(), full, db, at, at+120_000); err == nil {
		t.Error("a full disk is no error")
	}
}

// TestOpenMetricsUnits holds the names of all metrics against OpenMetrics' rules: a
// unit ends the name, and only a counter ends in _total.
func TestOpenMetricsUnits(t *testing.T) {
	for _, m := range schema.Metrics {
		name, total := strings.CutSuffix(m.Name, "_total")
		if total != (m.Type == schema.Counter) {
			t.Errorf("%s: _total", m.Name)
		}
		if unit := openMetricsUnits[m.Unit]; unit != "" && !strings.HasSuffix(name, "_"+unit) {
			t.Errorf("%s does not end in %s", name, unit)
		} else if unit == "" && m.Unit != "" && !strings.HasPrefix(m.Unit, "{") {
			t.Errorf("%s: no name for the unit %s", name, m.Unit)
		}
	}
}

// TestOpenMetricsSeconds has every millisecond come back by Prometheus's arithmetic.
func TestOpenMetricsSeconds(t *testing.T) {
	for _, base := range []int64{0, 1_700_000_000_000, 1_763_798_400_000, 4_102_444_800_000, -86_400_000} {
		for ms := base; ms < base+3000; ms++ {
			text := string(appendSeconds(nil, ms))
			seconds, err := strconv.ParseFloat(text, 64)
			if err != nil || int64(seconds*1000) != ms || math.Round(seconds*1000) != float64(ms) {
				t.Fatalf("%d ms is %q: %v", ms, text, err)
			}
		}
	}
}

// FuzzOpenMetricsLabels has Prometheus's parser find a page's name again, whatever is in it.
func FuzzOpenMetricsLabels(f *testing.F) {
	for _, page := range []string{"", "/", `"`, `\`, "\n", "\\n", "\n# EOF\n", "}", "é\x00\u2028"} {
		f.Add(page, int64(1_763_798_400_123), 0.1)
	}
	f.Fuzz(func(t *testing.T, page string, at int64, v float64) {
		if at %= 1e14; page == "" || !utf8.ValidString(page) {
			return // no label, for Prometheus
		}
		want := labels.FromStrings("__name__", "darkshare_page_visits_total", "page", page, "site", "s")
		line := strconv.AppendFloat(appendSeries(nil, "darkshare_page_visits_total", want), v, 'g', -1, 64)
		text := append(appendSeconds(append(line, ' '), at), "\n# EOF\n"...)
		p := textparse.NewOpenMetricsParser(text, labels.NewSymbolTable())
		if e, err := p.Next(); e != textparse.EntrySeries || err != nil {
			t.Fatalf("%v, %v of %q", e, err, text)
		}
		var got labels.Labels
		p.Labels(&got)
		_, when, value := p.Series()
		if !labels.Equal(got, want) || when == nil || *when != at || value != v && v == v {
			t.Errorf("%v %v %v, want %v %d %v", got, when, value, want, at, v)
		}
		if _, err := p.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("%v after %q", err, text)
		}
	})
}

// BenchmarkOpenMetrics writes a day of 60 series out of a head.
func BenchmarkOpenMetrics(b *testing.B) {
	db := newRemoteTSDB(b)
	db.add(b, remoteStory(remoteStart, 24*time.Hour))
	var size bytes.Buffer
	if err := WriteOpenMetrics(b.Context(), &size, db, 0, math.MaxInt64); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(size.Len()))
	for b.Loop() {
		if err := WriteOpenMetrics(b.Context(), io.Discard, db, 0, math.MaxInt64); err != nil {
			b.Fatal(err)
		}
	}
}

// TestOpenMetricsPromtool has Debian's promtool make blocks of the text.
func TestOpenMetricsPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool here (Debian: apt install prometheus)")
	}
	noLeak(t)
	points := remoteStory(remoteStart, 9*time.Hour)
	db := newRemoteTSDB(t)
	db.add(t, points)
	dir := t.TempDir()
	text, err := os.Create(filepath.Join(dir, "dump.om"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(WriteOpenMetrics(t.Context(), text, db, 0, math.MaxInt64), text.Close()); err != nil {
		t.Fatal(err)
	}
	blocks := filepath.Join(dir, "blocks")
	if out, err := exec.Command(promtool, "tsdb", "create-blocks-from", "openmetrics", text.Name(), blocks).CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v\n%s", err, out)
	}
	if err := os.Mkdir(filepath.Join(blocks, "wal"), 0o700); err != nil { // which it looks for
		t.Fatal(err)
	}
	copied, err := tsdb.OpenDBReadOnly(blocks, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	want := withoutStale(db.samples(t))
	sameSamples(t, want, samplesOf(t, copied))
	// The same once more, out of blocks that are only read.
	var again bytes.Buffer
	if err := WriteOpenMetrics(t.Context(), &again, copied, 0, math.MaxInt64); err != nil {
		t.Fatal(err)
	}
	if first, err := os.ReadFile(text.Name()); err != nil || !bytes.Equal(first, again.Bytes()) {
		t.Errorf("the copy's text differs: %d bytes, was %d (%v)", again.Len(), len(first), err)
	}
}
