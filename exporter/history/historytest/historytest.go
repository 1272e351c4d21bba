// Package historytest makes histories for tests, of simulated traffic.
package historytest

import (
	"context"
	"io"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/history"
	"github.com/darkshare/darkshare/exporter/pipeline"
	"github.com/darkshare/darkshare/exporter/simulate"
	"github.com/darkshare/darkshare/exporter/state"
	"github.com/darkshare/darkshare/exporter/stream"
)

// Blocks has an engine count simulated traffic until a time, and puts the samples that its
// recorder, the engine's History, took into blocks in dir, as darkshare replay --blocks
// does. The traffic's format must be simulate.NginxJSON. It returns the simulation, for
// its truth, and the samples.
func Blocks(ctx context.Context, dir string, engine *pipeline.Engine, recorder *history.Recorder, until time.Time, traffic ...simulate.Options) (*simulate.Simulation, *history.Batch, error) {
	format, err := accesslog.CompileOptions(simulate.NginxJSONFormat, accesslog.Options{Escape: "json"})
	if err != nil {
		return nil, nil, err
	}
	input := engine.AddInput(pipeline.Input{Name: "access.log", Format: format})
	r, out := io.Pipe()
	simulation, err := simulate.New(out, traffic...)
	if err != nil {
		return nil, nil, err
	}
	blocks := make(chan *stream.Block)
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return out.CloseWithError(simulation.Until(until)) })
	group.Go(func() error {
		defer close(blocks)
		return stream.Reader(r, stream.Options{Input: input}).Run(inner, blocks)
	})
	group.Go(func() error { return engine.Run(inner, blocks) })
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	engine.Sampled()
	var saved state.Encoder
	if _, err := engine.Checkpoint(ctx, &saved, 0); err != nil {
		return nil, nil, err
	}
	batch := recorder.Take()
	archive, _, err := history.OpenArchive(history.Blocks{Dir: dir}, filepath.Join(dir, history.StateFile))
	if err != nil {
		return nil, nil, err
	}
	if err := archive.Put(batch, saved.Data); err != nil {
		return nil, nil, err
	}
	return simulation, batch, archive.Close()
}
