package question

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

// maxListed bounds the values that are listed.
const maxListed = 1000

// listed is where the values of a label are from.
var listed = map[string]*schema.Metric{
	schema.LabelSite:     schema.Requests,
	schema.LabelSection:  schema.SectionVisits,
	schema.LabelDevice:   schema.Visits,
	schema.LabelChannel:  schema.Visits,
	schema.LabelSource:   schema.Visits,
	schema.LabelEvidence: schema.Visits,
	schema.LabelApp:      schema.LinkPreviews,
	schema.LabelPage:     schema.PageVisits,
	schema.LabelGoal:     schema.Conversions,
}

// Values lists the values that a label has on the sites, of all where none is named,
// between two times, in the order of their names. There are 1,000 at most.
func (e Env) Values(ctx context.Context, label string, sites []string, from, to time.Time) ([]string, error) {
	m, ok := listed[label]
	if !ok {
		return nil, invalid("There is no list of %q; there are lists of site, section, device, channel, source, evidence, app, page and goal.", label)
	}
	if len(sites) > maxValues {
		return nil, invalid("There are %d sites, more than %d: leave them out for all.", len(sites), maxValues)
	}
	if !from.Before(to) {
		return nil, invalid("The time range ends before it begins.")
	}
	var ms []matcher
	if len(sites) > 0 && label != schema.LabelSite {
		ms = []matcher{{schema.LabelSite, sites}}
	}
	found, err := e.Client.Values(ctx, label, selector(m.Name, ms), from, to)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b string) int { return strings.Compare(Named(label, a), Named(label, b)) })
	return found[:min(len(found), maxListed)], nil
}
