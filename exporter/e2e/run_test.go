package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
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

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"
)

// binary is the darkshare command, built for the tests.
var binary string

func TestMain(m *testing.M) {
	code := func() int {
		dir, err := os.MkdirTemp("", "darkshare")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "darkshare")
		if out, err := exec.Command("go", "build", "-o", binary, "../cmd/darkshare").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}()
	if code == 0 {
		http.DefaultClient.CloseIdleConnections()
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// A buffer takes what a program prints while a test reads it.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// run starts a program in a group of its own until the test ends, which then ends all of
// the group. Its standard output goes to stdout, or, with nil, where its errors go.
func run(t *testing.T, stdout io.Writer, stdin io.Reader, name string, args ...string) *buffer {
	t.Helper()
	errs := &buffer{}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 3 * time.Second
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, errs
	if stdout == nil {
		cmd.Stdout = errs
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what did not listen
		if t.Failed() {
			text := errs.String()
			t.Logf("%s: %s", filepath.Base(name), text[max(0, len(text)-2000):])
		}
	})
	return errs
}

// program returns the path of an installed program, or skips the test.
func program(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range []string{"", "/usr/sbin/", "/usr/local/sbin/"} {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// patience is how long a test waits for what must come at last. It says nothing of how
// soon that should be: a machine that does many other things takes its time.
const patience = time.Minute

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited %v in vain: %s", patience, what)
}

// listening waits until a TCP port of the loopback is listened on. A connection to see
// whether it is would be logged by some.
func listening(t *testing.T, addr string) {
	t.Helper()
	await(t, addr+" is listened on", func() bool { return bound("tcp", addr, "0A") })
}

// bound reports whether a port of the loopback is bound, and in that state, which is two
// hexadecimal digits as in proc(5).
func bound(protocol, addr, state string) bool {
	_, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	data, err := os.ReadFile("/proc/net/" + protocol)
	return err == nil && strings.Contains(string(data), fmt.Sprintf("0100007F:%04X 00000000:0000 %s", n, state))
}

// free returns an address that nothing listens on, neither by TCP nor by UDP.
func free(t *testing.T) string {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		p, err := net.ListenPacket("udp", addr)
		l.Close()
		if err == nil {
			p.Close()
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// A darkshare is a running `darkshare serve`.
type darkshare struct {
	t    *testing.T
	addr string
}

// serve starts it and waits until it is ready.
func serve(t *testing.T, stdin io.Reader, args ...string) *darkshare {
	t.Helper()
	d := &darkshare{t, free(t)}
	run(t, nil, stdin, binary, append([]string{"serve", "--web.listen-address", d.addr}, args...)...)
	await(t, "darkshare is ready", func() bool {
		r, err := http.Get("http://" + d.addr + "/-/ready")
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
	return d
}

// counts returns the counters under the names that want has.
func (d *darkshare) counts() map[string]float64 {
	d.t.Helper()
	r, err := http.Get("http://" + d.addr + "/metrics")
	if err != nil {
		d.t.Fatal(err)
	}
	defer r.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	counts := map[string]float64{}
	for name, f := range families {
		for _, m := range f.GetMetric() {
			label := map[string]string{}
			for _, l := range m.GetLabel() {
				label[l.GetName()] = l.GetValue()
			}
			key := ""
			switch name {
			case "darkshare_log_lines_total":
				key = "lines"
			case "darkshare_log_errors_total":
				key = "error " + label["reason"]
			case "darkshare_requests_total":
				key = "kind " + label["kind"]
			case "darkshare_visits_total":
				key = strings.Join([]string{"visit", label["channel"], label["source"], label["evidence"], label["device"]}, " ")
			case "darkshare_link_previews_total":
				key = "preview " + label["app"]
			case "darkshare_input_dropped_total":
				key = "dropped " + label["reason"]
			default:
				continue
			}
			if v := m.GetCounter().GetValue() + m.GetUntyped().GetValue(); v != 0 {
				counts[key] += v
			}
		}
	}
	return counts
}
