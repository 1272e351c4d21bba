package pipeline

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/state"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/visit"
)

// newsLog is six hours of a small news site.
func newsLog(t testing.TB) string {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "testdata", "news.log.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkpoint returns an engine's state and what may be shown with it.
func (r *run) checkpoint() ([]byte, []schema.Family) {
	r.t.Helper()
	var out state.Encoder
	families, err := r.Checkpoint(r.t.Context(), &out, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	return out.Data, families
}

// counters leaves out what belongs to the process: gauges.
func counters(families []schema.Family) (out []schema.Family) {
	for _, f := range families {
		if f.Metric.Type == schema.Counter {
			out = append(out, f)
		}
	}
	return out
}

// since compares series: creation times to the nanosecond where they are before the
// moment, sums up to the order in which they were added.
func since(moment time.Time) cmp.Options {
	return cmp.Options{
		cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) || a.After(moment) && b.After(moment) }),
		cmpopts.EquateApprox(1e-12, 0),
	}
}

// stateOptions are those of an engine with everything in it that can be counted.
func stateOptions() (Options, Input) {
	o := Options{Live: true, Rules: sites("www.example.com"), Pages: 20, Sections: 5}
	o.Rules.Sites[0].Goals = []attribution.Goal{{Name: "read on", Path: "/economy/**"}, {Name: "far", Path: "/world/**"}}
	return o, Input{Name: "log"}
}

// TestRestoreIsFlush: an engine that takes up another one's state has what that one
// would have if nothing more came: every counter, with its creation time, and what
// was learned.
func TestRestoreIsFlush(t *testing.T) {
	o, in := stateOptions()
	o.Rules.Default = o.Rules.Sites[0].SiteRules
	text := newsLog(t)
	for _, part := range []float64{0, 0.01, 0.3, 0.77, 1} {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			cut := strings.LastIndexByte(text[:int(part*float64(len(text)))], '\n') + 1
			one := start(t, o, in)
			one.send(0, text[:cut])
			data, shown := one.checkpoint()
			sameMoment := since(time.Now())
			if diff := cmp.Diff(counters(shown), counters(one.Snapshot()), sameMoment); diff != "" {
				t.Errorf("a checkpoint shows (-shown +counted):\n%s", diff)
			}
			if part == 0.3 && sumsOf(shown)["darkshare_pending_landings"] < 3 {
				t.Error("next to nothing waits: the test tests nothing")
			}
			one.Flush()
			flushed := one.Snapshot()
			one.end()

			o := o
			o.State = state.NewDecoder(data)
			two := start(t, o, in)
			if diff := cmp.Diff(counters(flushed), counters(two.Snapshot()), sameMoment); diff != "" {
				t.Errorf("restored (-before +after):\n%s", diff)
			}
			for id := range one.sites.Len() {
				if diff := cmp.Diff(one.tracker.Control(id), two.tracker.Control(id)); diff != "" {
					t.Errorf("the control group of %s (-before +after):\n%s", one.sites.Name(id), diff)
				}
			}
			// A state that is taken up and saved is the same state, but for what waited.
			again, _ := two.checkpoint()
			three := o
			three.State = state.NewDecoder(again)
			if diff := cmp.Diff(counters(two.Snapshot()), counters(newEngine(t, three).Snapshot()), sameMoment); diff != "" {
				t.Errorf("restored again (-before +after):\n%s", diff)
			}
			// It goes on, and what always holds holds.
			two.send(0, text[cut:])
			s := two.end()
			if want := float64(strings.Count(text, "\n")); s["darkshare_log_lines_total"] != want {
				t.Errorf("%v lines, want %v", s["darkshare_log_lines_total"], want)
			}
		})
	}
}

// TestStateHoldsNobody: nothing in a state tells of a visitor, and where it names
// pages they are masked.
func TestStateHoldsNobody(t *testing.T) {
	const secret = "zq7secret"
	at := func(i int) time.Time { return noon.Add(time.Duration(i) * time.Second) }
	agent := "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	var log strings.Builder
	for i := range 200 {
		client := fmt.Sprintf("203.0.113.%d", i)
		log.WriteString(line(at(i), client, "GET /news/a?token="+secret+" HTTP/1.1", 200, "https://www.google.com/?q="+secret, agent))
		log.WriteString(line(at(i), client, "GET /mail/jane."+secret+"@example.org HTTP/1.1", 200, "-", agent))
		log.WriteString(line(at(i), client, "GET /news/b HTTP/1.1", 200, "-", "WhatsApp/2.24.1 A "+secret))
	}
	o, in := stateOptions()
	r := start(t, o, in)
	r.send(0, log.String())
	data, shown := r.checkpoint()
	if s := sumsOf(shown); s["darkshare_pending_landings"] < 200 {
		t.Fatalf("%v landings wait", s["darkshare_pending_landings"])
	}
	for _, what := range []string{secret, "203.0.113", "Firefox", "Mozilla", "google.com", "jane", "token="} {
		if bytes.Contains(data, []byte(what)) {
			t.Errorf("%q is in the state", what)
		}
	}
	if m := regexp.MustCompile(`\d+\.\d+\.\d+\.\d+`).Find(data); m != nil {
		t.Errorf("%q is in the state", m)
	}
	r.end()
}

// TestRestoreUnderOtherRules: what is configured anew holds for what comes, and what
// was counted stays.
func TestRestoreUnderOtherRules(t *testing.T) {
	o, in := stateOptions()
	text := newsLog(t)
	one := start(t, o, in)
	one.send(0, text)
	data, _ := one.checkpoint()
	one.Flush()
	before := sumsOf(one.Snapshot())
	one.end()
	f := func(name string, change func(o *Options), check func(t *testing.T, s sums)) {
		t.Run(name, func(t *testing.T) {
			o, in := stateOptions()
			change(&o)
			o.State = state.NewDecoder(data)
			two := start(t, o, in)
			s := sumsOf(two.Snapshot())
			for _, m := range []string{"darkshare_log_lines_total", "darkshare_requests_total", "darkshare_visits_total", "darkshare_conversions_total"} {
				if s[m] != before[m] {
					t.Errorf("%s is %v, was %v", m, s[m], before[m])
				}
			}
			check(t, s)
			two.send(0, text)
			two.end()
		})
	}
	f("fewer pages", func(o *Options) { o.Pages = 3 }, func(t *testing.T, s sums) {
		if s["darkshare_page_visits_total"] == 0 || s["darkshare_page_visits_total"] >= before["darkshare_page_visits_total"] {
			t.Errorf("%v visits to pages that have series, were %v", s["darkshare_page_visits_total"], before["darkshare_page_visits_total"])
		}
	})
	f("another site before it", func(o *Options) {
		o.Rules = sites("first.example")
		o.Rules.Sites = append(o.Rules.Sites, sites("www.example.com").Sites...)
	},
		func(t *testing.T, s sums) {
			if n := s["darkshare_requests_total/site=first.example"]; n != 0 {
				t.Errorf("the new site begins with %v requests", n)
			}
		})
	f("no site", func(o *Options) { o.Rules = attribution.Options{} }, func(*testing.T, sums) {})
	f("a new source", func(o *Options) {
		o.Rules.Hosts = []attribution.HostRule{{Host: "chat.example.org", Channel: "dark_social", Source: "aaa"}}
	}, func(t *testing.T, s sums) {
		if n := s["darkshare_visits_total/source=aaa"]; n != 0 {
			t.Errorf("the new source begins with %v visits", n)
		}
	})
	f("a smaller tracker", func(o *Options) { o.Visit = visit.Options{Visitors: 10, Pending: 10, Pages: 10, Sharers: 10} }, func(*testing.T, sums) {})
}

// TestRestorePositions: the files of an input are known again, and only those.
func TestRestorePositions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	if err := os.WriteFile(path, []byte(visited("www.example.com", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	o, in := stateOptions()
	one := start(t, o, in, Input{Name: "none"})
	if one.Positions(0) != nil {
		t.Error("there are positions before there was a source")
	}
	f := stream.Follow([]string{path}, stream.FollowOptions{StartAt: stream.StartAtBeginning})
	one.SetSource(0, f)
	done := make(chan error, 1)
	ctx, stop := contextOf(t)
	go func() { done <- f.Run(ctx, one.blocks) }()
	for one.Report().Lines < 2 {
		time.Sleep(time.Millisecond)
	}
	data, shown := one.checkpoint()
	stop()
	<-done
	one.end()
	o.State = state.NewDecoder(data)
	two := start(t, o, in, Input{Name: "none"}, Input{Name: "new"})
	if p := two.Positions(0); len(p) != 1 || p[0].Path != path || p[0].Offset == 0 || p[0].Offset != p[0].Size || p[0].Seen == 0 {
		t.Errorf("positions %+v", p)
	}
	if two.Positions(1) != nil || two.Positions(2) != nil {
		t.Error("an input without a source has positions")
	}
	two.SetSource(0, f) // whose counters are zero to begin with in another life
	if got, want := sumsOf(shown)["darkshare_input_bytes_total"], float64(len(visited("www.example.com", 1))); got != want {
		t.Errorf("%v bytes, want %v", got, want)
	}
	two.Forget(1)
	two.end()
}

// TestRestoreFormats: a log whose lines tell their own fields at its beginning is
// still understood from the middle on.
func TestRestoreFormats(t *testing.T) {
	header := "#Version: 1.0\n#Fields: date time c-ip cs-method cs-uri-stem sc-status cs(User-Agent) cs(Referer)\n"
	record := "2026-09-02 12:00:00 192.0.2.1 GET /a 200 Mozilla/5.0+(X11;+Linux) -\n"
	one := start(t, Options{Live: true, Rules: sites("a.example")}, Input{Name: "w3c"})
	one.sendFile(0, "u_ex.log", header+strings.Repeat(record, 5))
	data, _ := one.checkpoint()
	one.end()
	two := start(t, Options{Live: true, Rules: sites("a.example"), State: state.NewDecoder(data)}, Input{Name: "w3c"})
	two.sendFile(0, "u_ex.log", strings.Repeat(record, 5))
	s := two.end()
	if s["darkshare_requests_total"] != 10 {
		t.Errorf("%v of 10 records were understood", s["darkshare_requests_total"])
	}
}

// FuzzRestore: whatever is in a state, it is taken up or refused.
func FuzzRestore(f *testing.F) {
	o, in := stateOptions()
	e := newEngine(f, o)
	n := e.AddInput(in)
	feed(f, e, strings.NewReader(repeat(30, func(i int) string { return visited("www.example.com", i) })))
	_ = n
	var out state.Encoder
	if _, err := e.Checkpoint(f.Context(), &out, 0); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Data, 0, byte(0))
	f.Add(out.Data, len(out.Data)/2, byte(1))
	f.Add(out.Data[:len(out.Data)/3], 7, byte(200))
	f.Fuzz(func(t *testing.T, data []byte, at int, by byte) {
		data = bytes.Clone(data)
		if len(data) > 0 {
			data[uint(at)%uint(len(data))] ^= by
		}
		o, _ := stateOptions()
		o.State = state.NewDecoder(data)
		e, err := New(o)
		if err != nil {
			if !errors.Is(err, ErrState) {
				t.Fatal(err)
			}
			return
		}
		e.Snapshot()
		e.Flush()
	})
}

// BenchmarkCheckpoint is a checkpoint of the most that the default limits hold.
func BenchmarkCheckpoint(b *testing.B) {
	e := newEngine(b, Options{Live: true})
	e.AddInput(Input{Name: "log", Format: compiled(b, "vhost_combined")})
	var log bytes.Buffer
	for s := range 20 {
		for p := range 1500 {
			at := noon.Add(time.Duration(s*1500+p) * 20 * time.Millisecond)
			fmt.Fprintf(&log, "site%d.example:443 %s", s, line(at, fmt.Sprintf("10.%d.%d.%d", s, p>>8, p&255), fmt.Sprintf("GET /section-%d/an-article-of-some-length-%d HTTP/1.1", p%200, p), 200, "https://www.google.com/", desktop))
			if p < 900 {
				fmt.Fprintf(&log, "site%d.example:443 %s", s, line(at, fmt.Sprintf("10.%d.%d.%d", s, p>>8, p&255), fmt.Sprintf("GET /section-%d/on-%d HTTP/1.1", p%200, p), 200, fmt.Sprintf("https://site%d.example/section-%d/an-article-of-some-length-%d", s, p%200, p), desktop))
			}
		}
	}
	blocks := make(chan *stream.Block)
	done := make(chan error, 1)
	go func() { done <- e.Run(b.Context(), blocks) }()
	if err := stream.Reader(&log, stream.Options{}).Run(b.Context(), blocks); err != nil {
		b.Fatal(err)
	}
	var out state.Encoder
	b.ReportAllocs()
	for b.Loop() {
		out.Data = out.Data[:0]
		if _, err := e.Checkpoint(b.Context(), &out, 0); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(out.Data)))
	s := sumsOf(e.Snapshot())
	b.ReportMetric(float64(len(out.Data)), "state-bytes")
	b.ReportMetric(s["darkshare_pending_landings"], "waiting")
	close(blocks)
	<-done
}

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}
