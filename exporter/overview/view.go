package overview

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/darkshare/darkshare/exporter/schema"
)

var (
	pageTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.ParseFS(files, "page.html")) })
	css          = sync.OnceValue(styles)
	// contentSecurityPolicy allows the page's own style, its icon, and nothing else.
	contentSecurityPolicy = sync.OnceValue(func() string {
		return "default-src 'none'; style-src '" + hashOf(css()) + "'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	})
)

// styles is the page's style sheet, with a class for each channel's colour.
func styles() string {
	base, err := files.ReadFile("page.css")
	if err != nil {
		panic(err)
	}
	colours := Colours()
	var b strings.Builder
	b.Write(base)
	for _, channel := range slices.Sorted(maps.Keys(colours)) {
		fmt.Fprintf(&b, ".c-%s{--c:%s}\n", channel, colours[channel])
	}
	return b.String()
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

var colour = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^#[0-9A-F]{6}$`) })

// Colours returns the colour of every channel, "#RRGGBB" by label value, for
// whatever draws channels.
func Colours() map[string]string {
	colours := decoded("colours.yaml")
	for c := range schema.NumChannels {
		if !colour().MatchString(colours[c.String()]) {
			panic(fmt.Sprintf("colours.yaml: %s: no colour #RRGGBB", c))
		}
	}
	return colours
}

// A view is what the template shows. Its methods are what the template asks for.
type view struct {
	opts        *Options
	lang        *lang
	request     *http.Request
	query       url.Values
	index       *index
	site        string
	unknownSite bool
	rng         timeRange
	figures     *figures
	failed      bool
}

// A choice is one of several pages.
type choice struct {
	Code, Text, URL string
	Current         bool
}

// A bar is a row of a list of bars, and a segment of a stacked one.
type bar struct {
	Name, Note, Count, Share string
	// Class is the colour's, Width in percent of the longest, and X is where the
	// segment begins in percent of all.
	Class    string
	Width, X float64
	// First is what the page is about.
	First bool
}

func (v *view) L() *lang           { return v.lang }
func (v *view) CSS() template.CSS  { return template.CSS(css()) }
func (v *view) Version() string    { return v.opts.Version }
func (v *view) Failed() bool       { return v.failed }
func (v *view) UnknownSite() bool  { return v.unknownSite }
func (v *view) Note() string       { return inLanguage(v.opts.Note, v.lang) }
func (v *view) Site() string       { return v.lang.Site(v.site) }
func (v *view) HasStore() bool     { return v.opts.Range != nil }
func (v *view) Stored() bool       { return v.figures != nil && !v.figures.since }
func (v *view) Figures() *figures  { return v.figures }
func (v *view) Chart() *chart      { return newChart(v.lang, v.figures) }
func (v *view) HasNumbers() bool   { return v.figures != nil && v.figures.visits >= 0.5 }
func (v *view) Unnamed() bool      { return v.figures.unnamed >= 0.5 }
func (v *view) Share(i int) string { return v.lang.Percent(v.headline().dark[i]) }

func inLanguage(texts map[string]string, l *lang) string {
	return cmp.Or(texts[l.Code], texts[languages()[0].Code])
}

// address is the page with one parameter changed, and those that were asked for kept.
func (v *view) address(key, value string) string {
	q := url.Values{}
	for _, k := range []string{"lang", "site", "range"} {
		if s := v.query.Get(k); s != "" {
			q.Set(k, s)
		}
	}
	q.Set(key, value)
	if key != "site" && v.unknownSite {
		q.Del("site")
	}
	return "?" + q.Encode()
}

func (v *view) Languages() (all []choice) {
	for _, l := range languages() {
		all = append(all, choice{l.Code, l.T("language"), v.address("lang", l.Code), l == v.lang})
	}
	return all
}

// Sites is empty where there is no choice.
func (v *view) Sites() (all []choice) {
	if v.index == nil || len(v.index.sites) < 2 {
		return nil
	}
	for _, s := range v.index.sites {
		all = append(all, choice{s, v.lang.Site(s), v.address("site", s), s == v.site})
	}
	return all
}

// Ranges is empty where there is no store.
func (v *view) Ranges() (all []choice) {
	if v.opts.Range == nil || v.site == "" || v.figures != nil && v.figures.since {
		return nil
	}
	for _, r := range ranges {
		all = append(all, choice{r.name, v.lang.T("range_" + r.name), v.address("range", r.name), r == v.rng})
	}
	return all
}

// Links are those at the end of the page.
func (v *view) Links() []choice {
	all := []choice{
		{Text: v.lang.T("link_metrics"), URL: "/metrics"},
		{Text: v.lang.T("link_healthy"), URL: "/-/healthy"},
		{Text: v.lang.T("link_ready"), URL: "/-/ready"},
	}
	for _, l := range v.opts.Links {
		all = append(all, choice{Text: cmp.Or(inLanguage(l.Text, v.lang), l.Path), URL: l.Path})
	}
	return all
}

// Base is the address of the exporter as the browser has it, for Grafana to use.
func (v *view) Base() string {
	scheme := "http"
	if v.request.TLS != nil || v.request.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + v.request.Host
}

// An empty is what to say, and do, where there are no numbers.
type empty struct {
	Title string
	How   template.HTML
}

func (v *view) Empty() empty {
	say := func(key string, args ...any) empty { return empty{v.lang.T(key), v.lang.Rich(key+"_how", args...)} }
	if v.failed {
		return say("failed")
	}
	lines := v.index.total(schema.LogLines, -1, "")
	errors := v.index.total(schema.LogErrors, -1, "")
	switch {
	case !v.index.oldest[v.site].IsZero():
		return say("empty_range")
	case lines == 0:
		return say("empty_lines")
	case lines == errors:
		return say("empty_format", v.lang.Count(lines))
	default:
		return say("empty_visits", v.lang.Count(lines-errors), v.lang.Count(v.index.total(schema.PendingLandings, -1, "")))
	}
}

// headline is the dark share that the page begins with.
func (v *view) headline() lastDay {
	if v.figures.lastDay != nil {
		return *v.figures.lastDay
	}
	return lastDay{v.figures.visits, v.figures.dark}
}

func (v *view) LastDay() bool { return v.figures.lastDay != nil }

// Few reports that chance alone may explain the number.
func (v *view) Few() bool { return v.headline().visits < 200 }

func (v *view) Period() string {
	f, l := v.figures, v.lang
	switch {
	case !f.since:
		return l.T("period", l.Time("moment", f.from), l.Time("moment", f.to), zone(f.to))
	case f.lastDay != nil && !f.from.IsZero():
		return l.T("period_last_day", l.Time("moment", f.from), zone(f.to))
	case !f.from.IsZero():
		return l.T("period_since", l.Time("moment", f.from), zone(f.to))
	default:
		return l.T("period_start")
	}
}

// Same reports that the headline's bounds leave nothing between them to be told.
func (v *view) Same() bool {
	return v.Share(int(schema.BoundKnown)) == v.Share(int(schema.BoundCeiling))
}

// Bounds says the headline's bounds in words.
func (v *view) Bounds() string {
	d := v.headline()
	if v.Same() {
		return v.lang.T("hero_same", v.lang.Visits(d.visits))
	}
	return v.lang.T("hero_bounds", v.Share(int(schema.BoundKnown)), v.Share(int(schema.BoundCeiling)), v.lang.Visits(d.visits))
}

// Social says the dark share of social, where anything was shared.
func (v *view) Social() string {
	f, l := v.figures, v.lang
	if f.socialVisits < 0.5 {
		return ""
	}
	known, estimate, ceiling := l.Percent(f.social[schema.BoundKnown]), l.Percent(f.social[schema.BoundEstimate]), l.Percent(f.social[schema.BoundCeiling])
	if known == ceiling {
		return l.T("hero_social_same", estimate)
	}
	return l.T("hero_social", estimate, known, ceiling)
}

// A scale places the headline's three numbers between 0 and 100.
type scale struct{ Known, Estimate, Band float64 }

func (v *view) Scale() scale {
	d := v.headline().dark
	return scale{
		100 * d[schema.BoundKnown], 100 * d[schema.BoundEstimate],
		100 * (d[schema.BoundCeiling] - d[schema.BoundKnown]),
	}
}
