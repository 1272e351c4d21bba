package pipeline

import (
	"cmp"
	"slices"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/site"
)

// Snapshot returns every series at one moment: what it adds up to holds whenever
// it is called.
func (e *Engine) Snapshot() []schema.Family {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.inputs.mark()
	return e.families()
}

// families returns every series; those of the inputs as they were marked.
func (e *Engine) families() []schema.Family {
	families := e.tally.Snapshot()
	families = append(families, e.snapshotSites()...)
	families = append(families, e.snapshotVisitors()...)
	families = append(families, e.snapshotInputs()...)
	families = append(families, e.snapshotForward()...)
	slices.SortStableFunc(families, func(a, b schema.Family) int {
		return cmp.Compare(slices.Index(schema.Metrics, a.Metric), slices.Index(schema.Metrics, b.Metric))
	})
	return families
}

func (e *Engine) snapshotSites() []schema.Family {
	ratio := schema.Family{Metric: schema.ConfirmationRatio}
	landings := schema.Family{Metric: schema.ConfirmationLandings}
	enabled := schema.Family{Metric: schema.ConfirmationEnabled}
	for id := site.Other + 1; id < e.sites.Len(); id++ {
		c, name := e.tracker.Control(id), e.sites.Name(id)
		if c.Landings > 0 {
			ratio.Add(c.Confirmed/c.Landings, time.Time{}, name)
		}
		landings.Add(c.Landings, time.Time{}, name)
		enabled.Add(truth(c.Enabled), time.Time{}, name)
	}
	return []schema.Family{ratio, landings, enabled}
}

func (e *Engine) snapshotVisitors() []schema.Family {
	stats := e.tracker.Stats()
	visitors := schema.Family{Metric: schema.Visitors}
	visitors.Add(float64(stats.Visitors), time.Time{})
	evicted := schema.Family{Metric: schema.VisitorsEvicted}
	evicted.Add(float64(stats.VisitorsEvicted), e.started)
	pending := schema.Family{Metric: schema.PendingLandings}
	pending.Add(float64(stats.Pending), time.Time{})
	return []schema.Family{visitors, evicted, pending}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
