package metrics

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestScrapers tells stories of scrapes. Times are seconds since the exporter
// began; the window is 300 s. A step is "time scraper: values", where the values
// are those of the series that exist by then, in the order of their creation, as
// "0" or "v" for the true value. A scraper with a "!" does not get its response.
func TestScrapers(t *testing.T) {
	for _, tc := range []struct {
		name    string
		created []int
		steps   string
	}{
		{"from the start", []int{0, 7}, "5 A: 0 | 20 A: v0 | 35 A: vv | 50 A: vv"},
		{"one series after the other", []int{1, 16, 31}, "15 A: 0 | 30 A: v0 | 45 A: vv0 | 60 A: vvv"},
		{"several between two scrapes", []int{1, 2, 16, 17}, "15 A: 00 | 30 A: vv00 | 45 A: vvvv"},
		{"a pair, both from the start", []int{1, 20}, "15 A: 0 | 17 B: 0 | 30 A: v0 | 32 B: v0 | 45 A: vv | 47 B: vv"},
		{"the second of a pair comes late, but in the window", []int{1}, "15 A: 0 | 30 A: v | 200 B: 0 | 215 B: v"},
		{"the first scrape, long after the start", []int{1, 600, 950}, "1000 A: vv0 | 1015 A: vvv"},
		{"a stranger, long after the start: nothing that others saw", []int{1, 900, 995, 1002},
			"990 A: v0 | 1000 B: vv0 | 1005 A: vv00 | 1015 B: vvv0"},
		{"a scrape that fails shows nothing", []int{1, 16}, "15 A: 0 | 30 A!: v0 | 45 A: v0 | 60 A: vv"},
		{"the first scrape fails", []int{1}, "15 A!: 0 | 30 A: 0 | 45 A: v"},
		{"at the very moment of a scrape", []int{15}, "15 A: 0 | 30 A: v"},
		{"a restart between two scrapes", []int{1, 16, 40}, "15 A: 0 | 30 A: v0 | 35 restart: - | 45 A: vv0 | 60 A: vvv"},
		{"a kill after the state was stored for a scrape", []int{1, 16, 40}, "15 A: 0 | 30 A: v0 | 35 kill: - | 45 A: v00 | 60 A: vvv"},
		{"a pair after a restart", []int{1, 36}, "15 A: 0 | 30 A: v | 35 restart: - | 45 A: v0 | 47 B: v0 | 60 A: vv"},
		{"away for long", []int{1, 20, 5000}, "15 A: 0 | 9000 A: v00 | 9015 A: vvv"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			kept, stored := new(atomic.Int64), int64(0)
			s := newScrapers(300*time.Second, at(0), kept)
			for step := range strings.SplitSeq(tc.steps, " | ") {
				var second int
				var name, want string
				if _, err := fmt.Sscanf(strings.Replace(step, ":", " ", 1), "%d %s %s", &second, &name, &want); err != nil {
					t.Fatal(step, err)
				}
				if name == "kill" {
					kept.Store(stored)
				}
				if name == "kill" || name == "restart" {
					s = newScrapers(300*time.Second, at(second), kept)
					continue
				}
				stored = kept.Load() // it is before the scrape is answered
				name, fails := strings.CutSuffix(name, "!")
				who := scraper(name[0])
				since, got := s.since(who, at(second)), ""
				for _, c := range tc.created {
					if c <= second {
						got += map[bool]string{true: "0", false: "v"}[since.before(at(c))]
					}
				}
				if got != want {
					t.Errorf("%s: got %s", step, got)
				}
				if !fails {
					s.shown(who, at(second))
				}
			}
		})
	}
}

func at(second int) time.Time { return time.Unix(1_700_000_000+int64(second), 0) }

// TestScrapersClockSetBack: when the wall clock is set back to before the start, what a
// state had and a scraper was shown is not shown to it at zero; what begins then is.
func TestScrapersClockSetBack(t *testing.T) {
	started := time.Now()
	kept := new(atomic.Int64)
	kept.Store(started.Add(400 * 24 * time.Hour).UnixNano()) // the clock was ahead in an earlier life
	s := newScrapers(300*time.Second, started, kept)
	s.shown('A', started.Add(-time.Hour).Round(0))
	if since := s.since('A', started.Add(-time.Hour)); since.before(started.Add(-time.Minute).Round(0)) || !since.before(started.Add(time.Minute)) {
		t.Errorf("%+v", since)
	}
	if kept.Load() != started.UnixNano() {
		t.Errorf("shown until %v, it is %v", time.Unix(0, kept.Load()), started)
	}
}

// TestScrapersNeverGoBack checks on random scrapes by more scrapers than are
// remembered that no series is ever shown at zero after its value, and that
// there are never more than maxScrapers remembered.
func TestScrapersNeverGoBack(t *testing.T) {
	type pair struct {
		who    scraper
		series int
	}
	zeros := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := newScrapers(300*time.Second, at(0), new(atomic.Int64))
		var created []time.Time
		valued := map[pair]bool{}
		now := at(0)
		for range 400 {
			now = now.Add(time.Duration(r.IntN(1+r.IntN(90))) * time.Second)
			if r.IntN(3) == 0 {
				created = append(created, now)
			}
			who := scraper(r.IntN(1 + r.IntN(2*maxScrapers)))
			since := s.since(who, now)
			for i, c := range created {
				switch zero := since.before(c); {
				case zero && valued[pair{who, i}]:
					t.Fatalf("seed %d: scraper %d is shown series %d at zero after its value", seed, who, i)
				case zero:
					zeros++
				default:
					valued[pair{who, i}] = true
				}
			}
			if r.IntN(10) > 0 {
				s.shown(who, now)
			}
			if len(s.last) > maxScrapers {
				t.Fatalf("%d scrapers remembered", len(s.last))
			}
		}
	}
	if zeros == 0 {
		t.Error("nothing was ever shown at zero")
	}
}

func TestScrapersFlood(t *testing.T) {
	s := newScrapers(300*time.Second, at(0), new(atomic.Int64))
	s.shown('A', at(1000))
	for i := range 10_000 {
		s.shown(scraper(1000+i), at(1001))
	}
	if got := s.since('A', at(1015)); !got.scrape.Equal(at(1000)) {
		t.Errorf("a flood of scrapers made a real one forgotten: since %v", got)
	}
	s.shown('B', at(2000))
	if _, ok := s.last['B']; !ok || len(s.last) != maxScrapers {
		t.Errorf("a scraper that came after the flood is not remembered, of %d", len(s.last))
	}
}

func TestIdentify(t *testing.T) {
	s := newScrapers(time.Minute, at(0), new(atomic.Int64))
	request := func(addr, agent, query, timeout string) *http.Request {
		r := httptest.NewRequest("GET", "/metrics?"+query, nil)
		r.RemoteAddr = addr
		r.Header.Set("User-Agent", agent)
		r.Header.Set(scraperHeader, timeout)
		return r
	}
	a, ok := s.identify(request("10.0.0.1:4000", "Prometheus/2.42.0", "", "10"))
	if !ok {
		t.Fatal("a scraper is not recognised")
	}
	for _, tc := range []struct {
		name string
		r    *http.Request
		same bool
	}{
		{"another port", request("10.0.0.1:4001", "Prometheus/2.42.0", "", "10"), true},
		{"another timeout", request("10.0.0.1:4000", "Prometheus/2.42.0", "", "5"), true},
		{"another address", request("10.0.0.2:4000", "Prometheus/2.42.0", "", "10"), false},
		{"another agent", request("10.0.0.1:4000", "vm_promscrape", "", "10"), false},
		{"another query", request("10.0.0.1:4000", "Prometheus/2.42.0", "name[]=up", "10"), false},
	} {
		if b, ok := s.identify(tc.r); !ok || a == b != tc.same {
			t.Errorf("%s: the same %v, want %v", tc.name, a == b, tc.same)
		}
	}
	if _, ok := s.identify(request("10.0.0.1:4000", "curl/8.0", "", "")); ok {
		t.Error("curl is taken for a scraper")
	}
	if _, ok := newScrapers(-1, at(0), new(atomic.Int64)).identify(request("10.0.0.1:4000", "", "", "10")); ok {
		t.Error("recognised although switched off")
	}
}
