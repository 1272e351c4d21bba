//go:build linux && amd64

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// A scraper sees counters as Prometheus does, for which one that goes down has been reset
// and is added once more.
type scraper struct {
	t    *testing.T
	last map[string]float64
}

func (s *scraper) scrape(p *process, when string) {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+p.addr+"/metrics", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", "10")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: a scrape had no answer: %v, %s", when, err, answer.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	seen := map[string]float64{}
	for name, f := range families {
		// These are the process's own.
		if !strings.HasPrefix(name, "darkshare_") || strings.HasPrefix(name, "darkshare_state_") || strings.HasPrefix(name, "darkshare_store_") {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetCounter() == nil {
				continue
			}
			key, v := name+fmt.Sprint(m.GetLabel()), m.GetCounter().GetValue()
			if v < s.last[key]-1e-9 {
				s.t.Errorf("%s: %s went from %v to %v", when, key, s.last[key], v)
			}
			seen[key] = v
		}
	}
	s.last = seen
}

// withClock starts the command with a wall clock that can be set.
func withClock(t *testing.T, conf string) (*process, *wallClock) {
	t.Helper()
	addr := free(t)
	p := launch(t, nil, addr, binary, "serve", "--web.listen-address", addr, "--config", conf)
	await(t, "darkshare is ready", p.ready)
	return p, newWallClock(t, p)
}

// TestFaultWallClock: the machine's clock jumps forth and back, by minutes to years, and
// the proxy's with it, or not; in between darkshare is killed, so that it has a state from
// the future or the past.
func TestFaultWallClock(t *testing.T) {
	t.Parallel()
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	type jump struct {
		off    time.Duration
		killed bool
	}
	all := []jump{{90 * time.Second, true}, {-90 * time.Second, false}, {time.Hour, false}, {-time.Hour, true}, {400 * day, true}, {-20 * year, false}}
	for _, c := range []struct {
		name  string
		too   bool // the proxy's
		jumps []jump
	}{
		{"with the proxy's", true, all},
		{"alone", false, all},
		{"set back alone", false, []jump{{-90 * time.Second, true}, {-time.Hour, false}, {-20 * year, false}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			log := newTraffic(t, filepath.Join(dir, "access.log"))
			conf := configured(t, dir, log.path, fmt.Sprintf("limits: {pages: 1000, sections: 100}\nstore: {dir: %q, interval: 5s}\n", filepath.Join(dir, "store")))
			p, clock := withClock(t, conf)
			prometheus := &scraper{t: t}
			lines := func(when string) {
				t.Helper()
				for _, n := range []int{1, 400} {
					log.burst(n)
					p.holds(log.written)
					prometheus.scrape(p, when)
				}
			}
			lines("before")
			ahead := false
			for _, jump := range c.jumps {
				when := fmt.Sprint(jump.off)
				ahead = ahead || jump.off > 0
				clock.set(jump.off)
				if c.too {
					log.at = func() time.Time { return time.Now().Add(jump.off) }
				}
				lines(when)
				log.rotate(100)
				// Without lines for so long, it goes by the machine's clock.
				time.Sleep(3500 * time.Millisecond)
				p.holds(log.written)
				lines(when + ", rotated")
				log.at = time.Now
				if jump.killed {
					p.signal(syscall.SIGKILL)
					_ = p.cmd.Wait()
					p, clock = withClock(t, conf)
				} else {
					clock.set(0)
					time.Sleep(1500 * time.Millisecond) // it looks at it every second
				}
				lines("after " + when)
				time.Sleep(3500 * time.Millisecond)
				if p.sums()["darkshare_pending_landings"] == 0 {
					t.Errorf("after %s: no landing waits for its visitor", when)
				}
			}
			// A store that has samples of the future waits for it to come. Any other goes on.
			await(t, "the store goes on", func() bool {
				log.burst(10)
				return ahead || p.sums()["darkshare_store_last_sample_timestamp_seconds"] > float64(time.Now().Unix()-60)
			})
			p.holds(log.written)
			if n := p.sums()["darkshare_store_append_errors_total"]; n != 0 {
				t.Errorf("%.0f times samples could not be stored", n)
			}
			p.signal(syscall.SIGTERM)
			if err := p.cmd.Wait(); err != nil {
				t.Errorf("after SIGTERM: %v", err)
			}
		})
	}
}

// TestFaultWallClockCopies: the machine's clock is set back while darkshare is stopped and
// the log is copied and cut more than once. Which of the copies are new is told by when they
// were born.
func TestFaultWallClockCopies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := newTraffic(t, filepath.Join(dir, "access.log"))
	p, clock := withClock(t, configured(t, dir, log.path, fmt.Sprintf("state: {file: %q}\n", filepath.Join(dir, "state"))))
	clock.set(time.Hour)
	log.burst(400)
	p.holds(log.written)
	scans := p.sums()["darkshare_input_bytes_total"]
	await(t, "it has been looked at in the future", func() bool {
		log.burst(1)
		return p.sums()["darkshare_input_bytes_total"] > scans+2000
	})
	p.holds(log.written)
	p.signal(syscall.SIGSTOP)
	clock.set(0)
	for i := range 3 {
		log.burst(300)
		text, err := os.ReadFile(log.path)
		if err == nil {
			err = os.WriteFile(fmt.Sprintf("%s.%d", log.path, i), text, 0o644)
		}
		if err == nil {
			err = os.Truncate(log.path, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	log.burst(50)
	p.signal(syscall.SIGCONT)
	p.holds(log.written)
}
