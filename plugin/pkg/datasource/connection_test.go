package datasource

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// A seen is what arrived at a server, of one request.
type seen struct {
	http.Header
	host string
	// client is whom the client's certificate is of.
	client string
}

// A recorder is a server that is well, and remembers what arrives.
type recorder struct {
	*httptest.Server
	mu  sync.Mutex
	all []seen
}

// newRecorder serves as the configuration says; without one, plain HTTP.
func newRecorder(t *testing.T, c *tls.Config) *recorder {
	r := &recorder{}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s := seen{Header: req.Header.Clone(), host: req.Host}
		if req.TLS != nil && len(req.TLS.PeerCertificates) > 0 {
			s.client = req.TLS.PeerCertificates[0].Subject.CommonName
		}
		r.mu.Lock()
		r.all = append(r.all, s)
		r.mu.Unlock()
		wellServer(w, req)
	}))
	r.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail on purpose
	if c == nil {
		r.Start()
	} else {
		r.TLS = c
		r.StartTLS()
	}
	t.Cleanup(r.Close)
	return r
}

// take returns what has arrived since the last time.
func (r *recorder) take() (all []seen) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all, r.all = r.all, nil
	return all
}

const secret = "hunter2hunter2"

// TestConnection holds what the settings and Grafana's headers bring to a real HTTPS server,
// by the compiled plugin; and, where there is no connection, that the error says what to do.
func TestConnection(t *testing.T) {
	ca, other := newAuthority(t, "theirs"), newAuthority(t, "another")
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	server := ca.issue(t, "server", soon, "127.0.0.1")
	client := ca.issue(t, "grafana", soon)
	stranger := other.issue(t, "stranger", soon)

	plain := newRecorder(t, nil)
	secure := newRecorder(t, &tls.Config{Certificates: []tls.Certificate{server.pair(t)}})
	mutual := newRecorder(t, &tls.Config{Certificates: []tls.Certificate{server.pair(t)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool()})
	expired := newRecorder(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "server", past, "127.0.0.1").pair(t)}})
	elsewhere := newRecorder(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "server", soon, "prometheus.example").pair(t)}})

	const withCA = `"tlsAuthWithCACert":true`
	r := run(t, "", "")
	for _, c := range []struct {
		name     string
		server   *recorder
		settings string // of jsonData
		secrets  map[string]string
		basic    bool
		headers  map[string]string // that Grafana sends with the query
		want     http.Header       // what arrives; a nil list: nothing does
		client   string            // whom the certificate is of that arrives
		err      string            // what is said, where there is no connection
	}{
		{name: "a CA of one's own", server: secure, settings: withCA, secrets: map[string]string{"tlsCACert": ca.cert}},
		{name: "no CA", server: secure, err: "not trusted: add its CA certificate"},
		{name: "another CA", server: secure, settings: withCA, secrets: map[string]string{"tlsCACert": other.cert}, err: "not trusted: add its CA certificate"},
		{name: "a CA that is none", server: secure, settings: withCA, secrets: map[string]string{"tlsCACert": secret}, err: "look at TLS certificates"},
		{name: "verification skipped", server: secure, settings: `"tlsSkipVerify":true`},
		{name: "an expired certificate", server: expired, settings: withCA, secrets: map[string]string{"tlsCACert": ca.cert}, err: "has expired"},
		{name: "a certificate of another name", server: elsewhere, settings: withCA, secrets: map[string]string{"tlsCACert": ca.cert}, err: "another name"},
		{name: "the name said", server: elsewhere, settings: withCA + `,"serverName":"prometheus.example"`, secrets: map[string]string{"tlsCACert": ca.cert}},

		{name: "a client certificate", server: mutual, settings: withCA + `,"tlsAuth":true`,
			secrets: map[string]string{"tlsCACert": ca.cert, "tlsClientCert": client.cert, "tlsClientKey": client.key}, client: "grafana"},
		{name: "no client certificate", server: mutual, settings: withCA, secrets: map[string]string{"tlsCACert": ca.cert}, err: "client certificate"},
		{name: "a stranger's client certificate", server: mutual, settings: withCA + `,"tlsAuth":true`,
			secrets: map[string]string{"tlsCACert": ca.cert, "tlsClientCert": stranger.cert, "tlsClientKey": stranger.key}, err: "client certificate"},
		{name: "a key of another certificate", server: mutual, settings: withCA + `,"tlsAuth":true`,
			secrets: map[string]string{"tlsCACert": ca.cert, "tlsClientCert": client.cert, "tlsClientKey": stranger.key}, err: "look at TLS certificates, keys"},

		{name: "user and password", server: plain, basic: true, secrets: map[string]string{"basicAuthPassword": secret},
			want: http.Header{"Authorization": {"Basic bWU6aHVudGVyMmh1bnRlcjI="}}},
		{name: "a token and a tenant", server: plain, settings: `"httpHeaderName1":"Authorization","httpHeaderName2":"X-Scope-OrgID"`,
			secrets: map[string]string{"httpHeaderValue1": "Bearer " + secret, "httpHeaderValue2": "tenant-7"},
			want:    http.Header{"Authorization": {"Bearer " + secret}, "X-Scope-Orgid": {"tenant-7"}}},

		{name: "the user's identity", server: plain, settings: `"oauthPassThru":true`,
			headers: map[string]string{"http_Authorization": "Bearer user", "http_X-ID-Token": "id"},
			want:    http.Header{"Authorization": {"Bearer user"}, "X-Id-Token": {"id"}}},
		{name: "the user's identity, unasked", server: plain,
			headers: map[string]string{"http_Authorization": "Bearer user", "http_X-ID-Token": "id", "Authorization": "Bearer user"},
			want:    http.Header{"Authorization": nil, "X-Id-Token": nil}},
		{name: "the user's identity beside the settings'", server: plain, basic: true, secrets: map[string]string{"basicAuthPassword": secret},
			headers: map[string]string{"http_Authorization": "Bearer user"},
			want:    http.Header{"Authorization": {"Basic bWU6aHVudGVyMmh1bnRlcjI="}}},
		{name: "cookies that are kept", server: plain, settings: `"keepCookies":["session"]`, headers: map[string]string{"http_Cookie": "session=1"},
			want: http.Header{"Cookie": {"session=1"}}},
		{name: "no cookies", server: plain, want: http.Header{"Cookie": nil, "Authorization": nil}},
		{name: "who asks", server: plain, headers: map[string]string{"http_X-Grafana-User": "ada"}, want: http.Header{"X-Grafana-User": {"ada"}}},
		{name: "settings of the wrong kind", server: plain, settings: `"basicAuth":true,"basicAuthUser":7,"access":[]`, err: "save them again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.server.take()
			r.settings = &backend.DataSourceInstanceSettings{
				UID: c.name, Type: "darkshare-darksocial-datasource", Name: c.name, URL: c.server.URL, Updated: time.Now(), BasicAuthEnabled: c.basic, BasicAuthUser: "me",
				JSONData: []byte("{" + c.settings + "}"), DecryptedSecureJSONData: c.secrets,
			}
			answer := r.send(t, c.headers, asked{model: `{"over":"range"}`}.over(lastDay)).Responses["0"]
			health := r.health(t)
			text := fmt.Sprint(answer.Error, health.Message, string(health.JsonDetails))
			for _, s := range append([]string{secret, "PRIVATE", "CERTIFICATE-", "Bearer"}, strings.TrimPrefix(c.server.URL, "http")) {
				if strings.Contains(text, s) {
					t.Errorf("%q is in what is said: %s", s, text)
				}
			}
			if c.err != "" {
				if answer.Error == nil || !strings.Contains(answer.Error.Error(), c.err) || answer.ErrorSource != backend.ErrorSourceDownstream {
					t.Errorf("%v (%v), want %q", answer.Error, answer.ErrorSource, c.err)
				}
				if !strings.Contains(health.Message, c.err) {
					t.Errorf("health: %s, want %q", health.Message, c.err)
				}
				if all := c.server.take(); len(all) > 0 {
					t.Errorf("arrived: %+v", all)
				}
				return
			}
			if answer.Error != nil {
				t.Fatal(answer.Error)
			}
			all := c.server.take()
			if len(all) == 0 {
				t.Fatal("nothing arrived")
			}
			for i, s := range all {
				if s.client != c.client {
					t.Errorf("the certificate of %q, want %q", s.client, c.client)
				}
				// What comes of Grafana's headers comes with the query only, which is first.
				if len(c.headers) > 0 && i > 0 {
					break
				}
				for name, want := range c.want {
					if got := s.Header[name]; fmt.Sprint(got) != fmt.Sprint(want) {
						t.Errorf("%s: %q, want %q", name, got, want)
					}
				}
			}
		})
	}
}

// TestResourceHeaders holds that editors and variables ask as the same user, and that a
// token that signs in to Grafana stays there.
func TestResourceHeaders(t *testing.T) {
	server := newRecorder(t, nil)
	r := run(t, "", "")
	for _, c := range []struct {
		settings string
		want     []string
	}{
		{`{"oauthPassThru":true,"keepCookies":["session"]}`, []string{"Bearer user"}},
		{`{"keepCookies":["session"]}`, nil},
	} {
		r.settings = &backend.DataSourceInstanceSettings{UID: "resources", URL: server.URL, Updated: time.Now(), JSONData: []byte(c.settings), Type: "darkshare-darksocial-datasource"}
		code, body := r.get(t, "values?label=site", "Authorization", "Bearer user", "Cookie", "session=1")
		var values []string
		if code != http.StatusOK || json.Unmarshal([]byte(body), &values) != nil || len(values) != 1 {
			t.Fatal(code, body)
		}
		for _, s := range server.take() {
			if fmt.Sprint(s.Header["Authorization"]) != fmt.Sprint(c.want) || s.Get("Cookie") != "session=1" {
				t.Errorf("%s: %v", c.settings, s.Header)
			}
		}
	}
}

// TestProxy holds that the proxy of the environment is used, which Grafana hands to its
// plugins: for http with the whole address, for https by a tunnel.
func TestProxy(t *testing.T) {
	ca := newAuthority(t, "theirs")
	inside := newRecorder(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "server", time.Now().Add(time.Hour), "prometheus.example").pair(t)}})
	asked := make(chan string, 64)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- fmt.Sprintf("%s %s, %s", r.Method, r.URL.Host, r.Header.Get("Proxy-Authorization"))
		if r.Method != http.MethodConnect {
			wellServer(w, r)
			return
		}
		tunnel(w, inside.Listener.Addr().String())
	}))
	t.Cleanup(proxy.Close)
	address := strings.Replace(proxy.URL, "http://", "http://me:"+secret+"@", 1)
	r := run(t, "", "", "HTTP_PROXY="+address, "HTTPS_PROXY="+address)
	const basic = "Basic bWU6aHVudGVyMmh1bnRlcjI="
	set := func(url string) {
		r.settings = &backend.DataSourceInstanceSettings{UID: url, Type: "darkshare-darksocial-datasource", URL: url, Updated: time.Now(),
			JSONData: []byte(`{"tlsAuthWithCACert":true}`), DecryptedSecureJSONData: map[string]string{"tlsCACert": ca.cert}}
	}
	for url, want := range map[string]string{
		"http://prometheus.example:9090": "POST prometheus.example:9090, " + basic,
		"https://prometheus.example":     "CONNECT prometheus.example:443, " + basic,
	} {
		set(url)
		if a := r.ask(t, aQuery).Responses["0"]; a.Error != nil {
			t.Errorf("%s: %v", url, a.Error)
		}
		found := false
		for range len(asked) {
			found = found || <-asked == want
		}
		if !found {
			t.Errorf("%s: the proxy was not asked %q", url, want)
		}
	}
	if len(inside.take()) == 0 {
		t.Error("nothing arrived by the tunnel")
	}
	proxy.Close()
	set("https://other.example")
	if a := r.ask(t, aQuery).Responses["0"]; a.Error == nil || strings.Contains(a.Error.Error(), secret) || a.ErrorSource != backend.ErrorSourceDownstream {
		t.Errorf("without the proxy: %v (%v)", a.Error, a.ErrorSource)
	}
}

// aQuery is any that can be answered.
var aQuery = asked{model: `{"over":"range"}`}.over(lastDay)

// tunnel carries bytes both ways, to wherever the host was to be found.
func tunnel(w http.ResponseWriter, to string) {
	out, err := net.Dial("tcp", to)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer out.Close()
	in, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer in.Close()
	_, _ = io.WriteString(in, "HTTP/1.1 200 Connection established\r\n\r\n")
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		go func() { _, _ = io.Copy(way[0], way[1]); done <- struct{}{} }()
	}
	<-done
}
