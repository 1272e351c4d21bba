package deploy

import (
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Here darkshare itself runs with the configuration that the chart makes of its examples.

var built struct {
	sync.Once
	dir string
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(built.dir)
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func darkshare(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "darkshare"); built.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-o", built.dir, "../exporter/cmd/darkshare").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "darkshare")
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

// A pod is a darkshare that serves, as in the chart's pods.
type pod struct {
	address string
	// kill ends it as a node does that goes down.
	kill func()
}

// start runs darkshare with what an example's ConfigMap has, its paths and addresses
// replaced by pairs of old and new.
func start(t *testing.T, example string, replace ...string) *pod {
	t.Helper()
	var text string
	for _, o := range objects(t, "helm/check/testdata/"+example+".golden.yaml") {
		if o.Kind == "ConfigMap" && o.Metadata.Name == "darkshare-config" {
			text = strings.NewReplacer(replace...).Replace(o.Data["darkshare.yaml"])
		}
	}
	p := &pod{address: freeAddress(t)}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, darkshare(t), "serve", "--web.listen-address", p.address, "--config", write(t, filepath.Join(t.TempDir(), "darkshare.yaml"), text))
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.kill = sync.OnceFunc(func() {
		cancel()
		cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	t.Cleanup(p.kill)
	return p
}

// value is the sum of a metric's series of which each has the text; false while it cannot be read.
func (p *pod) value(name, having string) (sum float64, ok bool) {
	resp, err := http.Get("http://" + p.address + "/metrics")
	if err != nil {
		return 0, false
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		series, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(series, name+"{") && strings.Contains(series, having) {
			v, err := strconv.ParseFloat(number, 64)
			if err != nil {
				return 0, false
			}
			sum += v
		}
	}
	return sum, true
}

// reaches waits until a metric has a value, and fails if it does not stay there.
func (p *pod) reaches(t *testing.T, what, name, having string, want float64) {
	t.Helper()
	got, deadline := -1.0, time.Now().Add(20*time.Second)
	for time.Now().Before(deadline) && got != want {
		time.Sleep(50 * time.Millisecond)
		got, _ = p.value(name, having)
	}
	time.Sleep(200 * time.Millisecond)
	if got, _ = p.value(name, having); got != want {
		t.Fatalf("%s: %s is %v, want %v", what, name, got, want)
	}
}

// lines returns the log of visitors that have a number from first to before end, two lines each.
func lines(first, end int) (all []string) {
	for i := first; i < end; i++ {
		for _, request := range []string{`"GET /news/a HTTP/1.1" 200 9 "https://web.whatsapp.com/"`, `"GET /a.css HTTP/1.1" 200 9 "http://example.com/news/a"`} {
			all = append(all, fmt.Sprintf(`203.0.113.%d - - [%s] %s "Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%d.0" "example.com" "-" "-" "-" "-" "-" "-" "-"`,
				i%250, time.Now().UTC().Format("02/Jan/2006:15:04:05 -0700"), request, 100+i/250, 100+i/250))
		}
	}
	return all
}

// TestDaemonset: with its state on the node, a replaced pod goes on where the last one
// was killed, with the kubelet's rotation and a proxy's new pod between the two.
func TestDaemonset(t *testing.T) {
	state, pods := t.TempDir(), t.TempDir()
	folder := func(pod string) string {
		return filepath.Join(pods, "ingress-nginx_ingress-nginx-controller-"+pod, "controller")
	}
	log := filepath.Join(folder("5c9d_1a2b"), "0.log")
	cri := func(name string, visitors ...int) {
		var text strings.Builder
		for _, line := range lines(visitors[0], visitors[1]) {
			fmt.Fprintf(&text, "%s stdout F %s\n", time.Now().UTC().Format(time.RFC3339Nano), line)
		}
		old, _ := os.ReadFile(name)
		write(t, name, string(old)+text.String())
	}
	run := func() *pod {
		return start(t, "daemonset", "/var/log/pods", pods, "/var/lib/darkshare", state)
	}
	rotate := func() string {
		to := log + ".20261122-155500"
		if err := os.Rename(log, to); err != nil {
			t.Fatal(err)
		}
		return to
	}
	pack := func(name string) {
		packed, err := os.Create(name + ".gz")
		if err != nil {
			t.Fatal(err)
		}
		defer packed.Close()
		w := gzip.NewWriter(packed)
		io.WriteString(w, read(t, name))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}

	write(t, log, "")
	p := run()
	p.reaches(t, "nothing yet", "darkshare_input_up", "", 1)
	cri(log, 0, 100)
	p.reaches(t, "what the first pod reads", "darkshare_log_lines_total", "", 200)
	p.kill()

	cri(log, 100, 150)
	pack(rotate())
	cri(log, 150, 180)
	cri(filepath.Join(folder("7e8f_3c4d"), "0.log"), 180, 200)
	p = run()
	p.reaches(t, "the next one, with what came between", "darkshare_log_lines_total", "", 400)
	p.reaches(t, "its visits", "darkshare_visits_total", `source="whatsapp"`, 200)
	p.kill()
}

// An authority signs certificates for the tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// sign returns a certificate for a name and its key, in PEM; its own, for an authority of none.
func (a *authority) sign(t *testing.T, name string, serial int64) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if a.cert == nil {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
		a.cert, a.key = c, private
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &private.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: bytes}))
}

// TestSyslogTLS: only who has a certificate of the Secret's authority sends, and a
// renewed Secret is taken as the kubelet puts it there, without a restart.
func TestSyslogTLS(t *testing.T) {
	var ca, other authority
	caCert, _ := ca.sign(t, "ca", 1)
	other.sign(t, "other", 1)
	dir, listen := t.TempDir(), freeAddress(t)
	// A projected volume: links to files in a folder that one link names.
	put := func(serial int64) {
		cert, key := ca.sign(t, "darkshare.example", serial)
		data := fmt.Sprint("..", serial)
		write(t, filepath.Join(dir, data, "tls.crt"), cert)
		write(t, filepath.Join(dir, data, "tls.key"), key)
		write(t, filepath.Join(dir, data, "client-ca.crt"), caCert)
		for link, to := range map[string]string{"tls.crt": "..data/tls.crt", "tls.key": "..data/tls.key", "client-ca.crt": "..data/client-ca.crt", "..new": data} {
			if err := os.Symlink(to, filepath.Join(dir, link)); err != nil && !os.IsExist(err) {
				t.Fatal(err)
			}
		}
		if err := os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	put(2)
	p := start(t, "syslog-tls", "/etc/darkshare-tls", dir, "/var/lib/darkshare", t.TempDir(), "0.0.0.0:6514", listen)
	p.reaches(t, "nothing yet", "darkshare_input_up", "", 1)

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(caCert))
	send := func(by *authority, first, end int) (serial int64) {
		t.Helper()
		c := &tls.Config{RootCAs: roots, ServerName: "darkshare.example"}
		if by != nil {
			cert, key := by.sign(t, "proxy.example", 9)
			pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
			if err != nil {
				t.Fatal(err)
			}
			// Certificates alone are not shown to who asks for another authority's.
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		conn, err := tls.Dial("tcp", listen, c)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for _, line := range lines(first, end) {
			fmt.Fprintf(conn, "<190>Nov 22 15:00:00 web nginx: %s\n", line) // whoever is refused learns of it here
		}
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if serial := send(&ca, 0, 50); serial != 2 {
		t.Errorf("the certificate is %d", serial)
	}
	p.reaches(t, "a sender with a certificate", "darkshare_log_lines_total", "", 100)
	send(nil, 50, 60)
	p.reaches(t, "a sender without one", "darkshare_input_errors_total", `reason="tls"`, 1)
	send(&other, 60, 70)
	p.reaches(t, "a stranger", "darkshare_input_errors_total", `reason="tls"`, 2)
	put(3)
	if serial := send(&ca, 70, 80); serial != 3 {
		t.Errorf("the renewed certificate is %d", serial)
	}
	p.reaches(t, "what came in all", "darkshare_log_lines_total", "", 120)

	// The senders of docs/deploy.md.
	cert, key := ca.sign(t, "proxy.example", 9)
	write(t, filepath.Join(dir, "client.pem"), cert+key)
	write(t, filepath.Join(dir, "ca.pem"), caCert)
	write(t, filepath.Join(dir, "cert.pem"), cert)
	write(t, filepath.Join(dir, "key.pem"), key)
	host, port, _ := net.SplitHostPort(listen)
	page := strings.NewReplacer("/etc/haproxy", dir, "/etc/rsyslog", dir, "logs.example.com:6514", listen,
		`target="logs.example.com" port="6514"`, fmt.Sprintf("target=%q port=%q", host, port), "logs.example.com", "darkshare.example")
	snippet := func(language string) string {
		_, text, _ := strings.Cut(read(t, "../docs/deploy.md"), "\n```"+language+"\n")
		text, _, ok := strings.Cut(text, "```")
		if !ok {
			t.Fatalf("docs/deploy.md has no %s", language)
		}
		return page.Replace(text)
	}
	t.Run("HAProxy", func(t *testing.T) {
		web := freeAddress(t)
		run(t, "haproxy", "-db", "-f", write(t, filepath.Join(t.TempDir(), "haproxy.cfg"), fmt.Sprintf(`
global
  log ring@darkshare len 16384 local0
ring darkshare
  format rfc5424
  maxlen 16384
  size 1048576
  timeout connect 5s
  timeout server 10s
%sdefaults
  mode http
  log global
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend web
  bind %s
  log-format '%s'
  http-request return status 200
`, snippet("haproxy"), web, strings.ReplaceAll(lines(80, 81)[0], "%", "%%"))))
		get(t, web, 10)
		p.reaches(t, "with HAProxy's", "darkshare_log_lines_total", "", 130)
	})
	t.Run("nginx with rsyslog", func(t *testing.T) {
		if drivers, _ := filepath.Glob("/usr/lib/*/rsyslog/lmnsd_ossl.so"); drivers == nil {
			t.Skip("not installed: rsyslog-openssl")
		}
		before, _ := p.value("darkshare_log_lines_total", "")
		web, local, tmp := freeAddress(t), freeAddress(t), t.TempDir()
		_, udp, _ := net.SplitHostPort(local)
		run(t, "rsyslogd", "-n", "-i", filepath.Join(tmp, "pid"), "-f", write(t, filepath.Join(tmp, "rsyslog.conf"), strings.ReplaceAll(snippet("rsyslog"), `"5140"`, strconv.Quote(udp))))
		conf := strings.ReplaceAll(read(t, "nginx/darkshare.conf"), "/var/log/darkshare/access.log", "syslog:server="+local+",tag=nginx")
		time.Sleep(time.Second) // nothing says that rsyslog listens
		run(t, "nginx", "-p", tmp, "-c", nginxConf(t, tmp, conf, web))
		get(t, web, 10)
		p.reaches(t, "with nginx's", "darkshare_log_lines_total", "", before+10)
	})
}

// run starts a program that ends with the test.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t, name), args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", name, said.String())
		}
	})
}

// get makes requests of a server that is about to start.
func get(t *testing.T, address string, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); n > 0; {
		resp, err := http.Get("http://" + address + "/news/a")
		if err == nil {
			resp.Body.Close()
			n--
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		} else {
			time.Sleep(50 * time.Millisecond)
		}
	}
}
