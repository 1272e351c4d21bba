package web

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/spf13/pflag"
	"go.uber.org/goleak"
	"golang.org/x/crypto/bcrypt"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

var metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "darkshare_visitors 7\n") })

func flags(t *testing.T, args ...string) *toolkit.FlagConfig {
	t.Helper()
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	f := AddFlags(fs, "127.0.0.1:0")
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f
}

// start runs a server until the test ends, or until stop, which returns Run's error.
func start(t *testing.T, o Options, with ...func(*Server)) (s *Server, stop func() error) {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	o.Metrics = metrics
	if o.Flags == nil {
		o.Flags = flags(t)
	}
	s = New(o)
	for _, f := range with {
		f(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = func() error { cancel(); err := <-ended; ended <- nil; return err }
	t.Cleanup(func() { _ = stop() })
	for begin := time.Now(); len(s.Addrs()) == 0; time.Sleep(time.Millisecond) {
		if time.Since(begin) > 5*time.Second {
			t.Fatal("does not listen:", stop())
		}
	}
	return s, stop
}

// do makes a request and returns the status and the body.
func do(t *testing.T, c *http.Client, method, url string, header ...string) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

func client(t *testing.T, config *tls.Config) *http.Client {
	tr := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

func TestEndpoints(t *testing.T) {
	var reloads atomic.Int32
	var reloadErr atomic.Pointer[error]
	extra := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "query "+r.PathValue("q")) })
	s, _ := start(t, Options{
		Version: "1.2.3 <b>",
		Reload: func() error {
			reloads.Add(1)
			if err := reloadErr.Load(); err != nil {
				return *err
			}
			return nil
		},
	}, func(s *Server) {
		s.Handle("GET /api/{q}", extra, Link{"/api/up", "Query", "<script>"})
	})
	base, c := "http://"+s.Addrs()[0].String(), client(t, nil)

	type step struct {
		request    string // method, path, and headers as name=value
		status     int
		body       string // contained
		headerLike string // name=value
	}
	check := func(steps ...step) {
		t.Helper()
		for _, st := range steps {
			f := strings.Fields(st.request)
			var header []string
			for _, h := range f[2:] {
				name, value, _ := strings.Cut(h, "=")
				header = append(header, name, value)
			}
			status, body, got := do(t, c, f[0], base+f[1], header...)
			if status != st.status || !strings.Contains(body, st.body) {
				t.Errorf("%s: %d %q", st.request, status, body)
			}
			if name, value, ok := strings.Cut(st.headerLike, "="); ok && got.Get(name) != value {
				t.Errorf("%s: %s: %q", st.request, name, got.Get(name))
			}
		}
	}
	check(
		step{"GET /metrics", 200, "darkshare_visitors 7", ""},
		step{"HEAD /metrics", 200, "", ""},
		step{"POST /metrics", 405, "", "Allow=GET, HEAD"},
		step{"GET /-/healthy", 200, "darkshare is healthy", "Cache-Control=no-store"},
		step{"GET /-/ready", 503, "darkshare is not ready", ""},
		step{"GET /api/up", 200, "query up", ""},
		step{"GET /", 200, `<a href="/metrics">Metrics</a>`, "Content-Type=text/html; charset=UTF-8"},
		step{"GET /", 200, `<a href="/api/up">Query</a>: &lt;script&gt;`, ""},
		step{"GET /", 200, "Version: 1.2.3 &lt;b&gt;", ""},
		step{"POST /", 405, "", "Allow=GET, HEAD"},
		step{"GET /nothing", 404, "", ""},
		step{"GET /-/reload", 405, "", "Allow=POST, PUT"},
	)
	if n := reloads.Load(); n != 0 {
		t.Fatalf("reloaded %d times by GET", n)
	}
	check(
		step{"POST /-/reload", 200, "was reloaded", ""},
		step{"PUT /-/reload", 200, "was reloaded", ""},
		step{"POST /-/reload Sec-Fetch-Site=cross-site", 403, "", ""},
		step{"POST /-/reload Origin=https://evil.example", 403, "", ""},
	)
	bad := errors.New("darkshare.yml:3: unknown key")
	reloadErr.Store(&bad)
	check(step{"POST /-/reload", 500, "not reloaded: darkshare.yml:3: unknown key", ""})
	if n := reloads.Load(); n != 3 {
		t.Errorf("reloaded %d times", n)
	}
	s.SetReady(true)
	check(step{"GET /-/ready", 200, "darkshare is ready", ""})
	s.SetReady(false)
	check(step{"GET /-/ready", 503, "", ""})
}

func TestWithoutReload(t *testing.T) {
	s, _ := start(t, Options{Landing: metrics})
	base, c := "http://"+s.Addrs()[0].String(), client(t, nil)
	if status, _, _ := do(t, c, "POST", base+"/-/reload"); status != 404 {
		t.Errorf("reload: %d", status)
	}
	if status, body, _ := do(t, c, "GET", base+"/"); status != 200 || body != "darkshare_visitors 7\n" {
		t.Errorf("a landing page of the caller's: %d %s", status, body)
	}
}

// TestSeveralAddresses has every address serve, and Run end all of them.
func TestSeveralAddresses(t *testing.T) {
	s, stop := start(t, Options{Flags: flags(t, "--web.listen-address=127.0.0.1:0", "--web.listen-address=[::1]:0")})
	if len(s.Addrs()) != 2 {
		t.Fatal(s.Addrs())
	}
	c := client(t, nil)
	for _, a := range s.Addrs() {
		if status, _, _ := do(t, c, "GET", "http://"+a.String()+"/metrics"); status != 200 {
			t.Errorf("%v: %d", a, status)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	for _, a := range s.Addrs() {
		if conn, err := net.Dial("tcp", a.String()); err == nil {
			conn.Close()
			t.Errorf("%v still listens", a)
		}
	}
}

// TestGracefulEnd has a request that is under way at the end get its answer.
func TestGracefulEnd(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		_, _ = io.WriteString(w, "slow")
	})
	s, stop := start(t, Options{}, func(s *Server) { s.Handle("GET /slow", slow); s.SetReady(true) })
	got := make(chan string, 1)
	c := client(t, nil)
	go func() {
		resp, err := c.Get("http://" + s.Addrs()[0].String() + "/slow")
		if err != nil {
			got <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		got <- string(body)
	}()
	<-entered
	go func() {
		for s.ready.Load() {
			time.Sleep(time.Millisecond)
		}
		close(leave)
	}()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if g := <-got; g != "slow" {
		t.Errorf("got %q", g)
	}
	if err := s.Run(t.Context()); err == nil {
		t.Error("runs twice")
	}
}

func TestMistakes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for _, tc := range []struct {
		name string
		args []string
		want []string
	}{
		{"address in use", []string{"--web.listen-address=" + taken.Addr().String()},
			[]string{"--web.listen-address=" + taken.Addr().String(), "address already in use"}},
		{"the second in use", []string{"--web.listen-address=127.0.0.1:0", "--web.listen-address=" + taken.Addr().String()},
			[]string{"--web.listen-address=" + taken.Addr().String(), "address already in use"}},
		{"no port", []string{"--web.listen-address=localhost"}, []string{"--web.listen-address=localhost", "missing port"}},
		{"no socket", []string{"--web.systemd-socket"}, []string{"--web.systemd-socket", "no socket"}},
		{"no file", []string{"--web.config.file=" + dir + "/none.yml"}, []string{"--web.config.file=", "no such file"}},
		{"unknown key", []string{"--web.config.file=" + write("a.yml", "tls: {}\n")}, []string{"--web.config.file=", "field tls not found"}},
		{"no certificate", []string{"--web.config.file=" + write("b.yml", "tls_server_config: {cert_file: x.pem, key_file: y.pem}\n")},
			[]string{"--web.config.file=", "x.pem"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := New(Options{Flags: flags(t, tc.args...), Metrics: metrics, Logger: slog.New(slog.DiscardHandler)})
			err := s.Run(t.Context())
			for _, want := range tc.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in: %v", want, err)
				}
			}
		})
	}
}

// TestTLSAndBasicAuth has a web configuration file protect every endpoint, on
// every address.
func TestTLSAndBasicAuth(t *testing.T) {
	dir := t.TempDir()
	pool := certificate(t, dir)
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "web.yml")
	config := fmt.Sprintf("tls_server_config: {cert_file: cert.pem, key_file: key.pem}\nbasic_auth_users: {prom: %q}\n", hash)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s, stop := start(t, Options{
		Flags: flags(t, "--web.config.file="+file, "--web.listen-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0"),
	})
	c := client(t, &tls.Config{RootCAs: pool})
	for _, a := range s.Addrs() {
		for _, path := range []string{"/metrics", "/", "/-/healthy"} {
			for _, tc := range []struct {
				auth   string
				status int
			}{
				{"", 401},
				{"Basic cHJvbTp3cm9uZw==", 401}, // prom:wrong
				{"Basic cHJvbTpzZWNyZXQ=", 200}, // prom:secret
			} {
				status, _, _ := do(t, c, "GET", "https://"+a.String()+path, "Authorization", tc.auth)
				if status != tc.status {
					t.Errorf("%v%s with %q: %d, want %d", a, path, tc.auth, status, tc.status)
				}
			}
		}
		if status, body, _ := do(t, client(t, nil), "GET", "http://"+a.String()+"/metrics"); status != 400 {
			t.Errorf("without TLS: %d %s", status, body)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// certificate writes cert.pem and key.pem for 127.0.0.1 and returns what trusts them.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	for name, data := range map[string][]byte{
		"cert.pem": certPEM,
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return pool
}

// TestLimits has headers that are too large refused, and a time limit on everything
// a client may be slow with.
func TestLimits(t *testing.T) {
	s, _ := start(t, Options{})
	c := client(t, nil)
	status, _, _ := do(t, c, "GET", "http://"+s.Addrs()[0].String()+"/metrics", "X-Large", strings.Repeat("x", maxHeaderBytes+8<<10))
	if status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("large headers: %d", status)
	}
	h := s.server(nil)
	for name, d := range map[string]time.Duration{
		"ReadHeaderTimeout": h.ReadHeaderTimeout, "ReadTimeout": h.ReadTimeout, "WriteTimeout": h.WriteTimeout, "IdleTimeout": h.IdleTimeout,
	} {
		if d <= 0 {
			t.Errorf("no %s", name)
		}
	}
}
