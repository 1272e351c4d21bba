package shift

import (
	"bytes"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/prometheus/common/model"

	"github.com/darkshare/darkshare/exporter/schema"
)

//go:embed rules.tmpl
var rulesTemplate string

// Rules returns the method as Prometheus's recording rules, in YAML. Where it needs lengths
// that these rules do not add up, such as windows that are no whole hours, it panics.
func (p Parameters) Rules() []byte {
	t := template.Must(template.New("shift.yaml").Funcs(template.FuncMap{
		"dur": promDuration,
		"points": func(v float64) string {
			return number(100 * v)
		},
	}).Parse(rulesTemplate))
	view := struct {
		Parameters
		// Range is what a slice is counted over. A millisecond more than twice its length has
		// the sample at its very beginning, which Prometheus 3 leaves out.
		Range        string
		ChanceMedian float64
		Lengths      []length
		Each         []window
		Levels       []level
	}{p, promDuration(2*p.Slice + time.Millisecond), chanceMedian, nil, nil, []level{
		{p, "site", []string{schema.LabelSite}, schema.Visits.Name},
		{p, "site_section", []string{schema.LabelSite, schema.LabelSection}, schema.SectionVisits.Name},
	}}
	for i, l := range lengths[1:] {
		view.Lengths = append(view.Lengths, length{promDuration(l), promDuration(lengths[i]), lengths[i], int(l / lengths[i])})
	}
	for i, w := range p.Windows {
		view.Each = append(view.Each, window{w, p.Limits[i]})
	}
	var out bytes.Buffer
	if err := t.Execute(&out, view); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// lengths are what is added up, each some times the one before; windows are sums of these.
var lengths = []time.Duration{5 * time.Minute, 20 * time.Minute, 1 * hour, 3 * hour, 9 * hour, 27 * hour}

// A length is one of lengths, and of what it is made: so many parts.
type length struct {
	Name, Of string
	Part     time.Duration
	Parts    int
}

type window struct {
	Window time.Duration
	Limit  float64
}

// A level is what the rules watch each value of.
type level struct {
	Parameters
	Name   string
	labels []string
	Metric string
}

// By lists the level's labels.
func (l level) By() string { return strings.Join(l.labels, ", ") }

// The names of what is recorded.
func (l level) Visits(length string) string { return l.Name + ":darkshare_visits:increase" + length }
func (l level) Dark(length string) string {
	return l.Name + ":darkshare_dark_visits:increase" + length
}
func (l level) Expected(length string) string {
	return l.Name + ":darkshare_dark_visits:expected" + length
}
func (l level) Excess(length string) string {
	return l.Name + ":darkshare_dark_visits:excess" + length
}
func (l level) Bound() string            { return l.Name + ":darkshare_dark_visits:bound5m" }
func (l level) Share(what string) string { return l.Name + ":darkshare_dark_share:" + what }

// Sum adds up some of a series, one after another.
func (l level) Sum(series string, of length) string {
	all := []string{series}
	for i := 1; i < of.Parts; i++ {
		all = append(all, series+" offset "+promDuration(time.Duration(i)*of.Part))
	}
	return strings.Join(all, " + ")
}

// sum adds up a family of series over a time that ends some time ago.
func sum(family func(string) string, over, ago time.Duration) string {
	var parts []string
	for over > 0 {
		i := len(lengths) - 1
		for ; i >= 0 && lengths[i] > over; i-- {
		}
		if i < 0 {
			panic(fmt.Sprintf("shift: no rules for a part of %s", over))
		}
		part := family(promDuration(lengths[i]))
		if ago > 0 {
			part += " offset " + promDuration(ago)
		}
		parts = append(parts, part)
		over, ago = over-lengths[i], ago+lengths[i]
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, " + ") + ")"
}

// VisitsOf, DarkOf and ExcessOf are the sums of a window.
func (l level) VisitsOf(w time.Duration) string { return sum(l.Visits, w, 0) }
func (l level) DarkOf(w time.Duration) string   { return sum(l.Dark, w, 0) }
func (l level) ExcessOf(w time.Duration) string { return sum(l.Excess, w, 0) }

// ChanceOf is the variance of a window's dark visits by chance alone: of M among n, M those
// expected and half of what is in excess.
func (l level) ChanceOf(w time.Duration) string {
	half := fmt.Sprintf("(%s + clamp_min(%s, 0) / 2)", sum(l.Expected, w, 0), l.ExcessOf(w))
	return fmt.Sprintf("(%s * (1 - %[1]s / %s) * (1 + %s / %s))", half, l.VisitsOf(w), strconv.FormatFloat(l.ownVariance(w), 'f', 4, 64), l.Share("shift_weeks"))
}

// Spare is the part of the score, scaled by its window's limit, that has to be left beyond Points.
func (l level) Spare(limit float64) string {
	return strconv.FormatFloat(l.Sure*l.Score/limit, 'f', 4, 64)
}

// EarlierWeeks are the shares around this time in earlier weeks.
func (l level) EarlierWeeks() string {
	var all []string
	for i := 1; i <= l.Weeks; i++ {
		ago := time.Duration(i) * week
		all = append(all, fmt.Sprintf(`            label_replace(
              (%s offset %s or %s offset %s)
              and %s offset %s,
              "week", "%d", "", ""
            )`,
			l.Share("around"+promDuration(l.Around)), promDuration(ago-(l.Around-l.Slice)/2),
			l.Share("around"+promDuration(l.Widely)), promDuration(ago-(l.Widely-l.Slice)/2),
			l.Visits("5m"), promDuration(ago+l.Learn), i))
	}
	return strings.Join(all, "\n            or\n")
}

// Leans are the conditions on the thirds of a window.
func (l level) Leans(w time.Duration) string {
	var all []string
	third := w / 3
	for i := range 3 {
		ago := time.Duration(i) * third
		all = append(all, fmt.Sprintf("            and on (%s) sgn(%s) * %s * %s >= %s * abs(%[2]s) * %[6]s",
			l.By(), l.ExcessOf(w), sum(l.Excess, third, ago), l.VisitsOf(w), number(l.Even), sum(l.Visits, third, ago)))
	}
	return strings.Join(all, "\n")
}

// EachWindow gives each window's number the window as a label.
func (l level) EachWindow(what string) string {
	var all []string
	for _, w := range l.Windows {
		expr := sum(l.Expected, w, 0)
		if what == "points" {
			expr = fmt.Sprintf("(%s - %s)", sum(l.Dark, w, 0), expr)
		}
		all = append(all, fmt.Sprintf(`              label_replace(%s / %s, "window", "%s", "", "")`, expr, l.VisitsOf(w), promDuration(w)))
	}
	return strings.Join(all, "\n              or\n")
}

// promDuration writes a time as PromQL reads it; hours stay hours, as in names.
func promDuration(d time.Duration) string {
	if d > day && d < 2*day && d%hour == 0 {
		return fmt.Sprintf("%dh", d/hour)
	}
	return model.Duration(d).String()
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
