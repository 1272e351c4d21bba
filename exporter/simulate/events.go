package simulate

import (
	"fmt"
	"math"
	"time"
)

// EventKind is what happens in an event.
type EventKind uint8

// The kinds of events.
const (
	// Viral: a page goes round in an app.
	Viral EventKind = iota
	// Untagged: a newsletter goes out without its campaign tags, by accident.
	// Newsletter visits of the time are untagged too.
	Untagged
	// BotWave: scanners with browsers' agents, on real pages and on attack paths.
	BotWave
	// Quiet: people stay away, as on a holiday.
	Quiet
)

// Event is something out of the ordinary.
type Event struct {
	Kind EventKind
	// After is the time from the run's start to the event's, Duration how long it
	// lasts. A rise and a slow fall are in it.
	After, Duration time.Duration
	// Visits is the mean number of visits an hour that it brings, for a BotWave
	// of lines. A Quiet event brings none.
	Visits float64
	// Daily is true where it sleeps at night as people do: Visits is then the mean
	// of whole days.
	Daily bool
	// Left is the part of the ordinary visits that is left in a Quiet event.
	Left float64
	// Sender is the app of a Viral event, "whatsapp" if empty.
	Sender string
	// Page is the path of the page of a Viral event; if empty, an article that is
	// popular when it begins.
	Page string
}

// happening is an event of a run.
type happening struct {
	Event
	from       *sender
	page       int32
	start, end int64
	begun      bool
	tagged     float64 // what the newsletter's was before
}

func (s *simulation) addEvents() error {
	for i, e := range s.Events {
		if e.After < 0 || e.Duration <= 0 || !(e.Visits >= 0 && e.Visits <= 1e7) || !(e.Left >= 0 && e.Left <= 1) || e.Kind > Quiet {
			return fmt.Errorf("simulate: event %d: want a known kind, a start of 0 or more, a duration of more than 0, at most 10,000,000 visits an hour, and a part left from 0 to 1", i+1)
		}
		if e.Kind == Quiet {
			continue // the rhythm has it
		}
		h := &happening{Event: e, page: -1, start: s.Start.UnixNano() + int64(e.After)}
		h.end = h.start + int64(e.Duration)
		name := e.Sender
		if name == "" {
			name = "whatsapp"
		}
		if e.Kind == Untagged {
			name = newsletter
		}
		if h.from = s.senders[name]; h.from == nil {
			return fmt.Errorf("simulate: event %d: unknown sender %q", i+1, name)
		}
		if e.Page != "" {
			for id := range s.site.pages {
				if s.site.pages[id].path == e.Page {
					h.page = int32(id)
				}
			}
			if h.page < 0 {
				return fmt.Errorf("simulate: event %d: the site has no page %q", i+1, e.Page)
			}
		}
		s.queue.add(h.start, h)
	}
	return nil
}

func (h *happening) act(s *simulation) int64 {
	switch {
	case !h.begun:
		h.begin(s)
	case s.now >= h.end:
		if h.Kind == Untagged {
			h.from.tagged = h.tagged
		}
		return done
	default:
		h.happen(s)
	}
	if h.Visits == 0 {
		return h.end
	}
	return min(h.next(s), h.end)
}

func (h *happening) begin(s *simulation) {
	h.begun = true
	if h.Kind == Untagged {
		h.tagged, h.from.tagged = h.from.tagged, 0
	}
	if h.page < 0 {
		h.page = s.site.article(s.now, s.random)
	}
}

func (h *happening) happen(s *simulation) {
	switch h.Kind {
	case Untagged:
		s.visit(arrival{from: h.from, page: s.landing(h.from)})
	case BotWave:
		kind := botWalker
		if s.chance(0.3) {
			kind = botProbe
		}
		// Short runs: a wave comes from many addresses.
		s.startBot(kind, 4, s.now)
	default:
		if h.from.reach == 0 {
			s.visit(arrival{from: h.from, page: h.page, query: s.tag(h.from)})
		} else if s.chance(1 / h.from.reach) {
			s.share(h.from, h.page)
		}
	}
}

// next returns the time of the next visit: a quick rise to about 2.7 times the
// mean rate at a tenth of the duration, and a fall from there.
func (h *happening) next(s *simulation) int64 {
	rate := h.Visits
	if h.Kind == BotWave {
		rate /= 4
	}
	most := 2.8
	if h.Daily {
		most *= busiest
	}
	now := s.now
	for now < h.end {
		now += int64(s.exp(float64(time.Hour) / (rate * most)))
		part := shape(float64(now-h.start) / float64(h.end-h.start))
		if h.Daily {
			part *= hourly(now + s.rhythm.offset)
		}
		if s.unit()*most < part {
			break
		}
	}
	return now
}

// shape is the rate at x of an event's duration, over its mean.
func shape(x float64) float64 {
	const peak = 0.1
	if x < peak {
		return 2.75 * x / peak
	}
	// (peak/x)^0.75, with which the mean over the duration is 1.
	root := math.Sqrt(peak / x)
	return 2.75 * root * math.Sqrt(root)
}
