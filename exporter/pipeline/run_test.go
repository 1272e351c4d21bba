package pipeline

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/visit"
)

var noon = time.Date(2026, 9, 2, 12, 0, 0, 0, time.UTC)

// A run is an engine at work on blocks that a test sends one by one.
type run struct {
	*Engine
	t      *testing.T
	blocks chan *stream.Block
	done   chan error
}

func start(t *testing.T, o Options, inputs ...Input) *run {
	t.Helper()
	r := &run{newEngine(t, o), t, make(chan *stream.Block), make(chan error)}
	for _, in := range inputs {
		r.AddInput(in)
	}
	go func() { r.done <- r.Run(t.Context(), r.blocks) }()
	return r
}

// send lets the engine count lines of an input.
func (r *run) send(input int, lines string) {
	r.t.Helper()
	r.sendFile(input, "", lines)
}

// sendFile sends lines of one of the input's files.
func (r *run) sendFile(input int, name, lines string) {
	r.t.Helper()
	for b := range blocksOf(r.t, input, lines) {
		b.Name = name
		r.blocks <- b
	}
	if err := r.Barrier(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

func blocksOf(t *testing.T, input int, lines string) <-chan *stream.Block {
	blocks := make(chan *stream.Block)
	go func() {
		defer close(blocks)
		if err := stream.Reader(strings.NewReader(lines), stream.Options{Input: input}).Run(t.Context(), blocks); err != nil {
			t.Error(err)
		}
	}()
	return blocks
}

// end lets the engine finish, and returns its sums.
func (r *run) end() sums {
	r.t.Helper()
	close(r.blocks)
	if err := <-r.done; err != nil {
		r.t.Fatal(err)
	}
	s := sumsOf(r.Snapshot())
	s.check(r.t, false)
	seen := map[string]bool{}
	for _, f := range r.Snapshot() {
		for _, sample := range f.Samples {
			key := f.Metric.Name + strings.Join(sample.Labels, "\x00")
			if seen[key] {
				r.t.Errorf("%s%q is there twice", f.Metric.Name, sample.Labels)
			}
			seen[key] = true
		}
	}
	return s
}

// visited is a landing by the i-th visitor, and an asset of its page.
func visited(site string, i int) string {
	at := noon.Add(time.Duration(i) * time.Second)
	who := fmt.Sprint("192.0.2.", i)
	return line(at, who, "GET /x/1 HTTP/1.1", 200, "-", phone) + line(at, who, "GET /a.css HTTP/1.1", 200, "https://"+site+"/x/1", phone)
}

// hosted is the same in vhost_combined.
func hosted(site string, i int) (out string) {
	for l := range strings.Lines(visited(site, i)) {
		out += site + ":443 " + l
	}
	return out
}

func repeat(n int, f func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(f(i))
	}
	return b.String()
}

// TestSiteOfInput: which site the records of a log without hosts belong to, also
// after the configuration was read again.
func TestSiteOfInput(t *testing.T) {
	combined, vhost := compiled(t, "combined"), compiled(t, "vhost_combined")
	two := sites("a.example")
	two.Sites = append(two.Sites, sites("b.example").Sites...)
	f := func(name string, o attribution.Options, in Input, lines func(i int) string, want string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			in.Name = "log"
			r := start(t, Options{Rules: o, Live: true}, in)
			r.send(0, repeat(40, lines))
			if err := r.Configure(o); err != nil {
				t.Fatal(err)
			}
			r.send(0, repeat(40, func(i int) string { return lines(100 + i) }))
			s := r.end()
			if got := s["darkshare_requests_total/site="+want]; got != 160 {
				t.Errorf("%s has %v of 160 requests, (other) %v", want, got, s["darkshare_requests_total/site=(other)"])
			}
		})
	}
	a := func(i int) string { return visited("a.example", i) }
	f("the only configured one", sites("a.example"), Input{Format: combined}, a, "a.example")
	f("the only configured one, format told", sites("a.example"), Input{}, a, "a.example")
	f("the named one of two", two, Input{Site: "b.example"}, a, "b.example")
	f("told by the lines", attribution.Options{}, Input{Format: combined}, a, "a.example")
	f("told by the lines, format too", attribution.Options{}, Input{}, a, "a.example")
	f("a log with hosts goes by them", sites("a.example"), Input{Format: vhost, Site: "a.example"}, func(i int) string { return hosted("stranger.example", i) }, "(other)")
	f("a log with hosts goes by them, format told", sites("a.example"), Input{Site: "a.example"}, func(i int) string { return hosted("stranger.example", i) }, "(other)")
}

// TestToldSite: a site is told by enough assets that agree, not by the first line.
func TestToldSite(t *testing.T) {
	f := func(name string, want float64, first ...string) {
		t.Helper()
		r := start(t, Options{Live: true}, Input{Name: "log"})
		for _, l := range first {
			r.send(0, l)
		}
		for i := range 50 {
			r.send(0, visited("a.example", i))
		}
		s := r.end()
		if got := s["darkshare_requests_total/site=a.example"]; got != want {
			t.Errorf("%s: a.example has %v requests, want %v", name, got, want)
		}
		if got := s["darkshare_requests_total/site=evil.example"]; got != 0 {
			t.Errorf("%s: evil.example has %v requests", name, got)
		}
	}
	f("from the start", 62)
	f("after a page", 62, line(noon, "192.0.2.1", "GET /x/1 HTTP/1.1", 200, "-", phone))
	f("after an image on somebody else's page", 62, line(noon, "192.0.2.1", "GET /logo.png HTTP/1.1", 200, "https://evil.example/", phone))
}

// TestToldSitesApart: what one log tells is no configured site for the others.
func TestToldSitesApart(t *testing.T) {
	r := start(t, Options{}, Input{Name: "a"}, Input{Name: "b"}, Input{Name: "vhosts", Format: compiled(t, "vhost_combined")})
	for i := range 10 {
		r.send(2, hosted("v.example", i))
		r.send(0, repeat(3, func(k int) string { return visited("a.example", 3*i+k) }))
		r.send(1, repeat(3, func(k int) string { return visited("b.example", 100+3*i+k) }))
	}
	s := r.end()
	for site, want := range map[string]float64{"a.example": 60, "b.example": 60, "v.example": 16} {
		if got := s["darkshare_requests_total/site="+site]; got != want {
			t.Errorf("%s has %v requests, want %v", site, got, want)
		}
	}
}

// TestToldSiteAndReload: neither undoes the other.
func TestToldSiteAndReload(t *testing.T) {
	r := start(t, Options{}, Input{Name: "log"})
	o := attribution.Options{Hosts: []attribution.HostRule{{Host: "chat.intern.example", Channel: "dark_social", Source: "our_chat"}}}
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		for range 20 {
			if err := r.Configure(o); err != nil {
				t.Error(err)
			}
		}
	}()
	for i := range 50 {
		r.send(0, visited("a.example", i))
	}
	<-stop
	g := r.rules.Load()
	if len(g.opt.Hosts) != 1 || g.named("a.example") < 0 {
		t.Errorf("rules after both: hosts %v, sites %v", g.opt.Hosts, g.opt.Sites)
	}
	r.end()
}

// TestInputAgain: an input that comes back goes on with its counters.
func TestInputAgain(t *testing.T) {
	r := start(t, Options{Rules: sites("a.example")}, Input{Name: "log"})
	r.send(0, visited("a.example", 1))
	if n := r.AddInput(Input{Name: "log"}); n != 0 {
		t.Fatalf("the same input is number %d", n)
	}
	r.send(0, visited("a.example", 2))
	if got := r.end()["darkshare_log_lines_total"]; got != 4 {
		t.Errorf("%v lines, want 4", got)
	}
}

// TestFilesApart: the counts do not depend on how the blocks of several files of
// one input take turns, however far apart their times are.
func TestFilesApart(t *testing.T) {
	part := func(day int, net string) (blocks []string) {
		for b := range 12 {
			blocks = append(blocks, repeat(150, func(i int) string {
				n := b*150 + i
				at := noon.AddDate(0, 0, day).Add(time.Duration(n) * time.Second)
				out := line(at, fmt.Sprint(net, ".", b, ".", i), "GET /x/1 HTTP/1.1", 200, "https://www.google.com/", phone)
				if n >= 100 { // an asset of the visitor of 100 seconds before
					out += line(at, fmt.Sprint(net, ".", (n-100)/150, ".", (n-100)%150), "GET /a.css HTTP/1.1", 200, "https://a.example/x/1", phone)
				}
				return out
			}))
		}
		return blocks
	}
	first, second := part(0, "10.1"), part(5, "10.2")
	count := func(live, turns bool) sums {
		r := start(t, Options{Rules: sites("a.example"), Live: live}, Input{Name: "log", Format: compiled(t, "combined")})
		for i := range first {
			r.sendFile(0, "first", first[i])
			if turns {
				r.sendFile(0, "second", second[i])
			}
		}
		for i := range second {
			if !turns {
				r.sendFile(0, "second", second[i])
			}
		}
		return r.end()
	}
	after, inTurn := count(false, false), count(true, true)
	for _, key := range []string{"darkshare_visits_total", "darkshare_unconfirmed_landings_total"} {
		if after[key] != inTurn[key] || after["darkshare_visits_total"] != 3400 {
			t.Errorf("%s: %v one after the other, %v in turn", key, after[key], inTurn[key])
		}
	}
}

// TestQuietNight: a live log that stops writing keeps its clock going.
func TestQuietNight(t *testing.T) {
	now := time.Now()
	r := start(t, Options{Rules: sites("a.example"), Live: true}, Input{Name: "log", Format: compiled(t, "combined")})
	r.send(0, line(now, "192.0.2.1", "GET /x/1 HTTP/1.1", 200, "-", phone)+line(now, "192.0.2.1", "GET /a.css HTTP/1.1", 200, "https://a.example/x/1", phone))
	for i := range 3 * 60 {
		r.Tick(now.Add(time.Duration(i) * time.Minute))
	}
	s := sumsOf(r.Snapshot())
	if s["darkshare_ratio_visits/window=1h"] != 0 || s["darkshare_ratio_visits/window=24h"] != 1 || s["darkshare_visitors"] != 0 {
		t.Errorf("three hours later: %v visits in the last hour, %v in the last day, %v visitors",
			s["darkshare_ratio_visits/window=1h"], s["darkshare_ratio_visits/window=24h"], s["darkshare_visitors"])
	}
	r.end()
}

// TestReconfigure: new rules take effect for the lines that come after, and what
// was counted and what waits stays right.
func TestReconfigure(t *testing.T) {
	at := time.Date(2026, 9, 2, 12, 0, 0, 0, time.UTC)
	e := newEngine(t, Options{Rules: sites("a.example")})
	e.AddInput(Input{Name: "log", Format: compiled(t, "combined"), Site: "a.example"})
	blocks := make(chan *stream.Block)
	done := make(chan error)
	go func() { done <- e.Run(t.Context(), blocks) }()
	send := func(lines string) {
		t.Helper()
		if err := stream.Reader(strings.NewReader(lines), stream.Options{}).Run(t.Context(), blocks); err != nil {
			t.Fatal(err)
		}
		if err := e.Barrier(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	send(line(at, "192.0.2.1", "GET /x/1 HTTP/1.1", 200, "https://chat.intern.example/", phone))
	o := sites("b.example")
	o.Sites = append(o.Sites, sites("a.example").Sites...)
	o.Hosts = []attribution.HostRule{{Host: "chat.intern.example", Channel: "dark_social", Source: "our_chat"}}
	if err := e.Configure(o); err != nil {
		t.Fatal(err)
	}
	send(line(at.Add(time.Second), "192.0.2.1", "GET /a.css HTTP/1.1", 200, "https://a.example/x/1", phone) +
		line(at.Add(time.Minute), "192.0.2.2", "GET /x/1 HTTP/1.1", 200, "https://chat.intern.example/", desktop) +
		line(at.Add(time.Minute), "192.0.2.2", "GET /a.css HTTP/1.1", 200, "https://a.example/x/1", desktop))
	close(blocks)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s := sumsOf(e.Snapshot())
	s.check(t, false)
	for key, want := range map[string]float64{
		"darkshare_visits_total/site=a.example":  2,
		"darkshare_visits_total/source=our_chat": 1,
		"darkshare_visits_total/source=other":    1,
		"darkshare_visits_total/device=mobile":   1,
		"darkshare_visits_total/device=desktop":  1,
	} {
		if s[key] != want {
			t.Errorf("%s is %v, want %v", key, s[key], want)
		}
	}
	if err := e.Configure(attribution.Options{Hosts: []attribution.HostRule{{Host: "x.example", Channel: "nonsense"}}}); err == nil {
		t.Error("a rule with an unknown channel was taken")
	}
}

// TestSplitTarget: a target that was logged in two pieces is joined outside of its
// line, and is still there when the whole block has been parsed.
func TestSplitTarget(t *testing.T) {
	const pages, visits = 50, 20
	for _, workers := range []int{1, 4} {
		e := newEngine(t, Options{Rules: sites("a.example"), Pages: 2 * pages, Workers: workers,
			Visit: visit.Options{Confirmation: visit.ConfirmNever}})
		e.AddInput(Input{Name: "log", Format: compiled(t, `$remote_addr $msec $request_method $status "$uri" "$args" "$http_referer" "$http_user_agent"`)})
		var log strings.Builder
		for n := range pages * visits {
			fmt.Fprintf(&log, "192.0.%d.%d %d.5 GET 200 \"/article/%d\" \"utm_source=news&n=%d\" \"https://www.google.com/\" %q\n",
				n/250, n%250, 1_788_000_000+n, n%pages, n, phone)
		}
		feed(t, e, strings.NewReader(log.String()))
		s := sumsOf(e.Snapshot())
		s.check(t, false)
		for n := range pages {
			page := fmt.Sprint("/article/", n)
			if got := s["darkshare_page_visits_total/page="+page]; got != visits {
				t.Errorf("%d workers: %v visits of %s, want %d", workers, got, page, visits)
			}
		}
	}
}

// TestTick: when no lines come, landings are resolved all the same: by the wall
// clock where the log is live, and soon where it ended long ago.
func TestTick(t *testing.T) {
	now := time.Now()
	f := func(name string, at, tick time.Time, want float64) {
		t.Helper()
		e := newEngine(t, Options{Rules: sites("a.example"), Live: true})
		e.AddInput(Input{Name: "log", Format: compiled(t, "combined")})
		blocks := make(chan *stream.Block)
		done := make(chan error)
		go func() { done <- e.Run(t.Context(), blocks) }()
		text := line(at, "192.0.2.1", "GET /x/1 HTTP/1.1", 200, "-", phone)
		if err := stream.Reader(strings.NewReader(text), stream.Options{}).Run(t.Context(), blocks); err != nil {
			t.Fatal(err)
		}
		if err := e.Barrier(t.Context()); err != nil {
			t.Fatal(err)
		}
		e.Tick(tick)
		if got := sumsOf(e.Snapshot())["darkshare_unconfirmed_landings_total"]; got != want {
			t.Errorf("%s: %v unconfirmed landings, want %v", name, got, want)
		}
		close(blocks)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	f("live, a moment later", now, now.Add(time.Second), 0)
	f("live, in the window", now, now.Add(20*time.Minute), 0)
	f("live, after the window", now, now.Add(31*time.Minute), 1)
	f("long ago, while it is read", now.AddDate(-10, 0, 0), now.Add(time.Second), 0)
	f("long ago, at its end", now.AddDate(-10, 0, 0), now.Add(10*time.Second), 1)
}

// TestOverMidnight: the salt changes with the day, and an asset after midnight still
// confirms the landing before it, in a log whose records have no names but addresses.
func TestOverMidnight(t *testing.T) {
	r := start(t, Options{Rules: sites("a.example")}, Input{Name: "log", Format: compiled(t, "combined")})
	line := func(at, path, referer string) string {
		return `192.0.2.1 - - [` + at + ` +0000] "GET ` + path + ` HTTP/1.1" 200 1 "` + referer + `" "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"` + "\n"
	}
	r.send(0, line("02/Sep/2026:23:59:58", "/page", "https://www.google.com/")+line("03/Sep/2026:00:00:01", "/style.css", "https://a.example/page"))
	s := r.end()
	if s["darkshare_visits_total"] != 1 || s["darkshare_unconfirmed_landings_total"] != 0 {
		t.Errorf("%v visits and %v unconfirmed landings, want 1 and 0", s["darkshare_visits_total"], s["darkshare_unconfirmed_landings_total"])
	}
}
