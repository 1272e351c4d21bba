package main

import (
	"fmt"
	"strings"
	"time"
)

// A plan is how much is simulated.
type plan struct {
	sizes  []float64
	points []float64
	// quiet is on how many sites of each size nothing shifts, shifts how many shifts of each size
	// there are on as many sites, and closer how many more at about so many visits an hour.
	quiet, shifts, closer int
	// harsh is with bursts and a share that wanders, besides.
	harsh bool
}

var (
	full  = plan{sizes: []float64{20, 100, 500, 2000, 20000}, points: []float64{0.03, 0.05, 0.1, 0.2}, quiet: 60, shifts: 120, closer: 1200}
	harsh = plan{sizes: []float64{20, 100, 500, 2000, 20000}, points: []float64{0.05, 0.1}, quiet: 60, shifts: 60, closer: 600, harsh: true}
	quick = plan{sizes: []float64{20, 500, 20000}, points: []float64{0.1}, quiet: 16, shifts: 40, closer: 120}
)

const (
	nominal = 500 // the visits an hour that the closer look is at
	near    = 1.25
)

// Results are what a plan has found.
type results struct {
	plan
	// alarms are the false alarms of a site in two months: by size, then method, as usually
	// set; causes are those of ours.
	alarms [][]float64
	causes [][len(causes)]float64
	// found are the times, sorted, by size, points and method, each method set to as many
	// false alarms as ours has.
	found [][][][]time.Duration
	// ten and five are those of ours for ten and five points where there were about nominal
	// visits an hour, in the first three and ten hours.
	ten, five []time.Duration
}

func run(p plan, seed uint64) results {
	r := results{plan: p}
	for _, size := range p.sizes {
		quiet := quietSites(seed, size, p.quiet, p.harsh)
		alarms, limits := make([]float64, len(methods)), make([]float64, len(methods))
		for m := range methods {
			var by [len(causes)]float64
			alarms[m], by = falseAlarms(quiet, m, methods[m].limit)
			if limits[m] = methods[m].limit; m == 0 {
				r.causes = append(r.causes, by)
			} else {
				limits[m] = tune(quiet, m, alarms[0])
			}
		}
		r.alarms = append(r.alarms, alarms)
		var ofSize [][][]time.Duration
		for _, points := range p.points {
			all := shiftedSites(seed, size, points, p.shifts, p.harsh)
			var ofPoints [][]time.Duration
			for m := range methods {
				ofPoints = append(ofPoints, foundIn(all, m, limits[m]))
			}
			ofSize = append(ofSize, ofPoints)
		}
		r.found = append(r.found, ofSize)
	}
	closer := func(points float64, rate func(shifted) float64) []time.Duration {
		var all []shifted
		rivals := methods
		methods = methods[:1]
		for _, s := range shiftedSites(seed+1, nominal, points, p.closer, p.harsh) {
			if v := rate(s); v > nominal/near && v < nominal*near {
				all = append(all, s)
			}
		}
		methods = rivals
		return foundIn(all, 0, 1)
	}
	r.ten = closer(0.1, func(s shifted) float64 { return s.three })
	r.five = closer(0.05, func(s shifted) float64 { return s.ten })
	return r
}

// String is the result in Markdown.
func (r results) String() string {
	var b strings.Builder
	row := func(cells ...string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line := func(n int) { row(strings.Split(strings.Repeat("--- ", n-1)+"---", " ")...) }

	fmt.Fprintf(&b, "False alarms of a site in two months, %d sites of each size:\n\n", r.quiet)
	head := []string{"visits an hour", "darkshare", "of these: chance", "holiday", "bot wave", "burst"}
	for _, m := range methods[1:] {
		head = append(head, m.name)
	}
	row(head...)
	line(len(head))
	for i, size := range r.sizes {
		cells := []string{fmt.Sprint(size), fmt.Sprintf("**%.2f**", r.alarms[i][0])}
		for _, v := range r.causes[i] {
			cells = append(cells, fmt.Sprintf("%.2f", v))
		}
		for _, v := range r.alarms[i][1:] {
			cells = append(cells, fmt.Sprintf("%.1f", v))
		}
		row(cells...)
	}

	fmt.Fprintf(&b, "\nHow soon half of the shifts are found, and how many within 3 and within 10 hours, %d shifts each, "+
		"the rivals set to as few false alarms as darkshare has on sites of that size:\n\n", r.shifts)
	head = []string{"visits an hour", "points"}
	for _, m := range methods {
		head = append(head, m.name)
	}
	row(head...)
	line(len(head))
	for i, size := range r.sizes {
		for j, points := range r.points {
			cells := []string{fmt.Sprint(size), fmt.Sprintf("%.0f", 100*points)}
			for _, f := range r.found[i][j] {
				cells = append(cells, fmt.Sprintf("%s, %.0f %%, %.0f %%", clock(quantile(f, 0.5)), 100*within(f, 3*hour), 100*within(f, 10*hour)))
			}
			row(cells...)
		}
	}

	fmt.Fprintf(&b, "\nWhere the site has %.0f to %.0f visits in these very hours:\n\n", nominal/near, nominal*near)
	row("shift", "asked for", "reached")
	line(3)
	row("10 points", "half within 1:15", fmt.Sprintf("half within %s (%d shifts)", clock(quantile(r.ten, 0.5)), len(r.ten)))
	row("", "98 % within 3:00", fmt.Sprintf("%.0f %%; 98 %% within %s", 100*within(r.ten, 3*hour), clock(quantile(r.ten, 0.98))))
	row("5 points", "half within 4:00", fmt.Sprintf("half within %s (%d shifts)", clock(quantile(r.five, 0.5)), len(r.five)))
	row("", "90 % within 10:00", fmt.Sprintf("%.0f %%; 90 %% within %s", 100*within(r.five, 10*hour), clock(quantile(r.five, 0.9))))
	return b.String()
}

func clock(d time.Duration) string {
	if d == never {
		return "never"
	}
	return fmt.Sprintf("%d:%02d", int(d.Hours()), int(d.Minutes())%60)
}
