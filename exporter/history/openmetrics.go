package history

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/darkshare/darkshare/exporter/schema"
)

// WriteOpenMetrics writes the samples from from to to (milliseconds since the Unix
// epoch, both included) of all darkshare series that q has as OpenMetrics text, which
// `promtool tsdb create-blocks-from openmetrics` makes blocks of. The metrics come in
// the order of schema.Metrics, then what recording rules made of them; q may be a
// tsdb.DB or a tsdb.DBReadOnly. One series' chunks are in memory at a time.
//
// Stale markers are left out: the text has only one NaN, and that is a value. A series
// that ended is seen for another five minutes (Prometheus's lookback) in the copy.
//
// The text is whole only where the error is nil; then it ends in "# EOF".
func WriteOpenMetrics(ctx context.Context, w io.Writer, q storage.Queryable, from, to int64) error {
	querier, err := q.Querier(from, to)
	if err != nil {
		return fmt.Errorf("history: OpenMetrics: %w", err)
	}
	defer querier.Close()
	d := openMetricsDump{ctx: ctx, w: bufio.NewWriterSize(w, 1<<16), querier: querier, from: from, to: to}
	if err := d.all(); err != nil {
		return fmt.Errorf("history: OpenMetrics: %w", err)
	}
	return nil
}

// openMetricsUnits are OpenMetrics' names of the OpenTelemetry units that it has; those
// in braces are notes, not units.
var openMetricsUnits = map[string]string{"By": "bytes", "s": "seconds", "1": "ratio"}

type openMetricsDump struct {
	ctx      context.Context
	w        *bufio.Writer
	querier  storage.Querier
	from, to int64

	iterator chunkenc.Iterator
	line     []byte // a series' name and labels, then a sample
}

func (d *openMetricsDump) all() error {
	ours := make(map[string]bool, len(schema.Metrics))
	for _, m := range schema.Metrics {
		ours[m.Name] = true
		if err := d.family(m.Name, metricHead(m)); err != nil {
			return err
		}
	}
	names, _, err := d.querier.LabelValues(d.ctx, model.MetricNameLabel, nil)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if ours[name] || !strings.Contains(name, "darkshare_") {
			continue
		}
		if err := d.family(name, "# TYPE "+name+" unknown\n"); err != nil {
			return err
		}
	}
	if _, err := d.w.WriteString("# EOF\n"); err != nil {
		return err
	}
	return d.w.Flush()
}

// metricHead returns what stands above the samples of a metric. There a counter goes without
// the _total of its samples.
func metricHead(m *schema.Metric) string {
	name := m.Name
	kind := "gauge"
	if m.Type == schema.Counter {
		name = strings.TrimSuffix(name, "_total")
		kind = "counter"
	}
	text := "# TYPE " + name + " " + kind + "\n"
	if unit := openMetricsUnits[m.Unit]; unit != "" {
		text += "# UNIT " + name + " " + unit + "\n"
	}
	return text + "# HELP " + name + " " + openMetricsEscape.Replace(m.Help) + "\n"
}

var openMetricsEscape = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// family writes the series of one name, below head where there is any sample.
func (d *openMetricsDump) family(name, head string) error {
	set := d.querier.Select(d.ctx, true, &storage.SelectHints{Start: d.from, End: d.to},
		labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, name))
	for set.Next() {
		var err error
		if head, err = d.series(set.At(), name, head); err != nil {
			return err
		}
	}
	return set.Err()
}

// series writes the samples of a series, and returns what of head is still to be written.
func (d *openMetricsDump) series(s storage.Series, name, head string) (string, error) {
	if err := d.ctx.Err(); err != nil {
		return head, err
	}
	d.line = appendSeries(d.line[:0], name, s.Labels())
	prefix := len(d.line)
	d.iterator = s.Iterator(d.iterator)
	for t := d.iterator.Next(); t != chunkenc.ValNone; t = d.iterator.Next() {
		if t != chunkenc.ValFloat {
			continue // darkshare has no histograms
		}
		at, v := d.iterator.At()
		if at < d.from || at > d.to || value.IsStaleNaN(v) {
			continue
		}
		if _, err := d.w.WriteString(head); err != nil {
			return head, err
		}
		head = ""
		line := strconv.AppendFloat(d.line[:prefix], v, 'g', -1, 64)
		line = append(line, ' ')
		line = appendSeconds(line, at)
		line = append(line, '\n')
		if _, err := d.w.Write(line); err != nil {
			return head, err
		}
		d.line = line
	}
	return head, d.iterator.Err()
}

func appendSeries(b []byte, name string, ls labels.Labels) []byte {
	b = append(b, name...)
	open := byte('{')
	ls.Range(func(l labels.Label) {
		if l.Name == model.MetricNameLabel {
			return
		}
		b = append(b, open)
		open = ','
		b = append(b, l.Name...)
		b = append(b, `="`...)
		b = append(b, openMetricsEscape.Replace(l.Value)...)
		b = append(b, '"')
	})
	if open == ',' {
		b = append(b, '}')
	}
	return append(b, ' ')
}

// appendSeconds writes milliseconds as seconds, so that they are the same again once
// Prometheus's parser has multiplied the float by 1000 and cut off the rest: where that
// falls below, a tenth of a millisecond more brings it back.
func appendSeconds(b []byte, ms int64) []byte {
	if ms%1000 == 0 {
		return strconv.AppendInt(b, ms/1000, 10)
	}
	begin := len(b)
	whole, rest := ms/1000, ms%1000
	if ms < 0 {
		b = append(b, '-')
		whole, rest = -whole, -rest
	}
	b = strconv.AppendInt(b, whole, 10)
	b = append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
	if f, err := strconv.ParseFloat(string(b[begin:]), 64); err == nil && math.Trunc(f*1000) != float64(ms) {
		b = append(b, '1')
	}
	return b
}
