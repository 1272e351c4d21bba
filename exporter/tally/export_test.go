package tally

import "github.com/darkshare/darkshare/exporter/schema"

// Snapshot returns every series.
func (t *Tally) Snapshot() []schema.Family {
	t.opt.Table.Begin()
	t.Show()
	t.opt.Table.End()
	return t.opt.Table.Families()
}
