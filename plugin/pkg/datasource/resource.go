package datasource

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/darkshare/darkshare/plugin/pkg/promapi"
	"github.com/darkshare/darkshare/plugin/pkg/question"
)

// resources are what editors and variables ask for.
func (d *dataSource) resources() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /values", d.serveValues)
	mux.HandleFunc("GET /status", d.serveStatus)
	return mux
}

// serveValues answers /values?label=site|section|…&site=…&from=…&to=… (times in
// milliseconds since the Unix epoch) with the values of a label, as a list.
func (d *dataSource) serveValues(w http.ResponseWriter, r *http.Request) {
	if d.broken != nil {
		fail(w, d.broken)
		return
	}
	q := r.URL.Query()
	to, err := millis(q.Get("to"), time.Now())
	if err != nil {
		http.Error(w, `{"message":"to is no time in milliseconds"}`, http.StatusBadRequest)
		return
	}
	from, err := millis(q.Get("from"), to.Add(-lookBack))
	if err != nil {
		http.Error(w, `{"message":"from is no time in milliseconds"}`, http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), d.timeout)
	defer cancel()
	values, err := d.env.Values(ctx, q.Get("label"), q["site"], from, to)
	if err != nil {
		fail(w, err)
		return
	}
	write(w, http.StatusOK, values)
}

func (d *dataSource) serveStatus(w http.ResponseWriter, r *http.Request) {
	write(w, http.StatusOK, d.status(r.Context()))
}

func millis(text string, none time.Time) (time.Time, error) {
	if text == "" {
		return none, nil
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms < 0 || ms > 1<<52 {
		return none, errors.New("no time")
	}
	return time.UnixMilli(ms), nil
}

// fail answers with an error as people are to read it.
func fail(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	if _, ok := errors.AsType[*question.InvalidError](err); ok {
		status = http.StatusBadRequest
	}
	if e, ok := errors.AsType[*promapi.Error](err); ok {
		status = http.StatusBadGateway
		if e.Kind == promapi.Timeout {
			status = http.StatusGatewayTimeout
		}
	}
	write(w, status, map[string]string{"message": err.Error()})
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		backend.Logger.Debug("an answer could not be written", "error", err)
	}
}
