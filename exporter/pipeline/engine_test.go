package pipeline

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/simulate"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/visit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sites are the rules of a test's one site.
func sites(name string) attribution.Options {
	return attribution.Options{Sites: []attribution.Site{{Name: name, Hosts: []string{name}}}}
}

func newEngine(t testing.TB, o Options) *Engine {
	t.Helper()
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func compiled(t testing.TB, definition string) *accesslog.Format {
	t.Helper()
	f, err := accesslog.Compile(definition)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// feed runs readers through the engine, one input each, until they end.
func feed(t testing.TB, e *Engine, readers ...io.Reader) {
	t.Helper()
	blocks := make(chan *stream.Block)
	var running sync.WaitGroup
	for n, r := range readers {
		running.Go(func() {
			if err := stream.Reader(r, stream.Options{Input: n}).Run(t.Context(), blocks); err != nil {
				t.Error(err)
			}
		})
	}
	go func() { running.Wait(); close(blocks) }()
	if err := e.Run(t.Context(), blocks); err != nil {
		t.Fatal(err)
	}
}

// sums adds a snapshot's series up by metric, and by metric and first or second label.
type sums map[string]float64

func sumsOf(families []schema.Family) sums {
	s := sums{}
	for _, f := range families {
		for _, sample := range f.Samples {
			s[f.Metric.Name] += sample.Value
			for i, label := range f.Metric.Labels {
				s[f.Metric.Name+"/"+label+"="+sample.Labels[i]] += sample.Value
			}
		}
	}
	return s
}

// check holds the two invariants of shared/DESIGN.md.
func (s sums) check(t testing.TB, pending bool) {
	t.Helper()
	if lines, counted := s["darkshare_log_lines_total"], s["darkshare_log_errors_total"]+s["darkshare_requests_total"]; lines != counted {
		t.Errorf("%v lines, but %v errors and requests", lines, counted)
	}
	landings := s["darkshare_requests_total/kind=landing"]
	resolved := s["darkshare_visits_total"] + s["darkshare_unconfirmed_landings_total"]
	if pending {
		resolved += s["darkshare_pending_landings"]
	}
	if landings != resolved {
		t.Errorf("%v landings, but %v visits and unconfirmed landings", landings, resolved)
	}
	if pages := s["darkshare_page_visits_total"]; pages > s["darkshare_visits_total"] {
		t.Errorf("%v visits of pages, of %v", pages, s["darkshare_visits_total"])
	}
}

func benchLog(t testing.TB, lines int) []byte {
	t.Helper()
	var log bytes.Buffer
	if err := simulate.WriteBenchLog(&log, lines); err != nil {
		t.Fatal(err)
	}
	return log.Bytes()
}

// TestInvariants: every record ends in exactly one counter, at every moment, with
// several inputs at once.
func TestInvariants(t *testing.T) {
	const lines = 20_000
	e := newEngine(t, Options{Rules: sites("example.com"), Visit: visit.Options{Visitors: 2000, Pending: 500}})
	var readers []io.Reader
	for n := range 3 {
		e.AddInput(Input{Name: fmt.Sprint("input", n), Format: compiled(t, "combined")})
		readers = append(readers, bytes.NewReader(benchLog(t, lines)))
	}
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		for ctx.Err() == nil {
			sumsOf(e.Snapshot()).check(t, true)
			e.Tick(time.Now())
			time.Sleep(time.Millisecond)
		}
	})
	feed(t, e, readers...)
	stop()
	watching.Wait()
	s := sumsOf(e.Snapshot())
	s.check(t, false)
	if s["darkshare_log_lines_total"] != 3*lines || s["darkshare_visits_total"] == 0 || s["darkshare_log_errors_total"] == 0 {
		t.Errorf("%v lines, %v visits, %v errors", s["darkshare_log_lines_total"], s["darkshare_visits_total"], s["darkshare_log_errors_total"])
	}
}

// TestWorkersAgree: the counts do not depend on how many parse, nor on how the
// bytes come.
func TestWorkersAgree(t *testing.T) {
	log := benchLog(t, 30_000)
	run := func(workers int, r io.Reader) any {
		e := newEngine(t, Options{Rules: sites("example.com"), Workers: workers})
		e.AddInput(Input{Name: "log", Format: compiled(t, "combined")})
		feed(t, e, r)
		return e.Report()
	}
	want := run(1, bytes.NewReader(log))
	for name, got := range map[string]any{
		"four workers": run(4, bytes.NewReader(log)),
		"small reads":  run(2, &smallReads{r: bytes.NewReader(log), rnd: rand.New(rand.NewPCG(1, 2))}),
	} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-one worker +other):\n%s", name, diff)
		}
	}
}

// smallReads reads a few thousand bytes at a time.
type smallReads struct {
	r   io.Reader
	rnd *rand.Rand
}

func (s *smallReads) Read(p []byte) (int, error) {
	return s.r.Read(p[:min(len(p), 1+s.rnd.IntN(20_000))])
}

// TestFlood: a million requests, each with its own path, host, agent and address,
// meet limits, and the limits say so.
func TestFlood(t *testing.T) {
	lines := 1_000_000
	if testing.Short() || raceEnabled {
		lines = 100_000
	}
	e := newEngine(t, Options{})
	e.AddInput(Input{Name: "flood", Format: compiled(t, "vhost_combined")})
	r, w := io.Pipe()
	go func() { w.CloseWithError(simulate.WriteFloodLog(w, lines)) }()
	feed(t, e, r)
	s := sumsOf(e.Snapshot())
	s.check(t, false)
	series := 0
	for _, f := range e.Snapshot() {
		series += len(f.Samples)
	}
	if series > 200 {
		t.Errorf("%d series", series)
	}
	if s["darkshare_log_lines_total"] != float64(lines) {
		t.Errorf("%v lines of %d", s["darkshare_log_lines_total"], lines)
	}
	if s["darkshare_visitors"] > 100_000 || s["darkshare_pending_landings"] > 32_768 {
		t.Errorf("%v visitors, %v pending landings", s["darkshare_visitors"], s["darkshare_pending_landings"])
	}
	for _, limit := range []string{"pending_landings", "sites"} {
		if s["darkshare_limit_reached_total/limit="+limit] == 0 {
			t.Errorf("the limit %s was met without a word", limit)
		}
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 64<<20 {
		t.Errorf("%d MiB of heap after the flood", m.HeapAlloc>>20)
	}
}

// TestSemicomplete replays a real log and holds the dark share against what it
// was found to be by hand.
func TestSemicomplete(t *testing.T) {
	log := corpus(t, "logs/semicomplete_2015.log.gz")
	e := newEngine(t, Options{})
	e.AddInput(Input{Name: "semicomplete"})
	feed(t, e, bytes.NewReader(log))
	sumsOf(e.Snapshot()).check(t, false)
	r := e.Report()
	if r.Lines != uint64(bytes.Count(log, []byte("\n"))) {
		t.Errorf("%d lines", r.Lines)
	}
	if d := r.DarkShare.Estimate; d < 0.15 || d > 0.24 {
		t.Errorf("the dark share is %.3f, not between 0.15 and 0.24", d)
	}
	if len(r.Sites) == 0 || r.Sites[len(r.Sites)-1].Site != "semicomplete.com" {
		t.Errorf("the site was not told from the log: %+v", r.Sites)
	}
}

func corpus(t testing.TB, name string) []byte {
	t.Helper()
	dir := os.Getenv("DARKSHARE_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpora")
	}
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		t.Skipf("no corpora: %v; set DARKSHARE_CORPORA", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// line is a combined-format line.
func line(at time.Time, client, request string, status int, referer, agent string) string {
	return fmt.Sprintf("%s - - [%s] \"%s\" %d 1 %q %q\n", client, at.Format("02/Jan/2006:15:04:05 -0700"), request, status, referer, agent)
}

const (
	phone   = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
	desktop = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
)

// FuzzEngine: whatever the bytes, every line ends in exactly one counter.
func FuzzEngine(f *testing.F) {
	f.Add(benchLog(f, 50))
	f.Add([]byte("\n\n\x00\xff\n{\"a\":1}\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		for _, format := range []string{"", "combined", "caddy"} {
			e := newEngine(t, Options{Rules: sites("example.com"), Workers: 2, Visit: visit.Options{Visitors: 10, Pending: 5}})
			in := Input{Name: "log"}
			if format != "" {
				in.Format = compiled(t, format)
			}
			e.AddInput(in)
			feed(t, e, bytes.NewReader(log))
			s := sumsOf(e.Snapshot())
			s.check(t, false)
			want := bytes.Count(log, []byte("\n"))
			if len(log) > 0 && log[len(log)-1] != '\n' {
				want++
			}
			if s["darkshare_log_lines_total"] != float64(want) {
				t.Errorf("%s: %v lines of %d", format, s["darkshare_log_lines_total"], want)
			}
		}
	})
}

// BenchmarkEngine is the whole way of a line, in the steady state.
func BenchmarkEngine(b *testing.B) {
	log := benchLog(b, 100_000)
	e := newEngine(b, Options{Rules: sites("example.com")})
	e.AddInput(Input{Name: "log", Format: compiled(b, "combined")})
	feed(b, e, bytes.NewReader(log))
	b.SetBytes(int64(len(log) / 100_000))
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += 100_000 {
		feed(b, e, bytes.NewReader(log))
	}
}
