package syslog

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/darkshare/darkshare/exporter/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A receiver runs a Listener and keeps the records that come.
type receiver struct {
	*Listener
	t    testing.TB
	log  logBuffer
	hold chan struct{} // closed when blocks are taken
	stop func()

	mu      sync.Mutex
	records []string
}

// hold runs a Listener until the test ends or stop is called. Nothing is taken
// from it before go is.
func hold(t testing.TB, o Options) *receiver {
	t.Helper()
	r := &receiver{t: t, hold: make(chan struct{})}
	o.Logger = slog.New(slog.NewTextHandler(&r.log, nil))
	var err error
	r.Listener, err = New(o)
	ok(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	out, done := make(chan *stream.Block), make(chan struct{})
	go func() {
		defer close(out)
		if err := r.Run(ctx, out); err != context.Canceled {
			t.Errorf("Run returned %v", err)
		}
	}()
	go func() {
		defer close(done)
		<-r.hold
		for b := range out {
			r.mu.Lock()
			for line := range bytes.Lines(b.Data) {
				r.records = append(r.records, strings.TrimSuffix(string(line), "\n"))
			}
			r.mu.Unlock()
			b.Release()
		}
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		r.take()
		<-done
	})
	t.Cleanup(r.stop)
	return r
}

// take takes what comes from now on.
func (r *receiver) take() {
	select {
	case <-r.hold:
	default:
		close(r.hold)
	}
}

// listen is hold and take, and waits until the address can be sent to.
func listen(t testing.TB, o Options) *receiver {
	t.Helper()
	r := hold(t, o)
	r.take()
	r.up()
	return r
}

func (r *receiver) up() {
	r.t.Helper()
	eventually(r.t, func() string {
		if r.Stats().Up() && r.Addr() != nil {
			return ""
		}
		return "not up: " + r.Stats().LastError()
	})
}

func (r *receiver) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.records...)
}

// want waits until exactly these records have come.
func (r *receiver) want(records ...string) {
	r.t.Helper()
	eventually(r.t, func() string {
		if got := strings.Join(r.got(), "|"); got != strings.Join(records, "|") {
			return "got " + got
		}
		return ""
	})
}

// dial connects to the listener.
func (r *receiver) dial() net.Conn {
	r.t.Helper()
	conn, err := net.Dial(r.Addr().Network(), r.Addr().String())
	ok(r.t, err)
	r.t.Cleanup(func() { conn.Close() })
	return conn
}

func send(t testing.TB, conn net.Conn, text string) {
	t.Helper()
	_, err := conn.Write([]byte(text))
	ok(t, err)
}

func eventually(t testing.TB, check func() string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for complaint := check(); complaint != ""; complaint = check() {
		if time.Now().After(deadline) {
			t.Fatal(complaint)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// socketPath is short enough for a unix socket wherever tests are run.
func socketPath(t *testing.T) string { return filepath.Join(t.TempDir(), "s") }

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// certificates returns the two sides of TLS with a CA of their own.
func certificates(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ok(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ok(t, err)
	leaf, err := x509.ParseCertificate(der)
	ok(t, err)
	pair := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert},
		&tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool}
}
