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

	"github.com/darkshare/darkshare/dashboards/shift"
	"github.com/darkshare/darkshare/exporter/schema"
)

// longestShift bounds the range that is looked through for shifts.
const longestShift = 400 * day

// shift answers how far the dark share is from what the hour of the week usually has,
// and when it was that far off that something must have happened. How that is told is package
// shift's.
func (a *ask) shift(ctx context.Context) (data.Frames, error) {
	if a.To.Sub(a.From) > longestShift {
		return nil, invalid("The time range is too long to look for shifts: choose a year at most.")
	}
	found, err := a.watch(ctx, shift.Default)
	if err != nil {
		return nil, err
	}
	var frame *data.Frame
	switch {
	case a.Over != overRange:
		frame = a.shiftSeries(found)
	case a.Single:
		frame = a.shiftNow(found)
	default:
		if frame, err = a.shiftList(ctx, found); err != nil {
			return nil, err
		}
	}
	if n := comparedWith(found); n < shift.Default.Weeks && !a.Single {
		frame.AppendNotices(info(fewerWeeks(n)))
	}
	return data.Frames{frame}, nil
}

func comparedWith(found []*watched) (weeks int) {
	for _, w := range found {
		for i := range w.verdicts {
			weeks = max(weeks, w.verdicts[i].Weeks)
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

// A drawn is the moments that a series shows: all slices, or one an hour where those would
// be too many.
type drawn struct {
	span
	of    []int // their verdicts
	watch *watched
}

// mostDrawn is above how many points there is one an hour.
const mostDrawn = 600

func (w *watched) drawn() drawn {
	d := drawn{span{begin: w.at(w.first), step: w.Step, n: len(w.verdicts)}, nil, w}
	perHour := int(hour / w.Step)
	first := 0
	if d.n > mostDrawn {
		// An hour's verdict is that at its end.
		for first < d.n-1 && !w.at(w.first+first+1).Equal(w.at(w.first+first+1).Truncate(hour)) {
			first++
		}
		d.span = span{begin: w.at(w.first + first + 1).Add(-hour), step: hour, n: (d.n-1-first)/perHour + 1}
	} else {
		perHour = 1
	}
	for i := first; i < len(w.verdicts); i += perHour {
		d.of = append(d.of, i)
	}
	return d
}

// pick returns one number of each moment.
func (d drawn) pick(of func(*shift.Verdict) float64) []float64 {
	out := make([]float64, len(d.of))
	for i, v := range d.of {
		out[i] = of(&d.watch.verdicts[v])
	}
	return out
}

func scoreOf(v *shift.Verdict) float64 { return v.Sights[v.Window].Score }

// shiftedOf is what an alert reads: 0 or the score, where all that makes a shift is there.
func shiftedOf(v *shift.Verdict) float64 {
	if math.IsNaN(scoreOf(v)) {
		return math.NaN()
	}
	return v.Shifted
}

// typical returns the shortest window of two hours or more that mostly has a score.
func (d drawn) typical(p shift.Parameters) int {
	for j, length := range p.Windows {
		have := 0
		for _, i := range d.of {
			if !math.IsNaN(d.watch.verdicts[i].Sights[j].Score) {
				have++
			}
		}
		if length >= 2*hour && 10*have >= 9*len(d.of) {
			return j
		}
	}
	return len(p.Windows) - 1
}

// shiftSeries draws the dark share, what was expected with its band, and the score; or the
// scores alone.
func (a *ask) shiftSeries(found []*watched) *data.Frame {
	const name = "Shift"
	const scoreHow = "How far the dark share is from what this hour of the week usually has, in standard deviations. From 4 on it is a shift."
	if len(found) == 0 {
		return series(name, span{begin: a.From.UTC(), step: hour})
	}
	shown := found[0].drawn()
	if a.By != "" || a.Single {
		of := scoreOf
		if a.Single {
			of = shiftedOf
		}
		var fields []*data.Field
		for _, w := range found {
			looks := []look{score, described(scoreHow)}
			if a.By != "" {
				looks = append(looks, valueLook(a.By, w.value))
			}
			fields = append(fields, numbers("Score", labelsOf(a.By, w.value), w.drawn().pick(of), looks...))
		}
		return series(name, shown.span, fields...)
	}
	p := shift.Default
	j := shown.typical(p)
	sight := func(of func(shift.Sight) float64) []float64 {
		return shown.pick(func(v *shift.Verdict) float64 { return of(v.Sights[j]) })
	}
	far := func(s shift.Sight) float64 { return max(p.Limits[j]*s.Deviation, p.Points+p.Sure*s.Deviation) }
	window := fmt.Sprintf("Over the last %d minutes.", p.Windows[j]/time.Minute)
	if w := p.Windows[j]; w%hour == 0 {
		window = fmt.Sprintf("Over the last %d hours.", w/hour)
	}
	return series(name, shown.span,
		numbers(nameShare, nil, sight(func(s shift.Sight) float64 { return s.Share }), percent, coloured(colourDark), custom("lineWidth", 2), described(window)),
		numbers("Expected", nil, sight(func(s shift.Sight) float64 { return s.Expected }), percent, coloured(colours["direct"]), custom("lineWidth", 1),
			custom("lineStyle", map[string]any{"fill": "dash", "dash": []int{6, 6}}), described("The median of the same hours of the weeks before.")),
		numbers("Usually from", nil, sight(func(s shift.Sight) float64 { return max(0, s.Expected-far(s)) }), percent, edge(""), coloured(colours["direct"])),
		numbers("Usually to", nil, sight(func(s shift.Sight) float64 { return min(1, s.Expected+far(s)) }), percent, edge("Usually from"), coloured(colours["direct"])),
		numbers("Score", nil, shown.pick(scoreOf), score, described(scoreHow), custom("axisPlacement", "hidden"), custom("hideFrom", map[string]bool{"viz": true, "legend": true, "tooltip": false})))
}

// shiftNow has the score where the dark share is shifted now, else 0.
func (a *ask) shiftNow(found []*watched) *data.Frame {
	var values []string
	var scores []float64
	for _, w := range found {
		values, scores = append(values, w.value), append(scores, w.now())
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
func (a *ask) shiftList(ctx context.Context, found []*watched) (*data.Frame, error) {
	var all []*told
	for _, w := range found {
		if w.value == schema.Overflow {
			continue
		}
		last := len(w.All) - 1
		for _, one := range w.shifts(shift.Default) {
			all = append(all, &told{shifted: one, watched: w, begin: w.at(one.first), end: w.at(one.last + 1),
				ongoing: w.at(last).Sub(w.at(one.last)) < 3*hour && a.Now().Sub(w.at(last)) < 2*hour})
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
