//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// kill ends the command as nothing can be prepared for.
func (s *serving) kill() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	_ = s.cmd.Wait()
}

// withState serves a log with a state file.
func withState(t *testing.T, log, state string, more ...string) *serving {
	t.Helper()
	return serve(t, append([]string{"--log", log, "--format", "combined", "--site", "example.com", "--state", state}, more...)...)
}

// TestKillAndRestart: what was written while darkshare was dead is counted, and what
// was counted before is not counted again.
func TestKillAndRestart(t *testing.T) {
	log, state := write(t, "a.log", nil), filepath.Join(t.TempDir(), "state")
	text := benchLog(t, 3000)
	lines := bytes.SplitAfter(text, []byte("\n"))
	part := func(n int) []byte { return bytes.Join(lines[1000*n:1000*(n+1)], nil) }
	s := withState(t, log, state)
	appendTo(t, log, part(0))
	s.await("the first part", func() bool { return s.sums()["darkshare_log_lines_total"] == 1000 })
	before := s.sums()
	s.kill()
	appendTo(t, log, part(1))
	s = withState(t, log, state)
	s.await("the second part", func() bool { return s.sums()["darkshare_log_lines_total"] == 2000 })
	s.check(2000)
	if s.sums()["darkshare_input_bytes_total"] != float64(len(part(0))+len(part(1))) {
		t.Errorf("%v bytes", s.sums()["darkshare_input_bytes_total"])
	}
	for name, v := range before {
		if strings.HasSuffix(name, "_total") && strings.HasPrefix(name, "darkshare_") && s.sums()[name] < v {
			t.Errorf("%s was %v and is %v", name, v, s.sums()[name])
		}
	}
	s.stop()
	appendTo(t, log, part(2))
	s = withState(t, log, state)
	s.await("the third part", func() bool { return s.sums()["darkshare_log_lines_total"] == 3000 })
	s.check(3000)
	s.stop()
	// Without the file it is as if there had been nothing.
	s = serve(t, "--log", log, "--format", "combined", "--site", "example.com")
	if m := s.sums(); m["darkshare_log_lines_total"] != 0 || len(m) == 0 {
		t.Errorf("without a state %v lines", m["darkshare_log_lines_total"])
	}
	s.stop()
}

// TestFileBornWhileDead: where no file was there yet, one that comes while darkshare
// is dead is read from its beginning, whatever start_at says.
func TestFileBornWhileDead(t *testing.T) {
	log, state := filepath.Join(t.TempDir(), "a.log"), filepath.Join(t.TempDir(), "state")
	s := withState(t, log, state)
	s.kill()
	appendTo(t, log, benchLog(t, 100))
	s = withState(t, log, state)
	s.await("the lines", func() bool { return s.sums()["darkshare_log_lines_total"] == 100 })
	s.stop()
}

// TestZeroIsNotShownAgain: a counter that a scraper has seen at its value is not at
// zero for it after a restart.
func TestZeroIsNotShownAgain(t *testing.T) {
	log, state := write(t, "a.log", nil), filepath.Join(t.TempDir(), "state")
	scrape := func(s *serving) float64 {
		req, _ := http.NewRequest(http.MethodGet, "http://"+s.addr+"/metrics", nil)
		req.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", "10")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var body bytes.Buffer
		_, _ = body.ReadFrom(resp.Body)
		for line := range strings.Lines(body.String()) {
			if strings.HasPrefix(line, "darkshare_requests_total{") && strings.Contains(line, `kind="asset"`) {
				fields := strings.Fields(line)
				v, err := strconv.ParseFloat(fields[len(fields)-1], 64)
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
		}
		return -1
	}
	s := withState(t, log, state)
	scrape(s)
	var text strings.Builder
	for range 7 {
		text.WriteString(line(time.Now(), "192.0.2.1", "GET /style.css HTTP/1.1", 200, "https://example.com/", desktop))
	}
	appendTo(t, log, []byte(text.String()))
	s.await("the lines", func() bool { return s.sums()["darkshare_log_lines_total"] == 7 })
	for i, want := range []float64{0, 7, 7} {
		if got := scrape(s); got != want {
			t.Errorf("scrape %d shows %v, want %v", i, got, want)
		}
	}
	s.kill()
	s = withState(t, log, state)
	for i := range 2 {
		if got := scrape(s); got != 7 {
			t.Errorf("after the kill, scrape %d shows %v, want 7", i, got)
		}
	}
	s.stop()
}

// troubled follows a state file through some trouble: it is logged and counted, the
// counting goes on and is shown, and when the trouble is over it is kept again.
func troubled(t *testing.T, state, log string, trouble, over func(), want string) {
	t.Helper()
	s := withState(t, log, state)
	text := benchLog(t, 500)
	appendTo(t, log, text)
	s.await("lines before", func() bool { return s.sums()["darkshare_log_lines_total"] == 500 })
	saved := s.sums()["darkshare_state_saved_timestamp_seconds"]
	if now := float64(time.Now().Unix()); saved < now-60 || saved > now+60 {
		t.Errorf("saved at %v", saved)
	}
	trouble()
	appendTo(t, log, text)
	s.await("lines in trouble", func() bool { return s.sums()["darkshare_log_lines_total"] == 1000 })
	if n := s.sums()["darkshare_state_save_errors_total"]; n == 0 {
		t.Error("no error is counted")
	}
	if !strings.Contains(s.log.String(), "the state cannot be kept") || !strings.Contains(s.log.String(), want) {
		t.Errorf("the log does not say %q:\n%s", want, s.log)
	}
	over()
	s.await("it is kept again", func() bool {
		m := s.sums()
		return m["darkshare_state_saved_timestamp_seconds"] > saved && strings.Contains(s.log.String(), "the state is kept again")
	})
	if n := strings.Count(s.log.String(), "cannot be kept"); n != 1 {
		t.Errorf("it is logged %d times in a moment", n)
	}
	s.kill()
	s = withState(t, log, state)
	s.check(1000)
	s.stop()
}

func TestStateDirectoryVanishes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	move := func(from, to string) func() {
		return func() {
			if err := os.Rename(from, to); err != nil {
				t.Fatal(err)
			}
		}
	}
	troubled(t, filepath.Join(dir, "state"), write(t, "a.log", nil), move(dir, dir+".away"), move(dir+".away", dir), "make the directory")
}

func TestStateDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=192k"); err != nil {
		t.Skipf("no small disk can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	filler := filepath.Join(dir, "filler")
	fill := func() {
		f, err := os.Create(filler)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for block := make([]byte, 4096); ; {
			if _, err := f.Write(block); err != nil {
				return
			}
		}
	}
	troubled(t, filepath.Join(dir, "state"), write(t, "a.log", nil), fill, func() { os.Remove(filler) }, "make room")
}

// TestCorruptState: a file that makes no sense is set aside, logged and counted, and
// darkshare begins as if there had been none.
func TestCorruptState(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"corrupt": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"newer":   func(b []byte) []byte { b[len("darkshare state\n")]++; return b },
		"older":   func(b []byte) []byte { b[len("darkshare state\n")]--; return b },
	} {
		t.Run(name, func(t *testing.T) {
			log, state := write(t, "a.log", nil), filepath.Join(t.TempDir(), "state")
			s := withState(t, log, state)
			appendTo(t, log, benchLog(t, 50))
			s.await("lines", func() bool { return s.sums()["darkshare_log_lines_total"] == 50 })
			s.stop()
			text, err := os.ReadFile(state)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(state, spoil(text), 0o600); err != nil {
				t.Fatal(err)
			}
			s = withState(t, log, state)
			if m := s.sums(); m["darkshare_log_lines_total"] != 0 || m["darkshare_state_load_errors_total"] != 1 {
				t.Errorf("%v lines, %v errors", m["darkshare_log_lines_total"], m["darkshare_state_load_errors_total"])
			}
			if says := map[string]string{"corrupt": "is damaged", "newer": "from a newer darkshare", "older": "from an older darkshare"}[name]; !strings.Contains(s.log.String(), says) {
				t.Errorf("the log does not say %q:\n%s", says, s.log)
			}
			if kept := state + "." + name; !strings.Contains(s.log.String(), kept) {
				t.Errorf("the log does not name %s:\n%s", kept, s.log)
			} else if _, err := os.Stat(kept); err != nil {
				t.Error(err)
			}
			s.stop()
		})
	}
}

// TestStateInUse: two of them would write each other's counts.
func TestStateInUse(t *testing.T) {
	log, state := write(t, "a.log", nil), filepath.Join(t.TempDir(), "state")
	s := withState(t, log, state)
	_, stderr, code := darkshare(t, "serve", "--log", log, "--state", state, "--web.listen-address", freeAddress(t))
	if code != 1 || !strings.Contains(stderr, "another darkshare has the state file") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	s.stop()
}

// asNobody makes the command run as a user who may next to nothing.
func asNobody(t *testing.T, cmd *exec.Cmd, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("not root: cannot become somebody else")
	}
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	for d := dir; d != "/" && d != "."; d = filepath.Dir(d) {
		if fi, err := os.Stat(d); err == nil && fi.Mode().Perm()&0o001 == 0 {
			if err := os.Chmod(d, fi.Mode().Perm()|0o011); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd.Path = filepath.Join(dir, "darkshare")
	if err := os.WriteFile(cmd.Path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
}

// TestPermissions: a log that may not be read takes its input down, not the others,
// and is read when it may be; a state file that may not be read is refused, lest it be
// overwritten.
func TestPermissions(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o777); err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(home, 0o777)
	closed, open := filepath.Join(dir, "closed.log"), filepath.Join(dir, "open.log")
	appendTo(t, closed, nil)
	appendTo(t, open, nil)
	if err := os.Chmod(closed, 0o600); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(home, "state")
	s := &serving{t: t, addr: freeAddress(t), log: &lockedBuffer{}}
	args := []string{"serve", "--web.listen-address", s.addr, "--log", closed, "--log", open, "--format", "combined", "--site", "example.com", "--state", state}
	s.cmd = command(context.Background(), args...)
	asNobody(t, s.cmd, dir)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Skipf("cannot run as nobody: %v", err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait(); http.DefaultClient.CloseIdleConnections() })
	s.await("it serves", func() bool {
		resp, err := http.Get("http://" + s.addr + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	text := benchLog(t, 100)
	appendTo(t, open, text)
	appendTo(t, closed, text)
	s.await("the other input goes on", func() bool { return s.sums()["darkshare_log_lines_total/input="+open] == 100 })
	m := s.sums()
	if m["darkshare_input_up/input="+closed] != 0 || m["darkshare_input_up/input="+open] != 1 {
		t.Errorf("up: %v and %v", m["darkshare_input_up/input="+closed], m["darkshare_input_up/input="+open])
	}
	if !strings.Contains(s.log.String(), "permission denied") || !strings.Contains(s.log.String(), closed) {
		t.Errorf("the log does not say what is wrong:\n%s", s.log)
	}
	if err := os.Chmod(closed, 0o644); err != nil {
		t.Fatal(err)
	}
	s.await("it recovers", func() bool { return s.sums()["darkshare_input_up/input="+closed] == 1 })
	s.stop()
	if err := os.Chown(state, 0, 0); err != nil {
		t.Fatal(err)
	}
	cmd := command(t.Context(), args...)
	asNobody(t, cmd, dir)
	out, err := cmd.CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("let darkshare's user read the state file")) {
		t.Errorf("%v, %s", err, out)
	}
}

// TestScrapersShareSaves: however many scrape, nobody waits for more than two saves.
func TestScrapersShareSaves(t *testing.T) {
	log := write(t, "a.log", nil)
	s, end := inProcess(t, &serveFlags{logs: []string{log}, state: filepath.Join(t.TempDir(), "state"), sourceFlags: sourceFlags{format: "combined", site: "example.com"}})
	appendTo(t, log, benchLog(t, 100))
	awaitLines(t, s, 100)
	var scraping sync.WaitGroup
	for range 50 {
		scraping.Go(func() {
			for range 20 {
				before := s.engine.Report().Lines
				families := s.snapshot()
				var lines float64
				for _, f := range families {
					if f.Metric.Name == "darkshare_log_lines_total" {
						lines = f.Samples[0].Value
					}
				}
				if lines < float64(before) {
					t.Errorf("a scrape shows %v lines, and %d had been counted before it came", lines, before)
				}
			}
		})
	}
	stop := keepWriting(t, log, benchLog(t, 1000))
	scraping.Wait()
	stop()
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if n := s.keeper.failures.Load(); n != 0 {
		t.Errorf("%d saves failed", n)
	}
}

// TestManyRotations: while a log is rotated twice a second, memory, goroutines and
// descriptors stay as they are. For longer, with all that goes on: go tool mage soak.
func TestManyRotations(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	const duration, rotateEvery = 15 * time.Second, 500 * time.Millisecond
	dir := t.TempDir()
	path := filepath.Join(dir, "access.log")
	s := withState(t, path, filepath.Join(dir, "state"))
	l := &rotatedLog{t: t, name: "soak", path: path}
	l.reopen()
	fds := func() int {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
		if err != nil {
			t.Skip("no /proc here")
		}
		return len(entries)
	}
	type sample struct {
		fds             int
		goroutines, rss float64
	}
	take := func() sample {
		m := s.sums()
		return sample{fds(), m["go_goroutines"], m["process_resident_memory_bytes"]}
	}
	var first, last sample
	begun, rotated := time.Now(), time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for time.Since(begun) < duration {
		<-tick.C
		l.burst(100)
		if time.Since(rotated) > rotateEvery {
			rotated = time.Now()
			os.Remove(fmt.Sprintf("%s.%d", path, l.rotated-5))
			l.rotated++
			if err := os.Rename(path, fmt.Sprintf("%s.%d", path, l.rotated)); err != nil {
				t.Fatal(err)
			}
			l.reopen()
		}
		if first.fds == 0 && time.Since(begun) > duration/3 {
			first = take()
		}
	}
	l.f.Close()
	s.await("all is counted", func() bool { return s.sums()["darkshare_log_lines_total"] == float64(l.written) })
	last = take()
	t.Logf("%d lines, %d rotations in %v: %+v, then %+v", l.written, l.rotated, duration, first, last)
	// A rotated file is held for a minute after its last line.
	const held = int(duration / rotateEvery)
	if last.fds > first.fds+held+3 {
		t.Errorf("descriptors went from %d to %d", first.fds, last.fds)
	}
	if last.goroutines > first.goroutines+5 {
		t.Errorf("goroutines went from %v to %v", first.goroutines, last.goroutines)
	}
	if last.rss > 1.3*first.rss+16<<20 {
		t.Errorf("memory went from %.0f to %.0f MiB", first.rss/(1<<20), last.rss/(1<<20))
	}
	s.check(l.written)
	s.stop()
}

// TestWrappedLog: a container's log, whose lines the runtime has wrapped and cut, is
// told and counted as the proxy wrote it, through a kill in the middle of a line.
func TestWrappedLog(t *testing.T) {
	log, state := write(t, "0.log", nil), filepath.Join(t.TempDir(), "state")
	var text strings.Builder
	for l := range strings.Lines(string(benchLog(t, 1000))) {
		l = strings.TrimSuffix(l, "\n")
		half := len(l) / 2
		fmt.Fprintf(&text, "2026-11-22T05:16:07.123456789Z stdout P %s\n2026-11-22T05:16:07.123456789Z stdout F %s\n", l[:half], l[half:])
	}
	plain := serve(t, "--log", write(t, "plain.log", benchLog(t, 1000)), "--start-at", "beginning", "--site", "example.com")
	plain.await("the plain lines", func() bool { return plain.sums()["darkshare_log_lines_total"] == 1000 })
	want := plain.sums()
	plain.stop()

	middle := strings.Index(text.String()[text.Len()/2:], " P ") + text.Len()/2 + 20
	appendTo(t, log, []byte(text.String()[:middle]))
	s := serve(t, "--log", log, "--start-at", "beginning", "--site", "example.com", "--state", state)
	s.await("the first half", func() bool { return s.sums()["darkshare_log_lines_total"] > 400 })
	s.kill()
	appendTo(t, log, []byte(text.String()[middle:]))
	s = serve(t, "--log", log, "--start-at", "beginning", "--site", "example.com", "--state", state)
	s.await("all", func() bool { return s.sums()["darkshare_log_lines_total"] >= 1000 })
	s.check(1000)
	for _, m := range []string{"darkshare_requests_total", "darkshare_log_errors_total"} {
		if got := s.sums()[m]; got != want[m] {
			t.Errorf("%s is %v, of the plain log %v", m, got, want[m])
		}
	}
	s.stop()
}
