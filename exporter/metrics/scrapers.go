package metrics

import (
	"hash/maphash"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// scraperHeader is sent with every scrape by Prometheus, vmagent, Grafana Alloy
// and the OpenTelemetry Collector, and by nothing else; its value is in seconds.
const scraperHeader = "X-Prometheus-Scrape-Timeout-Seconds"

// maxScrapers is how many scrapers are remembered.
const maxScrapers = 16

// scrapers knows when each scraper came last, so that a counter which began
// since then can be shown to it at zero first.
//
// increase() and rate() see only steps between samples. A series that appears at
// 3 has no step, and the first visits of every new source, page or app would be
// lost; for rare labels those are most of the visits. Servers that read creation
// times do not have the problem, but it is an experimental feature of Prometheus
// 2.50 and later. Shown at 0 first and at 3 at the next scrape, the series has
// its step everywhere, one scrape late.
//
// Where both meet, they agree: the server puts a zero at the creation time, reads
// another zero, then the value, all with the same creation time. A counter that
// stays at zero for a while is no reset.
//
// The one thing that must not happen is a zero after a value: it would be taken
// for a restart, and everything counted twice. Hence:
//
//   - A scraper's time is that of the start of its last scrape that reached it,
//     taken before the snapshot: what began in between is shown at zero twice.
//   - A scraper not seen before is shown as zero what is younger than the window
//     (what is older is history: as one step, it would be a spike that never was).
//     Once the exporter has run for longer than the window, it is shown as zero
//     only what nobody was shown yet: the stranger may be an old scraper after an
//     upgrade or at a new address. Before that, every scraper is a stranger, and
//     two that form a pair must both see the beginning.
//   - A scraper is forgotten for another only when it has been away for longer
//     than the window. If none has, the other is not remembered and remains a
//     stranger, which is right too, only less often.
//
// What was shown outlives the process where the counters do, for a zero after a
// restart is a zero after a value: to a stranger, a process that goes on from
// another one's state shows as zero only what began after the last scrape that had
// reached anybody when the state was stored. What such a scrape was shown at its
// value had begun before the one before it.
//
// It rests on Sample.Created being not earlier than the last snapshot that does
// not hold the series. The wall clock may be set back all the same: what began in this
// process is held against scrapes by the monotonic clock, which times from a state have
// not; what is from there had begun before this process, and was shown to whoever has had
// a scrape of it.
type scrapers struct {
	window  time.Duration
	started time.Time
	seed    maphash.Seed

	// before is the latest of an earlier life. kept tells it to a later one.
	before time.Time
	kept   *atomic.Int64

	mu     sync.Mutex
	last   map[scraper]time.Time
	latest time.Time // the largest of all that were ever in last
}

// A scraper is a hash of what tells scrapers apart.
type scraper uint64

func newScrapers(window time.Duration, now time.Time, kept *atomic.Int64) *scrapers {
	s := &scrapers{
		window: window, started: now, seed: maphash.MakeSeed(), kept: kept,
		last: make(map[scraper]time.Time, maxScrapers),
	}
	if at := kept.Load(); at != 0 {
		at = min(at, now.UnixNano()) // else the clock has been set back since
		s.before = time.Unix(0, at)
		kept.Store(at)
	}
	return s
}

// identify returns who asks, and false for a client that is not a scraper. The
// query is part of it because two jobs of one Prometheus, which may ask for
// different metrics by name[], do not see each other's zeros.
func (s *scrapers) identify(r *http.Request) (scraper, bool) {
	if r.Header.Get(scraperHeader) == "" || s.window <= 0 {
		return 0, false
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return scraper(maphash.Comparable(s.seed, [...]string{host, r.UserAgent(), r.URL.RawQuery})), true
}

// A threshold is what a counter must have begun after to be shown at zero: both times,
// which the clock may have been set back between.
type threshold struct{ scrape, start time.Time }

func (t threshold) before(created time.Time) bool {
	return created.After(t.scrape) && created.After(t.start)
}

// never is later than every creation: no counter is shown at zero.
var never = threshold{scrape: time.Unix(1<<62, 0)}

// since returns what a counter must have begun after to be shown at zero in a scrape
// that starts now.
func (s *scrapers) since(who scraper, now time.Time) threshold {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.last[who]; ok {
		return threshold{scrape: t, start: s.started}
	}
	since := now.Add(-s.window)
	switch {
	case s.started.Before(since) && s.latest.After(since):
		since = s.latest
	case s.before.After(since):
		since = s.before
	}
	return threshold{scrape: since}
}

// shown notes that the scrape which started at that time has reached its scraper.
func (s *scrapers) shown(who scraper, start time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if start.After(s.latest) {
		s.latest = start
		s.kept.Store(max(s.kept.Load(), start.UnixNano()))
	}
	t, known := s.last[who]
	if !known && len(s.last) >= maxScrapers && !s.forget(start.Add(-s.window)) {
		return
	}
	if start.After(t) {
		s.last[who] = start
	}
}

// forget drops the scraper that has been away longest, if it was last seen before
// the time.
func (s *scrapers) forget(before time.Time) bool {
	var oldest scraper
	found := false
	for who, t := range s.last {
		if t.Before(before) {
			oldest, before, found = who, t, true
		}
	}
	if found {
		delete(s.last, oldest)
	}
	return found
}
