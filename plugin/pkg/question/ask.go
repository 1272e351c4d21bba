package question

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/prometheus/common/model"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/plugin/pkg/promapi"
)

// An Env is what questions are answered from.
type Env struct {
	Client *promapi.Client
	// Coverage remembers what recording rules the server has.
	Coverage *Coverage
	// Interval is the time between samples.
	Interval time.Duration
	// Now is the present.
	Now func() time.Time
}

// A Request is a question about a stretch of time.
type Request struct {
	Model
	From, To time.Time
	// Step is the least time between two points, Points their greatest number.
	Step   time.Duration
	Points int64
	// Single asks for the one number that the question is about, in the form that alert
	// rules and expressions take: without bounds, bands and counts beside it.
	Single bool
}

// maxPoints bounds the points of a series, as Prometheus does.
const maxPoints = 11_000

// Answer answers a question. Errors are an [InvalidError], or of package promapi.
func (e Env) Answer(ctx context.Context, r Request) (data.Frames, error) {
	if !r.From.Before(r.To) {
		return nil, invalid("The time range ends before it begins.")
	}
	a := &ask{Env: e, Request: r}
	if now := e.Now(); a.To.After(now) && a.From.Before(now) {
		a.To = now
	}
	frames, err := map[string]func(context.Context) (data.Frames, error){
		DarkShare: a.darkShare, Visits: a.visitsBy, TopPages: a.topPages, Shares: a.shares,
		Direct: a.direct, Conversions: a.conversions, Shift: a.shift,
	}[r.Question](ctx)
	if err != nil {
		return nil, err
	}
	if a.empty() {
		if err := a.anyMetrics(ctx); err != nil {
			return nil, err
		}
		for _, f := range frames {
			f.AppendNotices(info("There were no visits in this time range, or none that the filters let through."))
		}
	}
	for _, f := range frames {
		if a.Single && f.Rows() == 0 || len(f.Fields) == 1 && f.Meta.Type == data.FrameTypeTimeSeriesWide {
			// What expressions take for no data: no field, of no type.
			f.Fields, f.Meta.Type, f.Meta.TypeVersion = nil, data.FrameTypeUnknown, data.FrameTypeVersion{}
		}
	}
	translate(frames, a.Language)
	slices.Sort(a.exprs) // they ran at once
	for _, f := range frames {
		f.Meta.ExecutedQueryString = strings.Join(slices.Compact(a.exprs), "\n")
	}
	return frames, nil
}

// An ask is a request that is being answered.
type ask struct {
	Env
	Request

	mu     sync.Mutex
	exprs  []string
	filled bool // something was counted
}

func (a *ask) empty() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.filled
}

// anyMetrics returns an error where the server knows nothing of darkshare.
func (a *ask) anyMetrics(ctx context.Context) error {
	names, err := a.Client.Values(ctx, model.MetricNameLabel, selector("", []matcher{only(model.MetricNameLabel, schema.Requests.Name)}), a.Now().Add(-longAgo), a.Now())
	if err != nil || len(names) > 0 {
		return err
	}
	return promapi.NoDarkshare()
}

// longAgo is how far back one looks for any sign of darkshare.
const longAgo = 400 * 24 * time.Hour

// seriesOf runs a query and remembers it for whoever inspects the panel.
func (a *ask) seriesOf(ctx context.Context, expr string, from, to time.Time, step time.Duration) (model.Matrix, error) {
	a.mu.Lock()
	a.exprs = append(a.exprs, expr)
	a.mu.Unlock()
	return a.Client.Range(ctx, expr, from, to, step)
}
