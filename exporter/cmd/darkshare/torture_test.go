//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// A rotated log is one that is written to and rotated in its way, at its own times.
type rotatedLog struct {
	t    *testing.T
	name string
	path string // as the writer has it
	glob string // as darkshare has it

	mu      sync.Mutex // held for a burst, and by rotations that need the writer to stand still
	f       *os.File
	written int
	rotated int
}

// burst writes lines, the last of them in two parts.
func (l *rotatedLog) burst(lines int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	now := time.Now().Format("02/Jan/2006:15:04:05 -0700")
	for range lines {
		n := l.written
		fmt.Fprintf(&b, "198.51.%d.%d - - [%s] \"GET /%s/n%d HTTP/1.1\" 200 512 \"-\" %q\n", n>>8&255, n&255, now, l.name, n, desktop)
		l.written++
	}
	text := b.String()
	half := len(text) - 50
	for _, part := range []string{text[:half], text[half:]} {
		if _, err := l.f.WriteString(part); err != nil {
			l.t.Error(err)
		}
	}
}

// reopen opens the path anew, as a proxy does at USR1.
func (l *rotatedLog) reopen() {
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		l.t.Error(err)
		return
	}
	if l.f != nil {
		l.f.Close()
	}
	l.f = f
}

func (l *rotatedLog) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written
}

// A torture is a darkshare that is killed again and again while logs are written,
// rotated and scraped.
type torture struct {
	t    *testing.T
	args []string
	// living is held for reading by who needs darkshare to live on.
	living sync.RWMutex
	// deep is held by scrapes and read by those who need their outcome.
	deep sync.Mutex
	addr string
	seen map[string]*counterSeen
}

// A counterSeen is a counter as Prometheus sees it.
type counterSeen struct{ last, increase float64 }

// scrape does what Prometheus does with a scrape, and returns the lines that
// increase() has seen by then, by input.
func (x *torture) scrape() (map[string]float64, error) {
	x.deep.Lock()
	defer x.deep.Unlock()
	req, err := http.NewRequest(http.MethodGet, "http://"+x.addr+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", "10")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s, %v", resp.Status, body, err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	lines := map[string]float64{}
	for name, f := range families {
		if !strings.HasPrefix(name, "darkshare_") || strings.HasPrefix(name, "darkshare_state_") {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetCounter() == nil {
				continue
			}
			key, v := name+fmt.Sprint(m.GetLabel()), m.GetCounter().GetValue()
			c := x.seen[key]
			switch {
			case c == nil:
				// The first sample is no increase, unless it is the start of all.
				c = &counterSeen{}
				x.seen[key] = c
			case v < c.last-1e-9:
				x.t.Errorf("%s went from %v to %v: a reset that was none", key, c.last, v)
				c.increase += v
			default:
				c.increase += v - c.last
			}
			c.last = v
			if name == "darkshare_log_lines_total" {
				lines[m.GetLabel()[0].GetValue()] = c.increase
			}
		}
	}
	return lines, nil
}

// total adds up the increase of a metric.
func (x *torture) total(metric string) (sum float64) {
	x.deep.Lock()
	defer x.deep.Unlock()
	for key, c := range x.seen {
		if strings.HasPrefix(key, metric+"[") {
			sum += c.increase
		}
	}
	return sum
}

// await waits until Prometheus has seen as many lines of the log.
func (x *torture) await(l *rotatedLog, lines int) {
	x.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		seen, err := x.scrape()
		if err == nil && seen[l.name] >= float64(lines) {
			return
		}
		if time.Now().After(deadline) {
			x.t.Errorf("%s: after %v %v of %d lines, %v", l.name, patience, seen[l.name], lines, err)
			return
		}
	}
}

// rotations are the ways to rotate, and whether what is unread is found again after
// a kill at any moment.
func rotations(x *torture) map[string]func(l *rotatedLog) {
	rename := func(l *rotatedLog, to string) {
		if err := os.Rename(l.path, to); err != nil {
			x.t.Error(err)
		}
		// Writers go on in the old file for a while.
		l.burst(50)
		l.mu.Lock()
		l.reopen()
		l.mu.Unlock()
	}
	return map[string]func(l *rotatedLog){
		"rename": func(l *rotatedLog) {
			rename(l, fmt.Sprintf("%s.%d", l.path, l.rotated))
		},
		"inside": func(l *rotatedLog) {
			rename(l, fmt.Sprintf("%s.%d", l.path, l.rotated))
		},
		"chain": func(l *rotatedLog) {
			const keep = 40
			os.Remove(fmt.Sprint(l.path, ".", keep))
			for n := keep - 1; n > 0; n-- {
				os.Rename(fmt.Sprint(l.path, ".", n), fmt.Sprint(l.path, ".", n+1))
			}
			rename(l, l.path+".1")
		},
		"dated": func(l *rotatedLog) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.path = filepath.Join(filepath.Dir(l.path), fmt.Sprintf("access-%04d.log", l.rotated))
			l.reopen()
		},
		"copytruncate": func(l *rotatedLog) {
			// What is written between the end of the copy and the truncation is lost by
			// nature: here nothing is, so nothing may be missing.
			l.mu.Lock()
			defer l.mu.Unlock()
			text, err := os.ReadFile(l.path)
			if err == nil {
				err = os.WriteFile(fmt.Sprintf("%s.%d", l.path, l.rotated), text, 0o644)
			}
			if err == nil {
				err = os.Truncate(l.path, 0)
			}
			if err != nil {
				x.t.Error(err)
			}
		},
		// What is behind a name that is gone while darkshare is, nobody finds.
		"symlink": func(l *rotatedLog) {
			x.living.RLock()
			defer x.living.RUnlock()
			target := fmt.Sprintf("data.%d", l.rotated)
			if err := os.Symlink(target, l.path+".new"); err != nil {
				x.t.Error(err)
			}
			if err := os.Rename(l.path+".new", l.path); err != nil {
				x.t.Error(err)
			}
			l.burst(50)
			l.mu.Lock()
			l.reopen()
			l.mu.Unlock()
			l.burst(50)
			x.await(l, l.count())
		},
		"delete": func(l *rotatedLog) {
			x.living.RLock()
			defer x.living.RUnlock()
			x.await(l, l.count()) // it is open
			if err := os.Remove(l.path); err != nil {
				x.t.Error(err)
			}
			l.burst(50)
			l.mu.Lock()
			l.reopen()
			l.mu.Unlock()
			x.await(l, l.count())
		},
	}
}

// TestTorture: logs are written at 50,000 lines a second, rotated 200 times in every
// way, and darkshare is killed 20 times at any moment and started again. In the end
// Prometheus, which scraped all the while, has seen every line exactly once, and
// no counter that went down. DARKSHARE_TORTURE=full does it for ten minutes.
func TestTorture(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	duration, kills, each := 24*time.Second, 20, 34
	if os.Getenv("DARKSHARE_TORTURE") == "full" {
		duration, kills, each = 10*time.Minute, 400, 600
	}
	rate := 52_000
	if raceEnabled {
		rate, duration, kills, each = 5_000, 12*time.Second, 8, 20
	}
	dir := t.TempDir()
	x := &torture{t: t, seen: map[string]*counterSeen{}}
	ways := rotations(x)
	var logs []*rotatedLog
	conf := "sites: [{hosts: [example.com]}]\nstate: {file: state, interval: 1s}\ninputs:\n"
	for _, name := range []string{"rename", "inside", "chain", "dated", "copytruncate", "symlink", "delete"} {
		l := &rotatedLog{t: t, name: name, path: filepath.Join(dir, name, "access.log")}
		l.glob = l.path
		switch name {
		case "inside":
			l.glob += "*"
		case "dated":
			l.path, l.glob = filepath.Join(dir, name, "access-0000.log"), filepath.Join(dir, name, "access-*.log")
		case "symlink":
			l.glob = l.path
		}
		if err := os.Mkdir(filepath.Dir(l.path), 0o755); err != nil {
			t.Fatal(err)
		}
		if name == "symlink" {
			if err := os.Symlink("data.start", l.path); err != nil {
				t.Fatal(err)
			}
		}
		l.reopen()
		logs = append(logs, l)
		conf += fmt.Sprintf("- {name: %s, files: [%q], format: combined}\n", name, l.glob)
	}
	name := filepath.Join(dir, "darkshare.yaml")
	if err := os.WriteFile(name, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	x.args = []string{"--config", name}

	s := serve(t, x.args...)
	x.addr = s.addr
	if lines, err := x.scrape(); err != nil || len(lines) != len(logs) {
		t.Fatalf("%v, %v", lines, err)
	}
	var working, scraping sync.WaitGroup
	stop, over := make(chan struct{}), make(chan struct{})
	begun := time.Now()
	for _, l := range logs {
		working.Go(func() { // the writer
			const every = 10 * time.Millisecond
			tick := time.NewTicker(every)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
					due := int(float64(rate) / float64(len(logs)) * time.Since(begun).Seconds())
					if n := due - l.count(); n > 0 {
						l.burst(n)
					}
				}
			}
		})
		working.Go(func() { // the rotation
			for l.rotated < each {
				pause := time.Duration(rand.Int64N(int64(2 * duration / time.Duration(each))))
				select {
				case <-stop:
					return
				case <-time.After(min(pause, time.Until(begun.Add(duration)))):
				}
				l.rotated++
				ways[l.name](l)
			}
		})
	}
	scraping.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(100 * time.Millisecond):
				_, _ = x.scrape() // in between it is dead
			}
		}
	})

	for range kills {
		time.Sleep(time.Duration(rand.Int64N(int64(duration / time.Duration(kills)))))
		x.living.Lock()
		if err := s.cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = s.cmd.Wait()
		next := serve(t, x.args...)
		x.deep.Lock()
		s, x.addr = next, next.addr
		x.deep.Unlock()
		x.living.Unlock()
	}
	if rest := time.Until(begun.Add(duration)); rest > 0 {
		time.Sleep(rest)
	}
	took := time.Since(begun)
	close(stop)
	working.Wait()
	total, turned := 0, 0
	for _, l := range logs {
		x.await(l, l.written)
		l.f.Close()
		total += l.written
		turned += l.rotated
	}
	close(over)
	scraping.Wait()
	lines, err := x.scrape()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range logs {
		if lines[l.name] != float64(l.written) {
			t.Errorf("%s: increase() is %v of %d lines that were written, through %d rotations and %d kills", l.name, lines[l.name], l.written, l.rotated, kills)
		}
	}
	s.check(total)
	if n := x.total("darkshare_input_dropped_total"); n != 0 {
		t.Errorf("%v lines counted as dropped, and nothing was", n)
	}
	t.Logf("%d lines at %.0f a second, %d rotations, %d kills", total, float64(total)/took.Seconds(), turned, kills)
	// A clean end and another start repeat nothing.
	s.stop()
	s = serve(t, x.args...)
	s.check(total)
	s.stop()
	if t.Failed() {
		scanner := bufio.NewScanner(strings.NewReader(s.log.String()))
		for scanner.Scan() {
			t.Log(scanner.Text())
		}
	}
}
