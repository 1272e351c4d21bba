package e2e

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/darkshare/darkshare/exporter/simulate"
)

// A traffic writes an access log (Apache's vhost_combined) with the proportions of a
// real one, of visitors who come and go, and, where it is hostile, of lines that nobody
// would wish for.
type traffic struct {
	t       *testing.T
	path    string
	f       *os.File
	hostile bool
	// at is what the proxy's clock says.
	at func() time.Time

	text    []string // address, and what is behind the time
	next    int      // of text/2
	pass    int
	random  *rand.Rand
	buf     bytes.Buffer
	written int // lines
	turned  int // rotations
}

// newTraffic returns one that has written nothing yet.
func newTraffic(t *testing.T, path string) *traffic {
	t.Helper()
	var log bytes.Buffer
	if err := simulate.WriteBenchLog(&log, 50_000); err != nil {
		t.Fatal(err)
	}
	w := &traffic{t: t, path: path, at: time.Now, random: rand.New(rand.NewPCG(8, 244))}
	for line := range strings.Lines(log.String()) {
		address, _, _ := strings.Cut(line, " ")
		if _, rest, ok := strings.Cut(line, "] "); ok { // it has lines that are no records, too
			w.text = append(w.text, address, rest)
		}
	}
	w.open()
	t.Cleanup(func() { w.f.Close() })
	return w
}

func (w *traffic) open() {
	w.t.Helper()
	f, err := os.OpenFile(w.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.f != nil {
		w.f.Close()
	}
	w.f = f
}

// rotate renames the log, as logrotate does, and keeps that many old ones.
func (w *traffic) rotate(keep int) {
	w.t.Helper()
	w.turned++
	if err := os.Rename(w.path, fmt.Sprintf("%s.%d", w.path, w.turned)); err != nil {
		w.t.Fatal(err)
	}
	w.open()
	_ = os.Remove(fmt.Sprintf("%s.%d", w.path, w.turned-keep))
}

// lines composes the next lines of the log.
func (w *traffic) lines(n int) []byte {
	now := w.at().Format("02/Jan/2006:15:04:05 -0700")
	w.buf.Reset()
	for range n {
		if w.hostile && w.random.IntN(50) == 0 {
			w.buf.WriteString(w.hostileLine(now))
			continue
		}
		if w.next == len(w.text)/2 {
			w.next, w.pass = 0, w.pass+1
		}
		// Others come with each pass, so that visitors never cease to be new.
		h := fnv.New32a()
		_, _ = fmt.Fprint(h, w.text[2*w.next], w.pass)
		a := h.Sum32()
		fmt.Fprintf(&w.buf, "www.example.com:443 10.%d.%d.%d - - [%s] %s", a>>16&255, a>>8&255, a&255, now, w.text[2*w.next+1])
		w.next++
	}
	return w.buf.Bytes()
}

// hostileLine is one that costs whoever believes it: an invented host, page or
// agent, something endless, something that is no record.
func (w *traffic) hostileLine(now string) string {
	n := w.random.Uint64()
	switch n % 50 {
	case 0:
		return strings.Repeat("A", 100_000) + "\n"
	case 1, 2, 3, 4:
		return "\x00\x1b[31m\xff\xfe \"\r\t\n"
	case 5, 6, 7, 8:
		return "\n"
	case 9, 10, 11, 12:
		return fmt.Sprintf("www.example.com:443 10.0.0.1 - - [%s] \"GET /%s\n", now, strings.Repeat("%00", 500))
	default:
		return fmt.Sprintf("%x.example.net:80 10.%d.%d.1 - - [%s] \"GET /%x/%x\" HTTP/1.1\" 200 1 \"https://%x.example.org/\" \"Mozilla/5.0 (%x\\x22) Firefox/140.0\"\n",
			n, n>>8&255, n>>16&255, now, n>>3, n, n>>7, n>>5)
	}
}

// burst writes that many lines.
func (w *traffic) burst(n int) {
	w.t.Helper()
	if _, err := w.f.Write(w.lines(n)); err != nil {
		w.t.Fatal(err)
	}
	w.written += n
}

// flow writes that many lines a second, and calls each, until the time is over.
func (w *traffic) flow(rate int, duration time.Duration, each func(since time.Duration)) {
	w.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	begun, before := time.Now(), w.written
	for since := time.Duration(0); since < duration; since = time.Since(begun) {
		if due := int(float64(rate)*since.Seconds()) - (w.written - before); due > 0 {
			w.burst(due)
		}
		if each != nil {
			each(since)
		}
		<-tick.C
	}
}

// A process is a running `darkshare serve` that things can be done to.
type process struct {
	*darkshare
	cmd  *exec.Cmd
	errs *buffer
}

// tested is the binary: what is released where a variable names it, else the one that
// TestMain has built.
func tested() string {
	if path := os.Getenv("DARKSHARE_BINARY"); path != "" {
		return path
	}
	return binary
}

// begin starts the command, with more in its environment, and waits until it is ready.
func begin(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	addr := free(t)
	p := launch(t, env, addr, tested(), append([]string{"serve", "--web.listen-address", addr}, args...)...)
	await(t, "darkshare is ready", p.ready)
	return p
}

// launch starts a command that is to listen there, and ends it with the test.
func launch(t *testing.T, env []string, addr, name string, args ...string) *process {
	t.Helper()
	p := &process{&darkshare{t, addr}, exec.CommandContext(context.Background(), name, args...), &buffer{}}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = p.errs
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		http.DefaultClient.CloseIdleConnections()
		if t.Failed() {
			text := p.errs.String()
			t.Logf("darkshare: %s", text[max(0, len(text)-3000):])
		}
	})
	return p
}

func (p *process) ready() bool {
	r, err := http.Get("http://" + p.addr + "/-/ready")
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}

// signal sends the process a signal.
func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// sums adds the series up by metric, and the requests by their kind, too. It is nil
// where there is no answer.
func (p *process) sums() map[string]float64 {
	req, _ := http.NewRequest(http.MethodGet, "http://"+p.addr+"/metrics", nil)
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer r.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		return nil
	}
	sums := map[string]float64{}
	for name, f := range families {
		for _, m := range f.GetMetric() {
			v := m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()
			sums[name] += v
			for _, l := range m.GetLabel() {
				if l.GetName() == "kind" {
					sums[name+" "+l.GetValue()] += v
				}
			}
		}
	}
	return sums
}

// holds waits until that many lines are counted, and checks what must always hold:
// none is missing, none is there twice, each is in one counter, and each landing has
// become one thing.
func (p *process) holds(lines int) {
	p.t.Helper()
	var m map[string]float64
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		m = p.sums()
		if m["darkshare_log_lines_total"] >= float64(lines) || time.Now().After(deadline) {
			break
		}
	}
	consistent(p.t, m)
	if got := m["darkshare_log_lines_total"]; got != float64(lines) {
		p.t.Errorf("%.0f lines are counted, %d were written", got, lines)
	}
	if n := m["darkshare_input_dropped_total"]; n != 0 {
		p.t.Errorf("%.0f lines are said to be lost", n)
	}
}

// consistent checks what holds at every scrape.
func consistent(t *testing.T, m map[string]float64) {
	t.Helper()
	if lines, sum := m["darkshare_log_lines_total"], m["darkshare_log_errors_total"]+m["darkshare_requests_total"]; lines != sum {
		t.Errorf("%.0f lines, and %.0f errors and requests", lines, sum)
	}
	landings := m["darkshare_requests_total landing"]
	if sum := m["darkshare_visits_total"] + m["darkshare_unconfirmed_landings_total"] + m["darkshare_pending_landings"]; landings != sum {
		t.Errorf("%.0f landings, and %.0f visits, unconfirmed and pending", landings, sum)
	}
}

// configured writes a configuration that follows the log.
func configured(t *testing.T, dir, log, more string) (name string) {
	t.Helper()
	return write(t, filepath.Join(dir, "darkshare.yaml"), fmt.Sprintf(
		"inputs:\n- {name: log, files: [%q], format: vhost_combined, start_at: beginning}\nsites: [{hosts: [example.com]}]\n%s", log, more))
}
