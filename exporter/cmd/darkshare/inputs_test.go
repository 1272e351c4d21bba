package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkshare/darkshare/exporter/config"
	"github.com/darkshare/darkshare/exporter/stream"
)

// TestSyslogOfNginx: what nginx sends by syslog is counted as what it writes into a
// file: every number is the same.
func TestSyslogOfNginx(t *testing.T) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		if nginx, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			t.Skip("nginx is not installed")
		}
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := udp.LocalAddr().String()
	udp.Close()
	socket := filepath.Join(t.TempDir(), "s")
	file := write(t, "access.log", nil)
	common := []string{"--format", "combined", "--site", "example.com"}
	byFile := serve(t, append(common, "--log", file)...)
	byUDP := serve(t, append(common, "--syslog", "udp://"+address)...)
	byUnix := serve(t, append(common, "--syslog", "unix://"+socket)...)

	dir, listen := t.TempDir(), freeAddress(t)
	conf := write(t, "nginx.conf", fmt.Appendf(nil, `
daemon off; master_process off; pid %[1]s/pid; error_log stderr;
events {}
http {
  client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
  access_log %[2]s combined;
  access_log syslog:server=%[3]s combined;
  access_log syslog:server=unix:%[4]s,nohostname,tag=shop combined;
  server { listen %[5]s; location / { return 200 "page"; } location /missing { return 404; } }
}`, dir, file, address, socket, listen))
	cmd := exec.Command(nginx, "-c", conf, "-p", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	byFile.await("nginx listens", func() bool {
		conn, err := net.Dial("tcp", listen)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})

	const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
	const rounds = 20
	sent := 0
	for i := range rounds {
		for _, r := range []struct{ path, referer, agent string }{
			{fmt.Sprintf("/news/%d?utm_source=whatsapp", i), "", chrome},
			{"/style.css", "https://example.com/news/1", chrome},
			{fmt.Sprintf("/blog/%d", i), "https://web.telegram.org/", chrome},
			{"/", "https://www.google.com/", chrome},
			{fmt.Sprintf("/news/%d", i), "", "WhatsApp/2.23.20.0 A"},
			{"/missing", "", `a "quoted" agent: [x]`},
			{"/robots.txt", "", "Googlebot/2.1"},
		} {
			req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+listen+r.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Referer", r.referer)
			req.Header.Set("User-Agent", r.agent)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			sent++
		}
	}
	counts := func(s *serving) map[string]float64 {
		m := s.sums()
		maps.DeleteFunc(m, func(key string, _ float64) bool {
			for _, name := range []string{"log_lines", "log_errors", "requests", "visits", "unconfirmed_landings", "link_previews", "page_visits"} {
				if strings.HasPrefix(key, "darkshare_"+name+"_total") && !strings.Contains(key, "/input=") {
					return false
				}
			}
			return true
		})
		return m
	}
	for _, s := range []*serving{byFile, byUDP, byUnix} {
		s.await("all is counted", func() bool { return s.sums()["darkshare_log_lines_total"] == float64(sent) })
		s.check(sent)
	}
	want := counts(byFile)
	if want["darkshare_visits_total/source=whatsapp"] == 0 || want["darkshare_link_previews_total/app=whatsapp"] == 0 {
		t.Fatalf("the requests do not show what they should: %v", want)
	}
	for how, s := range map[string]*serving{"UDP": byUDP, "a unix socket": byUnix} {
		if diff := cmp.Diff(want, counts(s)); diff != "" {
			t.Errorf("by %s (-file +syslog):\n%s", how, diff)
		}
		s.stop()
	}
}

// TestSyslogRate: sender, kernel and counting together, in this process, manage
// 100,000 records a second by TCP, and lose none.
func TestSyslogRate(t *testing.T) {
	const lines, times, wantRate = 50_000, 6, 100_000
	address := freeAddress(t)
	s, end := inProcess(t, &serveFlags{syslog: "tcp://" + address, sourceFlags: sourceFlags{format: "combined", site: "example.com"}})
	var messages bytes.Buffer
	for line := range bytes.Lines(benchLog(t, lines)) {
		messages.WriteString("<190>Nov 22 05:16:07 web1 nginx: ")
		messages.Write(line)
	}
	var conn net.Conn
	for deadline := time.Now().Add(patience); conn == nil; time.Sleep(time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			conn = c
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	start := time.Now()
	for range times {
		if _, err := conn.Write(messages.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	conn.Close()
	awaitLines(t, s, lines*times)
	rate := lines * times / time.Since(start).Seconds()
	t.Logf("%.0f records/s", rate)
	if rate < wantRate && !raceEnabled {
		t.Errorf("%.0f records/s, want %d", rate, wantRate)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	r := s.engine.Report()
	sum := uint64(0)
	for _, counts := range []map[string]uint64{r.Errors, r.Requests} {
		for _, n := range counts {
			sum += n
		}
	}
	if r.Lines != lines*times || sum != r.Lines {
		t.Errorf("%d lines of %d, %d errors and requests", r.Lines, lines*times, sum)
	}
}

// TestNetworkInputs: inputs of every kind side by side. One that cannot work says so
// and leaves the others alone, and a sender without a certificate is counted.
func TestNetworkInputs(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	secure := freeAddress(t)
	conf := write(t, "darkshare.yaml", fmt.Appendf(nil, `
sites: [{hosts: [example.com]}]
inputs:
- {name: tls, format: combined, syslog: {listen: "tls://%s", tls: {cert_file: %[2]s/cert.pem, key_file: %[2]s/key.pem, client_ca_file: %[2]s/cert.pem}}}
- {name: taken, syslog: {listen: "tcp://%[3]s"}}
- {name: als, envoy_als: {listen: "127.0.0.1:0"}}
- {name: otlp, otlp: {grpc: "127.0.0.1:0", http: "127.0.0.1:0"}}
- {name: kafka, kafka: {brokers: ["%[3]s"], topic: access, tls: {ca_file: %[2]s/kafka.pem}}}
`, secure, dir, taken.Addr()))
	conf2, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	// Each on a port of its own.
	for strings.Contains(string(conf2), "127.0.0.1:0") {
		conf2 = []byte(strings.Replace(string(conf2), "127.0.0.1:0", freeAddress(t), 1))
	}
	if err := os.WriteFile(conf, conf2, 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--config", conf)
	up := func(input string) float64 { return s.sums()["darkshare_input_up/input="+input] }
	if up("tls") != 1 || up("taken") != 0 || up("als") != 1 || up("otlp") != 1 || up("kafka") != 0 {
		t.Errorf("tls %v, taken %v, als %v, otlp %v, kafka %v\n%s", up("tls"), up("taken"), up("als"), up("otlp"), up("kafka"), s.log)
	}

	// The certificate is not there yet, then it is, and then a client lacks one.
	refused := func(n float64, config *tls.Config) {
		t.Helper()
		conn, err := net.Dial("tcp", secure)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = tls.Client(conn, config).Handshake()
		s.await("a TLS error is counted", func() bool { return s.sums()["darkshare_input_errors_total/reason=tls"] == n })
	}
	config := writeCertificate(t, dir, func() { refused(1, &tls.Config{InsecureSkipVerify: true}) })
	bare := config.Clone()
	bare.Certificates = nil
	refused(2, bare)
	conn, err := tls.Dial("tcp", secure, config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "<190>Nov 22 05:16:07 nginx: %s", benchLog(t, 1))
	s.await("the line is counted", func() bool { return s.sums()["darkshare_requests_total"] == 1 })

	taken.Close()
	s.await("the address is free, and taken", func() bool { return up("taken") == 1 })
	for _, text := range []string{"a TLS client was refused", "address already in use", "kafka.pem: no such file"} {
		if !strings.Contains(s.log.String(), text) {
			t.Errorf("the log does not say %q:\n%s", text, s.log)
		}
	}
	s.stop()
}

// writeCertificate writes cert.pem and key.pem into a folder, after it has called
// before, and returns the side of TLS of a client that has and trusts it.
func writeCertificate(t *testing.T, dir string, before func()) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	before()
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := clientTLS(&config.ClientTLS{CAFile: dir + "/cert.pem"})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(dir+"/cert.pem", dir+"/key.pem")
	if err != nil {
		t.Fatal(err)
	}
	c.Certificates, c.ServerName = []tls.Certificate{pair}, "127.0.0.1"
	return c
}

// TestLateSource: an input of which a file is missing begins when it is there.
func TestLateSource(t *testing.T) {
	dir := t.TempDir()
	password := filepath.Join(dir, "password")
	in := config.Input{StartAt: "end", Kafka: &config.Kafka{
		Topic: "t", Cluster: config.Cluster{
			Brokers: []string{"127.0.0.1:1"}, TLS: &config.ClientTLS{CAFile: dir + "/cert.pem"},
			SASL: &config.SASL{Mechanism: "scram-sha-512", Username: "u", PasswordFile: password},
		},
	}}
	o := stream.Options{Logger: slog.New(slog.DiscardHandler)}
	open := func() (stream.Source, error) { return newSource(in, o, beginning{}) }
	_, err := open()
	if err == nil || !strings.Contains(err.Error(), "cert.pem") {
		t.Fatalf("the error is %v", err)
	}
	s := newLateSource(o, err, open)
	if s.Stats().Up() || s.Stats().LastError() != err.Error() {
		t.Errorf("up %v, error %q", s.Stats().Up(), s.Stats().LastError())
	}
	if _, err := login(in.Kafka.SASL).Password(); err == nil {
		t.Error("a password out of nowhere")
	}
	if err := os.WriteFile(password, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := login(in.Kafka.SASL).Password(); p != "secret" || err != nil {
		t.Errorf("password %q, %v", p, err)
	}
	writeCertificate(t, dir, func() {})
	made, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%T", made); got != "*kafka.Receiver" {
		t.Errorf("got a %s", got)
	}
}

// TestReadsAs: what of an input may change without its source being stopped, which
// for a stream loses what comes meanwhile.
func TestReadsAs(t *testing.T) {
	before := func() config.Input {
		return config.Input{Name: "a", Syslog: &config.Syslog{Listen: "udp://127.0.0.1:1", MaxMessage: 1024}}
	}
	for _, c := range []struct {
		change string
		make   func(*config.Input)
		same   bool
	}{
		{"nothing", func(*config.Input) {}, true},
		{"the format", func(in *config.Input) { in.Format, in.Escape, in.JSON = "x", "json", map[string]string{"a": "b"} }, true},
		{"the site", func(in *config.Input) { in.Site = "x" }, true},
		{"the address", func(in *config.Input) { in.Syslog.Listen = "udp://127.0.0.1:2" }, false},
		{"a limit", func(in *config.Input) { in.Syslog.MaxMessage = 2048 }, false},
		{"the kind", func(in *config.Input) { in.Syslog, in.Files = nil, []string{"a"} }, false},
		{"the wrapping", func(in *config.Input) { in.Wrapping = "cri" }, false},
	} {
		after := before()
		c.make(&after)
		if got := (input{Input: before()}).readsAs(input{Input: after}); got != c.same {
			t.Errorf("%s: reads as before: %v, want %v", c.change, got, c.same)
		}
	}
}

// TestFormatOf: receivers that write the lines themselves know their format.
func TestFormatOf(t *testing.T) {
	for _, c := range []struct {
		in   config.Input
		want string
	}{
		{config.Input{Syslog: &config.Syslog{}}, ""},
		{config.Input{Kafka: &config.Kafka{}}, ""},
		{config.Input{EnvoyALS: &config.EnvoyALS{}}, "json"},
		{config.Input{OTLP: &config.OTLPLogs{}}, "json"},
		{config.Input{OTLP: &config.OTLPLogs{}, Format: "combined"}, "combined"},
		{config.Input{JSON: map[string]string{"client": "peer"}}, "json"},
	} {
		pin, err := pipelineInput(c.in)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if pin.Format != nil {
			got = pin.Format.Name()
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: format %q, want %q", c.in, got, c.want)
		}
	}
}
