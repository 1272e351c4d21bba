package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/darkshare/darkshare/exporter/web"
)

// TestHealthcheck: the probe of containers says of a real server what it is.
func TestHealthcheck(t *testing.T) {
	password := filepath.Join(t.TempDir(), "web.yaml")
	// The hash is of "secret".
	const users = "basic_auth_users:\n  ann: $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi\n"
	if err := os.WriteFile(password, []byte(users), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		config string
		ready  bool
		path   string
		want   string // of what is said; an error's where it starts with "error: "
	}{
		{"it reads its inputs", "", true, "/-/ready", "darkshare is ready."},
		{"it does not yet", "", false, "/-/ready", "error: 503 Service Unavailable: darkshare is not ready."},
		{"it only has to answer", "", false, "/-/healthy", "darkshare is healthy."},
		{"there is no such page", "", true, "/-/raedy", "error: 404 Not Found"},
		{"it asks for a password", password, true, "/-/ready", "asks for a password"},
	} {
		t.Run(c.name, func(t *testing.T) {
			systemd := false
			server := web.New(web.Options{
				Flags:   &toolkit.FlagConfig{WebListenAddresses: &[]string{"127.0.0.1:0"}, WebConfigFile: &c.config, WebSystemdSocket: &systemd},
				Metrics: http.NotFoundHandler(),
			})
			server.SetReady(c.ready)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- server.Run(ctx) }()
			defer func() {
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}()
			asked, done := context.WithTimeout(ctx, 10*time.Second)
			defer done()
			for len(server.Addrs()) == 0 && asked.Err() == nil {
				time.Sleep(time.Millisecond)
			}
			if asked.Err() != nil {
				t.Fatal("the server does not listen")
			}
			said, err := healthcheck(asked, "http://"+server.Addrs()[0].String()+c.path)
			if err != nil {
				said = "error: " + err.Error()
			}
			// The address is between the two.
			kind, text, _ := strings.Cut(c.want, ": ")
			if !strings.HasPrefix(c.want, "error: ") {
				kind, text = "", c.want
			}
			if !strings.HasPrefix(said, kind) || !strings.Contains(said, text) || (err != nil) != (kind != "") {
				t.Errorf("got %q, want %q", said, c.want)
			}
		})
	}
}

// TestHealthcheckTLS: a certificate need not be for the loopback address.
func TestHealthcheckTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ready\n")) }))
	defer server.Close()
	if said, err := healthcheck(t.Context(), server.URL); err != nil || said != "ready" {
		t.Errorf("got %q, %v", said, err)
	}
}

// TestHealthcheckNobody: the command fails, in time and in words, where nobody answers.
func TestHealthcheckNobody(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	elsewhere := httptest.NewServer(http.RedirectHandler("http://192.0.2.1/", http.StatusFound))
	defer elsewhere.Close()
	secret, _ := url.Parse(elsewhere.URL)
	secret.User = url.UserPassword("ann", "hunter2")
	for _, c := range []struct {
		name, url, want string
	}{
		{"no answer", silent.URL, "deadline exceeded"},
		{"no server", gone.URL, "refused"},
		{"a redirect is not followed", elsewhere.URL, "302 Found"},
		{"a password is not repeated", secret.String(), "ann:xxxxx@"},
		{"an address is not a URL", "127.0.0.1:9464", "parse"},
		{"nor is a file", "file:///etc/passwd", "is not a URL such as http://127.0.0.1:9464/-/ready"},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			_, errs, code := darkshare(t, "healthcheck", "--timeout", "500ms", c.url)
			if code != 1 || !strings.Contains(errs, c.want) || strings.Contains(errs, "hunter2") {
				t.Errorf("exit %d, %s", code, errs)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}
