package simulate

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

func mustNew(t testing.TB, w io.Writer, sites ...Options) *Simulation {
	t.Helper()
	s, err := New(w, sites...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustUntil(t testing.TB, s *Simulation, at time.Time) {
	t.Helper()
	if err := s.Until(at); err != nil {
		t.Fatal(err)
	}
}

// twoSites are a newspaper and a shop of one log.
func twoSites() []Options {
	news, shop := options("news", 6*time.Hour, 60), options("shop", 8*time.Hour, 40)
	news.Site.Host, shop.Site.Host = "news.example", "shop.example"
	news.Lead, shop.Bots, shop.Seed = 2*time.Hour, 0.4, 2
	news.Format, shop.Format = NginxJSON, NginxJSON
	return []Options{news, shop}
}

// However a simulation is cut into calls, it gives the same bytes.
func TestUntilGoesOn(t *testing.T) {
	var whole, cut bytes.Buffer
	mustUntil(t, mustNew(t, &whole, twoSites()...), monday.Add(9*time.Hour))
	s := mustNew(t, &cut, twoSites()...)
	var written int
	for at := monday.Add(-time.Hour); at.Before(monday.Add(9 * time.Hour)); at = at.Add(97 * time.Second) {
		mustUntil(t, s, at)
		for line := range bytes.Lines(cut.Bytes()[written:]) {
			if got, err := lineTime(NginxJSON, line); err != nil || !got.Before(at) || got.Before(at.Add(-98*time.Second)) {
				t.Fatalf("until %v, from %v: %s", at, at.Add(-97*time.Second), line)
			}
		}
		written = cut.Len()
	}
	if !bytes.Equal(whole.Bytes(), cut.Bytes()) {
		t.Errorf("%d bytes in one go, other %d in many", whole.Len(), cut.Len())
	}
	if truth := s.Truth(0); truth.Lines == 0 || truth.Bytes+s.Truth(1).Bytes != int64(cut.Len()) {
		t.Errorf("%d bytes, truth says %d and %d", cut.Len(), truth.Bytes, s.Truth(1).Bytes)
	}
}

// The log of two sites is theirs, merged by time.
func TestSitesDoNotDisturbEachOther(t *testing.T) {
	sites := twoSites()
	var merged bytes.Buffer
	mustUntil(t, mustNew(t, &merged, sites...), monday.Add(8*time.Hour))
	for _, o := range sites {
		var alone, part bytes.Buffer
		mustRun(t, o, &alone)
		for line := range bytes.Lines(merged.Bytes()) {
			if bytes.Contains(line, []byte(`"host":"`+o.Site.Host+`"`)) {
				part.Write(line)
			}
		}
		if !bytes.Equal(alone.Bytes(), part.Bytes()) {
			t.Errorf("%s: %d bytes alone, other %d among others", o.Site.Host, alone.Len(), part.Len())
		}
	}
	var last time.Time
	var turns int
	host := ""
	for line := range bytes.Lines(merged.Bytes()) {
		at, err := lineTime(NginxJSON, line)
		if err != nil || at.Before(last) {
			t.Fatalf("after %v: %v: %s", last, err, line)
		}
		last = at
		_, rest, _ := strings.Cut(string(line), `"host":"`)
		if now, _, _ := strings.Cut(rest, `"`); now != host {
			host = now
			turns++
		}
	}
	if turns < 100 {
		t.Errorf("the sites take turns %d times", turns)
	}
}

func TestNewIsChecked(t *testing.T) {
	other := twoSites()
	other[1].Format = Caddy
	wrong := twoSites()
	wrong[1].Visits = 0
	for name, sites := range map[string][]Options{"no site": nil, "two formats": other, "one is wrong": wrong} {
		if _, err := New(io.Discard, sites...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	s := mustNew(t, brokenWriter{}, twoSites()...)
	for range 2 {
		if err := s.Until(monday.Add(time.Hour)); !errors.Is(err, errBroken) {
			t.Errorf("a writer that fails: %v", err)
		}
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

// With a lead a log begins amid the traffic, and what came before is not told of.
func TestLead(t *testing.T) {
	firstHour := func(lead time.Duration) (returning, visits, internal int) {
		o := options("news", time.Hour, 1000)
		o.Start, o.Lead = monday.Add(12*time.Hour), lead
		o.OnVisit = func(v Visit) {
			visits++
			if v.Returning {
				returning++
			}
			if v.Time.Before(o.Start) {
				t.Errorf("told of a visit at %v", v.Time)
			}
		}
		var log bytes.Buffer
		truth := mustRun(t, o, &log)
		if n := int64(bytes.Count(log.Bytes(), []byte("\n"))); n != truth.Lines || n != truth.People+truth.Previews {
			t.Errorf("%d lines, truth says %d", n, truth.Lines)
		}
		if truth.AllVisits() != int64(visits) {
			t.Errorf("told of %d visits of %d", visits, truth.AllVisits())
		}
		for line := range bytes.Lines(log.Bytes()) {
			at, err := lineTime(Combined, bytes.TrimSpace(line))
			if err != nil || at.Before(o.Start) {
				t.Fatalf("before the start: %v: %s", err, line)
			}
			if at.Before(o.Start.Add(2*time.Minute)) && bytes.Contains(line, []byte("https://www.example.com/")) {
				internal++
			}
		}
		return
	}
	_, cold, coldInternal := firstHour(0)
	_, warm, warmInternal := firstHour(4 * time.Hour)
	if warm < cold*9/10 || warmInternal < coldInternal*5/4 {
		t.Errorf("with a lead %d visits, and %d lines of readers in the first minutes; without %d, %d", warm, warmInternal, cold, coldInternal)
	}
}

// Runs of a site with a seed have its pages, and the article that it names for a
// time is the one that most come for.
func TestSiteSeed(t *testing.T) {
	site := Site{Seed: 7, Articles: 300}
	var paths [2]map[string]int64
	for i := range paths {
		o := options("news", 2*time.Hour, 2000)
		o.Seed, o.Site = uint64(i), site
		o.Start = monday.Add(13 * time.Hour) // a new article comes every other hour, in UTC
		paths[i] = mustRun(t, o, io.Discard).PageVisits
		want := site.Article(o.Start)
		var most string
		for path, n := range paths[i] {
			if strings.HasSuffix(path, ".html") && n > paths[i][most] {
				most = path
			}
		}
		if most != want {
			t.Errorf("most come for %s, want %s", most, want)
		}
	}
	for path := range paths[0] {
		if n := paths[1][path]; n == 0 && paths[0][path] > 20 {
			t.Errorf("%s has %d visits in one run, none in the other", path, paths[0][path])
		}
	}
}

func TestQuiet(t *testing.T) {
	o := options("news", 3*24*time.Hour, 400)
	o.Events = []Event{{Kind: Quiet, After: 24 * time.Hour, Duration: 24 * time.Hour, Left: 0.4}}
	var days, dark [3]float64
	o.OnVisit = func(v Visit) {
		day := int(v.Time.Sub(monday).Hours()) / 24
		days[day]++
		if v.Channel == schema.ChannelDarkSocial {
			dark[day]++
		}
	}
	mustRun(t, o, io.Discard)
	if part := days[1] / days[0]; part < 0.36 || part > 0.46 {
		t.Errorf("%.2f of the visits are left, want 0.4", part)
	}
	if part := days[2] / days[0]; part < 0.95 || part > 1.05 {
		t.Errorf("%.2f of the visits are back on the day after", part)
	}
	if before, on := dark[0]/days[0], dark[1]/days[1]; math.Abs(before-on) > 0.06 {
		t.Errorf("a dark share of %.3f, on the day before %.3f", on, before)
	}
}

// A daily event sleeps with the people.
func TestDaily(t *testing.T) {
	var night, evening [2]float64
	for i, daily := range []bool{false, true} {
		o := options("news", 48*time.Hour, 1)
		o.Events = []Event{{Kind: Viral, Duration: 48 * time.Hour, Visits: 300, Daily: daily}}
		o.OnVisit = func(v Visit) {
			switch hour := v.Time.Sub(monday).Hours(); {
			case hour >= 26 && hour < 30:
				night[i]++
			case hour >= 42 && hour < 46:
				evening[i]++
			}
		}
		mustRun(t, o, io.Discard)
	}
	if night[0] < evening[0] || night[1] > evening[1]/2 {
		t.Errorf("at night %v, in the evening %v", night, evening)
	}
}
