package simulate

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

var monday = time.Date(2026, 11, 2, 0, 0, 0, 0, time.FixedZone("", 3600))

func options(mix string, d time.Duration, visits float64) Options {
	m, err := MixByName(mix)
	if err != nil {
		panic(err)
	}
	return Options{Seed: 1, Start: monday, Duration: d, Visits: visits, Mix: m}
}

func mustRun(t testing.TB, o Options, w io.Writer) *Truth {
	t.Helper()
	truth, err := Run(o, w)
	if err != nil {
		t.Fatal(err)
	}
	return truth
}

// story has every kind of event.
var story = []Event{
	{Kind: Viral, After: time.Hour, Duration: 5 * time.Hour, Visits: 200},
	{Kind: Untagged, After: 2 * time.Hour, Duration: 4 * time.Hour, Visits: 50},
	{Kind: BotWave, After: 3 * time.Hour, Duration: 2 * time.Hour, Visits: 2000},
}

// The same options give the same bytes, today and in years. The hashes hold for
// amd64: elsewhere Go may fuse a multiplication with an addition, which rounds
// otherwise, and a run takes another turn.
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		format Format
		bots   float64
		want   string
	}{
		{Combined, 0.3, "e27ae9abbfe6"},
		{VhostCombined, 0.3, "d82b94e7eccc"},
		{NginxJSON, 0.3, "769808b54b62"},
		{Caddy, 0.3, "88f64beb3d0f"},
	} {
		t.Run(c.format.String(), func(t *testing.T) {
			var hashes [2]string
			for i := range hashes {
				o := options("news", 8*time.Hour, 60)
				o.Format, o.Bots, o.Events = c.format, c.bots, story
				h := sha256.New()
				mustRun(t, o, h)
				hashes[i] = hex.EncodeToString(h.Sum(nil)[:6])
			}
			if hashes[0] != hashes[1] {
				t.Fatalf("two runs differ: %v", hashes)
			}
			if runtime.GOARCH == "amd64" && hashes[0] != c.want {
				t.Errorf("hash %s, want %s: the simulation has changed", hashes[0], c.want)
			}
		})
	}
	a, b := sha256.New(), sha256.New()
	o := options("news", time.Hour, 60)
	mustRun(t, o, a)
	o.Seed++
	mustRun(t, o, b)
	if bytes.Equal(a.Sum(nil), b.Sum(nil)) {
		t.Error("another seed gives the same log")
	}
}

var combinedLine = regexp.MustCompile(`^(?:\S+:443 )?([0-9a-f.:]+) - - \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+) "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"$`)

// Every line has the format's shape, and the times go on: in vhost_combined as
// far as a slow response lets them.
func TestLines(t *testing.T) {
	for _, format := range []Format{Combined, VhostCombined, NginxJSON, Caddy} {
		t.Run(format.String(), func(t *testing.T) {
			o := options("scanner-ridden", 6*time.Hour, 100)
			o.Format, o.Bots, o.Events = format, 0.6, story
			var log bytes.Buffer
			truth := mustRun(t, o, &log)
			if int64(log.Len()) != truth.Bytes {
				t.Errorf("%d bytes written, truth says %d", log.Len(), truth.Bytes)
			}
			var lines int64
			var last time.Time
			for line := range bytes.Lines(log.Bytes()) {
				lines++
				at, err := lineTime(format, bytes.TrimSuffix(line, []byte("\n")))
				if err != nil {
					t.Fatalf("line %d: %v: %s", lines, err, line)
				}
				slack := time.Duration(0)
				if format == VhostCombined {
					slack = 2 * time.Second
				}
				if at.Before(last.Add(-slack)) {
					t.Fatalf("line %d goes back in time from %v to %v", lines, last, at)
				}
				if at.Before(monday.Add(-time.Second)) || !at.Before(monday.Add(o.Duration)) {
					t.Fatalf("line %d is out of the run: %v", lines, at)
				}
				last = at
			}
			if lines != truth.Lines {
				t.Errorf("%d lines written, truth says %d", lines, truth.Lines)
			}
		})
	}
}

func lineTime(f Format, line []byte) (time.Time, error) {
	switch f {
	case NginxJSON:
		var r struct {
			Time   time.Time `json:"time"`
			Status int       `json:"status"`
		}
		err := json.Unmarshal(line, &r)
		if err == nil && r.Status < 100 {
			err = fmt.Errorf("status %d", r.Status)
		}
		return r.Time, err
	case Caddy:
		var r struct {
			TS      float64 `json:"ts"`
			Status  int     `json:"status"`
			Request struct {
				URI     string              `json:"uri"`
				Method  string              `json:"method"`
				Headers map[string][]string `json:"headers"`
			} `json:"request"`
		}
		err := json.Unmarshal(line, &r)
		if err == nil && (r.Status < 100 || r.Request.URI == "" || r.Request.Method == "") {
			err = fmt.Errorf("a field is missing")
		}
		return time.UnixMicro(int64(r.TS * 1e6)), err
	default:
		m := combinedLine.FindSubmatch(line)
		if m == nil {
			return time.Time{}, fmt.Errorf("not of the format")
		}
		return time.Parse("02/Jan/2006:15:04:05 -0700", string(m[2]))
	}
}

// The truth adds up, and what the hooks are told is what it counts.
func TestTruthAddsUp(t *testing.T) {
	for _, mix := range Mixes() {
		for _, bots := range []float64{0, 0.5, 0.9} {
			t.Run(fmt.Sprintf("%s/%v", mix.Name, bots), func(t *testing.T) {
				o := options(mix.Name, 30*time.Hour, 100)
				o.Bots = bots
				var visits [schema.NumChannels]int64
				shares := map[string]int64{}
				lines := map[int64]string{}
				o.OnVisit = func(v Visit) { visits[v.Channel]++; lines[v.Line] = " " + v.Target + " " }
				o.OnShare = func(s Share) { shares[s.App]++; lines[s.Line] = " " + s.Page }
				var log bytes.Buffer
				truth := mustRun(t, o, &log)
				if sum := truth.People + truth.Previews + truth.Bots; sum != truth.Lines {
					t.Errorf("people, previews and bots have %d lines of %d", sum, truth.Lines)
				}
				if sum := truth.Pages + truth.Assets + truth.Beacons + truth.Redirects + truth.Prefetches; sum != truth.People {
					t.Errorf("the kinds of people's lines are %d of %d", sum, truth.People)
				}
				if visits != truth.Visits {
					t.Errorf("told of visits %v, counted %v", visits, truth.Visits)
				}
				if !maps.Equal(shares, truth.Shares) {
					t.Errorf("told of shares %v, counted %v", shares, truth.Shares)
				}
				var sources, pages int64
				for _, n := range truth.Sources {
					sources += n
				}
				for _, n := range truth.PageVisits {
					pages += n
				}
				if all := truth.AllVisits(); sources != all || pages != all {
					t.Errorf("%d visits, %d by source, %d by page", all, sources, pages)
				}
				if truth.Visits[schema.ChannelUnknown] != 0 {
					t.Error("someone was sent by nobody")
				}
				if got := float64(truth.Bots) / float64(truth.Lines); math.Abs(got-bots) > 0.04 {
					t.Errorf("%.3f of the lines are by bots, want %v", got, bots)
				}
				var n int64
				for line := range bytes.Lines(log.Bytes()) {
					n++
					if want, ok := lines[n]; ok && !bytes.Contains(line, []byte(want)) {
						t.Fatalf("line %d should ask for %q: %s", n, want, line)
					}
				}
			})
		}
	}
}

// Memory depends on how many are on the site, not on how long the log is.
func TestMemoryIsBounded(t *testing.T) {
	size := func(days int) int {
		o := options("news", time.Duration(days)*24*time.Hour, 40)
		o.Bots = 0.5
		s, err := newSimulation(&o, newSink(io.Discard))
		if err != nil {
			t.Fatal(err)
		}
		s.runTo(s.end)
		return cap(s.queue.events) + cap(s.free)
	}
	if short, long := size(4), size(40); long > 2*short {
		t.Errorf("ten times the log takes %d entries, not %d", long, short)
	}
}

// The simulator must know nothing of the classifier that is measured against it.
func TestIndependence(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if path := strings.Trim(i.Path.Value, `"`); strings.Contains(path, "darkshare") && !strings.HasSuffix(path, "/schema") {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, spoil := range map[string]func(*Options){
		"no start":        func(o *Options) { o.Start = time.Time{} },
		"no duration":     func(o *Options) { o.Duration = 0 },
		"1970":            func(o *Options) { o.Start = time.Unix(0, 0) },
		"lead":            func(o *Options) { o.Lead = -1 },
		"no visits":       func(o *Options) { o.Visits = 0 },
		"visits NaN":      func(o *Options) { o.Visits = math.NaN() },
		"all bots":        func(o *Options) { o.Bots = 1 },
		"typed":           func(o *Options) { o.Mix.TypedDeep = 0.6 },
		"weekend":         func(o *Options) { o.Mix.Weekend = -1 },
		"no senders":      func(o *Options) { o.Mix.Senders = nil },
		"unknown sender":  func(o *Options) { o.Mix.Senders = []Weight{{"pigeon", 1}} },
		"weight":          func(o *Options) { o.Mix.Senders = []Weight{{"whatsapp", -1}} },
		"format":          func(o *Options) { o.Format = 99 },
		"articles":        func(o *Options) { o.Site.Articles = -1 },
		"event's page":    func(o *Options) { o.Events = []Event{{Duration: 1, Page: "/nowhere"}} },
		"event's sender":  func(o *Options) { o.Events = []Event{{Duration: 1, Sender: "pigeon"}} },
		"event's time":    func(o *Options) { o.Events = []Event{{Duration: 0}} },
		"event's rest":    func(o *Options) { o.Events = []Event{{Kind: Quiet, Duration: 1, Left: 1.1}} },
		"event's visitor": func(o *Options) { o.Events = []Event{{Duration: 1, Visits: -1}} },
	} {
		o := options("news", time.Hour, 10)
		spoil(&o)
		if _, err := Run(o, io.Discard); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := MixByName("none"); err == nil {
		t.Error("an unknown mix is accepted")
	}
}

func TestWriteErrorEndsTheRun(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	if _, err := Run(options("news", 1000*time.Hour, 1000), bufio.NewWriter(w)); err == nil {
		t.Error("a broken pipe is not told of")
	}
}

func BenchmarkRun(b *testing.B) {
	for _, format := range []Format{Combined, NginxJSON} {
		b.Run(format.String(), func(b *testing.B) {
			b.ReportAllocs()
			var lines int64
			for b.Loop() {
				o := options("news", 24*time.Hour, 400)
				o.Bots, o.Format = 0.3, format
				truth := mustRun(b, o, io.Discard)
				b.SetBytes(truth.Bytes)
				lines += truth.Lines
			}
			b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
