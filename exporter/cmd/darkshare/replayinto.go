package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/spf13/cobra"

	"github.com/darkshare/darkshare/exporter/config"
	"github.com/darkshare/darkshare/exporter/history"
	"github.com/darkshare/darkshare/exporter/pipeline"
	"github.com/darkshare/darkshare/exporter/state"
	"github.com/darkshare/darkshare/exporter/stream"
)

const (
	// part is how much of a log's time is stored at once where it has many lines, and
	// longPart where it has few: times that Prometheus merges its blocks to, so that it
	// leaves these as they are.
	part     = 18 * time.Hour
	longPart = 3 * part
	// many lines are worth a block: what a kill costs at the most is to read them again.
	many = 5_000_000
)

// replayInput is the input of replayed files.
const replayInput = "files"

// A target is where the history of replayed logs goes; at most one field but the last
// two is given.
type target struct {
	store, blocks, openMetrics, remote string
	state                              string
	labels                             map[string]string
}

func (t *target) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&t.store, "store", "", "replay into the store in this `directory`, at the log's own times: serve --store goes on from there")
	flags.StringVar(&t.blocks, "blocks", "", "write blocks that a Prometheus server adopts into this `directory`, such as its data directory")
	flags.StringVar(&t.remote, "remote-write", "", "send the samples to this `URL`, of Prometheus, Mimir, VictoriaMetrics; needs --state")
	flags.StringVar(&t.openMetrics, "openmetrics", "", "write the samples to this `file`, for promtool tsdb create-blocks-from openmetrics")
	flags.StringVar(&t.state, "state", "", "keep in this `file` how far --remote-write has come, so that nothing is sent twice")
	flags.StringToStringVar(&t.labels, "label", nil, "give every series this `name=value`, such as job=darkshare; may be given several times")
	cmd.MarkFlagsMutuallyExclusive("store", "blocks", "remote-write", "openmetrics")
	for _, name := range []string{"store", "blocks"} {
		_ = cmd.MarkFlagDirname(name)
	}
	_ = cmd.MarkFlagFilename("state")
}

func (t *target) given() bool { return cmp.Or(t.store, t.blocks, t.remote, t.openMetrics) != "" }

// external returns the labels of --label.
func (t *target) external() (labels.Labels, error) {
	for name := range t.labels {
		if !labelName(name) {
			return labels.Labels{}, fmt.Errorf("--label %s=…: a label's name has letters, digits and _, and no digit first", name)
		}
	}
	return labels.FromMap(t.labels), nil
}

func labelName(s string) bool {
	for i, c := range s {
		if c != '_' && !('a' <= c|0x20 && c|0x20 <= 'z') && !(i > 0 && '0' <= c && c <= '9') {
			return false
		}
	}
	return s != "" && !strings.HasPrefix(s, "__")
}

// open opens the archive, and returns what it had stored. finish does what there is to
// do once all is there.
func (t *target) open(ctx context.Context, external labels.Labels) (a *history.Archive, saved *state.Decoder, finish func() error, err error) {
	finish = func() error { return nil }
	dir := cmp.Or(t.store, t.blocks)
	switch {
	case t.remote == "" && t.state != "":
		return nil, nil, nil, errors.New("--state: only --remote-write needs it")
	case t.remote != "":
		if t.state == "" {
			return nil, nil, nil, errors.New("--remote-write: name a file with --state, so that a second run sends nothing twice")
		}
		w, err := history.NewRemoteWriter(history.RemoteOptions{URL: t.remote, Progress: t.state + ".sent", Logger: warnings()})
		if err != nil {
			return nil, nil, nil, fmt.Errorf("--remote-write: %w", err)
		}
		a, saved, err = history.OpenArchive(history.Remote{Context: ctx, Writer: w}, t.state)
		return a, saved, func() error { w.Close(); return nil }, err
	case t.openMetrics != "":
		if _, err := os.Stat(t.openMetrics); err == nil {
			return nil, nil, nil, fmt.Errorf("--openmetrics %s: the file is there already: remove it, or name another", t.openMetrics)
		}
		dir = t.openMetrics + ".blocks"
		finish = func() error { return dump(ctx, dir, t.openMetrics) }
	case t.store != "":
		if err := history.Flush(t.store); err != nil {
			return nil, nil, nil, fmt.Errorf("--store: %w", err)
		}
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, nil, nil, err
	}
	a, saved, err = history.OpenArchive(history.Blocks{Dir: dir}, filepath.Join(dir, history.StateFile))
	if err == nil && saved == nil && t.store != "" {
		if err = vacant(t.store); err != nil {
			a.Close()
		}
	}
	return a, saved, finish, err
}

// vacant returns an error where a directory has a store that darkshare knows nothing of.
func vacant(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			return fmt.Errorf("%s has a store, but no %s that says what was counted: name an empty directory", dir, history.StateFile)
		}
	}
	return nil
}

// dump writes blocks as OpenMetrics, and removes them.
func dump(ctx context.Context, dir, path string) error {
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	err = history.DumpBlocks(ctx, f, dir)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("--openmetrics: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// replayInto replays whole files, merged by time, into a history.
func replayInto(ctx context.Context, f *sourceFlags, files []string, t *target, w io.Writer) (engine *pipeline.Engine, err error) {
	c, err := f.load()
	if err != nil {
		return nil, err
	}
	in := f.input(c, replayInput)
	in.Files = files
	pin, err := pipelineInput(in)
	if err != nil {
		return nil, err
	}
	external, err := t.external()
	if err != nil {
		return nil, err
	}
	archive, saved, finish, err := t.open(ctx, external)
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, archive.Close()) }()

	r, err := newReplayer(c, archive, external, saved)
	if err != nil {
		return nil, err
	}
	engine = r.engine
	number := engine.AddInput(pin)
	// What serve has read since goes on here.
	engine.TakePositions(number, func(_ string, p stream.Position) bool { return p.OfFile() })
	progress, done := progressOn(os.Stderr)
	defer done()
	times := newLineTimes(ctx, pin.Format)
	begun := engine.Counted()
	first, err := times.first(files)
	if err != nil {
		return nil, err
	}
	source, err := stream.Merged(files, stream.MergeOptions{
		ReadOptions: stream.ReadOptions{
			Options:  stream.Options{Input: number, MaxLine: c.Limits.LineBytes, Logger: warnings()},
			Progress: progress,
		},
		Time: times.of, Headed: times.headed,
		Resume: engine.Positions(number), Begun: unix(begun),
		Limit: nextPart(max(first, unix(begun))), Reached: r.reached,
	})
	if err != nil {
		return nil, err
	}
	fresh, err := source.Fresh(ctx)
	if err != nil {
		return nil, err
	}
	if !fresh {
		done()
		fmt.Fprintf(w, "Nothing new: these files have been replayed, up to %s.\n\n", begun.UTC().Format(time.DateTime))
		return engine, finish() // where a kill came just before
	}
	engine.Sample(number, times.sample)
	engine.SetSource(number, source)
	blocks := make(chan *stream.Block)
	failed := make(chan error, 1)
	go func() {
		defer close(blocks)
		failed <- source.Run(ctx, blocks)
	}()
	if err := engine.Run(ctx, blocks); err != nil {
		return nil, err
	}
	unread := <-failed
	if err := r.end(ctx); err != nil {
		return nil, err
	}
	done()
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return engine, errors.Join(unread, finish())
}

// unix returns nanoseconds since the Unix epoch, 0 of the zero time.
func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// nextPart returns the end of the part that a time is in.
func nextPart(at int64) int64 { return at - at%int64(part) + int64(part) }

// A replayer stores what the engine has counted, part by part.
type replayer struct {
	engine   *pipeline.Engine
	recorder *history.Recorder
	archive  *history.Archive
	// stored is how many lines the parts have that are stored.
	stored uint64
}

func newReplayer(c *config.Config, archive *history.Archive, external labels.Labels, saved *state.Decoder) (*replayer, error) {
	r := &replayer{archive: archive, recorder: history.NewRecorder(c.Store.Interval, external, true)}
	o := engineOptions(c, warnings())
	o.History, o.Interval, o.State = r.recorder, c.Store.Interval, saved
	engine, err := pipeline.New(o)
	if err != nil {
		return nil, err
	}
	r.engine, r.stored = engine, engine.Lines()
	return r, nil
}

// reached stores a part, where there is anything in it.
func (r *replayer) reached(ctx context.Context, limit int64) (next int64, err error) {
	next = limit + int64(part)
	// What is decided by what was counted must be the same in every life.
	if err := r.engine.Barrier(ctx); err != nil {
		return 0, err
	}
	few := r.engine.Lines()-r.stored < many
	if unix(r.engine.Counted()) < limit-int64(longPart) || few && limit%int64(longPart) != 0 {
		return next, nil
	}
	return next, r.store(ctx, limit)
}

// store stores what was counted by now, where all of it is before until.
func (r *replayer) store(ctx context.Context, until int64) error {
	var out state.Encoder
	if _, err := r.engine.Checkpoint(ctx, &out, until); err != nil {
		return err
	}
	r.stored = r.engine.Lines()
	return r.archive.Put(r.recorder.Take(), out.Data)
}

// end stores the last part.
func (r *replayer) end(ctx context.Context) error {
	r.engine.Sampled()
	return r.store(ctx, 0)
}
