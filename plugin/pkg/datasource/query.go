package datasource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/darkshare/darkshare/plugin/pkg/promapi"
	"github.com/darkshare/darkshare/plugin/pkg/question"
)

const (
	// parallel is how many requests to the server a request of Grafana's has under way.
	parallel = 8
	// maxQueries bounds the queries of a request.
	maxQueries = 200
)

var errPanicked = errors.New("this is a mistake in the plugin: its log has the details; please report them")

// QueryData implements backend.QueryDataHandler. A query that fails has an error of its
// own; the others are answered.
func (d *dataSource) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	out := backend.NewQueryDataResponse()
	env := d.env
	if d.broken == nil {
		env.Client = d.client.Limited(parallel)
	}
	one := single(req)
	var mu sync.Mutex
	var queries sync.WaitGroup
	for i, q := range req.Queries {
		answer := func() backend.DataResponse {
			if i >= maxQueries {
				return failed(&promapi.Error{Kind: promapi.TooLarge, Message: fmt.Sprintf("A request may have %d queries, no more.", maxQueries)})
			}
			return d.query(ctx, env, q, one)
		}
		queries.Go(func() {
			r := answer()
			mu.Lock()
			out.Responses[q.RefID] = r
			mu.Unlock()
		})
	}
	queries.Wait()
	return out, nil
}

// single reports whether an alert rule or an expression asks: those want one number.
func single(req *backend.QueryDataRequest) bool {
	return req.Headers[backend.FromAlertHeaderName] == "true" || req.GetHTTPHeader(backend.FromAlertHeaderName) == "true" ||
		req.GetHTTPHeader("X-Grafana-From-Expr") == "true"
}

func (d *dataSource) query(ctx context.Context, env question.Env, q backend.DataQuery, one bool) (r backend.DataResponse) {
	defer func() {
		// A goroutine that panics ends the plugin for everybody.
		if p := recover(); p != nil {
			backend.Logger.FromContext(ctx).Error("a query panicked", "panic", p, "stack", string(debug.Stack()))
			r = failed(errPanicked)
		}
	}()
	if d.broken != nil {
		return failed(d.broken)
	}
	m, err := question.Parse(q.JSON)
	if err != nil {
		return failed(err)
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	frames, err := env.Answer(ctx, question.Request{
		Model: m, From: q.TimeRange.From, To: q.TimeRange.To, Step: q.Interval, Points: q.MaxDataPoints, Single: one,
	})
	if err != nil {
		return failed(err)
	}
	for _, f := range frames {
		f.RefID = q.RefID
	}
	return backend.DataResponse{Frames: frames, Status: backend.StatusOK}
}

// failed sorts an error: what the server or the query is to blame for is downstream.
func failed(err error) backend.DataResponse {
	if e, ok := errors.AsType[*question.InvalidError](err); ok {
		return backend.ErrDataResponseWithSource(backend.StatusBadRequest, backend.ErrorSourceDownstream, e.Error())
	}
	if e, ok := errors.AsType[*promapi.Error](err); ok {
		return backend.ErrDataResponseWithSource(statusOf(e), backend.ErrorSourceDownstream, e.Error())
	}
	return backend.ErrDataResponseWithSource(backend.StatusInternal, backend.ErrorSourcePlugin, err.Error())
}

// statusOf is what Grafana is told, which may look after the credentials it knows itself
// when it sees a 401.
func statusOf(e *promapi.Error) backend.Status {
	switch e.Kind {
	case promapi.Timeout:
		return backend.StatusTimeout
	case promapi.Canceled:
		return 499 // nginx's client closed request, which Grafana uses, too
	case promapi.Unauthorized:
		return backend.StatusUnauthorized
	case promapi.Refused:
		return backend.StatusForbidden
	case promapi.NotFound, promapi.NoMetrics:
		return backend.StatusNotFound
	case promapi.Busy:
		if e.Status == http.StatusTooManyRequests {
			return backend.StatusTooManyRequests
		}
		return backend.StatusBadGateway
	case promapi.Misconfigured:
		return backend.StatusBadRequest
	case promapi.Unanswerable:
		return backend.StatusValidationFailed
	}
	return backend.StatusBadGateway
}
