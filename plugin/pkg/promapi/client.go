// Package promapi asks servers that speak the Prometheus HTTP API: Prometheus, Thanos,
// Mimir, VictoriaMetrics, and darkshare's embedded store. Whatever goes wrong is an
// [Error] that says what to do about it, and no answer is without bounds.
package promapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

const (
	// maxBytes bounds an answer's body, once decompressed: 64 MiB.
	maxBytes = 64 << 20
	// maxSeries bounds the series of an answer.
	maxSeries = 10_000
	// usualAnswer is what most bodies fit into.
	usualAnswer = 64 << 10
)

// A Client asks one server. It is safe for use by many goroutines.
type Client struct {
	api     v1.API
	caller  *caller
	slots   chan struct{}
	learned *learned
}

// New returns a client for the server at that URL, which may have a path, such as
// Mimir's /prometheus. The HTTP client does the rest: authentication, TLS, proxies.
func New(address string, client *http.Client) (*Client, error) {
	address = strings.TrimSpace(address)
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, &Error{Kind: Misconfigured, Message: "The data source has no valid URL: enter the server's address in its settings, such as http://localhost:9090."}
	}
	u.Path = strings.TrimRight(u.Path, "/")
	c := &caller{base: u, client: client, maxBytes: maxBytes}
	return &Client{api: v1.NewAPI(c), caller: c, learned: &learned{}}, nil
}

// Limited returns a client of the same server that has n requests under way at most;
// the others wait.
func (c *Client) Limited(n int) *Client {
	limited := *c
	limited.slots = make(chan struct{}, n)
	return &limited
}

// Close closes connections that nobody uses.
func (c *Client) Close() { c.caller.client.CloseIdleConnections() }

// take waits for a place among the requests under way.
func (c *Client) take(ctx context.Context) (release func(), err error) {
	if c.slots == nil {
		return func() {}, nil
	}
	select {
	case c.slots <- struct{}{}:
		return func() { <-c.slots }, nil
	case <-ctx.Done():
		return nil, explain(ctx.Err())
	}
}

// Range evaluates an expression from one time to another at each step; with equal
// times, once.
func (c *Client) Range(ctx context.Context, expr string, from, to time.Time, step time.Duration) (model.Matrix, error) {
	release, err := c.take(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if from.UnixMilli()%max(1, step.Milliseconds()) != 0 {
		ctx = context.WithValue(ctx, exactTimes{}, true)
	}
	m, err := c.queryRange(ctx, expr, from, to, step)
	if err != nil {
		return nil, explain(err)
	}
	return m, nil
}

// Values lists the values of a label in the series that match, between two times.
func (c *Client) Values(ctx context.Context, label, match string, from, to time.Time) ([]string, error) {
	release, err := c.take(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	values, _, err := c.api.LabelValues(ctx, label, []string{match}, from, to)
	if err != nil {
		return nil, explain(err)
	}
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out, nil
}

// exactTimes is the key of a context under which VictoriaMetrics must not round the
// times to multiples of the step, as it does to find its own cache's answers again.
type exactTimes struct{}

// A caller is the api.Client underneath: it bounds bodies, and sees what the answers'
// headers tell.
type caller struct {
	base     *url.URL
	client   *http.Client
	maxBytes int64
}

// URL implements api.Client.
func (c *caller) URL(endpoint string, args map[string]string) *url.URL {
	for arg, value := range args {
		endpoint = strings.ReplaceAll(endpoint, ":"+arg, value)
	}
	u := *c.base
	u.Path = path.Join("/", u.Path, endpoint)
	return &u
}

// CloseIdleConnections implements api.CloseIdler.
func (c *caller) CloseIdleConnections() { c.client.CloseIdleConnections() }

// Do implements api.Client. The times of ctx hold for the body, too.
func (c *caller) Do(ctx context.Context, req *http.Request) (*http.Response, []byte, error) {
	if ctx.Value(exactTimes{}) != nil {
		// Others ignore what they do not know.
		q := req.URL.Query()
		q.Set("nocache", "1")
		req.URL.RawQuery = q.Encode()
	}
	resp, err := c.client.Do(req.WithContext(ctx))
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body := bytes.NewBuffer(make([]byte, 0, usualAnswer))
	n, err := body.ReadFrom(io.LimitReader(resp.Body, c.maxBytes+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return resp, nil, ctx.Err()
	case err != nil:
		return resp, nil, err
	case n > c.maxBytes:
		return resp, nil, errTooLarge
	}
	if err := notJSON(resp, body.Bytes()); err != nil {
		return resp, body.Bytes(), err
	}
	return resp, body.Bytes(), nil
}

var _ api.Client = (*caller)(nil)

// learned is what is known of the server.
type learned struct {
	mu     sync.Mutex
	server *Server
	until  time.Time
}

// A Server is what a server says of itself.
type Server struct {
	// Kind is a name: Prometheus, Mimir, VictoriaMetrics, darkshare.
	Kind Kind
	// Version is its version, empty where it does not say.
	Version string
}

// A Kind is a kind of server.
type Kind string

// The kinds. What does not say otherwise counts as Prometheus: Thanos does not.
const (
	Prometheus      Kind = "Prometheus"
	Mimir           Kind = "Mimir"
	VictoriaMetrics Kind = "VictoriaMetrics"
	Embedded        Kind = "darkshare's embedded store"
)

const (
	serverKept  = 10 * time.Minute
	failureKept = 15 * time.Second
)

// Server returns what the server says of itself, which is asked for once in a while. A
// server that does not answer this question counts as Prometheus.
func (c *Client) Server(ctx context.Context) (Server, error) {
	c.learned.mu.Lock()
	if s := c.learned.server; s != nil && time.Now().Before(c.learned.until) {
		c.learned.mu.Unlock()
		return *s, nil
	}
	c.learned.mu.Unlock()
	s, err := c.askServer(ctx)
	kept := serverKept
	if err != nil {
		var e *Error
		if !errors.As(err, &e) || e.Kind != NotFound && e.Kind != NotPrometheus && e.Kind != Refused {
			return Server{Kind: Prometheus}, err
		}
		s, kept = Server{Kind: Prometheus}, failureKept
	}
	c.learned.mu.Lock()
	c.learned.server, c.learned.until = &s, time.Now().Add(kept)
	c.learned.mu.Unlock()
	return s, nil
}

// Forget forgets what is known of the server.
func (c *Client) Forget() {
	c.learned.mu.Lock()
	c.learned.server = nil
	c.learned.mu.Unlock()
}
