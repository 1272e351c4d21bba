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
	// Site is the name of the configured site that all records belong to where the
	// format has no host. Empty is the only configured site, else the one that the
	// lines tell.
	Site string
}

// input is an Input with what is known of its lines. All but stats and base
// belongs to whoever prepares blocks.
type input struct {
	label  string
	site   string // as configured
	told   string // by the lines
	format *accesslog.Format
	votes  votes
	// detected says that the format was told from the lines, and so is to be doubted.
	detected bool
	parser   *accesslog.Parser
	line     []byte // scratch
	warned   time.Time

	created time.Time
	stats   *stream.Stats // nil while it has no source
	base    base
}

// base is what the sources that an input had before have counted.
type base struct {
	bytes     int64
	dropped   [stream.NumDropReasons]uint64
	openLimit uint64
}

func (b *base) add(s *stream.Stats) {
	b.bytes += s.Bytes()
	b.openLimit += s.OpenLimitReached()
	for r := range b.dropped {
		b.dropped[r] += s.Dropped(stream.DropReason(r))
	}
}

// index returns the index, among the sites of the rules, of the one that all of
// the input's records belong to, or -1 to go by their host.
func (in *input) index(g *generation) int {
	if in.format != nil && in.format.Fields().Has(accesslog.FieldHost) {
		return -1
	}
	switch {
	case in.site != "":
		return g.named(in.site)
	case g.configured == 1:
		return 0
	case g.configured == 0 && in.told != "":
		return g.named(in.told)
	}
	return -1
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

// AddInput adds an input and returns its number, which its blocks must have. One
// of that name before is taken up again.
func (e *Engine) AddInput(in Input) int {
	e.mu.Lock()
	n := e.tally.Input(in.Name)
	e.mu.Unlock()
	e.inputs.mu.Lock()
	known := n < len(e.inputs.all)
	if !known {
		e.inputs.all = append(e.inputs.all, newInput(in))
	}
	e.inputs.mu.Unlock()
	if known {
		e.SetInput(n, in)
	}
	return n
}

func newInput(in Input) *input {
	return &input{label: in.Name, format: in.Format, site: in.Site, detected: in.Format == nil, created: time.Now()}
}

// SetInput replaces what is known of an input. Blocks already sent may be taken
// either way: call Barrier first.
func (e *Engine) SetInput(n int, in Input) {
	e.inputs.mu.Lock()
	defer e.inputs.mu.Unlock()
	fresh, old := newInput(in), e.inputs.all[n]
	fresh.created, fresh.stats, fresh.base, fresh.told = old.created, old.stats, old.base, old.told
	e.inputs.all[n] = fresh
}

// SetStats names the counters of the input's source, nil where it has none any
// more. What a source before has counted stays counted.
func (e *Engine) SetStats(n int, s *stream.Stats) {
	e.inputs.mu.Lock()
	defer e.inputs.mu.Unlock()
	in := e.inputs.all[n]
	if in.stats != nil {
		in.base.add(in.stats)
	}
	in.stats = s
}

// Sample shows the engine some of an input's lines, to tell their format and site
// by, before the first block comes. The lines are not counted. It must not be
// called while blocks of the input come.
func (e *Engine) Sample(n int, data []byte) {
	if len(data) > 0 {
		e.learn(e.inputs.get(n), data)
	}
}

func (in *inputs) openLimitReached() (n uint64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, i := range in.all {
		n += i.base.openLimit
		if i.stats != nil {
			n += i.stats.OpenLimitReached()
		}
	}
	return n
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
		sum := in.base
		sum.add(in.stats)
		bytes.Add(float64(sum.bytes), in.created, in.label)
		lag.Add(float64(in.stats.Lag()), time.Time{}, in.label)
		for r, n := range sum.dropped {
			dropped.Add(float64(n), in.created, in.label, stream.DropReason(r).String())
		}
		up.Add(truth(in.stats.Up()), time.Time{}, in.label)
	}
	return families
}
