package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestReload: SIGHUP and POST /-/reload take a new configuration without losing a
// line, and refuse one with a mistake.
func TestReload(t *testing.T) {
	log := benchLog(t, 20_000)
	live := filepath.Join(t.TempDir(), "live.log")
	conf := write(t, "darkshare.yaml", nil)
	configure := func(site, format string) {
		t.Helper()
		text := fmt.Sprintf("inputs:\n  - name: live\n    files: [%q]\n    format: %s\n    site: %s\nsites:\n  - name: %s\n    hosts: [example.com]\n", live, format, site, site)
		if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	configure("before", "combined")
	s := serve(t, "--config", conf)
	var writing sync.WaitGroup
	writing.Go(func() {
		for rest := log; len(rest) > 0; {
			n := min(len(rest), 20_000)
			appendTo(t, live, rest[:n])
			rest = rest[n:]
			time.Sleep(2 * time.Millisecond)
		}
	})
	written := bytes.Count(log, []byte("\n"))
	for i := range 20 {
		configure([]string{"before", "after"}[i%2], []string{"combined", "'$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\"'"}[i%2])
		if i%4 == 0 {
			if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
		} else {
			if status, answer := s.reload(); status != http.StatusOK {
				t.Errorf("reload: %d %s", status, answer)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	writing.Wait()
	s.await("every line is counted", func() bool { return s.sums()["darkshare_log_lines_total"] >= float64(written) })
	s.check(written)
	m := s.sums()
	if m["darkshare_requests_total/site=before"] == 0 || m["darkshare_requests_total/site=after"] == 0 {
		t.Errorf("before %v, after %v", m["darkshare_requests_total/site=before"], m["darkshare_requests_total/site=after"])
	}

	if err := os.WriteFile(conf, []byte("inptus: []\nlimits:\n  visitors: many\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	status, answer := s.reload()
	for _, want := range []string{"darkshare.yaml:1:", "inptus", "darkshare.yaml:3:"} {
		if status != http.StatusInternalServerError || !strings.Contains(answer, want) {
			t.Errorf("reload of a wrong configuration: %d %q, want %q in it", status, answer, want)
		}
	}
	appendTo(t, live, log[:bytes.IndexByte(log, '\n')+1])
	s.await("it goes on as before", func() bool { return s.sums()["darkshare_log_lines_total"] == float64(written+1) })
	s.stop()
}

// TestReloadStream: a stream is not stopped for a new format or site, so that no
// line is cut in two while it is written.
func TestReloadStream(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skipf("no FIFO here: %v", err)
	}
	conf := write(t, "darkshare.yaml", nil)
	configure := func(site, format string) {
		t.Helper()
		text := fmt.Sprintf("inputs: [{name: live, files: [%q], format: %q, site: %s}]\nsites: [{name: %s, hosts: [example.com]}]\n", fifo, format, site, site)
		if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	formats := []string{"combined", `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`}
	configure("s0", formats[0])
	s := serve(t, "--config", conf)
	w, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	text := line(time.Now(), "192.0.2.1", "GET /x/1 HTTP/1.1", 200, "-", desktop)
	const reloads = 10
	for i := range reloads {
		if _, err := w.WriteString(text + text[:50]); err != nil {
			t.Fatal(err)
		}
		s.await("the pieces are read", func() bool {
			return s.sums()["darkshare_input_bytes_total"] == float64((2*len(text))*i+len(text)+50)
		})
		configure(fmt.Sprintf("s%d", i%3), formats[i%2])
		if status, answer := s.reload(); status != http.StatusOK {
			t.Fatalf("reload: %d %s", status, answer)
		}
		if _, err := w.WriteString(text[50:]); err != nil {
			t.Fatal(err)
		}
		s.await("the line is counted", func() bool { return s.sums()["darkshare_log_lines_total"] == float64(2*i+2) })
	}
	s.check(2 * reloads)
	if m := s.sums(); m["darkshare_log_errors_total"] != 0 || m["darkshare_requests_total/site=s2"] == 0 {
		t.Errorf("%v broken lines, %v of a later site", m["darkshare_log_errors_total"], m["darkshare_requests_total/site=s2"])
	}
	s.stop()
}

// TestReloadLog: the level changes at once, and what does not is named.
func TestReloadLog(t *testing.T) {
	live := write(t, "live.log", nil)
	input := fmt.Sprintf("inputs: [{files: [%q], format: combined}]\n", live)
	conf := write(t, "darkshare.yaml", []byte(input+"log: {level: error}\n"))
	s := serve(t, "--config", conf)
	reload := func(text string) {
		t.Helper()
		if err := os.WriteFile(conf, []byte(input+text), 0o644); err != nil {
			t.Fatal(err)
		}
		if status, answer := s.reload(); status != http.StatusOK {
			t.Errorf("%s: %d %s", text, status, answer)
		}
	}
	says := func(want string, times int) {
		t.Helper()
		s.await(fmt.Sprintf("%q is said %d times", want, times), func() bool { return strings.Count(s.log.String(), want) >= times })
		if got := strings.Count(s.log.String(), want); got != times {
			t.Errorf("%q is said %d times, want %d:\n%s", want, got, times, s.log)
		}
	}
	const done, later = "configuration reloaded", "take effect at the next start"
	reload("log: {level: info}")
	says(done, 1)
	says(later, 0)
	reload("log: {level: info, format: json}")
	says("sections=[log.format]", 1)
	reload("limits: {visitors: 5000}\nvisits: {window: 1h}\notlp: {enabled: true}")
	says("sections=\"[limits visits otlp]\"", 1)
	says(done, 3)
	reload("log: {level: error}") // says nothing
	reload("log: {level: info}")
	says(done, 4)
	says(later, 2)
	s.stop()
}
