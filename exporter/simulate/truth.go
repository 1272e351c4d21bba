package simulate

import (
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

// Truth is what really happened in a run. It counts only what was written: a
// visit whose landing falls after the end is not in it.
type Truth struct {
	// Lines and Bytes are the log's; Lines = People + Previews + Bots.
	Lines, Bytes int64
	// People, Previews and Bots are the lines by who caused them.
	People, Previews, Bots int64
	// Pages, Assets, Beacons, Redirects and Prefetches are the lines of people by
	// what they are; they sum up to People. Reloads is how many of Pages were
	// reloads and restored tabs.
	Pages, Assets, Beacons, Redirects, Prefetches int64
	Reloads                                       int64

	// Visits are the landings of people by who really sent them. Nobody is sent
	// by schema.ChannelUnknown: a client that hides referrers was sent by someone.
	// Newsletters without a tag are private mail, as DESIGN.md has it, and newsletters
	// in Sources.
	Visits [schema.NumChannels]int64
	// Sources counts the visits by app or site.
	Sources map[string]int64
	// Bare is how many visits landed without a referrer, DeepBare how many of
	// those on a page that is neither the home page nor a front, and DeepTyped how
	// many of those were typed or bookmarked.
	Bare, DeepBare, DeepTyped int64
	// Hidden is how many visits were made by clients that send no referrer at all.
	Hidden int64
	// Conversions is how many visits reached the site's goal, by channel.
	Conversions [schema.NumChannels]int64

	// Shares counts the shares whose link preview was fetched, by app; a burst
	// of typed prefixes, or one post fetched by many servers, is one.
	Shares map[string]int64
	// PageShares and PageVisits count shares and visits by page.
	PageShares, PageVisits map[string]int64
}

func newTruth() *Truth {
	return &Truth{Sources: map[string]int64{}, Shares: map[string]int64{}, PageShares: map[string]int64{}, PageVisits: map[string]int64{}}
}

// AllVisits is the number of visits of all channels.
func (t *Truth) AllVisits() int64 {
	var n int64
	for _, v := range t.Visits {
		n += v
	}
	return n
}

// DarkShare is the true dark share: dark-social visits over all visits, 0 where
// there are none.
func (t *Truth) DarkShare() float64 {
	all := t.AllVisits()
	if all == 0 {
		return 0
	}
	return float64(t.Visits[schema.ChannelDarkSocial]) / float64(all)
}

// A Visit is one person's landing, as Options.OnVisit is told of it.
type Visit struct {
	// Time is the landing's; Line the number of its line in the log, from 1.
	Time time.Time
	Line int64
	// Page is the landing's path, Target the path with its query.
	Page, Target string
	// Channel and Source say who really sent the visitor.
	Channel schema.Channel
	Source  string
	// Front is true for the home page and the section fronts.
	Front bool
	// Typed is true for typed and bookmarked visits.
	Typed bool
	// Referrer reports that the landing carried a referrer, Tagged that its URL
	// says who sent it, InApp that its agent does.
	Referrer, Tagged, InApp bool
	// Hidden is true for a client that sends no referrer at all.
	Hidden bool
	// Returning is true for a visitor who comes with a cache.
	Returning bool
}

// A Share is one link shared in an app that fetches a preview, as
// Options.OnShare is told of it.
type Share struct {
	// Time is the time of the fetch of the page itself; Line its line, from 1.
	Time time.Time
	Line int64
	Page string
	App  string
	// Scope is to whom it was shared, private or public.
	Scope schema.Scope
}
