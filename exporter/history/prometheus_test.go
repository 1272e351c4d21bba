package history

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// at is the time of most questions: off the samples, in the third day.
var at = fmt.Sprint(storyTime(2*24*60+13*60+41).Unix() + 17)

// ago and span are the range of most questions.
func span(from, to, step string) string {
	start := storyTime(0).Unix() + 23
	h := func(s string) int64 {
		d, err := time.ParseDuration(s)
		if err != nil {
			panic(err)
		}
		return start + int64(d.Seconds())
	}
	return fmt.Sprintf("start=%d&end=%d&step=%s", h(from), h(to), step)
}

// instants are questions of a dashboard's panels for one moment.
var instants = []string{
	// What is there.
	`darkshare_ratio`,
	`darkshare_ratio{window="1h",bound=~"known|estimate"}`,
	`darkshare_visits_total{site!="blog.example",source=""}`,
	`{__name__=~"darkshare_(page|section)_.*",page=~"/article/1.?"}`,
	`darkshare_build_info`,
	`nothing_of_the_kind`,
	`absent(darkshare_visits_total{site="elsewhere.example"})`,
	`absent_over_time(darkshare_visits_total{site="blog.example"}[5m])`,
	`present_over_time(darkshare_visits_total{source="chatgpt"}[1d])`,
	`1 + 2 * 3`,
	`"a string"`,
	`scalar(darkshare_build_info) * 2`,
	`vector(time())`,
	`darkshare_ratio[3m]`,
	`darkshare_visits_total{source="other",device="desktop"}[90s]`,
	// How many.
	`increase(darkshare_visits_total[1h])`,
	`sum by (site, channel) (increase(darkshare_visits_total[24h]))`,
	`sum by (site) (rate(darkshare_visits_total{channel="dark_social"}[5m]))`,
	`sum without (device, evidence) (irate(darkshare_visits_total[5m]))`,
	`sum(delta(darkshare_ratio{window="24h"}[1h]))`,
	`sum by (site) (idelta(darkshare_ratio[5m]))`,
	`resets(darkshare_visits_total[2d]) > 0`,
	`changes(darkshare_link_previews_total[6h])`,
	`deriv(darkshare_requests_total{kind="bot"}[1h])`,
	`predict_linear(darkshare_requests_total{kind="landing"}[1h], 3600)`,
	`sum by (source) (increase(darkshare_conversions_total[2d])) / on () group_left sum(increase(darkshare_visits_total{channel="dark_social"}[2d]))`,
	// Which.
	`topk(3, sum by (page) (increase(darkshare_page_visits_total{channel="dark_social"}[1d])))`,
	`bottomk by (site) (2, sum by (site, source) (increase(darkshare_visits_total[1d])))`,
	`sort_desc(sum by (source) (increase(darkshare_visits_total[1d])))`,
	`sort(sum by (source) (increase(darkshare_visits_total[1d])))`,
	`count by (site) (darkshare_page_visits_total)`,
	`count_values("bots", round(darkshare_requests_total{kind="bot"}, 1000))`,
	`count(count by (source) (darkshare_visits_total))`,
	// The dark share.
	`sum by (site) (increase(darkshare_visits_total{channel="dark_social"}[1d])) / on (site) sum by (site) (increase(darkshare_visits_total[1d]))`,
	`sum(increase(darkshare_visits_total{channel="dark_social"}[1h])) / sum(increase(darkshare_visits_total{channel=~"dark_social|social"}[1h]))`,
	`darkshare_ratio{bound="estimate"} - ignoring (bound) darkshare_ratio{bound="known"}`,
	`darkshare_ratio{bound="ceiling"} > bool on (site, window) darkshare_ratio{bound="estimate"}`,
	`darkshare_visits_total{device="mobile"} and on (site) darkshare_ratio{bound="known",window="5m"} > 0.1`,
	`darkshare_ratio{bound="known"} unless on (site) darkshare_ratio{site="blog.example"}`,
	`darkshare_ratio{site="blog.example"} or darkshare_ratio{window="5m"}`,
	`group by (channel) (darkshare_visits_total) * on (channel) group_right (site) darkshare_visits_total{device="mobile",source="google"}`,
	// Over time.
	`avg_over_time(darkshare_ratio{window="5m"}[1h])`,
	`quantile_over_time(0.95, darkshare_ratio{window="5m"}[1d])`,
	`stddev_over_time(darkshare_ratio{window="5m",bound="known"}[1d])`,
	`stdvar_over_time(darkshare_ratio{window="5m",bound="known"}[1d])`,
	`min_over_time(darkshare_ratio[30m]) < max_over_time(darkshare_ratio[30m])`,
	`count_over_time(darkshare_visits_total{evidence="referrer",channel="referral"}[2d])`,
	`last_over_time(darkshare_visits_total{channel="referral"}[2d])`,
	`sum_over_time(darkshare_ratio{bound="known"}[10m])`,
	`quantile by (site) (0.5, rate(darkshare_visits_total[1h]))`,
	`stddev by (window) (darkshare_ratio)`,
	`avg by (bound) (darkshare_ratio)`,
	// Against another time.
	`sum by (site) (increase(darkshare_visits_total[1h])) / sum by (site) (increase(darkshare_visits_total[1h] offset 1d))`,
	`darkshare_ratio{window="24h"} offset 90m`,
	`darkshare_ratio{window="24h"} offset -10m`,
	`darkshare_requests_total @ 1772500037`,
	`sum(rate(darkshare_requests_total[10m] @ 1772500037 offset 1h))`,
	`max_over_time(sum by (site) (rate(darkshare_visits_total[5m] offset 17s))[6h:10m])`,
	`avg_over_time((darkshare_ratio{bound="known"} > 0.15)[3h:7m] offset 1h)`,
	`sum_over_time(darkshare_ratio{window="5m",bound="known"}[1h:])`,
	// Labels and clocks.
	`label_replace(darkshare_page_visits_total{channel="rest"}, "n", "$1", "page", "/article/(.*)")`,
	`label_join(darkshare_ratio, "what", "/", "window", "bound")`,
	`hour(vector(time())) + minute() / 60`,
	`day_of_week(timestamp(darkshare_build_info))`,
	`clamp(darkshare_ratio, 0.2, 0.5)`,
	`abs(ln(darkshare_ratio{site="shop.example"})) ^ 2 % 3`,
	`sgn(darkshare_ratio - 0.4)`,
	`-darkshare_ratio / 0`,
	`histogram_quantile(0.9, darkshare_visits_total)`,
	// What was recorded.
	`sum by (site, channel) (sum_over_time(site_channel_source_evidence_device:darkshare_visits:increase1h[2d]))`,
	`count by (__name__) (last_over_time({__name__=~"site_.*:increase1h"}[2h]))`,
}

// A question is another kind of request.
type question struct{ path, query string }

var questions = []question{
	{"query_range", "query=darkshare_ratio&" + span("1h", "5h", "60")},
	{"query_range", "query=darkshare_ratio{bound=\"known\"}&" + span("1h", "2h", "15s")},
	{"query_range", "query=sum by (site)(increase(darkshare_visits_total[1h]))&" + span("26h", "72h", "1h")},
	{"query", bornQuery},
	{"query_range", "query=sum by (channel)(rate(darkshare_visits_total[5m]))&" + span("39h", "42h", "1m")}, // over the restart
	{"query_range", "query=darkshare_visits_total{channel=\"referral\"}&" + span("29h", "31h", "60")},       // over an end
	{"query_range", "query=darkshare_visits_total{channel=\"ai\"}&" + span("23h30m", "24h30m", "60")},       // over a beginning
	{"query_range", "query=topk(2, sum by (page)(increase(darkshare_page_visits_total[1h])))&" + span("10h", "20h", "30m")},
	{"query_range", "query=increase(darkshare_visits_total[7m])&" + span("0h", "6h", "7m")},
	{"query_range", "query=avg_over_time(darkshare_ratio{bound=\"estimate\"}[1h])&" + span("0h", "72h", "2h")},
	{"query_range", "query=max_over_time(rate(darkshare_requests_total[5m] offset 17s)[1h:5m])&" + span("3h", "9h", "20m")},
	{"query_range", "query=sum(darkshare_requests_total @ end()) - sum(darkshare_requests_total @ start())&" + span("3h", "9h", "1h")},
	{"query_range", "query=sum(darkshare_ratio) / on() sum(darkshare_ratio offset 1d)&" + span("30h", "40h", "30m")},
	{"query_range", "query=site_app_scope:darkshare_link_previews:increase1h&" + span("0h", "72h", "30m")},
	{"query_range", "query=vector(1)&" + span("0h", "1h", "10m")},
	{"query_range", "query=nothing&" + span("0h", "1h", "10m")},
	{"query_range", "query=time()&" + span("0h", "1h", "0.5h")},
	{"query_range", "query=up&start=2026-03-02T00:00:23Z&end=2026-03-02T01:00:23.5Z&step=5m"},
	{"series", "match[]=darkshare_visits_total{site=\"blog.example\"}&" + span("0h", "72h", "1")},
	{"series", "match[]=darkshare_ratio&match[]=darkshare_build_info&" + span("0h", "72h", "1")},
	{"series", "match[]={source=\"chatgpt\"}&" + span("0h", "12h", "1")},
	{"series", "match[]=nothing&" + span("0h", "72h", "1")},
	{"labels", span("0h", "72h", "1")},
	{"labels", "match[]=darkshare_ratio&" + span("0h", "72h", "1")},
	{"label/__name__/values", span("0h", "72h", "1")},
	{"label/source/values", "match[]=darkshare_visits_total{channel=\"dark_social\"}&" + span("0h", "72h", "1")},
	{"label/source/values", "match[]=darkshare_visits_total{channel=\"ai\"}&match[]=darkshare_conversions_total&" + span("0h", "72h", "1")},
	{"label/site/values", ""},
	{"label/nothing/values", span("0h", "72h", "1")},
	{"format_query", "query=sum by(site)(rate( darkshare_visits_total{ channel = \"ai\" } [5m] ))/2"},
	{"alerts", ""},
	// Mistakes.
	{"query", "query="},
	{"query", "query=darkshare_ratio&time=yesterday"},
	{"query", "query=darkshare_ratio&timeout=soon"},
	{"query", "query=darkshare_ratio{window=\"5m\"&time=" + at},
	{"query", "query=rate(darkshare_visits_total)&time=" + at},
	{"query", "query=no_such_function(darkshare_ratio)&time=" + at},
	{"query", "query=darkshare_visits_total * darkshare_page_visits_total&time=" + at},
	{"query", "query=darkshare_ratio / on (site) darkshare_ratio&time=" + at},
	{"query", "query=label_replace(darkshare_ratio, \"window\", \"x\", \"window\", \".*\")&time=" + at},
	{"query", "query={}&time=" + at},
	{"query_range", "query=darkshare_ratio&start=5&end=1&step=1"},
	{"query_range", "query=darkshare_ratio&start=1&end=5&step=0"},
	{"query_range", "query=darkshare_ratio&start=1&end=500000&step=1"},
	{"query_range", "query=darkshare_ratio&end=5&step=1"},
	{"query_range", "query=darkshare_ratio[5m]&start=1&end=5&step=1"},
	{"series", ""},
	{"series", "match[]=darkshare_ratio{"},
	{"series", "match[]={site=~\".*\"}"},
	{"series", "match[]=darkshare_ratio&start=x"},
	{"label/no-label/values", "match[]=a{"},
}

// bornQuery asks for an hour in which a series began.
var bornQuery = fmt.Sprintf("query=increase(darkshare_visits_total{channel=\"ai\",device=\"desktop\",site=\"blog.example\"}[1h])&time=%d", storyTime(24*60+50).Unix()+17)

// A difference is a field in which the answers are not the same.
type difference struct{ why, field, ours, theirs string }

// differs lists the differences, by expression, or path and form.
var differs = map[string]difference{
	`histogram_quantile(0.9, darkshare_visits_total)`: {"2.42 has no annotations", "warnings",
		`[PromQL warning: bucket label "le" is missing or has a malformed value of "" (1:25)]`, `[]`},
	"query " + bornQuery: {"a counter is not taken back beyond half an interval before its first sample any more", "data",
		`vector` + "\n" + `{"metric":{"channel":"ai","device":"desktop","evidence":"tag","site":"blog.example","source":"chatgpt"},"value":[1772499017,"43.78333333333333"]}`,
		`vector` + "\n" + `{"metric":{"channel":"ai","device":"desktop","evidence":"tag","site":"blog.example","source":"chatgpt"},"value":[1772499017,"44.28333333333333"]}`},
	"query query=": {"positions are counted from 1 now", "error",
		`invalid parameter "query": unknown position: parse error: no expression found in input`,
		`invalid parameter "query": 1:1: parse error: no expression found in input`},
	"query query=darkshare_ratio&time=yesterday": {"errors begin with a small letter now", "error",
		`invalid parameter "time": invalid time value for 'time': cannot parse "yesterday" to a valid timestamp`,
		`invalid parameter "time": Invalid time value for 'time': cannot parse "yesterday" to a valid timestamp`},
	"series match[]=darkshare_ratio&start=x": {"errors begin with a small letter now", "error",
		`invalid parameter "start": invalid time value for 'start': cannot parse "x" to a valid timestamp`,
		`invalid parameter "start": Invalid time value for 'start': cannot parse "x" to a valid timestamp`},
	"query_range query=darkshare_ratio[5m]&start=1&end=5&step=1": {"the parameter is named now", "error",
		`invalid parameter "query": invalid expression type "range vector" for range query, must be Scalar or instant Vector`,
		`invalid expression type "range vector" for range query, must be Scalar or instant Vector`},
	"label/no-label/values match[]=a{": {"a label's name may be any text now", "error",
		`1:3: parse error: unexpected end of input inside braces`,
		`invalid label name: "no-label"`},
}

// rounded finds the questions whose numbers may differ in the last bits: sums and means carry the rounding error along now (Kahan, Neumaier).
var rounded = regexp.MustCompile(`\b(sum|avg|avg_over_time|sum_over_time|stddev|stddev_over_time|stdvar_over_time)\b`)

// TestAsPrometheus asks a store and Debian's Prometheus 2.42, which has the same
// blocks, the same questions. Data must be the same byte for byte, where the order is
// defined (the elements of an instant query's vector have none but under sort), and
// status, media type and error with it.
func TestAsPrometheus(t *testing.T) {
	ours, blocks := serveStory(t)
	theirs := serveDebian(t, blocks, "")
	exact, near, found := 0, 0, map[string]bool{}
	compare := func(method, path, what string, form url.Values) {
		t.Helper()
		got, want := request(t, method, ours, path, form), request(t, method, theirs, path, form)
		same := func(field string, got, want string) {
			t.Helper()
			if d := differs[what]; d.field == field && d.ours == got && d.theirs == want {
				found[what] = true
				return
			}
			if got != want {
				t.Errorf("%s %s\n%s: %.600s\nPrometheus 2.42: %.600s", method, what, field, got, want)
			}
		}
		same("code", fmt.Sprint(got.code), fmt.Sprint(want.code))
		same("media type", got.kind, want.kind)
		same("status", got.Status, want.Status)
		same("error type", got.Type, want.Type)
		same("error", got.Error, want.Error)
		same("warnings", fmt.Sprint(got.Warns), fmt.Sprint(want.Warns))
		gotData, wantData := string(got.Data), string(want.Data)
		if !strings.HasPrefix(form.Get("query"), "sort") {
			gotData, wantData = sorted(t, got.Data), sorted(t, want.Data)
		}
		if gotData != wantData && rounded.MatchString(form.Get("query")) && equalButBits(gotData, wantData) {
			near++
			return
		}
		exact++
		same("data", gotData, wantData)
	}
	for _, q := range instants {
		compare(http.MethodPost, "query", q, url.Values{"query": {q}, "time": {at}})
	}
	for _, q := range questions {
		form, err := url.ParseQuery(strings.NewReplacer("+", "%2B", " ", "%20").Replace(q.query))
		if err != nil {
			t.Fatal(q.query, err)
		}
		compare(http.MethodGet, q.path, q.path+" "+q.query, form)
	}
	for what, d := range differs {
		if !found[what] {
			t.Errorf("%s: no difference in %s any more (%s)", what, d.field, d.why)
		}
	}
	t.Logf("%d answers are the same, %d but for rounding", exact, near)
	if exact < 100 {
		t.Errorf("only %d answers are the same", exact)
	}
}

var number = regexp.MustCompile(`"-?[0-9][^"]*"`)

// equalButBits reports whether two answers are the same but for the last bits of numbers.
func equalButBits(a, b string) bool {
	if number.ReplaceAllString(a, "") != number.ReplaceAllString(b, "") {
		return false
	}
	as, bs := number.FindAllString(a, -1), number.FindAllString(b, -1)
	for i := range as {
		x, errX := strconv.ParseFloat(strings.Trim(as[i], `"`), 64)
		y, errY := strconv.ParseFloat(strings.Trim(bs[i], `"`), 64)
		if errX != nil || errY != nil {
			if as[i] != bs[i] {
				return false
			}
		} else if math.Abs(x-y) > 1e-13*math.Max(math.Abs(x), 1) {
			return false
		}
	}
	return true
}
