package simulate

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// A Simulation is sites whose traffic is simulated together, and written to one
// log as far as it is asked for.
type Simulation struct {
	to    *sink
	sites []*simulation
}

// New sets up the simulation of some sites, which write the same format to w. The
// sites know nothing of each other: each has the lines that it has alone.
func New(w io.Writer, sites ...Options) (*Simulation, error) {
	if len(sites) == 0 {
		return nil, errors.New("simulate: no site")
	}
	s := &Simulation{to: newSink(w)}
	for _, o := range sites {
		if o.Format != sites[0].Format {
			return nil, fmt.Errorf("simulate: sites of one log in %v and in %v: want one format", sites[0].Format, o.Format)
		}
		site, err := newSimulation(&o, s.to)
		if err != nil {
			return nil, err
		}
		s.sites = append(s.sites, site)
	}
	return s, nil
}

// Until writes the lines before t that are not written yet, in the order of their
// times and, where these are equal, of the sites. However a simulation is cut into
// calls, it gives the same bytes. An error is w's; it stays.
func (s *Simulation) Until(t time.Time) error {
	s.until(t.UnixNano())
	s.to.flush()
	for _, site := range s.sites {
		site.truth.Lines, site.truth.Bytes = site.out.lines, site.out.bytes
	}
	if s.to.err != nil {
		return fmt.Errorf("simulate: write the log: %w", s.to.err)
	}
	return nil
}

func (s *Simulation) until(end int64) {
	for s.to.err == nil {
		// The first site goes on until another one is due.
		var first *simulation
		due, bound := int64(math.MaxInt64), end
		for _, site := range s.sites {
			at, ok := site.next()
			switch {
			case !ok:
			case at < due:
				if first != nil {
					bound = min(bound, due)
				}
				first, due = site, at
			default:
				// The site comes after the first, which acts before it at equal times.
				bound = min(bound, at+1)
			}
		}
		if first == nil || due >= end {
			return
		}
		first.runTo(bound)
	}
}

// Truth is what really happened on the site with that place among those given to
// [New], in what was written by now.
func (s *Simulation) Truth(site int) *Truth { return s.sites[site].truth }

// Run writes the log of a simulated site to w and returns the truth about it.
// An error is of the options or of w; what was written by then is whole lines.
func Run(o Options, w io.Writer) (*Truth, error) {
	s, err := New(w, o)
	if err != nil {
		return nil, err
	}
	if err := s.Until(o.Start.Add(o.Duration)); err != nil {
		return nil, err
	}
	return s.Truth(0), nil
}
