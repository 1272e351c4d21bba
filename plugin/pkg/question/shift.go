package question

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"golang.org/x/sync/errgroup"

	"github.com/darkshare/darkshare/exporter/schema"
)

// longestShift bounds the range that is looked through for shifts.
const longestShift = 400 * day

// shift answers how far the dark share is from what the hour of the week usually has,
// and when it was that far off that something must have happened.
func (a *ask) shift(ctx context.Context) (data.Frames, error) {
	if a.To.Sub(a.From) > longestShift {
		return nil, invalid("The time range is too long to look for shifts: choose a year at most.")
	}
	s, first, err := a.weeks(ctx)
	if err != nil {
		return nil, err
	}
	c, err := a.counts(ctx, a.visits(), labelled(a.By, schema.LabelChannel), a.matchers(), s)
	if err != nil {
		return nil, err
	}
	var found []watched
	for _, part := range c.split(a.By, a.limit()) {
		channel := c.place(schema.LabelChannel)
		h := hours{dark: part.sumOf(func(v []string) bool { return v[channel] == schema.ChannelDarkSocial.String() }), all: part.sum()}
		found = append(found, watched{part.value, h, DefaultShift.moments(h, first)})
	}
	shown := span{begin: s.at(first), step: hour, n: s.n - first}
	var frame *data.Frame
	switch {
	case a.Over != overRange:
		frame = a.shiftSeries(shown, found)
	case a.Single:
		frame = a.shiftNow(found, first)
	default:
		if frame, err = a.shiftList(ctx, shown, found, first); err != nil {
			return nil, err
		}
	}
	if n := comparedWith(found); n < DefaultShift.Weeks && !a.Single {
		frame.AppendNotices(info(fewerWeeks(n)))
	}
	return data.Frames{frame}, nil
}

// A watched is a value of the split whose dark share is watched.
type watched struct {
	value string
	hours
	moments []moment
}

// weeks returns the hours of the range and of the weeks before, and the number of the
// first of the range.
func (a *ask) weeks(ctx context.Context) (s span, first int, err error) {
	first = DefaultShift.Weeks*hoursPerWeek + DefaultShift.Window
	s = span{begin: a.From.UTC().Truncate(hour).Add(-time.Duration(first) * hour), step: hour, n: 2}
	if err := a.record(ctx, &s, a.To.Sub(s.begin), []*schema.Metric{a.visits()}); err != nil {
		return s, 0, err
	}
	to := a.To
	if s.recorded {
		s.begin = s.begin.Add(s.phase)
		if late := a.Now().Add(-lateRules); to.After(late) {
			to = late
		}
	}
	s.n = max(first+1, int(to.Sub(s.begin)/hour))
	return s, first, nil
}

func comparedWith(found []watched) (weeks int) {
	for _, w := range found {
		for _, m := range w.moments {
			weeks = max(weeks, m.weeks)
		}
	}
	return weeks
}

func fewerWeeks(n int) string {
	switch n {
	case 0:
		return "There is no earlier week to compare with yet, or too few visits in it."
	case 1:
		return "Compared with one earlier week only: there is no more history. Four make it surer."
	}
	return fmt.Sprintf("Compared with %d earlier weeks only: there is no more history. Four make it surer.", n)
}

// pick returns one number of each moment.
func pick(moments []moment, of func(moment) float64) []float64 {
	out := make([]float64, len(moments))
	for i, m := range moments {
		out[i] = of(m)
	}
	return out
}

func scoreOf(m moment) float64 { return m.score }

// shiftSeries draws the dark share, what was expected with its band, and the score; or the
// scores alone.
func (a *ask) shiftSeries(s span, found []watched) *data.Frame {
	const name = "Shift"
	const scoreHow = "How far the dark share is from what this hour of the week usually has, in standard deviations. From 4 on it is a shift."
	if a.By != "" || a.Single || len(found) == 0 {
		var fields []*data.Field
		for _, w := range found {
			looks := []look{score, described(scoreHow)}
			if a.By != "" {
				looks = append(looks, valueLook(a.By, w.value))
			}
			fields = append(fields, numbers("Score", labelsOf(a.By, w.value), pick(w.moments, scoreOf), looks...))
		}
		return series(name, s, fields...)
	}
	m := found[0].moments
	window := fmt.Sprintf("Over the last %d hours.", DefaultShift.Window)
	return series(name, s,
		numbers(nameShare, nil, pick(m, func(m moment) float64 { return m.share }), percent, coloured(colourDark), custom("lineWidth", 2), described(window)),
		numbers("Expected", nil, pick(m, func(m moment) float64 { return m.expected }), percent, coloured(colours["direct"]), custom("lineWidth", 1),
			custom("lineStyle", map[string]any{"fill": "dash", "dash": []int{6, 6}}), described("The median of the same hours of the weeks before.")),
		numbers("Usually from", nil, pick(m, func(m moment) float64 { return m.low }), percent, edge(""), coloured(colours["direct"])),
		numbers("Usually to", nil, pick(m, func(m moment) float64 { return m.high }), percent, edge("Usually from"), coloured(colours["direct"])),
		numbers("Score", nil, pick(m, scoreOf), score, described(scoreHow), custom("axisPlacement", "hidden"), custom("hideFrom", map[string]bool{"viz": true, "legend": true, "tooltip": false})))
}

// shiftNow has the score where the dark share is shifted now, else 0.
func (a *ask) shiftNow(found []watched, first int) *data.Frame {
	var values []string
	var scores []float64
	for _, w := range found {
		now := 0.0
		all := DefaultShift.shifts(w.hours, w.moments, first)
		if n := len(all); n > 0 && len(w.moments)-1-all[n-1].last < DefaultShift.Window {
			now = all[n-1].score
		}
		values, scores = append(values, w.value), append(scores, now)
	}
	return single("Shift", a.By, values, numbers("Score", nil, scores, score))
}

// A told is a shift with what there is to say of it.
type told struct {
	shifted
	watched    *watched
	begin, end time.Time
	ongoing    bool
	source     string
}

// mostTold is of how many shifts, the latest, it is said through what app.
const mostTold = 12

// shiftList has a row for each shift, as annotations want them.
func (a *ask) shiftList(ctx context.Context, s span, found []watched, first int) (*data.Frame, error) {
	var all []*told
	for i := range found {
		w := &found[i]
		if w.value == schema.Overflow {
			continue
		}
		for _, one := range DefaultShift.shifts(w.hours, w.moments, first) {
			all = append(all, &told{shifted: one, watched: w, begin: s.at(one.first), end: s.at(one.last + 1),
				ongoing: len(w.moments)-1-one.last < DefaultShift.Window && a.Now().Sub(s.end()) < 2*hour})
		}
	}
	if !a.sections() {
		group, ctx := errgroup.WithContext(ctx)
		for _, t := range all[max(0, len(all)-mostTold):] {
			group.Go(func() (err error) {
				t.source, err = a.sourceOf(ctx, t)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
	}
	var begin, end []time.Time
	var title, text, tags []string
	var share, expected, scores, more []float64
	for _, t := range all {
		begin, end = append(begin, t.begin.UTC()), append(end, t.end.UTC())
		title, text, tags = append(title, t.title()), append(text, a.sentence(t)), append(tags, t.tags())
		share, expected, scores, more = append(share, t.share), append(expected, t.expected), append(scores, t.score), append(more, t.more)
	}
	return rowsOf("Shifts",
		data.NewField("time", nil, begin), data.NewField("timeEnd", nil, end),
		texts("title", title), texts("text", text), texts("tags", tags),
		numbers(nameShare, nil, share, percent, coloured(colourDark)), numbers("Usual", nil, expected, percent),
		numbers("More private visits", nil, more, func(c *data.FieldConfig) { c.Unit = "locale"; c.SetDecimals(0) }), numbers("Score", nil, scores, score)), nil
}

// leastNamed is the part of a shift that an app must have shown itself in, so that it is
// named.
const leastNamed = 0.02

// sourceOf returns the app or site that most of the shift came through, as far as visits
// show it; empty where no one stands out.
func (a *ask) sourceOf(ctx context.Context, t *told) (string, error) {
	ms := a.matchers()
	if a.By != "" {
		kept := ms[:0]
		for _, m := range ms {
			if m.label != a.By {
				kept = append(kept, m)
			}
		}
		ms = append(kept, only(a.By, t.watched.value))
	}
	ms = append(ms, only(schema.LabelChannel, schema.ChannelDarkSocial.String()))
	during := span{begin: t.begin, step: t.end.Sub(t.begin), n: 1}
	weeks := make([]*counts, 1+t.weeks)
	group, ctx := errgroup.WithContext(ctx)
	for w := range weeks {
		s := during
		s.begin = s.begin.Add(-time.Duration(w) * week)
		group.Go(func() (err error) {
			weeks[w], err = a.counts(ctx, schema.Visits, []string{schema.LabelSource}, ms, s)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	more := map[string]float64{}
	for w, c := range weeks {
		for _, r := range c.rows {
			if w == 0 {
				more[r.values[0]] += r.sum()
			} else {
				more[r.values[0]] -= r.sum() / float64(t.weeks)
			}
		}
	}
	most, all := "", 0.0
	for _, source := range slices.Sorted(maps.Keys(more)) {
		n := more[source]
		if t.more < 0 {
			n = -n
		}
		if source == schema.SourceOther || n <= 0 {
			continue // most visits never tell
		}
		if all += n; most == "" || n > math.Abs(more[most]) {
			most = source
		}
	}
	if most == "" || math.Abs(more[most]) < max(all/2, leastNamed*math.Abs(t.more)) {
		return "", nil
	}
	return most, nil
}

func (t *told) title() string {
	if t.up {
		return fmt.Sprintf("Dark share up to %s", percents(t.share))
	}
	return fmt.Sprintf("Dark share down to %s", percents(t.share))
}

func (t *told) tags() string {
	if t.up {
		return "dark share,rise"
	}
	return "dark share,fall"
}

// sentence says what happened, such as: The dark share of courier.example rose to 37 %
// (usually 21 %) from Wed 11 Nov 17:00 to Thu 12 Nov 22:00: 1,234 more private visits
// than usual, mostly WhatsApp.
func (a *ask) sentence(t *told) string {
	verb, when := "rose", fmt.Sprintf("from %s to %s", a.clock(t.begin), a.clock(t.end))
	if !t.up {
		verb = "fell"
	}
	if t.ongoing {
		when = "since " + a.clock(t.begin)
	}
	what := fmt.Sprintf("%s more private visits than usual", whole(t.more))
	others := fmt.Sprintf("%s more other visits than usual", whole(t.moreOthers))
	switch {
	case t.up && t.more <= 0:
		// What is not private fell.
		what = fmt.Sprintf("%s fewer other visits than usual", whole(t.moreOthers))
	case !t.up && t.more < 0 && -t.more >= t.moreOthers:
		what = fmt.Sprintf("%s fewer private visits than usual", whole(t.more))
	case !t.up:
		what = others
	}
	if t.source != "" && (t.up && t.more > 0 || !t.up && t.more < 0 && -t.more >= t.moreOthers) {
		what += ", mostly " + Named(schema.LabelSource, t.source)
	}
	return fmt.Sprintf("The dark share%s %s to %s (usually %s) %s: %s.", a.subject(t.watched.value), verb, percents(t.share), percents(t.expected), when, what)
}

// subject says of what the share is.
func (a *ask) subject(value string) string {
	of := ""
	switch sites := a.Filters[schema.LabelSite]; {
	case a.By == schema.LabelSite:
		return " of " + value
	case len(sites) == 1:
		of = " of " + sites[0]
	}
	switch a.By {
	case schema.LabelSection:
		return of + " in " + value
	case schema.LabelDevice:
		return of + " on " + Named(a.By, value)
	}
	return of
}

func (a *ask) clock(t time.Time) string {
	return t.In(a.location()).Round(time.Minute).Format("Mon 2 Jan 15:04")
}

func percents(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) }
