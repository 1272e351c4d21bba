// Package datasource is the Grafana data source: what Grafana asks of a plugin, answered
// by package question from the server of its settings.
package datasource

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"
	"github.com/prometheus/common/model"

	"github.com/darkshare/darkshare/plugin/pkg/promapi"
	"github.com/darkshare/darkshare/plugin/pkg/question"
)

const (
	// defaultInterval is the time between samples where the settings say nothing,
	// Prometheus's own default.
	defaultInterval = time.Minute
	// defaultTimeout is how long a query may take.
	defaultTimeout = 30 * time.Second
	// maxTimeout is the longest that can be set.
	maxTimeout = 10 * time.Minute
)

// A dataSource is one configured data source.
type dataSource struct {
	backend.CallResourceHandler

	client  *promapi.Client
	env     question.Env
	timeout time.Duration
	// broken is what is wrong with the settings; everything answers with it.
	broken error
}

var (
	_ backend.QueryDataHandler      = (*dataSource)(nil)
	_ backend.CheckHealthHandler    = (*dataSource)(nil)
	_ backend.CallResourceHandler   = (*dataSource)(nil)
	_ instancemgmt.InstanceDisposer = (*dataSource)(nil)
)

// New makes a data source of its settings. A mistake in them is the answer to whatever
// is asked, so that people see it.
func New(ctx context.Context, settings backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
	d := &dataSource{}
	d.CallResourceHandler = httpadapter.New(d.resources())
	d.broken = d.configure(ctx, settings)
	return d, nil
}

func (d *dataSource) configure(ctx context.Context, settings backend.DataSourceInstanceSettings) error {
	var own struct {
		TimeInterval, QueryTimeout string
		OauthPassThru              bool
	}
	if len(settings.JSONData) == 0 {
		settings.JSONData = []byte("{}") // provisioned without any
	}
	if err := json.Unmarshal(settings.JSONData, &own); err != nil {
		return misconfigured("The data source's settings cannot be read: save them again.")
	}
	interval, err := duration(own.TimeInterval, defaultInterval, time.Second, 24*time.Hour)
	if err != nil {
		return misconfigured("The scrape interval in the data source's settings %v.", err)
	}
	if d.timeout, err = duration(own.QueryTimeout, defaultTimeout, time.Second, maxTimeout); err != nil {
		return misconfigured("The query timeout in the data source's settings %v.", err)
	}
	options, err := httpOptions(ctx, settings)
	if err != nil {
		return misconfigured("The HTTP settings of the data source cannot be read: save them again.")
	}
	// Cookies, the user's OAuth token, and what Grafana adds, go on to the server.
	options.ForwardHTTPHeaders = true
	options.Timeouts.Timeout = 0 // a query has one, whatever number of requests it takes
	options.Timeouts.MaxIdleConnsPerHost = parallel
	if loopback(settings.URL) {
		// There is no network to save anything on.
		options.ConfigureTransport = func(_ httpclient.Options, t *http.Transport) { t.DisableCompression = true }
	}
	middlewares := append(httpclient.DefaultMiddlewares(), httpclient.NamedMiddlewareFunc("BrowsersOwn", browsersOwn))
	if !own.OauthPassThru {
		middlewares = append(middlewares, httpclient.NamedMiddlewareFunc("UsersOwn", usersOwn))
	}
	provider := httpclient.NewProvider(httpclient.ProviderOptions{Middlewares: middlewares})
	client, err := provider.New(options)
	if err != nil {
		return misconfigured("The HTTP settings of the data source do not fit together: look at TLS certificates, keys and proxies.")
	}
	client.CheckRedirect = sameHost
	if d.client, err = promapi.New(settings.URL, client); err != nil {
		return err
	}
	d.env = question.Env{Client: d.client, Coverage: &question.Coverage{}, Interval: interval, Now: time.Now}
	return nil
}

// browsersOwn takes away what the browser has agreed with Grafana: how answers are
// compressed, and which it has already. Grafana hands it on with the other headers, and the
// HTTP client would leave an answer compressed that it has not asked to be.
func browsersOwn(_ httpclient.Options, next http.RoundTripper) http.RoundTripper {
	return httpclient.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		for _, name := range []string{"Accept-Encoding", "If-None-Match", "If-Modified-Since", "Range"} {
			r.Header.Del(name)
		}
		return next.RoundTrip(r)
	})
}

// usersOwn takes away the identity of the user, which the server is not to see where the
// settings do not say so. Grafana sees to that, too, as far as it knows how the user has come.
func usersOwn(o httpclient.Options, next http.RoundTripper) http.RoundTripper {
	return httpclient.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		if o.BasicAuth == nil && r.URL.User == nil && o.Header.Get(backend.OAuthIdentityTokenHeaderName) == "" {
			r.Header.Del(backend.OAuthIdentityTokenHeaderName)
		}
		if o.Header.Get(backend.OAuthIdentityIDTokenHeaderName) == "" {
			r.Header.Del(backend.OAuthIdentityIDTokenHeaderName)
		}
		return next.RoundTrip(r)
	})
}

// httpOptions reads the settings that the SDK knows, which panics where one of them has a
// value of the wrong kind.
func httpOptions(ctx context.Context, settings backend.DataSourceInstanceSettings) (o httpclient.Options, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return settings.HTTPClientOptions(ctx)
}

// Dispose implements instancemgmt.InstanceDisposer: the settings have changed.
func (d *dataSource) Dispose() {
	if d.client != nil {
		d.client.Close()
	}
}

func misconfigured(format string, args ...any) error {
	return &promapi.Error{Kind: promapi.Misconfigured, Message: fmt.Sprintf(format, args...)}
}

// loopback reports whether an address is of this machine.
func loopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

// duration reads a setting such as 15s or 1m.
func duration(text string, none, least, most time.Duration) (time.Duration, error) {
	if text == "" {
		return none, nil
	}
	parsed, err := model.ParseDuration(text)
	d := time.Duration(parsed)
	if err != nil {
		return 0, fmt.Errorf("is no duration (%.20q): write it as 15s or 1m", text)
	}
	if d < least || d > most {
		return 0, fmt.Errorf("is %v: choose from %v to %v", d, least, most)
	}
	return d, nil
}

// sameHost does not follow a redirect to another host: credentials of the settings are
// put into every request.
func sameHost(req *http.Request, via []*http.Request) error {
	if len(via) >= 5 || req.URL.Host != via[0].URL.Host {
		return http.ErrUseLastResponse
	}
	return nil
}
