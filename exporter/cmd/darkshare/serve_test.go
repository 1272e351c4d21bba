package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/web"
)

// inProcess runs a server in this process. end ends it as SIGTERM does.
func inProcess(t *testing.T, f *serveFlags) (s *server, end func() error) {
	t.Helper()
	f.web = web.AddFlags(pflag.NewFlagSet("serve", pflag.ContinueOnError), "127.0.0.1:0")
	s, err := newServer(service{load: f.load, flags: f.web, otlp: f.otlp})
	if err != nil {
		t.Fatal(err)
	}
	s.log = slog.New(slog.DiscardHandler)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	end = sync.OnceValue(func() error {
		stop()
		return <-ended
	})
	t.Cleanup(func() { _ = end() })
	return s, end
}

// awaitLines waits until the server has counted some lines.
func awaitLines(t *testing.T, s *server, n uint64) {
	t.Helper()
	for deadline := time.Now().Add(patience); s.engine.Report().Lines < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 30 s in vain for %d lines", n)
		}
	}
}

// keepWriting appends a log over and over to a file, until the test or stop ends it.
func keepWriting(t *testing.T, path string, log []byte) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	writing.Go(func() {
		for n := 0; n < 50 && ctx.Err() == nil; n++ {
			appendTo(t, path, log)
		}
	})
	stop = func() { cancel(); writing.Wait() }
	t.Cleanup(stop)
	return stop
}

// TestEndUnderLoad: what was read when the end came is counted to the last line,
// nothing is pending, and no goroutine goes on.
func TestEndUnderLoad(t *testing.T) {
	live := write(t, "live.log", nil)
	s, end := inProcess(t, &serveFlags{logs: []string{live}, startAt: "beginning", sourceFlags: sourceFlags{format: "combined", site: "example.com"}})
	stop := keepWriting(t, live, benchLog(t, 20_000))
	awaitLines(t, s, 10_000)
	if err := end(); err != nil {
		t.Fatal(err)
	}
	stop()
	text, err := os.ReadFile(live)
	if err != nil {
		t.Fatal(err)
	}
	positions := s.sources[live].stream.(*stream.Follower).Positions()
	if len(positions) != 1 || positions[0].Offset == 0 {
		t.Fatalf("positions %+v", positions)
	}
	r := s.engine.Report()
	if read := bytes.Count(text[:positions[0].Offset], []byte("\n")); r.Lines != uint64(read) {
		t.Errorf("%d lines are counted, of %d that were read", r.Lines, read)
	}
	var sum uint64
	for _, counts := range []map[string]uint64{r.Errors, r.Requests} {
		for _, n := range counts {
			sum += n
		}
	}
	if sum != r.Lines || r.Requests["landing"] != r.Visits+r.Unconfirmed {
		t.Errorf("%d lines, %d errors and requests; %d landings, %d visits, %d unconfirmed", r.Lines, sum, r.Requests["landing"], r.Visits, r.Unconfirmed)
	}
}

// TestSIGTERM: under load the command ends well, and soon.
func TestSIGTERM(t *testing.T) {
	live := write(t, "live.log", nil)
	s := serve(t, "--log", live, "--format", "combined", "--site", "example.com")
	keepWriting(t, live, benchLog(t, 20_000))
	s.await("lines come", func() bool { return s.sums()["darkshare_log_lines_total"] > 1000 })
	start := time.Now()
	s.stop()
	// Service managers kill what takes longer: Kubernetes after 30 s, systemd after 90.
	if took := time.Since(start); took > 25*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestReloadAtTheEnd: reloads that start and stop inputs while the server ends do
// it no harm, and are refused once it does.
func TestReloadAtTheEnd(t *testing.T) {
	log := write(t, "a.log", benchLog(t, 2000))
	conf := write(t, "darkshare.yaml", nil)
	configure := func(name int) {
		text := fmt.Sprintf("inputs: [{name: in%d, files: [%q], start_at: beginning, format: combined}]\n", name, log)
		if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
			t.Error(err)
		}
	}
	for range 5 {
		configure(0)
		s, end := inProcess(t, &serveFlags{sourceFlags: sourceFlags{config: conf}})
		awaitLines(t, s, 1)
		var reloading sync.WaitGroup
		reloading.Go(func() {
			for n := 1; ; n++ {
				configure(n % 2)
				if err := s.reload(); err != nil {
					if !errors.Is(err, errEnding) {
						t.Error(err)
					}
					return
				}
			}
		})
		if err := end(); err != nil {
			t.Error(err)
		}
		reloading.Wait()
		if err := s.reload(); !errors.Is(err, errEnding) {
			t.Errorf("after the end a reload says %v", err)
		}
	}
}

// TestPortInUse: that nobody could scrape is said at once, with the flag to blame.
func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	start := time.Now()
	darkshare(t, "version")
	begins := time.Since(start)
	start = time.Now()
	_, stderr, code := darkshare(t, "serve", "--log", filepath.Join(t.TempDir(), "none.log"), "--web.listen-address", l.Addr().String())
	if code != 1 || !strings.Contains(stderr, "--web.listen-address="+l.Addr().String()) {
		t.Errorf("exit %d, %s", code, stderr)
	}
	// Inputs that are not there are waited for for two seconds.
	if took := time.Since(start) - 2*begins; took > 1500*time.Millisecond && !raceEnabled {
		t.Errorf("it took %v", took)
	}
}

// TestTwoLogs: each file is an input.
func TestTwoLogs(t *testing.T) {
	a, b := write(t, "a.log", benchLog(t, 300)), write(t, "b.log", benchLog(t, 200))
	s := serve(t, "--log", a, "--log", b, "--start-at", "beginning", "--format", "combined", "--site", "example.com")
	s.await("all is counted", func() bool { return s.sums()["darkshare_log_lines_total"] == 500 })
	m := s.sums()
	for input, want := range map[string]float64{a: 300, b: 200} {
		if got := m["darkshare_log_lines_total/input="+input]; got != want {
			t.Errorf("%v lines of %s, want %v", got, input, want)
		}
	}
	s.stop()
}

// TestServeMistakes: one command line a line, and what it says before it does anything.
func TestServeMistakes(t *testing.T) {
	log := write(t, "a.log", nil)
	conf := write(t, "darkshare.yaml", fmt.Appendf(nil, "inputs: [{files: [%q]}]\n", log))
	f := func(want string, args ...string) {
		t.Helper()
		_, stderr, code := darkshare(t, append([]string{"serve"}, args...)...)
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("serve %s: exit %d, %q, want %q in it", strings.Join(args, " "), code, stderr, want)
		}
	}
	f("no input: name a log with --log")
	f("--log "+log+": named twice", "--log", log, "--log", log)
	f("named twice", "--log", log, "--log", filepath.Dir(log)+"/./a.log")
	f("--log -: named twice", "--log", "-", "--log", "-")
	f("--log /var/[: syntax error in pattern", "--log", "/var/[")
	f("--log: the configuration has inputs", "--log", log, "--config", conf)
	f("--syslog: the configuration has inputs", "--syslog", "udp://:0", "--config", conf)
	f("--syslog: expected an address such as udp://127.0.0.1:5140", "--syslog", "5140")
	f("--syslog: tls:// needs a certificate", "--syslog", "tls://:6514")
	f("--start-at: \"now\" is neither", "--log", log, "--start-at", "now")
	f("format of input "+log, "--log", log, "--format", "nonsense")
}
