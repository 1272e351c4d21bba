package evaluate

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/simulate"
)

// points is how far the causes of error move the estimate, in points. They add up
// to the whole error.
type points map[string]float64

// causes takes the error apart. Where T is the true share, an estimate of n visits
// is off by the sum over them of what they count as less T, less the same sum over
// the true visits of what they truly are, which is 0, over n.
func (r *result) causes() points {
	truth := r.truth.DarkShare()
	n := float64(r.report.Visits)
	p := points{}
	for line, v := range r.visits {
		f := r.found[line]
		dark := 0.0
		if v.Channel == schema.ChannelDarkSocial {
			dark = 1
		}
		if !f.resolved || !f.outcome.Visit {
			p["visits that nothing confirms"] -= (dark - truth) / n
			continue
		}
		counted := 0.0
		if f.outcome.Channel == schema.ChannelDarkSocial {
			counted = 1
		}
		if counted != dark {
			p[cause(v, f)] += (counted - dark) / n
		}
	}
	for line, f := range r.found {
		if _, ok := r.visits[line]; ok || !f.resolved || !f.outcome.Visit {
			continue
		}
		counted := 0.0
		if f.outcome.Channel == schema.ChannelDarkSocial {
			counted = 1
		}
		p["bots and reloads that count as visits"] += (counted - truth) / n
	}
	return p
}

// cause names why a visit is on the wrong side.
func cause(v simulate.Visit, f finding) string {
	dark := v.Channel == schema.ChannelDarkSocial
	switch {
	case dark && v.Hidden:
		return "private, by clients that hide every referrer"
	case dark && v.Front:
		return "private links to fronts"
	case dark && v.InApp, !dark && v.InApp && f.outcome.Evidence == schema.EvidenceApp:
		return "apps that show private and public alike"
	case dark:
		return "private, with somebody else's tag or referrer"
	case v.Typed && v.Front:
		return "fronts not yet learned"
	case v.Typed:
		return "typed and bookmarked deep pages"
	case f.outcome.Evidence != schema.EvidenceDeepLink && f.outcome.Evidence != schema.EvidenceLink:
		return "public, with a private sender's tag or referrer"
	}
	return "referrer lost: " + v.Channel.String()
}

// printCauses writes a row for each cause, the largest first, with a column for each
// kind of run, what they sum up to, and what adjusted makes of that.
func printCauses(w io.Writer, title string, columns []string, runs map[string]points, adjusted map[string]float64) {
	sums, keys := points{}, []string{}
	together := map[string]float64{}
	for column, p := range runs {
		for cause, x := range p {
			if _, ok := sums[cause]; !ok {
				keys = append(keys, cause)
			}
			sums[cause] += x
			together[column] += x
		}
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a, b)) })
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, of func(column string) any) {
		fmt.Fprint(t, name+"\t")
		for _, c := range columns {
			fmt.Fprintf(t, "%v\t", of(c))
		}
		fmt.Fprintln(t)
	}
	off := func(x float64) any { return fmt.Sprintf("%+.2f", 100*x) }
	row(title, func(c string) any { return c })
	for _, k := range keys {
		row(k, func(c string) any { return off(runs[c][k]) })
	}
	row("estimate, together", func(c string) any { return off(together[c]) })
	row("expected (excess.yaml)", func(c string) any { return off(adjusted[c]) })
	row("adjusted, together", func(c string) any { return off(together[c] + adjusted[c]) })
	t.Flush()
}
