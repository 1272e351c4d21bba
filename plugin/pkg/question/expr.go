package question

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/darkshare/darkshare/exporter/schema"
)

// A matcher selects the series with one of the values.
type matcher struct {
	label  string
	values []string
}

// only selects the series with that value.
func only(label, value string) matcher { return matcher{label, []string{value}} }

// String returns the matcher in PromQL.
func (m matcher) String() string {
	if len(m.values) == 1 {
		return m.label + "=" + quote(m.values[0])
	}
	// PromQL's regular expressions match whole values, as written, when quoted.
	all := make([]string, len(m.values))
	for i, v := range m.values {
		all[i] = regexp.QuoteMeta(clean(v))
	}
	return m.label + "=~" + quote(strings.Join(all, "|"))
}

// quote returns a string of PromQL. All but ASCII is escaped: the lexer takes U+FFFD, which
// stands in values that were no UTF-8, for a mistake of its input.
func quote(s string) string { return strconv.QuoteToASCII(clean(s)) }

// clean replaces what is no UTF-8, as the exporter does in label values.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// selector returns a metric's series in PromQL.
func selector(name string, ms []matcher) string {
	all := make([]string, len(ms))
	for i, m := range ms {
		all[i] = m.String()
	}
	return name + "{" + strings.Join(all, ",") + "}"
}

// ruleName is the name of the recording rule that holds a counter's increase by the
// hour: see dashboards/rules/recording.yaml.
func ruleName(m *schema.Metric) string {
	return strings.Join(m.Labels, "_") + ":" + strings.TrimSuffix(m.Name, "_total") + ":increase1h"
}

// increase is how much a counter has grown in the time before the moment of evaluation,
// summed by some labels.
//
// Counters are sampled at full minutes where a history was replayed, and at some phase of
// the interval by a scrape. Prometheus 3 leaves the sample at the very beginning of a
// range out, and extrapolates over the interval that it then misses (older ones have
// it): a millisecond more, and it is there, and the result exact. Otherwise what is
// extrapolated is an interval at most. VictoriaMetrics counts from the sample before
// the range, and needs none more.
func increase(m *schema.Metric, by []string, ms []matcher, over time.Duration, fromSampleBefore bool) string {
	if !fromSampleBefore {
		over += time.Millisecond
	}
	return sumBy(by, fmt.Sprintf("increase(%s[%s])", selector(m.Name, ms), duration(over)))
}

// recorded is the same from the recording rule. Its samples lie anywhere within the hour;
// one at the very beginning of the range belongs to the range before.
func recorded(m *schema.Metric, by []string, ms []matcher, over time.Duration) string {
	return sumBy(by, fmt.Sprintf("sum_over_time(%s[%s])", selector(ruleName(m), ms), duration(over-time.Millisecond)))
}

func sumBy(by []string, expr string) string {
	if len(by) == 0 {
		return "sum(" + expr + ")"
	}
	return fmt.Sprintf("sum by (%s) (%s)", strings.Join(by, ", "), expr)
}

func duration(d time.Duration) string { return model.Duration(d).String() }
