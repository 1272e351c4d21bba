package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/tally"
)

// printReport writes a report for people.
func printReport(w io.Writer, r *tally.Report, top int) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	p := func(format string, args ...any) { fmt.Fprintf(t, format, args...) }
	p("%s lines", thousands(r.Lines))
	if !r.To.IsZero() {
		p(" until %s", r.To.Format("2006-01-02 15:04 MST"))
	}
	p("\n\n")
	var bad uint64
	for reason := range schema.NumReasons {
		if n := r.Errors[reason.String()]; n > 0 {
			bad += n
			p("  not a record (%s)\t%s\t%s\n", reason, thousands(n), percent(n, r.Lines))
		}
	}
	for k := range schema.NumKinds {
		if n := r.Requests[k.String()]; n > 0 {
			p("  %s\t%s\t%s\n", k, thousands(n), percent(n, r.Lines))
		}
	}
	p("\n%s visits", thousands(r.Visits))
	if r.Unconfirmed > 0 {
		p(", and %s landings that no browser confirmed", thousands(r.Unconfirmed))
	}
	p("\n\n")
	for _, c := range r.Channels {
		p("  %s\t%s\t%s\t%s\n", c.Channel, thousands(c.Visits), percent(c.Visits, r.Visits), topSources(c, top))
	}
	if r.Visits > 0 {
		p("\nDark share\tknown\testimate\tceiling\n")
		p("  of all visits\t%s\t%s (%s to %s)\t%s\n", share(r.DarkShare.Known), share(r.DarkShare.Estimate),
			share(r.DarkShare.Interval[0]), share(r.DarkShare.Interval[1]), share(r.DarkShare.Ceiling))
		p("  of social\t%s\t%s (%s to %s)\t%s\n", share(r.OfSocial.Known), share(r.OfSocial.Estimate),
			share(r.OfSocial.Interval[0]), share(r.OfSocial.Interval[1]), share(r.OfSocial.Ceiling))
		d := r.DarkShare
		if n := (d.Estimate - d.Adjusted) * float64(d.Visits); n >= 0.5 {
			p("\nOf the %s visits to deep pages without a referrer, about %.0f are expected to be typed,\n", thousands(r.Evidence[schema.EvidenceDeepLink.String()]), n)
			p("or to come from somewhere public that hid itself. Without them: %s of all visits.\n", share(d.Adjusted))
		}
	}
	if len(r.LinkPreviews) > 0 {
		p("\nShares seen as link previews\n\n")
		for i, s := range r.LinkPreviews {
			if i == top {
				p("  and %d more\n", len(r.LinkPreviews)-top)
				break
			}
			p("  %s\t%s\t%s\n", s.App, s.Scope, thousands(s.Shares))
		}
	}
	for _, c := range r.Conversions {
		p("\nGoal %s from %s\t%s\n", c.Goal, c.Channel, thousands(c.Conversions))
	}
	for _, s := range r.Sites {
		printPages(p, &s, top)
	}
	return t.Flush()
}

func printPages(p func(string, ...any), s *tally.SiteReport, top int) {
	if s.Visits == 0 {
		return
	}
	p("\nTop pages of %s\tvisits\tdark\tshares\n\n", s.Site)
	for i, page := range s.Pages {
		if i == top {
			break
		}
		p("  %s\t%s\t%s\t%s\n", page.Page, thousands(page.Visits), percent(page.DarkVisits, page.Visits), thousands(page.LinkPreviews))
	}
}

// topSources names the sources of a channel, most visits first.
func topSources(c tally.ChannelReport, top int) string {
	var parts []string
	for i, s := range c.Sources {
		if i == top {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, fmt.Sprintf("%s %s", s.Source, thousands(s.Visits)))
	}
	return strings.Join(parts, ", ")
}

func percent(n, of uint64) string {
	if of == 0 {
		return ""
	}
	return share(float64(n) / float64(of))
}

func share(f float64) string { return fmt.Sprintf("%.1f %%", 100*f) }

// thousands writes a number with thin groups, as 12,345.
func thousands(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
