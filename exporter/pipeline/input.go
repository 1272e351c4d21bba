package pipeline

import (
	"slices"
	"sync"
	"time"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/stream"
)

// An Input is where lines come from.
type Input struct {
	// Name is the label value.
	Name string
	// Format of its lines; nil to tell it from the first ones.
	Format *accesslog.Format
	// Forwarded says that the lines are records of package forward, and have no Format.
	Forwarded bool
	// Site is the name of the configured site that all records belong to where the
	// format has no host. Empty is the only configured site, else the one that the
	// lines tell.
	Site string
}

// input is an Input with what is known of its lines. All but what its source counts
// belongs to whoever prepares blocks.
type input struct {
	label string
	// forwarded says that the lines are records of package forward.
	forwarded bool
	site      string // as configured
	told      string // by the lines
	format    *accesslog.Format
	votes     votes
	// detected says that the format was told from the lines, and so is to be doubted.
	detected bool
	parser   *accesslog.Parser
	line     []byte // scratch
	headers  headers
	warned   time.Time

	created time.Time
	source  stream.Source // nil while it has none
	kept    bool          // has counts of an earlier life, and had no source since
	base    base
	// sum is what base and source had counted when mark was called last, and
	// positions how far files or partitions were: nil where there never was a source.
	sum       base
	positions []stream.Position
	// restored is the format that was told from the lines in an earlier life.
	restored *accesslog.Format
}

// count notes what the input's source has counted by now, but not how far it came.
func (in *input) count() {
	in.sum = in.base
	if in.source != nil {
		in.sum.add(in.source.Stats())
	}
}

// mark notes what the input has counted by now, and how far it came.
func (in *input) mark() {
	in.sum = in.base
	if in.source == nil {
		return
	}
	if f, ok := in.source.(*stream.Follower); ok {
		f.At(func(positions []stream.Position) {
			in.sum.add(f.Stats())
			in.positions = positions
		})
		return
	}
	in.sum.add(in.source.Stats())
	if p, ok := in.source.(positioned); ok {
		if positions := p.Positions(); positions != nil {
			in.positions = positions
		}
	}
}

// positioned is a source whose records can be read again.
type positioned interface {
	// Positions returns how far they have been counted, nil where that is not known yet.
	Positions() []stream.Position
}

// base is what the sources that an input had before have counted.
type base struct {
	bytes     int64
	dropped   [stream.NumDropReasons]uint64
	errors    [stream.NumErrorReasons]uint64 // since the start only
	openLimit uint64
}

func (b *base) add(s *stream.Stats) {
	b.bytes += s.Bytes()
	b.openLimit += s.OpenLimitReached()
	for r := range b.dropped {
		b.dropped[r] += s.Dropped(stream.DropReason(r))
	}
	for r := range b.errors {
		b.errors[r] += s.Errors(stream.ErrorReason(r))
	}
}

// index returns the index, among the sites of the rules, of the one that all of
// the input's records belong to, or -1 to go by their host.
// Its lines have the format, which may be nil.
func (in *input) index(g *generation, format *accesslog.Format) int {
	if format != nil && format.Fields().Has(accesslog.FieldHost) {
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
	return &input{label: in.Name, format: in.Format, forwarded: in.Forwarded, site: in.Site, detected: in.Format == nil, created: time.Now()}
}

// SetInput replaces what is known of an input. Blocks already sent may be taken
// either way: call Barrier first.
func (e *Engine) SetInput(n int, in Input) {
	e.inputs.mu.Lock()
	defer e.inputs.mu.Unlock()
	fresh, old := newInput(in), e.inputs.all[n]
	fresh.created, fresh.source, fresh.base, fresh.told = old.created, old.source, old.base, old.told
	fresh.sum, fresh.positions, fresh.kept = old.sum, old.positions, old.kept
	if old.restored != nil && in.Format == nil {
		fresh.format, fresh.parser = old.restored, old.restored.NewParser()
		fresh.headers = old.headers
	}
	e.inputs.all[n] = fresh
}

// SetSource names the input's source, nil where it has none any more. What a source
// before has counted stays counted, and how far it came stays known.
func (e *Engine) SetSource(n int, s stream.Source) {
	e.inputs.mu.Lock()
	defer e.inputs.mu.Unlock()
	in := e.inputs.all[n]
	in.mark()
	in.base, in.source, in.kept = in.sum, s, false
}

// Positions returns how far the files of the input were counted when it last had a
// source or, before it has one, in an earlier life; nil where there was neither.
func (e *Engine) Positions(n int) []stream.Position {
	e.inputs.mu.Lock()
	defer e.inputs.mu.Unlock()
	return e.inputs.all[n].positions
}

// TakePositions gives the input those Positions of others, of inputs that have no
// source, for which mine returns true: whoever reads a file next goes on where it was
// left by whomever, and nobody else does.
func (e *Engine) TakePositions(n int, mine func(input string, p stream.Position) bool) {
	e.inputs.mu.Lock()
	defer e.inputs.mu.Unlock()
	to := e.inputs.all[n]
	for _, from := range e.inputs.all {
		if from == to || from.source != nil {
			continue
		}
		had := len(from.positions)
		from.positions = slices.DeleteFunc(from.positions, func(p stream.Position) bool {
			taken := mine(from.label, p)
			if taken {
				to.positions = append(to.positions, p)
			}
			return taken
		})
		if had > 0 && len(from.positions) == 0 {
			from.positions = nil // as if it never was read
		}
	}
}

// Forget forgets the Positions of an input without a source.
func (e *Engine) Forget(n int) {
	e.inputs.mu.Lock()
	defer e.inputs.mu.Unlock()
	e.inputs.all[n].positions = nil
}

// Sample shows the engine some of an input's lines, to tell their format and site
// by, before the first block comes. The lines are not counted. It must not be
// called while blocks of the input come.
func (e *Engine) Sample(n int, data []byte) {
	if len(data) > 0 {
		e.detecting.Lock()
		defer e.detecting.Unlock()
		in := e.inputs.get(n)
		if in.forwarded {
			return
		}
		e.learn(in, data)
		if in.format != nil && in.format.Headed() {
			in.format = lastHeader(in.format, data)
		}
	}
}

// mark notes what all inputs have counted by now.
func (in *inputs) mark() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, i := range in.all {
		i.mark()
	}
}

// count notes what all inputs have counted by now; of a live one's files only what
// has been released.
func (in *inputs) count(live bool) {
	if live {
		in.mark()
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, i := range in.all {
		i.count()
	}
}

// openLimitReached adds up what was marked.
func (in *inputs) openLimitReached() (n uint64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, i := range in.all {
		n += i.sum.openLimit
	}
	return n
}
