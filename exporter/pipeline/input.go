package pipeline

import (
	"sync"
	"time"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stream"
)

// An Input is where lines come from.
type Input struct {
	// Name is the label value.
	Name string
	// Format of its lines; nil to tell it from the first ones.
	Format *accesslog.Format
	// Site is the index in the rules' sites that all of its requests belong to, or
	// -1 to go by their host.
	Site int
}

// input is an Input with what is known of its lines.
type input struct {
	name    string
	format  *accesslog.Format
	site    int
	created time.Time
	stats   *stream.Stats // nil while it has no source

	// The rest belongs to the dispatcher. detected says that the format was told
	// from the lines, and so is to be doubted.
	detected bool
	parser   *accesslog.Parser
	line     []byte // scratch
	warned   time.Time
}

type inputs struct {
	mu  sync.Mutex
	all []*input
}

func (in *inputs) get(n int) *input {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.all[n]
}

func (in *inputs) openLimitReached() (n uint64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, i := range in.all {
		if i.stats != nil {
			n += i.stats.OpenLimitReached()
		}
	}
	return n
}

// AddInput adds an input and returns its number, which its blocks must have.
func (e *Engine) AddInput(in Input) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.inputs.mu.Lock()
	defer e.inputs.mu.Unlock()
	e.inputs.all = append(e.inputs.all, newInput(in))
	e.clocks.add()
	return e.tally.Input(in.Name)
}

func newInput(in Input) *input {
	return &input{name: in.Name, format: in.Format, site: in.Site, detected: in.Format == nil, created: time.Now()}
}

// SetInput replaces what is known of an input. Blocks already sent may be taken
// either way: call Barrier first.
func (e *Engine) SetInput(n int, in Input) {
	e.inputs.mu.Lock()
	defer e.inputs.mu.Unlock()
	fresh := newInput(in)
	fresh.created = e.inputs.all[n].created
	e.inputs.all[n] = fresh
}

// SetStats names the counters of the input's source, nil where it has none any
// more.
func (e *Engine) SetStats(n int, s *stream.Stats) {
	e.inputs.mu.Lock()
	defer e.inputs.mu.Unlock()
	e.inputs.all[n].stats = s
}

// Sample shows the engine some of an input's lines, to tell their format by,
// before the first block comes. The lines are not counted.
func (e *Engine) Sample(n int, data []byte) {
	if in := e.inputs.get(n); in.detected && len(data) > 0 {
		e.detect(in, data)
	}
}

// snapshotInputs returns what the inputs' sources count.
func (e *Engine) snapshotInputs() []schema.Family {
	e.inputs.mu.Lock()
	defer e.inputs.mu.Unlock()
	families := []schema.Family{
		{Metric: schema.InputBytes}, {Metric: schema.InputLag}, {Metric: schema.InputDropped}, {Metric: schema.InputUp},
	}
	bytes, lag, dropped, up := &families[0], &families[1], &families[2], &families[3]
	for _, in := range e.inputs.all {
		if in.stats == nil {
			continue
		}
		bytes.Add(float64(in.stats.Bytes()), in.created, in.name)
		lag.Add(float64(in.stats.Lag()), time.Time{}, in.name)
		for r := range stream.NumDropReasons {
			dropped.Add(float64(in.stats.Dropped(r)), in.created, in.name, r.String())
		}
		up.Add(truth(in.stats.Up()), time.Time{}, in.name)
	}
	return families
}
