package history

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/storage/remote"
)

// maxRetryAfter bounds how long a server may send us away.
const maxRetryAfter = time.Hour

// A remoteClient is Prometheus's remote write client, which also tells apart what a
// server answered.
type remoteClient struct {
	// name is the URL without a password.
	name    string
	client  *remote.Client
	witness *witness
}

func newRemoteClient(address string, c config.HTTPClientConfig, timeout time.Duration) (*remoteClient, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		var e *url.Error // says the whole URL, with a password
		if errors.As(err, &e) {
			err = e.Err
		}
		return nil, fmt.Errorf("the URL makes no sense: %w", err)
	case address == "":
		return nil, errors.New("a URL is required, such as http://prometheus:9090/api/v1/write")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the URL %q must begin with http:// or https://", u.Redacted())
	case u.Hostname() == "":
		return nil, fmt.Errorf("the URL %q has no host", u.Redacted())
	case u.Path == "":
		return nil, fmt.Errorf("the URL %q has no path: %s (/ where it is really the root)", u.Redacted(), writePaths)
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	write, err := remote.NewWriteClient("darkshare", &remote.ClientConfig{
		URL: &config.URL{URL: u}, Timeout: model.Duration(timeout), HTTPClientConfig: c,
	})
	if err != nil {
		return nil, err
	}
	client := write.(*remote.Client)
	// Its own would keep connections after close: they are behind a transport for
	// traces, which cannot close them.
	client.Client, err = config.NewClientFromConfig(c, "darkshare", config.WithUserAgent("darkshare"))
	if err != nil {
		return nil, err
	}
	w := &witness{RoundTripper: client.Client.Transport}
	client.Client.Transport = w
	if c.FollowRedirects {
		client.Client.CheckRedirect = onlyPosts
	}
	return &remoteClient{name: u.Redacted(), client: client, witness: w}, nil
}

// onlyPosts follows a redirection that keeps the request what it is. The others would
// make it a GET, which any page answers with 200: samples lost without a word.
func onlyPosts(req *http.Request, via []*http.Request) error {
	if req.Method != http.MethodPost || len(via) > 10 {
		return http.ErrUseLastResponse
	}
	return nil
}

// close gives up the connections.
func (c *remoteClient) close() { c.client.Client.CloseIdleConnections() }

// post sends a request. Its errors are *remoteTrouble, wrapped for backoff.Retry.
func (c *remoteClient) post(ctx context.Context, body []byte, attempt int) error {
	c.witness.status, c.witness.header = 0, nil
	_, err := c.client.Store(ctx, body, attempt)
	if err == nil {
		return nil
	}
	t := &remoteTrouble{err: err, status: c.witness.status}
	if t.status != 0 && t.status/100 != 5 && t.status != http.StatusTooManyRequests {
		t.final = true
		t.advice = t.advise(c.witness.header)
		return backoff.Permanent(t)
	}
	if wait := retryAfter(c.witness.header.Get("Retry-After"), time.Now()); wait > 0 {
		return fmt.Errorf("%w: %w", t, &backoff.RetryAfterError{Duration: wait})
	}
	return t
}

// retryAfter reads a Retry-After header: seconds, or a date (RFC 9110, 10.2.3).
func retryAfter(text string, now time.Time) time.Duration {
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(at.Sub(now), maxRetryAfter)
	}
	return 0
}

// A witness sees what Prometheus's client does not hand on.
type witness struct {
	http.RoundTripper
	status int // 0 without a response
	header http.Header
}

func (w *witness) RoundTrip(req *http.Request) (*http.Response, error) {
	w.status, w.header = 0, nil
	resp, err := w.RoundTripper.RoundTrip(req)
	if err == nil {
		w.status, w.header = resp.StatusCode, resp.Header
	}
	return resp, err
}

// CloseIdleConnections is what http.Client looks for.
func (w *witness) CloseIdleConnections() {
	if c, ok := w.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// A remoteTrouble is why a request was not acknowledged.
type remoteTrouble struct {
	err    error
	status int // 0 where there was no response
	// final says that it makes no sense to try again, advice what to do instead.
	final  bool
	advice string
}

func (t *remoteTrouble) Error() string {
	text := strings.TrimSpace(t.err.Error())
	if t.advice != "" {
		text += ": " + t.advice
	}
	return text
}

func (t *remoteTrouble) Unwrap() error { return t.err }

// received reports whether the server may have taken the request in spite of it.
func (t *remoteTrouble) received() bool {
	var op *net.OpError
	dialled := !errors.As(t.err, &op) || op.Op != "dial"
	return dialled && t.status != http.StatusTooManyRequests
}

// duplicate reports whether the server says that it has samples of these series at that
// time or later. The words are those of Prometheus, Thanos (409) and Mimir.
func (t *remoteTrouble) duplicate() bool {
	return t.says("out of order", "out-of-order", "duplicate sample", "duplicate-timestamp")
}

// late reports whether the server says that samples are too old for it.
func (t *remoteTrouble) late() bool {
	return t.says("out of bounds", "too old", "too-old")
}

func (t *remoteTrouble) says(words ...string) bool {
	if t.status != http.StatusBadRequest && t.status != http.StatusConflict {
		return false
	}
	text := strings.ToLower(t.err.Error())
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

const writePaths = "Prometheus and VictoriaMetrics take samples at /api/v1/write, Mimir at /api/v1/push, Thanos at /api/v1/receive"

// advise says what to do.
func (t *remoteTrouble) advise(header http.Header) string {
	switch {
	case t.duplicate() || t.late():
		return "the server already has newer samples (Prometheus also those of itself): " +
			"send to an empty server that scrapes nothing yet, or let it take old samples " +
			"(Prometheus: storage.tsdb.out_of_order_time_window, as long as the history)"
	case t.status/100 == 3:
		return fmt.Sprintf("give the URL that it is redirected to (%s)", header.Get("Location"))
	case t.status == http.StatusUnauthorized || t.status == http.StatusForbidden:
		return "check the credentials"
	case t.status == http.StatusNotFound || t.status == http.StatusMethodNotAllowed:
		return "check the path (" + writePaths + "), and start Prometheus with --web.enable-remote-write-receiver"
	case t.status == http.StatusRequestEntityTooLarge:
		return "let the server take larger requests, or send fewer samples in one"
	}
	return ""
}
