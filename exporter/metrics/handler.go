package metrics

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

// HandlerOptions are the options of Handler; the zero value is good.
type HandlerOptions struct {
	// Registry holds metrics to expose beside the snapshot's, under other names.
	// Nil is a registry of the handler's own. The collectors of the Go runtime and
	// of the process are added to it if they are not there.
	Registry *prometheus.Registry
	// Logger takes the errors of scrapes. Nil is slog.Default().
	Logger *slog.Logger
	// MaxScrapes is how many scrapes may run at a time; the next is answered with
	// 503. Zero is 8.
	MaxScrapes int
	// Timeout is after how long a scrape is answered with 503. A scraper that says
	// it waits for less is believed. Zero is 10 seconds.
	Timeout time.Duration
	// ZeroFirst is how young a counter must be to be shown at zero to a scraper
	// that comes for the first time. Zero is 5 minutes; negative shows nothing at
	// zero first, to no scraper.
	ZeroFirst time.Duration
	// Shown, where it is not nil, holds the start of the last scrape that reached its
	// scraper, in nanoseconds since the Unix epoch. Where the counters go on from an
	// earlier process, give it what it held when they were stored.
	Shown *atomic.Int64
}

type handler struct {
	snapshot Snapshot
	defs     definitions
	registry *prometheus.Registry
	opts     promhttp.HandlerOpts
	compress func(http.Handler) http.HandlerFunc
	slots    chan struct{}
	timeout  time.Duration
	scrapers *scrapers
	now      func() time.Time
}

// Handler returns the /metrics endpoint: the snapshot and the registry's metrics
// in the Prometheus text format, OpenMetrics or protobuf, as the client asks,
// compressed if it likes. Series come in the snapshot's order.
//
// A scraper sees a counter that has begun since its last scrape at zero first, so
// that increase() has a step to see. Every other client sees true values.
func Handler(snapshot Snapshot, o HandlerOptions) http.Handler {
	return newHandler(snapshot, o, time.Now)
}

func newHandler(snapshot Snapshot, o HandlerOptions, now func() time.Time) *handler {
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.MaxScrapes <= 0 {
		o.MaxScrapes = 8
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.ZeroFirst == 0 {
		o.ZeroFirst = 5 * time.Minute
	}
	if o.Shown == nil {
		o.Shown = new(atomic.Int64)
	}
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := o.Registry.Register(c); err != nil && !errors.As(err, new(prometheus.AlreadyRegisteredError)) {
			panic(err) // two of the caller's own metrics have these names
		}
	}
	// At promhttp's level, gzip takes nearly as long as all the rest of a scrape, to
	// save a seventh of the bytes on what is mostly a loopback.
	compress, err := gzhttp.NewWrapper(gzhttp.CompressionLevel(gzip.BestSpeed),
		gzhttp.ContentTypeFilter(gzhttp.CompressAllContentTypeFilter))
	if err != nil {
		panic(err) // not with these options
	}
	return &handler{
		snapshot: snapshot,
		defs:     newDefinitions(),
		registry: o.Registry,
		opts: promhttp.HandlerOpts{
			Registry:          o.Registry,
			ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelError),
			ErrorHandling:     promhttp.ContinueOnError,
			EnableOpenMetrics: true,
			// Ours is done by h.compress.
			DisableCompression: true,
		},
		compress: compress,
		slots:    make(chan struct{}, o.MaxScrapes),
		timeout:  o.Timeout,
		scrapers: newScrapers(o.ZeroFirst, now(), o.Shown),
		now:      now,
	}
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Before the snapshot: see scrapers.
	start := h.now()
	since := never
	who, scraping := h.scrapers.identify(r)
	if scraping {
		since = h.scrapers.since(who, start)
	}
	out := &outcome{ResponseWriter: w}
	// The slot is taken inside the timeout, since it is the abandoned scrapes that
	// must not pile up.
	scrape := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.scrape(w, r, since) })
	http.TimeoutHandler(scrape, h.patience(r), "The scrape took too long.\n").ServeHTTP(out, r)
	if scraping && out.ok() && r.Context().Err() == nil {
		h.scrapers.shown(who, start)
	}
}

// patience returns how long the client and the handler want to wait.
func (h *handler) patience(r *http.Request) time.Duration {
	s, err := strconv.ParseFloat(r.Header.Get(scraperHeader), 64)
	if err != nil || !(s > 0 && s < h.timeout.Seconds()) {
		return h.timeout
	}
	return time.Duration(s * float64(time.Second))
}

func (h *handler) scrape(w http.ResponseWriter, r *http.Request, since threshold) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		http.Error(w, "Too many scrapes at a time.", http.StatusServiceUnavailable)
		return
	}
	opts := h.opts
	// In the text of OpenMetrics, creation times are samples of their own. A
	// scraper that can use them asks for protobuf, where they are part of the
	// counter; any other would store each as one more series.
	opts.EnableOpenMetricsTextCreatedSamples = r.Header.Get(scraperHeader) == ""
	gather := func() ([]*dto.MetricFamily, error) { return h.gather(since) }
	h.compress(promhttp.HandlerFor(prometheus.GathererFunc(gather), opts)).ServeHTTP(w, r)
}

func (h *handler) gather(since threshold) ([]*dto.MetricFamily, error) {
	mfs, err := h.defs.families(h.snapshot(), since)
	others, othersErr := h.registry.Gather()
	mfs = append(mfs, others...)
	sortFamilies(mfs)
	return mfs, errors.Join(err, othersErr)
}

// An outcome notes how a response went.
type outcome struct {
	http.ResponseWriter
	status int
	err    error
}

func (o *outcome) ok() bool { return o.status == http.StatusOK && o.err == nil }

// WriteHeader implements http.ResponseWriter.
func (o *outcome) WriteHeader(status int) {
	o.status = status
	o.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (o *outcome) Write(b []byte) (int, error) {
	if o.status == 0 {
		o.status = http.StatusOK
	}
	n, err := o.ResponseWriter.Write(b)
	if err != nil {
		o.err = err
	}
	return n, err
}
