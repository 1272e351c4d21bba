package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// A serving is a running `darkshare serve`.
type serving struct {
	t    *testing.T
	cmd  *exec.Cmd
	addr string
	log  *lockedBuffer
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// serve starts the command and waits until it is ready.
func serve(t *testing.T, args ...string) *serving {
	t.Helper()
	s := &serving{t: t, addr: freeAddress(t), log: &lockedBuffer{}}
	s.cmd = command(context.Background(), append([]string{"serve", "--web.listen-address", s.addr}, args...)...)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		http.DefaultClient.CloseIdleConnections()
	})
	s.await("ready", func() bool {
		resp, err := http.Get("http://" + s.addr + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// patience is how long a test waits for what must come at last. It says nothing of how
// soon that should be: a machine that does many other things takes its time.
const patience = time.Minute

func (s *serving) await(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	s.t.Fatalf("waited %v in vain: %s\n%s", patience, what, s.log)
}

// stop ends the command as a service manager does, and expects it to end well.
func (s *serving) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Fatalf("after SIGTERM: %v\n%s", err, s.log)
	}
}

func (s *serving) get(path string) (int, string) {
	s.t.Helper()
	resp, err := http.Get("http://" + s.addr + path)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.log)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// sums adds the scraped series up by metric, and by metric and label.
func (s *serving) sums() map[string]float64 {
	s.t.Helper()
	_, body := s.get("/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	sums := map[string]float64{}
	for name, f := range families {
		for _, m := range f.GetMetric() {
			v := m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()
			sums[name] += v
			for _, l := range m.GetLabel() {
				sums[name+"/"+l.GetName()+"="+l.GetValue()] += v
			}
		}
	}
	return sums
}

// reload asks the command to read its configuration again and returns its answer.
func (s *serving) reload() (status int, answer string) {
	s.t.Helper()
	resp, err := http.Post("http://"+s.addr+"/-/reload", "", nil)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.log)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// check holds that every line was counted once.
func (s *serving) check(lines int) {
	s.t.Helper()
	m := s.sums()
	if got := m["darkshare_log_lines_total"]; got != float64(lines) {
		s.t.Errorf("%v lines of %d", got, lines)
	}
	if errs, requests := m["darkshare_log_errors_total"], m["darkshare_requests_total"]; errs+requests != float64(lines) {
		s.t.Errorf("%v errors and %v requests of %d lines", errs, requests, lines)
	}
}
