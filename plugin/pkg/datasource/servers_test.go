package datasource

import (
	"bytes"
	"context"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/darkshare/darkshare/exporter/history"
)

// A program is a server of Debian's, on loopback.
type program struct {
	url string
	log bytes.Buffer
}

// start runs a server, and skips the test where it is not installed.
func start(t testing.TB, name, ready string, args func(addr string) []string) *program {
	t.Helper()
	binary, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s here (Debian: apt install %[1]s)", name)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	p := &program{url: "http://" + addr}
	cmd := exec.Command(binary, args(addr)...)
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s says:\n%s", name, &p.log)
		}
	})
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if resp, err := http.Get(p.url + ready); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return p
			}
		}
	}
	t.Fatalf("%s does not start:\n%s", name, &p.log)
	return nil
}

// prometheus serves the world's blocks by Debian's Prometheus.
func (w *world) prometheus(t testing.TB) string {
	dir := w.copied(t)
	// Blocks only, as one would move them there.
	for _, name := range []string{"wal", "wbl", "chunks_head", "lock"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, "prometheus", "/-/ready", func(addr string) []string {
		return []string{"--config.file=" + config, "--storage.tsdb.path=" + dir, "--web.listen-address=" + addr,
			"--storage.tsdb.retention.time=100y", "--log.level=warn"}
	}).url
}

// victoriaMetrics serves the world's samples, those of the rules too, by Debian's
// VictoriaMetrics.
func (w *world) victoriaMetrics(t testing.TB) string {
	dir := t.TempDir()
	url := start(t, "victoria-metrics", "/health", func(addr string) []string {
		return []string{"-httpListenAddr=" + addr, "-storageDataPath=" + dir, "-retentionPeriod=100y", "-loggerLevel=ERROR",
			"-memory.allowedBytes=268435456"}
	}).url
	writer, err := history.NewRemoteWriter(history.RemoteOptions{URL: url + "/api/v1/write", MaxSamples: 20000})
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := writer.Send(t.Context(), w.all(t)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(url + "/internal/force_flush")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return url
}

// all returns the samples of the world's store that questions are about.
func (w *world) all(t testing.TB) (points []history.Point) {
	t.Helper()
	db, err := tsdb.OpenDBReadOnly(w.copied(t), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	q, err := db.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	set := q.Select(context.Background(), false, nil, labels.MustNewMatcher(labels.MatchRegexp, "__name__", ".+"))
	var it chunkenc.Iterator
	for set.Next() {
		s := set.At()
		name := s.Labels().Get("__name__")
		if !strings.Contains(name, "visits") && !strings.Contains(name, "previews") && !strings.Contains(name, "conversions") && !strings.Contains(name, "last_record") && !strings.Contains(name, "requests_total") {
			continue
		}
		series := &history.Series{Labels: s.Labels()}
		it = s.Iterator(it)
		for it.Next() == chunkenc.ValFloat {
			at, v := it.At()
			points = append(points, history.Point{Series: series, At: at, Value: v})
		}
	}
	if err := set.Err(); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(points, func(a, b history.Point) int { return int(a.At - b.At) })
	return points
}
