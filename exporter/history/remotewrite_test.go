package history

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/prometheus/model/labels"
	"go.uber.org/goleak"
)

// TestRemoteWriteResumes breaks a writer off at a request that the server, Prometheus's
// own handler, has taken or has not, and has another go on.
func TestRemoteWriteResumes(t *testing.T) {
	points := remoteStory(remoteStart, 3*time.Hour)
	for _, tc := range []struct {
		name   string
		at     int64 // the request it happens at
		taken  bool
		before int // samples of a request, then and after
		after  int
	}{
		{"before the first request arrives", 1, false, 1000, 1000},
		{"after the first request arrived", 1, true, 1000, 1000},
		{"between requests", 7, false, 1000, 1000},
		{"after a request arrived", 7, true, 1000, 1000},
		{"and the next one is cut larger", 7, true, 1000, 3000},
		{"and smaller", 7, true, 1000, 400},
		{"in the middle of a time", 7, false, 50, 50},
		{"in the middle of a time that arrived", 8, true, 50, 50},
	} {
		t.Run(tc.name, func(t *testing.T) {
			noLeak(t)
			server := newRemoteTSDB(t)
			progress := filepath.Join(t.TempDir(), "progress")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			front := newRemoteFront(t, server, func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) {
				if n != tc.at {
					next.ServeHTTP(w, r)
					return
				}
				if tc.taken {
					next.ServeHTTP(httptest.NewRecorder(), r)
				}
				cancel()
				panic(http.ErrAbortHandler)
			})
			w := newTestRemote(t, RemoteOptions{URL: front.URL + "/write", Progress: progress, MaxSamples: tc.before})
			if err := w.Send(ctx, points); !errors.Is(err, context.Canceled) {
				t.Fatalf("Send = %v", err)
			}
			w.Close()
			first := front.requests.Load()

			w = newTestRemote(t, RemoteOptions{URL: front.URL + "/write", Progress: progress, MaxSamples: tc.after})
			defer w.Close()
			if err := w.Send(t.Context(), points); err != nil {
				t.Fatal(err)
			}
			if got, want := w.Acknowledged(), points[len(points)-1].At; got != want {
				t.Errorf("Acknowledged() = %d, want %d", got, want)
			}
			sameSamples(t, remoteWant(points), server.samples(t))
			// All over again there is nothing to do.
			before := front.requests.Load()
			if err := w.Send(t.Context(), points); err != nil || front.requests.Load() != before {
				t.Errorf("Send = %v, %d more requests", err, front.requests.Load()-before)
			}
			if n := before - first; tc.taken && n > int64(2*len(points)/tc.after+20) {
				t.Errorf("%d requests after the kill", n)
			}
		})
	}
}

// TestRemoteWriteLaterSends goes on where an earlier Send ended or was refused.
func TestRemoteWriteLaterSends(t *testing.T) {
	noLeak(t)
	points := remoteStory(remoteStart, 2*time.Hour)
	server := newRemoteTSDB(t)
	var refuse atomic.Bool
	front := newRemoteFront(t, server, func(_ int64, w http.ResponseWriter, r *http.Request, next http.Handler) {
		if refuse.Load() {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
	w := newTestRemote(t, RemoteOptions{URL: front.URL + "/write"})
	defer w.Close()
	for rest := points; len(rest) > 0; {
		n := pointsUntil(rest, rest[0].At+2*60_000)
		refuse.Store(true)
		if err := w.Send(t.Context(), rest[:n]); err == nil || !strings.Contains(err.Error(), "check the credentials") {
			t.Fatal(err)
		}
		refuse.Store(false)
		if err := w.Send(t.Context(), rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	sameSamples(t, remoteWant(points), server.samples(t))
	if err := w.Send(t.Context(), []Point{{points[0].Series, 2, 0}, {points[0].Series, 1, 0}}); err == nil {
		t.Error("points that go back in time are sent")
	}
}

// TestRemoteWriteRetries has requests meet every passing trouble, before and after
// they arrived.
func TestRemoteWriteRetries(t *testing.T) {
	points := remoteStory(remoteStart, 2*time.Hour)
	for _, tc := range []struct {
		name    string
		trouble func(w http.ResponseWriter)
		taken   bool
	}{
		{"500", func(w http.ResponseWriter) { http.Error(w, "on fire", http.StatusInternalServerError) }, false},
		{"500 after it arrived", func(w http.ResponseWriter) { http.Error(w, "on fire", http.StatusInternalServerError) }, true},
		{"503", func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }, false},
		{"429", func(w http.ResponseWriter) { w.WriteHeader(http.StatusTooManyRequests) }, false},
		{"hung up", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, false},
		{"hung up after it arrived", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			noLeak(t)
			server := newRemoteTSDB(t)
			front := newRemoteFront(t, server, func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) {
				if n != 3 && n != 4 {
					next.ServeHTTP(w, r)
					return
				}
				if tc.taken {
					next.ServeHTTP(httptest.NewRecorder(), r)
				}
				tc.trouble(w)
			})
			var log strings.Builder
			w := newTestRemote(t, RemoteOptions{URL: front.URL + "/write", Logger: slog.New(slog.NewTextHandler(&log, nil)), MaxSamples: 700})
			defer w.Close()
			if err := w.Send(t.Context(), points); err != nil {
				t.Fatal(err)
			}
			sameSamples(t, remoteWant(points), server.samples(t))
			if warns, infos := strings.Count(log.String(), "level=WARN"), strings.Count(log.String(), "level=INFO"); warns != 1 || infos != 1 {
				t.Errorf("the log has %d warnings, %d infos:\n%s", warns, infos, &log)
			}
		})
	}
}

// TestRemoteWriteRetryAfter waits as long as the server says.
func TestRemoteWriteRetryAfter(t *testing.T) {
	noLeak(t)
	server := newRemoteTSDB(t)
	var sent time.Time
	var waited time.Duration
	front := newRemoteFront(t, server, func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) {
		if n == 1 {
			sent = time.Now()
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		waited = time.Since(sent)
		next.ServeHTTP(w, r)
	})
	w := newTestRemote(t, RemoteOptions{URL: front.URL + "/write"})
	defer w.Close()
	if err := w.Send(t.Context(), remoteStory(remoteStart, 3*time.Minute)); err != nil || waited < time.Second {
		t.Errorf("Send = %v, after %v", err, waited)
	}

	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"":                              0,
		"soon":                          0,
		"0":                             0,
		"-5":                            0,
		"120":                           2 * time.Minute,
		"31536000":                      time.Hour,
		"99999999999999999999":          0,
		"Sun, 22 Nov 2026 08:00:30 GMT": 30 * time.Second,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", text, got, want)
		}
	}
}

// TestRemoteWriteLogsOnceAMinute has no server for an hour.
func TestRemoteWriteLogsOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		w := newTestRemote(t, RemoteOptions{URL: "http://192.0.2.1/write", Logger: slog.New(slog.NewTextHandler(&log, nil))})
		defer w.Close()
		// The network is no part of the bubble.
		w.client.witness.RoundTripper = roundTrip(func(*http.Request) (*http.Response, error) {
			return nil, errors.New("no route to host")
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err := w.Send(ctx, remoteStory(remoteStart, 3*time.Minute))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no route to host") {
			t.Errorf("Send = %v", err)
		}
		if n := strings.Count(log.String(), "\n"); n < 30 || n > 60 {
			t.Errorf("%d lines of log", n)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestRemoteWriteRefused says what the server said, and what to do.
func TestRemoteWriteRefused(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		want   []string
	}{
		{"bounds", remoteAnswer(400, "out of bounds"), []string{"400", "out of bounds", "out_of_order_time_window"}},
		{"order", remoteAnswer(400, "out of order sample"), []string{"out of order sample", "empty server"}},
		{"Thanos", remoteAnswer(409, "store locally: add 5 samples: out of order sample"), []string{"409", "empty server"}},
		{"Mimir", remoteAnswer(400, "the sample has been rejected because its timestamp is too old (err-mimir-sample-timestamp-too-old)"), []string{"empty server"}},
		{"other", remoteAnswer(400, "label value too long for metric"), []string{"label value too long for metric"}},
		{"no receiver", remoteAnswer(404, "remote write receiver needs to be enabled with --web.enable-remote-write-receiver"), []string{"start Prometheus with --web.enable-remote-write-receiver", "/api/v1/push"}},
		{"login", remoteAnswer(403, ""), []string{"403", "check the credentials"}},
		{"size", remoteAnswer(413, ""), []string{"fewer samples"}},
		{"redirected", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://other/write", http.StatusMovedPermanently)
		}, []string{"301", "https://other/write"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			noLeak(t)
			front := newRemoteFront(t, tc.answer, nil)
			w := newTestRemote(t, RemoteOptions{URL: front.URL + "/write", HTTP: config.DefaultHTTPClientConfig})
			defer w.Close()
			for range 2 { // a refusal remains one
				err := w.Send(t.Context(), remoteStory(remoteStart, 3*time.Minute))
				for _, want := range append(tc.want, front.URL) {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("Send = %v, without %q", err, want)
					}
				}
			}
			if w.Acknowledged() != 0 || front.requests.Load() != 2 {
				t.Errorf("acknowledged up to %d, %d requests", w.Acknowledged(), front.requests.Load())
			}
		})
	}
}

func remoteAnswer(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, text, status) }
}

// TestRemoteWriteTakesNothingNewerForItsOwn resumes at a server that meanwhile has
// samples of somebody else: that is not what was sent before.
func TestRemoteWriteTakesNothingNewerForItsOwn(t *testing.T) {
	noLeak(t)
	points := remoteStory(remoteStart, 2*time.Hour)
	server := newRemoteTSDB(t)
	progress := filepath.Join(t.TempDir(), "progress")
	ctx, cancel := context.WithCancel(t.Context())
	front := newRemoteFront(t, server, func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) {
		if n == 1 {
			cancel()
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
	w := newTestRemote(t, RemoteOptions{URL: front.URL + "/write", Progress: progress})
	if err := w.Send(ctx, points); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	w.Close()
	server.add(t, []Point{{&Series{Labels: labels.FromStrings("__name__", "up")}, remoteStart + 5*3600_000, 1}})

	w = newTestRemote(t, RemoteOptions{URL: front.URL + "/write", Progress: progress})
	defer w.Close()
	if err := w.Send(t.Context(), points); err == nil || !strings.Contains(err.Error(), "out of bounds") {
		t.Errorf("Send = %v", err)
	}
}

func TestRemoteWriteOptions(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	w := newTestRemote(t, RemoteOptions{URL: "http://one/write", Progress: other})
	w.reach.acked = 1
	if err := w.save(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	damaged := filepath.Join(dir, "damaged")
	if err := os.WriteFile(damaged, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	inUse := filepath.Join(dir, "used")
	defer newTestRemote(t, RemoteOptions{URL: "http://one/write", Progress: inUse}).Close()

	for _, tc := range []struct {
		o    RemoteOptions
		want string
	}{
		{RemoteOptions{}, "a URL is required"},
		{RemoteOptions{URL: "prometheus:9090/api/v1/write"}, "must begin with http://"},
		{RemoteOptions{URL: "ftp://prometheus/"}, "must begin with http://"},
		{RemoteOptions{URL: "http:///api/v1/write"}, "has no host"},
		{RemoteOptions{URL: "http://prometheus:9090"}, "Prometheus and VictoriaMetrics take samples at /api/v1/write"},
		{RemoteOptions{URL: "http://me:secret@prometheus:90x90/"}, "invalid port"},
		{RemoteOptions{URL: "http://one/", HTTP: config.HTTPClientConfig{BearerToken: "x", BearerTokenFile: "y"}}, "at most one of bearer_token"},
		{RemoteOptions{URL: "http://one/", HTTP: config.HTTPClientConfig{TLSConfig: config.TLSConfig{CAFile: "/nowhere/ca.pem"}}}, "/nowhere/ca.pem"},
		{RemoteOptions{URL: "http://one/", ExternalLabels: labels.FromStrings("no-name", "x")}, "cannot be added"},
		{RemoteOptions{URL: "http://one/", MaxSamples: -1}, "at most -1 samples"},
		{RemoteOptions{URL: "http://two/write", Progress: other}, "is about http://one/write, not http://two/write"},
		{RemoteOptions{URL: "http://one/write", Progress: damaged}, "damaged"},
		{RemoteOptions{URL: "http://one/write", Progress: inUse}, "another darkshare"},
	} {
		w, err := NewRemoteWriter(tc.o)
		if err == nil {
			w.Close()
			t.Errorf("%+v is taken, want %q", tc.o, tc.want)
		} else if !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v, want %q", tc.o, err, tc.want)
		}
	}
}

// TestRemoteWriteRequest looks at what a server gets: who sends, and labels.
func TestRemoteWriteRequest(t *testing.T) {
	noLeak(t)
	server := newRemoteTSDB(t)
	var got http.Header
	front := newRemoteFront(t, server, func(_ int64, w http.ResponseWriter, r *http.Request, next http.Handler) {
		got = r.Header.Clone()
		next.ServeHTTP(w, r)
	})
	c := config.HTTPClientConfig{
		BasicAuth:   &config.BasicAuth{Username: "me", Password: "secret"},
		HTTPHeaders: &config.Headers{Headers: map[string]config.Header{"X-Scope-Orgid": {Values: []string{"7"}}}},
	}
	w := newTestRemote(t, RemoteOptions{URL: front.URL + "/write", HTTP: c,
		ExternalLabels: labels.FromStrings("instance", "web-1", "site", "never")})
	defer w.Close()
	point := Point{&Series{Labels: labels.FromStrings("__name__", "darkshare_ratio", "site", "example.com", "bound", "known")}, remoteStart, 0.5}
	if err := w.Send(t.Context(), []Point{point}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Authorization": "Basic bWU6c2VjcmV0", "X-Scope-Orgid": "7", "User-Agent": "darkshare",
		"Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0",
	} {
		if got.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Get(name), want)
		}
	}
	want := map[string][]remoteSample{
		`{__name__="darkshare_ratio", bound="known", instance="web-1", job="darkshare", site="example.com"}`: {{remoteStart, "0.5"}},
	}
	sameSamples(t, want, server.samples(t))
}

// BenchmarkRemoteWriteEncode makes requests of 5,000 samples out of 700 series.
func BenchmarkRemoteWriteEncode(b *testing.B) {
	series := make([]*Series, 700)
	for i := range series {
		series[i] = &Series{Labels: labels.FromStrings("__name__", "darkshare_page_visits_total", "site", "example.com",
			"page", "/a/page/number/"+strconv.Itoa(i), "channel", "dark_social")}
	}
	points := make([]Point, remoteSamples)
	for i := range points {
		points[i] = Point{series[i%len(series)], remoteStart + int64(i/len(series))*60_000, float64(i)}
	}
	w, err := NewRemoteWriter(RemoteOptions{URL: "http://one/", ExternalLabels: labels.FromStrings("instance", "one")})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	if _, err := w.encode(points); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(w.plain)))
	for b.Loop() {
		if body, err := w.encode(points); err != nil || len(body) == 0 {
			b.Fatal(len(body), err)
		}
	}
}

func newTestRemote(t *testing.T, o RemoteOptions) *RemoteWriter {
	t.Helper()
	w, err := NewRemoteWriter(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func noLeak(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}
