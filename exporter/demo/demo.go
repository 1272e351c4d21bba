// Package demo is what `darkshare demo` shows: four weeks of a newspaper and a shop,
// with a story, and whatever comes after them. The traffic is that of package
// simulate, so what really happened is known.
package demo

import (
	_ "embed"
	"fmt"
	"slices"
	"time"

	"github.com/darkshare/darkshare/exporter/config"
	"github.com/darkshare/darkshare/exporter/simulate"
)

const (
	// History is how long the sites' past is.
	History = 28 * 24 * time.Hour
	// future is how long they go on; who leaves a demo running for longer sees it end.
	future = 366 * 24 * time.Hour
	// lead is what fills the sites with readers before the first line.
	lead   = 12 * time.Hour
	growth = 0.02
)

//go:embed sites.yaml
var sitesYAML []byte

// traffic is what comes to the sites of sites.yaml, in their order. Together it is
// about 9,700,000 lines in four weeks: a machine with two cores simulates and
// classifies them in half a minute.
var traffic = []struct {
	host, mix    string
	visits, bots float64
	seed         uint64 // of the pages
}{
	{"www.courier.example", "news", 600, 0.30, 1848},
	{"www.bazaar.example", "shop", 220, 0.35, 1706},
}

// newsletters is the part of the newspaper's visits that its newsletter sends, in
// the mix's unit: a fifteenth or so, as where readers are asked to subscribe.
const newsletters = 7

// A Demo is the sites and their story, from four weeks before End and on from there.
type Demo struct {
	// Start is when the sites' past begins, End when it ends and the present begins.
	// Their zone is the logs'.
	Start, End time.Time
	// Sites is the configuration of the sites.
	Sites []config.Site

	seed   uint64
	script []scene
}

// New returns the demo whose past ends at end, in end's zone. The same end and seed
// give the same traffic.
func New(end time.Time, seed uint64) (*Demo, error) {
	c, err := config.Parse("sites.yaml", sitesYAML)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	script, err := readScript()
	if err != nil {
		return nil, fmt.Errorf("demo: story.yaml: %w", err)
	}
	// One offset throughout, as simulate has it: the present's.
	name, offset := end.Zone()
	end = end.Truncate(time.Second).In(time.FixedZone(name, offset))
	return &Demo{Start: end.Add(-History), End: end, Sites: c.Sites, seed: seed, script: script}, nil
}

// Options returns what to simulate from that time on, a year beyond [Demo.End] and
// more, in the order of Sites. From Start on it is past and present in one:
//
//	s, err := simulate.New(w, d.Options(d.Start)...)
//	err = s.Until(d.End)        // the past, as fast as can be
//	err = s.Until(time.Now())   // and on from there, once a second
//
// From any later time on it is the same sites, pages and rates, amid their traffic,
// with other people: what a demo goes on with that has its past in a store. Of the
// story it has what begins at that time or later.
func (d *Demo) Options(from time.Time) []simulate.Options {
	const week = 7 * 24 * time.Hour
	from = from.In(d.End.Location())
	grown := 1 + growth*float64(from.Sub(d.Start))/float64(week)
	story := d.Story(from)
	var all []simulate.Options
	for i, t := range traffic {
		o := simulate.Options{
			Seed:  d.seed*uint64(len(traffic)) + uint64(i),
			Start: from, Duration: d.End.Add(future).Sub(from), Lead: lead,
			Visits: t.visits * grown, Growth: growth / grown, Bots: t.bots,
			Site: d.site(i), Mix: mix(t.mix), Format: simulate.NginxJSON,
		}
		if !from.Equal(d.Start) {
			o.Seed += uint64(from.UnixNano()) // not the people of the first day again
		}
		for _, c := range story {
			if c.Site == "" || c.Site == d.Sites[i].Name {
				o.Events = append(o.Events, c.event(from))
			}
		}
		all = append(all, o)
	}
	return all
}

func (d *Demo) site(i int) simulate.Site {
	return simulate.Site{Host: traffic[i].host, Kind: mix(traffic[i].mix).Site, Seed: traffic[i].seed}
}

func mix(name string) simulate.Mix {
	m, err := simulate.MixByName(name)
	if err != nil {
		panic(err) // the names are constants
	}
	if m.Site == simulate.NewsSite {
		m.Senders = slices.Clone(m.Senders)
		for i := range m.Senders {
			if m.Senders[i].Sender == "newsletter" {
				m.Senders[i].Visits = newsletters
			}
		}
	}
	return m
}
