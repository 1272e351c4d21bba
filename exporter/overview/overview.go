// Package overview is the page at the root of the exporter: the dark share of a
// site, and what it is made of, for people who do not read metrics, in English
// and French. It shows what the embedded store has over a day, a week or four
// weeks, or without a store what was counted since the start.
package overview

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/prometheus/promql"

	"github.com/darkshare/darkshare/exporter/schema"
)

// Options are where the page's numbers come from.
type Options struct {
	// Snapshot returns the series as they are now. It must be set.
	Snapshot func() []schema.Family
	// Query and Range ask the embedded store in PromQL, at a time and at the times
	// from start to end. Both are nil where there is no store.
	Query func(ctx context.Context, expr string, at time.Time) (promql.Vector, error)
	Range func(ctx context.Context, expr string, start, end time.Time, step time.Duration) (promql.Matrix, error)
	// Now is the time that the ranges end at: the clock's, or that of the newest
	// sample where the store is of old logs. Its location is the one that days begin
	// in and that times are shown in. Nil is time.Now.
	Now func() time.Time
	// Links stand at the end of the page, after metrics, health and readiness.
	Links []Link
	// Version is the exporter's.
	Version string
	// Note stands at the head of the page, by language ("en", "fr"): what is to be
	// known first, such as that the traffic is simulated. Empty is no note.
	Note map[string]string
	// Logger takes what the store could not answer. Nil is slog.Default().
	Logger *slog.Logger
}

// A Link is another page of the exporter, with what it is called by language
// ("en", "fr"). A language that is missing takes English.
type Link struct {
	Path string
	Text map[string]string
}

// storeTimeout is what one page may take of the store.
const storeTimeout = 20 * time.Second

// New returns the handler of the page. The parameters of its address choose the
// language (lang=en, fr; else the browser's), the site (site=NAME) and the range
// (range=24h, 7d, 28d; else the longest that there is data for). Numbers are kept for
// some seconds, so that reloads do not load the store.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Query == nil || o.Range == nil {
		o.Query, o.Range = nil, nil
	}
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return &handler{
		opts:    o,
		indexes: cache[*index]{timeout: storeTimeout},
		figures: cache[*figures]{timeout: storeTimeout},
	}
}

type handler struct {
	opts    Options
	indexes cache[*index]
	figures cache[*figures]
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	view, status := h.view(r)
	var page bytes.Buffer
	if err := pageTemplate().Execute(&page, view); err != nil {
		h.opts.Logger.Error("The overview was not written", "err", err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Language", view.lang.Code)
	header.Set("Vary", "Accept-Language")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", contentSecurityPolicy())
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	if r.Method == http.MethodGet {
		_, _ = page.WriteTo(w)
	}
}

// view gathers what the page shows, and the status that it comes with.
func (h *handler) view(r *http.Request) (*view, int) {
	query := r.URL.Query()
	v := &view{opts: &h.opts, lang: languageOf(query.Get("lang"), r.Header.Get("Accept-Language")), request: r, query: query}
	ix, err := h.indexes.get(r.Context(), "", func(ctx context.Context) (*index, error) { return h.index(ctx) })
	if err != nil {
		return h.failed(v, err)
	}
	v.index = ix
	v.site = ix.site(query.Get("site"))
	v.rng = h.rangeOf(query.Get("range"), ix.oldest[v.site])
	if v.site == "" {
		return v, http.StatusOK
	}
	status := http.StatusOK
	if asked := query.Get("site"); asked != "" && asked != v.site {
		v.unknownSite, status = true, http.StatusNotFound
	}
	v.figures, err = h.figures.get(r.Context(), v.rng.name+" "+v.site, func(ctx context.Context) (*figures, error) {
		if !h.stored(ix, v.site) {
			return counted(ix, v.site, h.opts.Now()), nil
		}
		return h.ask(ctx, v.site, v.rng)
	})
	if err != nil {
		return h.failed(v, err)
	}
	return v, status
}

func (h *handler) failed(v *view, err error) (*view, int) {
	h.opts.Logger.Warn("The overview has no numbers", "site", v.site, "range", v.rng.name, "err", err)
	v.figures, v.failed = nil, true
	return v, http.StatusServiceUnavailable
}
