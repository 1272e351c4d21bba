package tally

import (
	_ "embed"
	"fmt"
	"math"

	"go.yaml.in/yaml/v3"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
)

//go:embed excess.yaml
var excessData []byte

// parts are millionths of a visit: whole numbers, so that sums do not depend on
// the order of a map.
type parts uint64

func partsOf(visits float64) parts   { return parts(math.Round(visits * 1e6)) }
func (p parts) visits() float64      { return float64(p) / 1e6 }
func (p parts) times(n uint64) parts { return p * parts(n) }

// excessRules is what excess.yaml says, for each visit that is counted: how much of
// the deep_link visits is expected not to be private sharing.
type excessRules struct {
	Typed float64
	// Lost is by source or, for the rest of a channel, by channel.
	Lost map[string]float64
}

var expected = func() (r excessRules) {
	if err := yaml.Unmarshal(excessData, &r); err != nil {
		panic(fmt.Sprintf("tally: excess.yaml: %v", err))
	}
	for name, p := range r.Lost {
		// n visits that kept their referrer stand for n·p/(1-p) that did not.
		r.Lost[name] = p / (1 - p)
	}
	return r
}()

// excess returns how many deep_link visits are expected beside one such visit, or
// as which part of it, that are not private sharing, and why: [schema.CauseTyped]
// or [schema.CauseReferrerLost].
func (t *Tally) excess(c schema.Channel, s attribution.Source, e schema.Evidence) (parts, schema.Cause) {
	switch {
	case e == schema.EvidenceDeepLink:
		return partsOf(expected.Typed), schema.CauseTyped
	case e == schema.EvidenceReferrer && c != schema.ChannelDarkSocial:
		if lost, ok := expected.Lost[t.opt.SourceName(s)]; ok {
			return partsOf(lost), schema.CauseReferrerLost
		}
		return partsOf(expected.Lost[c.String()]), schema.CauseReferrerLost
	}
	return 0, schema.CauseReferrerLost
}
