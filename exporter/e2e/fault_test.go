//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The faults that follow all end with what must hold after each: see process.holds.
// Those that other tests show more thoroughly are listed with these in
// docs/operations.md.

// faultRate is how many lines a second come while something is at fault.
const faultRate = 5000

// TestFaultKilled: at random moments it is killed, while hostile lines come and the log
// is rotated.
func TestFaultKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := newTraffic(t, filepath.Join(dir, "access.log"))
	log.hostile = true
	conf := configured(t, dir, log.path, fmt.Sprintf("state: {file: %q, interval: 1s}\n", filepath.Join(dir, "state")))
	p := begin(t, nil, "--config", conf)
	for range 6 {
		log.flow(faultRate, time.Duration(rand.IntN(800))*time.Millisecond, nil)
		p.sums()
		log.rotate(100)
		p.signal(syscall.SIGKILL)
		_ = p.cmd.Wait()
		log.burst(500)
		p = begin(t, nil, "--config", conf)
	}
	p.holds(log.written)
}

// TestFaultStopped: it is stopped, as by a debugger, a frozen container or a suspended
// machine, while the log is written and rotated.
func TestFaultStopped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := newTraffic(t, filepath.Join(dir, "access.log"))
	p := begin(t, nil, "--config", configured(t, dir, log.path, fmt.Sprintf("state: {file: %q}\n", filepath.Join(dir, "state"))))
	for range 3 {
		log.flow(faultRate, 300*time.Millisecond, nil)
		p.signal(syscall.SIGSTOP)
		log.flow(faultRate, 500*time.Millisecond, nil)
		log.rotate(100)
		log.flow(faultRate, 500*time.Millisecond, nil)
		log.rotate(100)
		p.signal(syscall.SIGCONT)
	}
	log.burst(100)
	p.holds(log.written)
}

// TestFaultClock: the proxy's clock jumps, by a little and by years, for single lines and
// for many, and comes back.
func TestFaultClock(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	dir := t.TempDir()
	log := newTraffic(t, filepath.Join(dir, "access.log"))
	p := begin(t, nil, "--config", configured(t, dir, log.path, fmt.Sprintf("store: {dir: %q, interval: 5s}\n", filepath.Join(dir, "store"))))
	for _, off := range []time.Duration{
		-90 * time.Second, 90 * time.Second, -time.Hour, time.Hour, -2 * day, 2 * day, -400 * day, 400 * day, -20 * 365 * day, 0,
	} {
		for _, lines := range []int{1, 400} {
			log.at = func() time.Time { return time.Now().Add(off) }
			log.burst(lines)
			p.holds(log.written)
			log.at = time.Now
			log.burst(200)
			p.holds(log.written)
		}
	}
	// Time goes on as if nothing had been.
	before := p.sums()["darkshare_store_last_sample_timestamp_seconds"]
	log.flow(200, 12*time.Second, nil)
	p.holds(log.written)
	m := p.sums()
	if after, now := m["darkshare_store_last_sample_timestamp_seconds"], float64(time.Now().Unix()); after <= before || after < now-60 || after > now+1 {
		t.Errorf("the store's newest sample was at %.0f and is at %.0f; now is %.0f", before, after, now)
	}
	if n := m["darkshare_store_append_errors_total"]; n != 0 {
		t.Errorf("%.0f times samples could not be stored", n)
	}
}

// TestFaultDiskFull: the disk that the log and the state are on is full, so that the
// proxy's lines are cut off in their middle; it is killed meanwhile.
func TestFaultDiskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("no small disk can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	log := newTraffic(t, filepath.Join(dir, "access.log"))
	conf := configured(t, t.TempDir(), log.path, fmt.Sprintf("state: {file: %q, interval: 1s}\n", filepath.Join(dir, "state")))
	p := begin(t, nil, "--config", conf)
	log.burst(1000)
	p.holds(1000)
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 2<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	// The proxy writes on, and what does not fit is gone, in the middle of a line.
	cut := 0
	for failed := 0; failed < 20; {
		text := log.lines(50)
		n, err := log.f.Write(text)
		if err != nil {
			failed++
		}
		if n > 0 && n < len(text) && text[n-1] != '\n' {
			cut++
		}
	}
	if cut == 0 {
		t.Fatal("no line was cut off")
	}
	await(t, "the state cannot be kept", func() bool { return p.sums()["darkshare_state_save_errors_total"] > 0 })
	p.holds(count(t, log.path))
	p.signal(syscall.SIGKILL)
	_ = p.cmd.Wait()
	p = begin(t, nil, "--config", conf)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	await(t, "the state is kept again", func() bool {
		m := p.sums()
		return m["darkshare_state_saved_timestamp_seconds"] > float64(time.Now().Unix()-2)
	})
	log.burst(1000)
	p.holds(count(t, log.path))
	p.signal(syscall.SIGKILL)
	_ = p.cmd.Wait()
	p = begin(t, nil, "--config", conf)
	p.holds(count(t, log.path))
}

// TestFaultDescriptors: there are no descriptors left, for new logs, for scrapes, for the
// state, while lines come and logs are rotated; then there are again.
func TestFaultDescriptors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := newTraffic(t, filepath.Join(dir, "access.log"))
	p := begin(t, nil, "--config", configured(t, dir, filepath.Join(dir, "*.log"), fmt.Sprintf("state: {file: %q, interval: 1s}\n", filepath.Join(dir, "state"))))
	log.burst(1000)
	p.holds(1000)
	var usual unix.Rlimit
	limit := func(to, before *unix.Rlimit) {
		if err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_NOFILE, to, before); err != nil {
			t.Fatal(err)
		}
	}
	// Below what it has already: nothing more can be opened.
	limit(nil, &usual)
	limit(&unix.Rlimit{Cur: 3, Max: usual.Max}, nil)
	log.flow(faultRate, time.Second, nil)
	log.rotate(100)
	log.flow(faultRate, time.Second, nil)
	other := newTraffic(t, filepath.Join(dir, "other.log"))
	other.flow(faultRate, time.Second, nil)
	if p.answers() {
		t.Error("a new connection was answered without a descriptor")
	}
	limit(&usual, nil)
	p.holds(log.written + other.written)
}

// answers reports whether a scrape on a new connection is answered within a second.
func (p *process) answers() bool {
	c, err := net.DialTimeout("tcp", p.addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprint(c, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	n, _ := c.Read(make([]byte, 1))
	return n > 0
}

// TestFaultSlowScrapes: clients that never come to the end of their request, or never
// read the answer, hold up neither the counting nor other scrapes.
func TestFaultSlowScrapes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := newTraffic(t, filepath.Join(dir, "access.log"))
	p := begin(t, nil, "--config", configured(t, dir, log.path, "limits: {pages: 3000}\n"))
	log.burst(50_000)
	p.holds(50_000)
	for i := range 60 {
		d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
		}}
		c, err := d.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		request := "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
		if i%2 == 0 {
			request = request[:20]
		}
		fmt.Fprint(c, request)
		if i%2 == 0 {
			continue
		}
		// One after the other: of all at a time, limits.scrapes would refuse the most.
		status := make([]byte, len("HTTP/1.1 200"))
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.ReadFull(c, status); err != nil || string(status) != "HTTP/1.1 200" {
			t.Fatalf("one that reads no more than this was answered %q, %v", status, err)
		}
	}
	var slowest time.Duration
	log.flow(faultRate, 3*time.Second, func(time.Duration) {
		begun := time.Now()
		if p.sums() == nil {
			t.Fatal("a scrape had no answer")
		}
		slowest = max(slowest, time.Since(begun))
	})
	// The slow ones are given up after ten seconds at the earliest: who waits for one of
	// them waits longer than this.
	if slowest > 9*time.Second {
		t.Errorf("a scrape beside the slow ones took %v", slowest)
	}
	t.Logf("slowest scrape: %v", slowest)
	p.holds(log.written)
}

// count returns how many whole lines a file has.
func count(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte("\n"))
}
