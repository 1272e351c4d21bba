package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sort"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"

	"github.com/darkshare/darkshare/exporter/state"
)

const (
	// remoteSamples is how many samples a request has where the options say nothing.
	remoteSamples = 5000
	// remoteSpan is how much time a request covers at most, in milliseconds. Prometheus
	// takes nothing older than its newest sample less an hour (half a block), so that
	// what it refuses as out of bounds can never be our own, come a second time.
	remoteSpan = int64(30 * time.Minute / time.Millisecond)
	// remoteTimeout is how long a request may take.
	remoteTimeout = 30 * time.Second
	// firstRetry and lastRetry are the shortest and the longest wait between attempts,
	// give or take a half.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 30 * time.Second
	// remoteComplains is how often the same trouble is logged.
	remoteComplains = time.Minute
)

// RemoteOptions are the options of NewRemoteWriter.
type RemoteOptions struct {
	// URL takes samples by Prometheus's remote write protocol 1.0, such as
	// http://prometheus:9090/api/v1/write. It is required.
	URL string
	// HTTP is Prometheus's HTTP client configuration: TLS, basic_auth, authorization,
	// http_headers, proxies. Its zero value follows no redirects.
	HTTP config.HTTPClientConfig
	// ExternalLabels are added to every series that has no label of that name. A job
	// is "darkshare" where they do not name one; they should name an instance.
	ExternalLabels labels.Labels
	// Progress is the path of a small file that keeps how far all is acknowledged;
	// empty means that only this writer knows.
	Progress string
	// Timeout is that of one request; 0 means 30 seconds.
	Timeout time.Duration
	// MaxSamples bounds the samples of a request; 0 means 5,000.
	MaxSamples int
	// Logger takes what an operator should know; nil keeps silent.
	Logger *slog.Logger
}

// A RemoteWriter sends points to a server that speaks Prometheus's remote write
// protocol: Prometheus, VictoriaMetrics, Mimir, Thanos and others. Its methods are for
// one goroutine at a time.
//
// What a server makes of old samples is its own affair. Prometheus takes them only as
// long as it has none newer by more than an hour, be it of itself, unless
// out_of_order_time_window says more, and deletes what is older than its retention (15
// days unless told otherwise). VictoriaMetrics takes them in any order, drops those
// before its retention (one month unless told otherwise) without a word, and keeps a
// sample twice that comes twice unless -dedup.minScrapeInterval is set.
type RemoteWriter struct {
	client   *remoteClient
	external []prompb.Label
	max      int
	log      *slog.Logger

	progress *state.File // nil where there is none
	saved    reach
	reach    reach

	complained time.Time
	failing    bool

	// What follows is one request's, and used again for the next.
	request    prompb.WriteRequest
	places     map[*Series]int // in request.Timeseries
	raw, plain []byte          // compressed and before
}

// A reach is how far points have come, in milliseconds since the Unix epoch: up to
// acked the server has all, after sent it has none. What is between may have been on
// its way when the last attempt was broken off.
type reach struct{ acked, sent int64 }

// NewRemoteWriter checks the options, and takes up the progress of an earlier writer.
// It sends nothing. The caller closes it.
func NewRemoteWriter(o RemoteOptions) (*RemoteWriter, error) {
	w := &RemoteWriter{
		max: cmp.Or(o.MaxSamples, remoteSamples), log: o.Logger, places: map[*Series]int{},
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	if w.max < 0 {
		return nil, fmt.Errorf("remote write: a request of at most %d samples", w.max)
	}
	b := labels.NewBuilder(o.ExternalLabels)
	if !o.ExternalLabels.Has(model.JobLabel) {
		b.Set(model.JobLabel, "darkshare")
	}
	external := b.Labels()
	if !external.IsValid(model.LegacyValidation) || external.Has(model.MetricNameLabel) {
		return nil, fmt.Errorf("remote write: %s cannot be added to every series", external)
	}
	w.external = prompb.FromLabels(external, nil)

	var err error
	if w.client, err = newRemoteClient(o.URL, o.HTTP, cmp.Or(o.Timeout, remoteTimeout)); err != nil {
		return nil, fmt.Errorf("remote write: %w", err)
	}
	if o.Progress != "" {
		if err := w.resume(o.Progress); err != nil {
			w.Close()
			return nil, fmt.Errorf("remote write: progress: %w", err)
		}
	}
	return w, nil
}

// Close gives up the connections and the progress file.
func (w *RemoteWriter) Close() {
	w.client.close()
	if w.progress != nil {
		w.progress.Close()
	}
}

// Acknowledged returns the time up to which the server has all, in milliseconds since
// the Unix epoch; 0 is nothing.
func (w *RemoteWriter) Acknowledged() int64 { return w.reach.acked }

// Send sends the points, which are in the order of their times, and returns once the
// server has acknowledged them all. All points of one time are in the same call: those
// at or before the time that is acknowledged already are skipped. Stale markers are
// sent as they are.
//
// As long as the server cannot be reached, is in trouble (5xx) or wants to be left
// alone (429), Send tries again, until ctx ends. An error that is not ctx's says what
// the server refused and what to do about it, or that the progress file cannot be
// written; the same points can be sent again then.
//
// What was under way when a writer was stopped, or its server, may have arrived. If
// the server then says that it has these samples already, that is taken as an
// acknowledgement. Servers that do not look (VictoriaMetrics) have one request twice.
func (w *RemoteWriter) Send(ctx context.Context, points []Point) error {
	if !slices.IsSortedFunc(points, func(a, b Point) int { return cmp.Compare(a.At, b.At) }) {
		return errors.New("remote write: the points are not in the order of their times")
	}
	points = points[pointsUntil(points, w.reach.acked):]
	for len(points) > 0 {
		n := w.cut(points)
		last := points[n-1].At
		again := points[0].At <= w.reach.sent
		w.reach.sent = max(w.reach.sent, last)
		if err := w.save(); err != nil {
			return err
		}
		if err := w.deliver(ctx, points[:n], again); err != nil {
			return err
		}
		if points = points[n:]; len(points) > 0 && points[0].At == last {
			last-- // the rest of that time comes with the next request
		}
		w.reach.acked = last
	}
	return w.save()
}

// pointsUntil returns how many points are at or before t.
func pointsUntil(points []Point, t int64) int {
	return sort.Search(len(points), func(i int) bool { return points[i].At > t })
}

// cut returns how many of the points go into the next request: whole times, unless one
// alone has too many points, and either such as may have been sent before or others.
func (w *RemoteWriter) cut(points []Point) int {
	end := points[0].At + remoteSpan
	if points[0].At <= w.reach.sent {
		end = min(end, w.reach.sent)
	}
	n := pointsUntil(points, end)
	if n <= w.max {
		return n
	}
	if whole := pointsUntil(points, points[w.max].At-1); whole > 0 {
		return whole
	}
	return w.max
}

// deliver sends the points as one request until they are acknowledged. again says that
// the server may have them.
func (w *RemoteWriter) deliver(ctx context.Context, points []Point, again bool) error {
	body, err := w.encode(points)
	if err != nil {
		return err
	}
	attempt := 0
	post := func() (struct{}, error) {
		err := w.client.post(ctx, body, attempt)
		attempt++
		var t *remoteTrouble
		if errors.As(err, &t) && t.received() {
			again = again || !t.final
		}
		return struct{}{}, err
	}
	var trouble error
	_, err = backoff.Retry(ctx, post,
		backoff.WithBackOff(&backoff.ExponentialBackOff{
			InitialInterval: firstRetry, MaxInterval: lastRetry,
			Multiplier: backoff.DefaultMultiplier, RandomizationFactor: backoff.DefaultRandomizationFactor,
		}),
		backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, wait time.Duration) {
			trouble = err
			w.complain(err, wait)
		}))
	if err != nil || attempt > 1 {
		w.raw = nil // a connection that is being given up may still read it
	}
	if err == nil {
		w.relieved()
		return nil
	}

	var t *remoteTrouble
	switch {
	case !errors.As(err, &t) || !t.final:
		if trouble != nil && ctx.Err() != nil {
			return fmt.Errorf("remote write: %w, and %s had not acknowledged: %w", context.Cause(ctx), w.client.name, trouble)
		}
		return fmt.Errorf("remote write: %s has not acknowledged: %w", w.client.name, err)
	case t.duplicate() && again:
		return w.one(ctx, points)
	}
	if !again {
		w.reach.sent = w.reach.acked // what is refused did not arrive
	}
	return errors.Join(fmt.Errorf("remote write: %s refuses: %w", w.client.name, err), w.save())
}

// one sends points that the server has in part, by what it says, one time after the
// other. Servers take a request of one time wholly or, if they refuse any of it as
// known, have the rest as well.
func (w *RemoteWriter) one(ctx context.Context, points []Point) error {
	if points[0].At == points[len(points)-1].At {
		w.relieved()
		return nil
	}
	for len(points) > 0 {
		n := pointsUntil(points, points[0].At)
		if err := w.deliver(ctx, points[:n], true); err != nil {
			return err
		}
		points = points[n:]
	}
	return nil
}

// encode returns the body of a request. It holds until the next call.
func (w *RemoteWriter) encode(points []Point) ([]byte, error) {
	r := &w.request
	r.Timeseries = r.Timeseries[:0]
	clear(w.places)
	// The series come in the order of their first samples: an empty Prometheus dates its
	// beginning by the first sample that it is given.
	for _, p := range points {
		i, ok := w.places[p.Series]
		if !ok {
			i = len(r.Timeseries)
			w.places[p.Series] = i
			if i < cap(r.Timeseries) {
				r.Timeseries = r.Timeseries[:i+1] // with the slices that it had
			} else {
				r.Timeseries = append(r.Timeseries, prompb.TimeSeries{})
			}
			s := &r.Timeseries[i]
			s.Labels = w.label(s.Labels[:0], p.Series.Labels)
			s.Samples = s.Samples[:0]
		}
		s := &r.Timeseries[i]
		s.Samples = append(s.Samples, prompb.Sample{Timestamp: p.At, Value: p.Value})
	}
	size := r.Size()
	w.plain = slices.Grow(w.plain[:0], size)[:size]
	if _, err := r.MarshalToSizedBuffer(w.plain); err != nil {
		return nil, fmt.Errorf("remote write: %w", err)
	}
	w.raw = snappy.Encode(w.raw[:cap(w.raw)], w.plain)
	return w.raw, nil
}

// label appends the labels of a series and those that all have, sorted as the protocol
// wants.
func (w *RemoteWriter) label(to []prompb.Label, own labels.Labels) []prompb.Label {
	to = prompb.FromLabels(own, to)
	for _, l := range w.external {
		if !own.Has(l.Name) {
			to = append(to, l)
		}
	}
	slices.SortFunc(to, func(a, b prompb.Label) int { return cmp.Compare(a.Name, b.Name) })
	return to
}

func (w *RemoteWriter) complain(err error, wait time.Duration) {
	if time.Since(w.complained) < remoteComplains {
		return
	}
	w.complained, w.failing = time.Now(), true
	w.log.Warn("remote write: the server does not take samples; trying again until it does",
		"url", w.client.name, "error", err, "wait", wait.Round(time.Millisecond))
}

func (w *RemoteWriter) relieved() {
	if w.failing {
		w.failing = false
		w.log.Info("remote write: the server takes samples again", "url", w.client.name)
	}
}

// resume takes up what the progress file says.
func (w *RemoteWriter) resume(path string) error {
	file, err := state.Open(path)
	if err != nil {
		return err
	}
	w.progress = file
	data, err := file.Load()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if errors.Is(err, state.ErrCorrupt) || errors.Is(err, state.ErrOlder) {
		return fmt.Errorf("%w: where the server is empty remove it, and all is sent from the beginning", err)
	}
	if err != nil {
		return err
	}
	d := state.NewDecoder(data)
	if kind := d.String(); d.Err() == nil && kind != progressKind {
		return fmt.Errorf("%s is not about remote write: name another file", path)
	}
	url := d.String()
	r := reach{acked: d.Int(), sent: d.Int()}
	if err := d.End(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if url != w.client.name {
		return fmt.Errorf("%s is about %s, not %s: give each server a file of its own", path, url, w.client.name)
	}
	w.reach, w.saved = r, r
	return nil
}

// progressKind tells the progress file from the other files of package state.
const progressKind = "remote write"

// save writes the progress file where it does not say so yet.
func (w *RemoteWriter) save() error {
	if w.progress == nil || w.saved == w.reach {
		return nil
	}
	var e state.Encoder
	e.String(progressKind)
	e.String(w.client.name)
	e.Int(w.reach.acked)
	e.Int(w.reach.sent)
	if err := w.progress.Save(e.Data); err != nil {
		return fmt.Errorf("remote write: progress: %w", err)
	}
	w.saved = w.reach
	return nil
}
