package overview

import (
	"fmt"
	"math"
	"strings"
	"time"
)

const (
	// leastVisits is how many visits a bucket must have to be drawn: with fewer, the
	// share of an hour at night jumps from 0 to 100 %.
	leastVisits = 10
	// mostTicks is how many times are written below the chart, on a narrow screen one
	// in two.
	mostTicks = 10
)

// A chart is the dark share over time, ready to be drawn. Places are in percent of
// the plot's width, and of its height from the top.
type chart struct {
	Title, Desc, Step string
	// Line and Band are SVG paths in a box of 100 by 100.
	Line, Band string
	Rows       []chartLine
	Ticks      []tick
	Columns    []column
	Table      []chartRow
}

type chartLine struct {
	Y     float64
	Label string
}

type tick struct {
	X     float64
	Label string
	// Wide ticks are for wide screens only.
	Wide bool
}

// A column is the part of the plot that shows a bucket's numbers when pointed at.
type column struct {
	X, Width float64
	Title    string
}

type chartRow struct{ Time, Visits, Known, Estimate, Ceiling string }

// newChart draws the buckets. It returns nil where none has visits enough.
func newChart(l *lang, f *figures) *chart {
	drawn := 0
	top, low, high := 0.0, math.Inf(1), bucket{}
	for _, b := range f.buckets {
		if b.visits < leastVisits {
			continue
		}
		drawn++
		top, low = max(top, b.ceiling()), min(low, b.estimate())
		if b.estimate() > high.estimate() || high.from.IsZero() {
			high = b
		}
	}
	if drawn == 0 {
		return nil
	}
	step := chartSteps[f.step]
	c := &chart{
		Title: l.T("chart_title", l.T(step.text)),
		Step:  l.T(step.text),
		Desc:  l.T("chart_desc", l.Percent(low), l.Percent(high.estimate()), l.Percent(high.estimate()), l.Time(step.row, high.from)),
	}
	p := plot{n: float64(len(f.buckets)), top: roundTop(top)}
	for i := range 5 {
		share := p.top * float64(i) / 4
		c.Rows = append(c.Rows, chartLine{p.y(share), l.Percent(share)})
	}
	c.Line, c.Band = p.paths(f.buckets)
	c.addTicks(l, p, f, step)
	for i, b := range f.buckets {
		at := l.Time(step.row, b.from)
		title := l.T("chart_none", at)
		row := chartRow{at, l.Count(b.visits), "–", "–", "–"}
		if b.visits >= leastVisits {
			title = l.T("chart_point", at, l.Percent(b.estimate()), l.Percent(b.known()), l.Percent(b.ceiling()), l.Visits(b.visits))
			row.Known, row.Estimate, row.Ceiling = l.Percent(b.known()), l.Percent(b.estimate()), l.Percent(b.ceiling())
		}
		c.Columns = append(c.Columns, column{p.x(i) - 50/p.n, 100 / p.n, title})
		c.Table = append(c.Table, row)
	}
	return c
}

// chartSteps says how the buckets of a step are called, and their times written.
var chartSteps = map[time.Duration]struct{ text, row, tick string }{
	time.Hour:     {"chart_hour", "day_hour", "hour"},
	6 * time.Hour: {"chart_6h", "day_hour", "weekday_short"},
	day:           {"chart_day", "weekday", "day"},
}

// addTicks writes times below the chart, at most mostTicks, and only midnights where
// a bucket is some hours.
func (c *chart) addTicks(l *lang, p plot, f *figures, step struct{ text, row, tick string }) {
	var at []int
	for i, b := range f.buckets {
		if f.step != 6*time.Hour || b.from.Hour() == 0 {
			at = append(at, i)
		}
	}
	every := (len(at) + mostTicks - 1) / mostTicks
	for i := 0; i < len(at); i += every {
		c.Ticks = append(c.Ticks, tick{p.x(at[i]), l.Time(step.tick, f.buckets[at[i]].from), (i / every % 2) == 1})
	}
}

// A plot says where things are.
type plot struct{ n, top float64 }

func (p plot) x(i int) float64         { return 100 * (float64(i) + 0.5) / p.n }
func (p plot) y(share float64) float64 { return 100 * (1 - share/p.top) }

// paths draws the estimate and the band around it, with gaps where visits are few.
func (p plot) paths(buckets []bucket) (line, band string) {
	var lines, bands strings.Builder
	for i := 0; i < len(buckets); {
		end := i
		for end < len(buckets) && buckets[end].visits >= leastVisits {
			end++
		}
		if end == i {
			i++
			continue
		}
		p.segment(&lines, i, buckets[i:end], bucket.estimate)
		if end == i+1 {
			// One bucket by itself: a dot, by the line's round ends.
			lines.WriteString("h0")
		}
		p.area(&bands, i, buckets[i:end])
		i = end
	}
	return lines.String(), bands.String()
}

// segment draws a line through buckets, the first of which is number i.
func (p plot) segment(w *strings.Builder, i int, buckets []bucket, of func(bucket) float64) {
	command := 'M'
	for n, b := range buckets {
		fmt.Fprintf(w, "%c%.2f %.2f", command, p.x(i+n), p.y(of(b)))
		command = 'L'
	}
}

// area draws the band along the ceilings and back along what is known. A bucket by
// itself is a column.
func (p plot) area(w *strings.Builder, i int, buckets []bucket) {
	half := 0.0
	if len(buckets) == 1 {
		half = 25 / p.n
	}
	for n, b := range buckets {
		command := 'L'
		if n == 0 {
			command = 'M'
		}
		fmt.Fprintf(w, "%c%.2f %.2f", command, p.x(i+n)-half, p.y(b.ceiling()))
	}
	last := len(buckets) - 1
	if half > 0 {
		fmt.Fprintf(w, "L%.2f %.2f", p.x(i)+half, p.y(buckets[0].ceiling()))
		fmt.Fprintf(w, "L%.2f %.2f", p.x(i)+half, p.y(buckets[0].known()))
	}
	for n := last; n >= 0; n-- {
		fmt.Fprintf(w, "L%.2f %.2f", p.x(i+n)-half, p.y(buckets[n].known()))
	}
	w.WriteByte('Z')
}

// roundTop returns where the scale ends: its quarters are whole percents.
func roundTop(share float64) float64 {
	for _, top := range []float64{0.04, 0.08, 0.2, 0.4, 0.6, 0.8} {
		if share <= top {
			return top
		}
	}
	return 1
}
