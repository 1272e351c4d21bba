package pipeline

import (
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/site"
	"github.com/darkshare/darkshare/exporter/stream"
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
	e.show()
	return e.table.Families()
}

// show gives every series its value in the table; those of the inputs as they were
// marked.
func (e *Engine) show() {
	e.table.Begin()
	e.tally.Show()
	e.showSites()
	e.showVisitors()
	e.showInputs()
	e.showForward()
	e.table.End()
}

func (e *Engine) gauge(m *schema.Metric, v float64, labels ...string) {
	e.table.Put(m, v, time.Time{}, labels...)
}

func (e *Engine) showSites() {
	for id := site.Other + 1; id < e.sites.Len(); id++ {
		c, name := e.tracker.Control(id), e.sites.Name(id)
		if c.Landings > 0 {
			e.gauge(schema.ConfirmationRatio, c.Confirmed/c.Landings, name)
		}
		e.gauge(schema.ConfirmationLandings, c.Landings, name)
		e.gauge(schema.ConfirmationEnabled, truth(c.Enabled), name)
	}
}

func (e *Engine) showVisitors() {
	stats := e.tracker.Stats()
	e.gauge(schema.Visitors, float64(stats.Visitors))
	e.table.Put(schema.VisitorsEvicted, float64(stats.VisitorsEvicted), e.started)
	e.gauge(schema.PendingLandings, float64(stats.Pending))
}

// showInputs shows what the inputs' sources count.
func (e *Engine) showInputs() {
	e.inputs.mu.Lock()
	defer e.inputs.mu.Unlock()
	for _, in := range e.inputs.all {
		if in.source == nil && !in.kept {
			continue
		}
		e.table.Put(schema.InputBytes, float64(in.sum.bytes), in.created, in.label)
		for r, n := range in.sum.dropped {
			e.table.Put(schema.InputDropped, float64(n), in.created, in.label, stream.DropReason(r).String())
		}
		if in.source == nil {
			continue // its counters go on where they were
		}
		stats := in.source.Stats()
		e.gauge(schema.InputLag, float64(stats.Lag()), in.label)
		if stats.Remote() {
			for r, n := range in.sum.errors {
				e.table.Put(schema.InputErrors, float64(n), in.created, in.label, stream.ErrorReason(r).String())
			}
		}
		e.gauge(schema.InputUp, truth(stats.Up()), in.label)
	}
}

// showForward shows what there is to say of forwarding.
func (e *Engine) showForward() {
	f := e.opt.Forward
	if f == nil {
		return
	}
	e.table.Put(schema.ForwardedRecords, float64(e.forwarded), e.started)
	e.gauge(schema.ForwardPending, float64(f.Producer.Pending()))
	stats := f.Producer.Stats()
	for r := range stream.NumErrorReasons {
		e.table.Put(schema.ForwardErrors, float64(stats.Errors(r)), e.started, r.String())
	}
	e.gauge(schema.ForwardUp, truth(stats.Up()))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
