package datasource

import (
	"flag"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/experimental"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	lastDay  = `1d`
	twoDays  = `2d`
	allDays  = `10d`
	lastWeek = `7d`
)

// golden are the questions with their options, each with the file of its answer.
var golden = []struct {
	file, model, over string
	alert             bool
}{
	{"dark share", `{}`, lastDay, false},
	{"dark share of social", `{"of":"social"}`, lastDay, false},
	{"dark share over ten days", `{}`, allDays, false},
	{"dark share total", `{"over":"range"}`, twoDays, false},
	{"dark share total over ten days", `{"over":"range"}`, allDays, false},
	{"dark share by site", `{"by":"site"}`, lastDay, false},
	{"dark share by site total", `{"by":"site","over":"range"}`, twoDays, false},
	{"dark share by section", `{"by":"section","limit":3}`, lastDay, false},
	{"dark share by section total", `{"by":"section","over":"range","filters":{"site":["courier.example"]}}`, twoDays, false},
	{"dark share by device", `{"by":"device"}`, lastDay, false},
	{"dark share filtered", `{"over":"range","filters":{"site":["courier.example","bazaar.example"],"device":["mobile"],"channel":["dark_social","search"]}}`, twoDays, false},
	{"dark share of a page total", `{"over":"range","filters":{"site":"courier.example","page":"/sport/summer-glacier-jacket-49793.html"}}`, allDays, false},
	{"dark share in French", `{"over":"range","by":"site","language":"fr"}`, twoDays, false},
	{"dark share for an alert", `{}`, lastDay, true},
	{"dark share for an alert total", `{"over":"range","by":"site"}`, lastDay, true},
	{"visits", `{"question":"visits"}`, lastDay, false},
	{"visits total", `{"question":"visits","over":"range"}`, twoDays, false},
	{"visits by channel", `{"question":"visits","by":"channel"}`, lastDay, false},
	{"visits by channel total", `{"question":"visits","by":"channel","over":"range"}`, twoDays, false},
	{"visits by channel as rate", `{"question":"visits","by":"channel","as":"rate","limit":3}`, lastDay, false},
	{"visits by channel as share", `{"question":"visits","by":"channel","as":"share","limit":3}`, lastDay, false},
	{"visits by channel as share total", `{"question":"visits","by":"channel","as":"share","over":"range"}`, twoDays, false},
	{"visits by source total", `{"question":"visits","by":"source","over":"range","limit":5,"filters":{"channel":["dark_social"]}}`, twoDays, false},
	{"visits by evidence total", `{"question":"visits","by":"evidence","over":"range"}`, twoDays, false},
	{"visits by section total", `{"question":"visits","by":"section","over":"range","limit":4}`, twoDays, false},
	{"visits of a page by channel total", `{"question":"visits","by":"channel","over":"range","filters":{"site":"courier.example","page":"/sport/summer-glacier-jacket-49793.html"}}`, allDays, false},
	{"visits by channel for an alert", `{"question":"visits","by":"channel","over":"range"}`, lastDay, true},
	{"top pages", `{"question":"topPages","limit":5}`, twoDays, false},
	{"top pages of one site over ten days", `{"question":"topPages","limit":4,"filters":{"site":"courier.example"}}`, allDays, false},
	{"top pages of one page", `{"question":"topPages","filters":{"site":"courier.example","page":"/sport/summer-glacier-jacket-49793.html"}}`, allDays, false},
	{"shares of a page", `{"question":"shares","by":"","over":"range","filters":{"site":"courier.example","page":"/sport/summer-glacier-jacket-49793.html"}}`, allDays, false},
	{"shares by scope total", `{"question":"shares","by":"scope","over":"range"}`, twoDays, false},
	{"shares", `{"question":"shares","by":"","over":"range"}`, twoDays, false},
	{"shares by app", `{"question":"shares","by":"app","limit":3}`, lastDay, false},
	{"shares by app total", `{"question":"shares","by":"app","over":"range","limit":6}`, twoDays, false},
	{"shares by page total", `{"question":"shares","by":"page","over":"range","limit":4}`, twoDays, false},
	{"shares by site total", `{"question":"shares","by":"site","over":"range"}`, twoDays, false},
	{"direct", `{"question":"direct"}`, lastDay, false},
	{"direct total", `{"question":"direct","over":"range"}`, twoDays, false},
	{"direct by device", `{"question":"direct","by":"device"}`, lastDay, false},
	{"direct by site total", `{"question":"direct","by":"site","over":"range"}`, twoDays, false},
	{"conversions", `{"question":"conversions"}`, allDays, false},
	{"conversions over time", `{"question":"conversions","over":"time"}`, allDays, false},
	{"conversions by channel", `{"question":"conversions","by":"channel"}`, allDays, false},
	{"conversions by source", `{"question":"conversions","by":"source","limit":4}`, allDays, false},
	{"conversions by goal", `{"question":"conversions","by":"goal"}`, allDays, false},
	{"conversions by site", `{"question":"conversions","by":"site"}`, allDays, false},
	{"shift", `{"question":"shift"}`, twoDays, false},
	{"shift by site", `{"question":"shift","by":"site"}`, twoDays, false},
	{"shifts", `{"question":"shift","over":"range"}`, twoDays, false},
	{"shifts by site", `{"question":"shift","by":"site","over":"range","timezone":"Europe/Paris"}`, twoDays, false},
	{"shifts in French", `{"question":"shift","over":"range","language":"fr"}`, twoDays, false},
	{"shift for an alert", `{"question":"shift"}`, lastDay, true},
	{"shift now for an alert", `{"question":"shift","over":"range"}`, lastDay, true},
}

// rangeOf returns the range that ends with the world, or soon after the article went round.
func rangeOf(over string) (from, to time.Time) {
	days := map[string]int{lastDay: 1, twoDays: 2, lastWeek: 7, allDays: 10}[over]
	return ended.Add(-time.Duration(days) * day), ended
}

func (q asked) over(r string) asked {
	q.from, q.to = rangeOf(r)
	return q
}

// TestAnswers holds every question against its golden file, and every server against the
// embedded store.
func TestAnswers(t *testing.T) {
	w := aWorld(t)
	reference := newSource(t, w.embedded(t), `{"timeInterval":"5m"}`)
	for _, c := range golden {
		t.Run(c.file, func(t *testing.T) {
			r := ask(t, reference, asked{model: c.model, every: 2 * time.Hour, alert: c.alert}.over(c.over))
			if r.Error != nil {
				t.Fatal(r.Error)
			}
			rounded(r.Frames)
			experimental.CheckGoldenJSONResponse(t, "testdata", strings.ReplaceAll(c.file, " ", "_"), &r, *update)
		})
	}
}

func TestSameFromPrometheus(t *testing.T) {
	w := aWorld(t)
	sameAnswers(t, w, w.prometheus(t), 1e-5)
}

// VictoriaMetrics does not extrapolate. With samples at the edges of all ranges, and
// zeros at the beginning of all counters, that makes no difference but where a series
// ends, which pages do: Prometheus takes it that it would have gone on for half an interval.
func TestSameFromVictoriaMetrics(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	w := aWorld(t)
	sameAnswers(t, w, w.victoriaMetrics(t), 1e-4)
}

func sameAnswers(t *testing.T, w *world, url string, tolerance float64) {
	reference := newSource(t, w.embedded(t), `{"timeInterval":"5m"}`)
	other := newSource(t, url, `{"timeInterval":"5m"}`)
	for _, c := range golden {
		t.Run(c.file, func(t *testing.T) {
			q := asked{model: c.model, every: 2 * time.Hour, alert: c.alert}.over(c.over)
			want, got := ask(t, reference, q), ask(t, other, q)
			if want.Error != nil || got.Error != nil {
				t.Fatal(want.Error, got.Error)
			}
			if d := differ(want.Frames, got.Frames, tolerance); d != "" {
				t.Error(d)
			}
		})
	}
}

// numerals are the numbers in a sentence, which may be rounded to either side.
var numerals = regexp.MustCompile(`[0-9][0-9,.]*`)

// differ says where the frames are not the same.
func differ(want, got data.Frames, tolerance float64) string {
	if len(want) != len(got) {
		return fmt.Sprintf("%d frames, want %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		if len(w.Fields) != len(g.Fields) || w.Rows() != g.Rows() {
			return fmt.Sprintf("%d fields of %d, want %d of %d", len(g.Fields), g.Rows(), len(w.Fields), w.Rows())
		}
		for j, f := range w.Fields {
			h := g.Fields[j]
			if f.Name != h.Name || f.Labels.String() != h.Labels.String() {
				return fmt.Sprintf("field %s%v, want %s%v", h.Name, h.Labels, f.Name, f.Labels)
			}
			for n := range f.Len() {
				a, b := f.At(n), h.At(n)
				switch v := a.(type) {
				case *float64:
					w := b.(*float64)
					if (v == nil) != (w == nil) || v != nil && math.Abs(*v-*w) > tolerance*max(1, math.Abs(*v)) {
						return fmt.Sprintf("%s, row %d: %s, want %s", f.Name, n, show(w), show(v))
					}
				case string:
					if numerals.ReplaceAllString(v, "N") != numerals.ReplaceAllString(b.(string), "N") {
						return fmt.Sprintf("%s, row %d: %v, want %v", f.Name, n, b, a)
					}
				case time.Time:
					if !v.Equal(b.(time.Time)) {
						return fmt.Sprintf("%s, row %d: %v, want %v", f.Name, n, b, a)
					}
				default:
					if a != b {
						return fmt.Sprintf("%s, row %d: %v, want %v", f.Name, n, b, a)
					}
				}
			}
		}
	}
	return ""
}

func show(v *float64) string {
	if v == nil {
		return "nothing"
	}
	return fmt.Sprint(*v)
}

// rounded rounds the numbers to six digits: the last ones depend on the order of sums.
func rounded(frames data.Frames) {
	for _, f := range frames {
		for _, field := range f.Fields {
			for n := range field.Len() {
				if v, ok := field.At(n).(*float64); ok && v != nil && *v != 0 {
					scale := math.Pow(10, 5-math.Floor(math.Log10(math.Abs(*v))))
					round := math.Round(*v*scale) / scale
					field.Set(n, &round)
				}
			}
		}
	}
}
