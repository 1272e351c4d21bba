package question

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/darkshare/darkshare/exporter/schema"
)

// hostile are values that somebody may have filtered by, or a log had.
var hostile = []string{
	"", "courier.example", `"`, `\`, "\\\"", `"} or vector(1) #`, "a|b", ".*", "(", "[", "\n", "\x00", "\x7f", "\xff\xfe",
	"é", "日本語", "\uFFFD", "\U0010FFFF", "\u202e", "{{evil}}", "$site", "`", "'", "%s%n", strings.Repeat("x", 2048), "a\\Eb", `\Q`, "^$", "(?i)a",
}

// parsed returns the matchers of the only selector in an expression.
func parsed(t *testing.T, expr string) []*labels.Matcher {
	t.Helper()
	e, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatalf("%q: %v", expr, err)
	}
	selectors := parser.ExtractSelectors(e)
	if len(selectors) != 1 {
		t.Fatalf("%q: %d selectors", expr, len(selectors))
	}
	return selectors[0]
}

// checkFilter holds a filter's PromQL to its meaning: it is one matcher of the label, of
// exactly the values.
func checkFilter(t *testing.T, vs []string) {
	t.Helper()
	ms := []matcher{{schema.LabelSite, vs}}
	for _, expr := range []string{
		increase(schema.Visits, []string{schema.LabelChannel}, ms, time.Hour, false),
		recorded(schema.Visits, nil, ms, 24*time.Hour),
		selector(schema.Visits.Name, ms),
	} {
		got := parsed(t, expr)
		if len(got) != 2 { // and the name
			t.Fatalf("%q: %v", expr, got)
		}
		i := slices.IndexFunc(got, func(m *labels.Matcher) bool { return m.Name == schema.LabelSite })
		if i < 0 {
			t.Fatalf("%q: %v", expr, got)
		}
		for _, v := range vs {
			if !got[i].Matches(clean(v)) {
				t.Errorf("%q does not match %q", expr, v)
			}
		}
		if len(vs) == 1 && (got[i].Type != labels.MatchEqual || got[i].Value != clean(vs[0])) {
			t.Errorf("%q: %v", expr, got[i])
		}
		for _, other := range hostile {
			want := slices.ContainsFunc(vs, func(v string) bool { return clean(v) == clean(other) })
			if got[i].Matches(clean(other)) != want {
				t.Errorf("%q matches %q: %v", expr, other, !want)
			}
		}
	}
}

func TestHostileFilters(t *testing.T) {
	for i, v := range hostile {
		checkFilter(t, []string{v})
		checkFilter(t, []string{v, hostile[(i+1)%len(hostile)], "other"})
	}
}

func FuzzFilter(f *testing.F) {
	for _, v := range hostile {
		f.Add(v, "b")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		checkFilter(t, []string{a})
		checkFilter(t, []string{a, b})
	})
}

// FuzzParse holds that no model is too strange, and that one that is accepted is whole.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{}`, `{"question":"shift","by":"site"}`, `{"filters":{"site":"a"}}`, `{"limit":1e300}`, `null`, `{"filters":{"site":[null]}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse(text)
		if err != nil {
			if _, ok := err.(*InvalidError); !ok || !utf8.ValidString(err.Error()) {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		rules := table.Questions[m.Question]
		if m.limit() < 1 || m.limit() > table.MaxLimit || !slices.Contains(rules.Over, m.Over) {
			t.Fatalf("%+v", m)
		}
		for _, ms := range m.matchers() {
			parsed(t, selector(m.visits().Name, []matcher{ms}))
		}
	})
}

// TestRuleNames holds the names to those that the rules' file has.
func TestRuleNames(t *testing.T) {
	for m, want := range map[*schema.Metric]string{
		schema.Visits:           "site_channel_source_evidence_device:darkshare_visits:increase1h",
		schema.LinkPreviews:     "site_app_scope:darkshare_link_previews:increase1h",
		schema.PageVisits:       "site_page_channel:darkshare_page_visits:increase1h",
		schema.PageLinkPreviews: "site_page:darkshare_page_link_previews:increase1h",
		schema.SectionVisits:    "site_section_channel:darkshare_section_visits:increase1h",
		schema.Conversions:      "site_goal_channel_source:darkshare_conversions:increase1h",
	} {
		if got := ruleName(m); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestIncrease(t *testing.T) {
	ms := []matcher{only("site", "a"), {"device", []string{"mobile", "x.y"}}}
	for _, c := range []struct{ got, want string }{
		{increase(schema.Visits, nil, nil, time.Hour, false), `sum(increase(darkshare_visits_total{}[1h1ms]))`},
		{increase(schema.Visits, []string{"site", "channel"}, ms, time.Hour, true), `sum by (site, channel) (increase(darkshare_visits_total{site="a",device=~"mobile|x\\.y"}[1h]))`},
		{recorded(schema.Conversions, nil, nil, 24*time.Hour), `sum(sum_over_time(site_goal_channel_source:darkshare_conversions:increase1h{}[23h59m59s999ms]))`},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}
