package pipeline

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkshare/darkshare/exporter/series"
	"github.com/darkshare/darkshare/exporter/state"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/tally"
)

// A sampler is a History that keeps what it is told.
type sampler struct {
	t testing.TB
	// deaf says to keep nothing.
	deaf bool

	mu      sync.Mutex
	known   []sampleTaken
	samples []sampleTaken
	gaps    []int // the number of samples before
	marks   int
}

type sampleTaken struct {
	at int64
	sums
}

func (s *sampler) Known(next int64, t *series.Table) {
	s.known = append(s.known, sampleTaken{next, sumsOf(t.Families())})
}

func (s *sampler) Sample(at int64, t *series.Table) {
	if s.deaf {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.samples); n > 0 && at <= s.samples[n-1].at {
		s.t.Errorf("a sample at %v after one at %v", time.Unix(0, at), time.Unix(0, s.samples[n-1].at))
	}
	s.samples = append(s.samples, sampleTaken{at, sumsOf(t.Families())})
}

func (s *sampler) Gap() { s.gaps = append(s.gaps, len(s.samples)) }

func (s *sampler) Mark() { s.marks++ }

// A timedLine is one of a log; garbage has the time of the line before.
type timedLine struct {
	at   time.Time
	text string
}

// wild is a log in which lines come at any pace, and some are none.
func wild(seed uint64, lines int) (log []timedLine) {
	r := rand.New(rand.NewPCG(seed, 3))
	at := noon
	for i := range lines {
		who := fmt.Sprintf("192.0.2.%d", r.IntN(200))
		switch r.IntN(12) {
		case 0:
			log = append(log, timedLine{at, "no line of a log\n"})
			continue
		case 1:
			at = at.Add(time.Duration(r.IntN(900)) * time.Second)
		case 2: // exactly when a sample is due
			at = at.Truncate(time.Minute).Add(time.Minute)
		default:
			at = at.Add(time.Duration(r.IntN(20)) * time.Second)
		}
		page := fmt.Sprintf("/stories/%d", r.IntN(40))
		text := line(at, who, "GET "+page+" HTTP/1.1", 200, "https://web.whatsapp.com/", phone)
		if i%2 == 0 {
			text = line(at, who, "GET /style.css HTTP/1.1", 200, "https://a.example"+page, phone)
		}
		log = append(log, timedLine{at, text})
	}
	return log
}

func textOf(log []timedLine) string {
	var b strings.Builder
	for _, l := range log {
		b.WriteString(l.text)
	}
	return b.String()
}

func sampling1m(t testing.TB, workers int) (*sampler, Options) {
	s := &sampler{t: t}
	return s, Options{Rules: sites("a.example"), Workers: workers, History: s, Interval: time.Minute}
}

// TestSampleIsAMoment: a sample has all lines before it and none after, each once.
func TestSampleIsAMoment(t *testing.T) {
	log := wild(1, 4000)
	for _, workers := range []int{1, 2, 5} {
		s, o := sampling1m(t, workers)
		r := start(t, o, Input{Name: "log", Format: compiled(t, "combined")})
		r.send(0, textOf(log))
		r.end()
		r.Sampled()
		if len(s.samples) < 100 || len(s.gaps) > 0 {
			t.Fatalf("%d samples, %d gaps", len(s.samples), len(s.gaps))
		}
		n := 0
		for i, sample := range s.samples {
			if i > 0 && sample.at != s.samples[i-1].at+int64(time.Minute) || sample.at%int64(time.Minute) != 0 {
				t.Fatalf("samples at %d and %d", s.samples[i-1].at, sample.at)
			}
			for n < len(log) && log[n].at.UnixNano() < sample.at {
				n++
			}
			if got := sample.sums["darkshare_log_lines_total"]; got != float64(n) {
				t.Fatalf("%d workers: %v lines at %v, and %d were before it", workers, got, time.Unix(0, sample.at).UTC(), n)
			}
			sample.check(t, true)
		}
		if n != len(log) {
			t.Errorf("%d lines of %d are in the samples", n, len(log))
		}
	}
}

// TestSamplingChangesNothing: a log's report is the same whether anybody takes samples,
// in one file or in several, and however many work at it.
func TestSamplingChangesNothing(t *testing.T) {
	text := newsLog(t)
	report := func(o Options, files int) *tally.Report {
		o.Rules = sites("www.example.com")
		r := start(t, o, Input{Name: "log"})
		rest := text
		for n := range files {
			cut := len(rest)
			if n < files-1 {
				cut = strings.LastIndexByte(rest[:len(rest)/(files-n)], '\n') + 1
			}
			r.sendFile(0, fmt.Sprint("file", n), rest[:cut])
			rest = rest[cut:]
		}
		r.end()
		r.Sampled()
		return r.Report()
	}
	plain := report(Options{}, 1)
	s, o := sampling1m(t, 2)
	s.deaf = true
	o.Interval = 17 * time.Second
	want := report(o, 1)
	// A history ranks pages by their latest visits, a report by all: both agree on the
	// first, and on everything else.
	if diff := cmp.Diff(plain.Sites[0].Pages[:5], want.Sites[0].Pages[:5]); diff != "" {
		t.Errorf("pages (-plain +sampled):\n%s", diff)
	}
	plain.Sites[0].Pages = want.Sites[0].Pages
	if diff := cmp.Diff(plain, want); diff != "" {
		t.Errorf("(-plain +sampled):\n%s", diff)
	}
	for _, workers := range []int{1, 2, 4} {
		for _, files := range []int{1, 2, 7} {
			s, o := sampling1m(t, workers)
			s.deaf = true
			o.Interval = 17 * time.Second
			if diff := cmp.Diff(want, report(o, files)); diff != "" {
				t.Errorf("%d workers, %d files (-want +got):\n%s", workers, files, diff)
			}
		}
	}
}

// TestSamplingAcrossAGap: where a log has no lines for days the series end, the last
// sample before has all lines before the gap and none after, and the next one comes
// with the next line.
func TestSamplingAcrossAGap(t *testing.T) {
	log := wild(2, 600)
	const days = 3 * 24 * time.Hour
	for i := range log {
		if i >= 300 {
			log[i].text = strings.ReplaceAll(log[i].text, log[i].at.Format("02/Jan/2006"), log[i].at.Add(days).Format("02/Jan/2006"))
			log[i].at = log[i].at.Add(days)
		}
	}
	s, o := sampling1m(t, 2)
	r := start(t, o, Input{Name: "log", Format: compiled(t, "combined")})
	r.send(0, textOf(log))
	r.end()
	r.Sampled()
	if len(s.gaps) != 1 {
		t.Fatalf("%d gaps", len(s.gaps))
	}
	before, after := s.samples[s.gaps[0]-1], s.samples[s.gaps[0]]
	last := log[299].at.Truncate(time.Minute).Add(time.Minute)
	if before.at != last.UnixNano() || before.sums["darkshare_log_lines_total"] != 300 {
		t.Errorf("the last sample before the gap is at %v with %v lines, want 300 at %v", time.Unix(0, before.at).UTC(), before.sums["darkshare_log_lines_total"], last)
	}
	before.check(t, true)
	// A gap is believed once 100 lines bear it out.
	if at := log[300+rewindAfter].at; after.at <= at.Add(-time.Minute).UnixNano() || after.at > at.Add(2*time.Minute).UnixNano() {
		t.Errorf("the first sample behind the gap is at %v, want one at %v", time.Unix(0, after.at).UTC(), at)
	}
	if end := s.samples[len(s.samples)-1]; end.sums["darkshare_log_lines_total"] != 600 {
		t.Errorf("%v lines in the end", end.sums["darkshare_log_lines_total"])
	}
}

// TestSamplingOutlivesAWrongClock: lines of a far future, wherever they are, neither
// end the sampling nor move it to where no log ever comes.
func TestSamplingOutlivesAWrongClock(t *testing.T) {
	wrong := line(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC), "192.0.2.9", "GET /future HTTP/1.1", 200, "-", phone)
	log := wild(3, 2000)
	for name, where := range map[string]func(i int) bool{
		"the first":                func(i int) bool { return i == 0 },
		"in the middle":            func(i int) bool { return i == 1000 },
		"the last":                 func(i int) bool { return i == 1999 },
		"the first and the last":   func(i int) bool { return i == 0 || i == 1999 },
		"now and then":             func(i int) bool { return i%150 == 7 },
		"a flood in the middle":    func(i int) bool { return i >= 1000 && i < 1400 },
		"the last of few, at once": func(i int) bool { return i > 1950 },
	} {
		t.Run(name, func(t *testing.T) {
			var text strings.Builder
			for i, l := range log {
				if where(i) {
					text.WriteString(wrong)
				}
				text.WriteString(l.text)
			}
			s, o := sampling1m(t, 2)
			r := start(t, o, Input{Name: "log", Format: compiled(t, "combined")})
			r.send(0, text.String())
			got := r.end()
			r.Sampled()
			last, end := s.samples[len(s.samples)-1], log[len(log)-1].at
			// Until so many lines say otherwise the clock stands still.
			if at := time.Unix(0, last.at); at.Before(log[len(log)-1-rewindAfter].at) || at.After(end.Add(3*time.Minute)) {
				t.Errorf("the last sample is at %v, the last line of %v", at.UTC(), end)
			}
			if last.sums["darkshare_log_lines_total"] != got["darkshare_log_lines_total"] {
				t.Errorf("%v lines in the last sample, of %v", last.sums["darkshare_log_lines_total"], got["darkshare_log_lines_total"])
			}
			if n := int(end.Sub(log[0].at) / time.Minute); len(s.samples) < n-2*rewindAfter || len(s.gaps) > 0 {
				t.Errorf("%d samples in %d minutes, %d gaps", len(s.samples), n, len(s.gaps))
			}
			if counted := r.Counted(); counted.After(end.Add(3 * time.Minute)) {
				t.Errorf("counted until %v", counted)
			}
			for _, sample := range s.samples {
				sample.check(t, true)
			}
		})
	}
}

// TestSamplingGoesOn: a life that takes up a state goes on with the very samples that
// the life before would have taken, and knows every series with its value.
func TestSamplingGoesOn(t *testing.T) {
	log := wild(4, 3000)
	wrong := line(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC), "192.0.2.9", "GET /future HTTP/1.1", 200, "-", phone)
	for name, c := range map[string]struct {
		cuts  []int
		extra string // at each cut
	}{
		"anywhere":                  {[]int{1, 2, 500, 1700}, ""},
		"behind a wrong clock's":    {[]int{500, 1700}, wrong},
		"where nothing was sampled": {[]int{1}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			run := func(cuts []int) []sampleTaken {
				var all []sampleTaken
				var saved []byte
				from := 0
				for _, cut := range append(cuts, len(log)) {
					s, o := sampling1m(t, 2)
					if saved != nil {
						o.State = state.NewDecoder(saved)
					}
					r := start(t, o, Input{Name: "log", Format: compiled(t, "combined")})
					if len(s.known) > 0 && len(all) > 0 {
						known, last := s.known[0], all[len(all)-1]
						if known.at != last.at+int64(time.Minute) {
							t.Errorf("goes on at %v after %v", time.Unix(0, known.at).UTC(), time.Unix(0, last.at).UTC())
						}
						for name, v := range last.sums {
							if got, ok := known.sums[name]; strings.HasSuffix(name, "_total") && (!ok || got < v) {
								t.Errorf("%s was %v and is known with %v", name, v, got)
							}
						}
					}
					text := textOf(log[from:cut])
					if cut != len(log) {
						text += c.extra
					}
					r.send(0, text)
					var out state.Encoder
					if _, err := r.Checkpoint(t.Context(), &out, 0); err != nil {
						t.Fatal(err)
					}
					all, saved = append(all, s.samples...), out.Data
					r.end()
					from = cut
					if cut == len(log) {
						r.Sampled()
						all = append(all, s.samples[len(s.samples)-1])
					}
				}
				return all
			}
			want, got := run(nil), run(c.cuts)
			if len(got) < len(want) || len(got) > len(want)+2 {
				t.Fatalf("%d samples, undisturbed %d", len(got), len(want))
			}
			if w, g := want[len(want)-1], got[len(got)-1]; g.at < w.at || g.at > w.at+2*int64(time.Minute) || c.extra == "" && g.at != w.at {
				t.Errorf("the last sample is at %v, undisturbed at %v", g.at, w.at)
			}
			if c.extra != "" {
				return
			}
			for i := range want {
				if w, g := want[i].sums["darkshare_log_lines_total"], got[i].sums["darkshare_log_lines_total"]; w != g || want[i].at != got[i].at {
					t.Fatalf("sample %d has %v lines at %d, undisturbed %v at %d", i, g, got[i].at, w, want[i].at)
				}
				for _, m := range []string{"darkshare_requests_total", "darkshare_log_errors_total"} {
					if want[i].sums[m] != got[i].sums[m] {
						t.Fatalf("sample %d has %s %v, undisturbed %v", i, m, got[i].sums[m], want[i].sums[m])
					}
				}
			}
		})
	}
}

// TestInputsAreKnownAgain: what the inputs' sources have counted is a series from the
// first on, before the new sources are there: it would seem to begin at zero again.
func TestInputsAreKnownAgain(t *testing.T) {
	log := wild(5, 400)
	path := filepath.Join(t.TempDir(), "a.log")
	read := func(text string, saved *state.Decoder) (*sampler, []byte) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		s, o := sampling1m(t, 1)
		o.State = saved
		e := newEngine(t, o)
		n := e.AddInput(Input{Name: "log", Format: compiled(t, "combined")})
		source := stream.Files([]string{path}, stream.ReadOptions{Options: stream.Options{Input: n}})
		e.SetSource(n, source)
		blocks := make(chan *stream.Block)
		go func() {
			defer close(blocks)
			if err := source.Run(t.Context(), blocks); err != nil {
				t.Error(err)
			}
		}()
		if err := e.Run(t.Context(), blocks); err != nil {
			t.Fatal(err)
		}
		e.Sampled()
		var out state.Encoder
		if _, err := e.Checkpoint(t.Context(), &out, 0); err != nil {
			t.Fatal(err)
		}
		return s, out.Data
	}
	_, saved := read(textOf(log[:200]), nil)
	s, _ := read(textOf(log[200:]), state.NewDecoder(saved))
	if got, want := s.known[0].sums["darkshare_input_bytes_total"], float64(len(textOf(log[:200]))); got != want {
		t.Errorf("%v bytes are known, of %v", got, want)
	}
	if got, want := s.samples[len(s.samples)-1].sums["darkshare_input_bytes_total"], float64(len(textOf(log))); got != want {
		t.Errorf("%v bytes in the end, of %v", got, want)
	}
}

// TestLiveSamplesNoFuture: whatever a live log's lines say, a sample is of a time that
// has been, and the next line's are there as soon as their time has.
func TestLiveSamplesNoFuture(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"an hour": time.Hour, "years": 70 * 365 * 24 * time.Hour} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, first %t", name, first), func(t *testing.T) {
				t.Parallel()
				s := &sampler{t: t}
				o := Options{Rules: sites("a.example"), Live: true, History: s, Interval: time.Second}
				r := start(t, o, Input{Name: "log", Format: compiled(t, "combined")})
				now := time.Now()
				good := func(ago time.Duration) string {
					return line(now.Add(-ago), "192.0.2.1", "GET /a HTTP/1.1", 200, "-", phone)
				}
				wrong := line(now.Add(ahead), "192.0.2.9", "GET /future HTTP/1.1", 200, "-", phone)
				if !first {
					r.send(0, good(10*time.Minute))
				}
				r.send(0, wrong)
				data, _ := r.checkpoint()
				r.Tick(time.Now())
				r.send(0, repeat(rewindAfter+1, func(i int) string { return good(2*time.Minute - time.Duration(i)*time.Second) }))
				time.Sleep(1100 * time.Millisecond) // until the next sample is due
				r.send(0, good(-1100*time.Millisecond))
				r.end()
				check := func(s *sampler, lines float64) {
					t.Helper()
					if len(s.samples) == 0 {
						t.Fatal("no samples")
					}
					last := s.samples[len(s.samples)-1]
					if at := time.Unix(0, last.at); at.After(time.Now()) || at.Before(now.Add(-10*time.Second)) {
						t.Errorf("the last sample is at %v, and now it is %v", at, now)
					}
					if got := last.sums["darkshare_log_lines_total"]; got < lines {
						t.Errorf("%v lines in it, want %v", got, lines)
					}
				}
				check(s, rewindAfter+1)

				// Another life begins just then.
				s = &sampler{t: t}
				o.History, o.State = s, state.NewDecoder(data)
				r = start(t, o, Input{Name: "log", Format: compiled(t, "combined")})
				r.send(0, repeat(100, func(i int) string { return good(100*time.Second - time.Duration(i)*time.Second) }))
				time.Sleep(1100 * time.Millisecond)
				r.send(0, good(-2200*time.Millisecond))
				r.end()
				check(s, 100)
			})
		}
	}
}

// TestPassed: with the last line before a moment that no line before is to come, the
// samples before that moment are there; behind a log's end for no longer than it may be
// silent.
func TestPassed(t *testing.T) {
	s, o := sampling1m(t, 1)
	r := start(t, o, Input{Name: "log", Format: compiled(t, "combined")})
	r.send(0, line(noon, "192.0.2.1", "GET /a HTTP/1.1", 200, "-", phone))
	for _, c := range []struct {
		until time.Duration
		want  int
	}{{10 * time.Second, 0}, {time.Minute, 0}, {2 * time.Minute, 1}, {2 * time.Minute, 1}, {time.Hour, 59}, {72 * time.Hour, 59}, {24 * time.Hour, 24*60 - 1}} {
		var out state.Encoder
		if _, err := r.Checkpoint(t.Context(), &out, noon.Add(c.until).UnixNano()); err != nil {
			t.Fatal(err)
		}
		if len(s.samples) != c.want {
			t.Errorf("until %v: %d samples, want %d", c.until, len(s.samples), c.want)
		}
	}
	r.end()
	if s.marks != 7 {
		t.Errorf("%d marks", s.marks)
	}
}
