package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/state"
	"github.com/darkshare/darkshare/exporter/stream"
)

// ErrState is the error of New where Options.State is not what Checkpoint wrote.
var ErrState = errors.New("the state cannot be taken up")

// Checkpoint writes to out what the engine knows at a moment between two blocks, all
// that came before counted and nothing that came after: the counts, what was learned,
// and how far the inputs have been counted. It returns every series at that same
// moment, which the world may be shown once the state is stored: what is counted
// later and lost is counted again. It waits for Run to begin.
//
// Where all lines that came are before until, in nanoseconds since the Unix epoch, and
// none that comes is, the samples before it are taken first; 0 says nothing of the kind.
func (e *Engine) Checkpoint(ctx context.Context, out *state.Encoder, until int64) ([]schema.Family, error) {
	var learned state.Encoder
	var families []schema.Family
	passed := func() { e.saveLearned(&learned) }
	reached := func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.passed(until)
		e.inputs.mark()
		e.save(out)
		out.Data = append(out.Data, learned.Data...)
		families = e.families()
		if e.sampling.to != nil {
			e.sampling.to.Mark()
		}
	}
	done := make(chan struct{})
	select {
	case e.barriers <- barrier{passed, func() { reached(); close(done) }}:
	case <-e.ended:
		passed()
		reached()
		return families, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	<-done // the engine does not stop between two blocks
	return families, nil
}

// save writes everything but what saveLearned does. The caller holds e.mu.
func (e *Engine) save(out *state.Encoder) {
	rules := e.rules.Load().rules
	out.Words(rules.Sources())
	e.sites.Save(out)
	out.Words(e.told)
	for id := range e.sites.Len() {
		out.Words(e.goalNames(id))
	}
	out.Time(e.started)
	out.Int(e.clocks.now)
	out.Int(e.clocks.newest())
	out.Bool(e.clocks.wall)
	out.Uint(e.forwarded)
	out.Int(e.sampling.saved())
	e.tally.Save(out)
	e.tracker.Save(out)
	e.inputs.save(out)
}

// restore takes up a state, in an engine that has counted nothing.
func (e *Engine) restore(in *state.Decoder, user attribution.Options) error {
	e.sources = readNames(in)
	e.sites.Restore(in)
	told := readNames(in)
	goals := make([][]string, e.sites.Len())
	for id := range goals {
		goals[id] = readNames(in)
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	e.configuring.Lock()
	defer e.configuring.Unlock()
	if err := e.configure(user, told); err != nil {
		// Is it what is configured?
		if err := e.configure(user, nil); err != nil {
			return err
		}
	}
	sources := len(e.rules.Load().rules.Sources())
	e.started = in.Time()
	e.clocks.now, e.clocks.before, e.clocks.wall = in.Int(), in.Int(), in.Bool()
	e.forwarded = in.Uint()
	e.sampling.next = in.Int()
	e.tally.Restore(in, e.sites.Len(), sources)
	e.tracker.Restore(in, e.sites.Len(), sources, func(id int) (same uint32) {
		for i, name := range goals[id] {
			if i < 32 && e.goalName(id, i) == name {
				same |= 1 << i
			}
		}
		return same
	})
	e.inputs.restore(in)
	for n, i := range e.inputs.all {
		if e.tally.Input(i.label) != n {
			in.Fail("the input %q has no counters", i.label)
		}
	}
	e.restoreLearned(in)
	e.resumeSampling()
	if err := in.End(); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	return nil
}

func readNames(in *state.Decoder) (names []string) {
	for range in.Len() {
		names = append(names, in.String())
	}
	return names
}

// goalNames lists the goals of a site, by their bits.
func (e *Engine) goalNames(id int) (names []string) {
	for i := range 32 {
		name := e.goalName(id, i)
		if name == "" {
			break
		}
		names = append(names, name)
	}
	return names
}

// save writes the inputs as they were marked.
func (in *inputs) save(out *state.Encoder) {
	in.mu.Lock()
	defer in.mu.Unlock()
	out.Words(dropWords)
	out.Words(errorWords)
	out.Num(len(in.all))
	for _, i := range in.all {
		out.String(i.label)
		out.Time(i.created)
		out.Int(i.sum.bytes)
		for _, n := range i.sum.dropped {
			out.Uint(n)
		}
		for _, n := range i.sum.errors {
			out.Uint(n)
		}
		out.Uint(i.sum.openLimit)
		out.String(i.told)
		out.Bool(i.positions != nil)
		if i.positions != nil {
			savePositions(out, i.positions)
		}
	}
}

var (
	dropWords  = schema.Words(stream.NumDropReasons)
	errorWords = schema.Words(stream.NumErrorReasons)
)

func (in *inputs) restore(d *state.Decoder) {
	reasons, errors := d.Words(dropWords), d.Words(errorWords)
	in.all = make([]*input, d.Len())
	for n := range in.all {
		i := newInput(Input{Name: d.String()})
		i.created = d.Time()
		i.base.bytes = d.Int()
		for r := range reasons.Len() {
			i.base.dropped[reasons.Now(r)] = d.Uint()
		}
		for r := range errors.Len() {
			i.base.errors[errors.Now(r)] = d.Uint()
		}
		i.base.openLimit = d.Uint()
		i.told = d.String()
		if d.Bool() {
			i.positions = restorePositions(d)
		}
		i.sum, i.kept = i.base, i.base.bytes > 0
		in.all[n] = i
	}
}

func savePositions(out *state.Encoder, positions []stream.Position) {
	out.Num(len(positions))
	for _, p := range positions {
		out.String(p.Path)
		out.Uint(p.Device)
		out.Uint(p.Inode)
		out.Fixed(p.Fingerprint)
		out.Num(p.FingerprintSize)
		out.Int(p.Offset)
		out.Int(p.Size)
		out.Int(p.Seen)
	}
}

func restorePositions(d *state.Decoder) []stream.Position {
	positions := make([]stream.Position, d.Len())
	for i := range positions {
		positions[i] = stream.Position{
			Path: d.String(), Device: d.Uint(), Inode: d.Uint(), Fingerprint: d.Fixed(), FingerprintSize: d.Below(1 << 20),
			Offset: d.Int(), Size: d.Int(), Seen: d.Int(),
		}
		if positions[i].Offset < 0 {
			d.Fail("the position in %s is %d", positions[i].Path, positions[i].Offset)
		}
	}
	return positions
}

// saveLearned writes the formats that the lines have told. It belongs to whoever
// prepares blocks.
func (e *Engine) saveLearned(out *state.Encoder) {
	e.inputs.mu.Lock()
	all := slices.Clone(e.inputs.all)
	e.inputs.mu.Unlock()
	e.detecting.Lock()
	defer e.detecting.Unlock()
	out.Num(len(all))
	for _, in := range all {
		var definition string
		var fields accesslog.Fields
		if in.detected && in.format != nil {
			definition, fields = in.format.Definition(), in.format.Fields()
		}
		out.String(in.label)
		out.String(definition)
		out.Uint(uint64(fields))
		out.Num(len(in.headers.byFile))
		for file, f := range in.headers.byFile {
			out.String(file)
			out.String(f.Definition())
		}
	}
}

// restoreLearned takes up formats that are still known; others will be told anew.
func (e *Engine) restoreLearned(d *state.Decoder) {
	for range d.Len() {
		in := &input{} // of an input that was added while the state was written
		label := d.String()
		if n := slices.IndexFunc(e.inputs.all, func(in *input) bool { return in.label == label }); n >= 0 {
			in = e.inputs.all[n]
		}
		definition, fields := d.String(), accesslog.Fields(d.Uint())
		if f, err := accesslog.Compile(definition); definition != "" && err == nil && f.Fields() == fields {
			in.restored = f
		}
		for range d.Len() {
			file, definition := d.String(), d.String()
			if f := in.headers.format([]byte(definition)); f != nil && len(in.headers.byFile) < mostHeaded {
				if in.headers.byFile == nil {
					in.headers.byFile = map[string]*accesslog.Format{}
				}
				in.headers.byFile[file] = f
			}
		}
	}
}
