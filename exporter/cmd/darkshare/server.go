package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/darkshare/darkshare/exporter/config"
	"github.com/darkshare/darkshare/exporter/history"
	"github.com/darkshare/darkshare/exporter/metrics"
	"github.com/darkshare/darkshare/exporter/pipeline"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/web"
)

// A service is how a server serves.
type service struct {
	// load reads the configuration, also for a reload.
	load  func() (*config.Config, error)
	flags *toolkit.FlagConfig
	// otlp says to push even where the configuration does not.
	otlp bool
	// note stands on the landing page, by language.
	note map[string]string
}

// A server is a running `darkshare serve`.
type server struct {
	service
	log      *slog.Logger
	level    slog.LevelVar // of log
	engine   *pipeline.Engine
	web      *web.Server
	registry *prometheus.Registry
	// keeper is nil where nothing is to outlive the process.
	keeper *keeper

	// ctx ends the inputs, which feed blocks.
	ctx     context.Context
	blocks  chan *stream.Block
	running sync.WaitGroup

	// mu keeps the start, reloads and the end apart.
	mu      sync.Mutex
	config  *config.Config
	sources map[string]*source
	ending  bool
}

// An input is one of the configuration, as the configuration and the engine have it.
type input struct {
	config.Input
	engine pipeline.Input
}

// A source is a running input.
type source struct {
	in     input
	number int
	stop   context.CancelFunc
	done   chan struct{}
	stream stream.Source
}

func newServer(how service) (*server, error) {
	c, err := how.load()
	if err != nil {
		return nil, err
	}
	s := &server{service: how, config: c, blocks: make(chan *stream.Block), sources: map[string]*source{}, registry: prometheus.NewRegistry()}
	s.level.Set(c.Log.Level)
	s.log = logger(os.Stderr, c.Log.Format, &s.level)
	o := engineOptions(c, s.log)
	o.Live = true
	if o.Forward, err = forwarding(c.Forward, s.log); err != nil {
		return nil, err
	}
	shown := new(atomic.Int64)
	if err := s.open(c, o, shown); err != nil {
		return nil, err
	}
	s.web = web.New(web.Options{
		Flags:   how.flags,
		Landing: s.landing(),
		Metrics: metrics.Handler(s.snapshot, metrics.HandlerOptions{Registry: s.registry, Logger: s.log, MaxScrapes: c.Limits.Scrapes, Shown: shown}),
		Reload:  s.reload,
		Version: version,
		Logger:  s.log,
	})
	if store := s.store(); store != nil {
		s.web.Handle("/api/v1/", store.Handler(), web.Link{Path: "/api/v1/status/buildinfo", Text: "Store",
			Description: "for Grafana: a Prometheus data source at this address, without a path"})
	}
	return s, nil
}

// open makes the engine, with what outlives the process.
func (s *server) open(c *config.Config, o pipeline.Options, shown *atomic.Int64) (err error) {
	if c.Store.Dir == "" {
		if c.State.File != "" {
			s.keeper, s.engine, err = openKeeper(c.State, o, shown)
		} else {
			s.engine, err = pipeline.New(o)
		}
		return err
	}
	kept := c.State
	if kept.File, err = stateOf(c.Store); err != nil {
		return err
	}
	recorder := newRecorder(c.Store)
	o.History, o.Interval = recorder, c.Store.Interval
	if s.keeper, s.engine, err = openKeeper(kept, o, shown); err != nil {
		return err
	}
	s.keeper.archivist, err = openArchivist(c.Store, s.keeper.head, recorder, s.registry, s.log)
	if err != nil {
		s.keeper.file.Close()
	}
	return err
}

// store returns the embedded store, nil where there is none.
func (s *server) store() *history.Store {
	if s.keeper == nil || s.keeper.archivist == nil {
		return nil
	}
	return s.keeper.archivist.store
}

func (s *server) snapshot() []schema.Family {
	if s.keeper != nil {
		return append(s.keeper.snapshot(), buildInfo())
	}
	return append(s.engine.Snapshot(), buildInfo())
}

// compile returns the inputs of a configuration.
func compile(c *config.Config) ([]input, error) {
	inputs := make([]input, len(c.Inputs))
	for i, in := range c.Inputs {
		pin, err := pipelineInput(in)
		if err != nil {
			return nil, err
		}
		inputs[i] = input{in, pin}
	}
	return inputs, nil
}

// run serves until ctx is done, and then counts what was read.
func (s *server) run(ctx context.Context) error {
	inputs, err := compile(s.config)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.ctx = ctx
	// The counting goes on when the inputs have ended, and HTTP answers for as long.
	outer, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()

	s.mu.Lock() // a reload that comes now waits for the start
	served, counted := make(chan error, 1), make(chan error, 1)
	go func() {
		defer stop() // nobody would see what is counted without it
		served <- s.web.Run(outer)
	}()
	counting, giveUp := context.WithCancel(outer)
	defer giveUp()
	go func() { counted <- s.engine.Run(counting, s.blocks) }()
	if s.keeper != nil {
		s.keeper.start(s.config.State.Interval)
		defer s.keeper.close()
	}
	if store := s.store(); store != nil {
		s.keeper.archivist.complete()
	}
	shutdown, err := metrics.PushOTLP(ctx, s.snapshot, metrics.OTLPOptions{
		Force: s.otlp || s.config.OTLP.Enabled, Version: version, Logger: s.log, Registerer: s.registry,
	})
	if err != nil {
		stop()
	}
	for _, in := range inputs {
		s.start(in)
	}
	s.mu.Unlock()

	s.awaitInputs()
	if s.keeper != nil {
		s.keeper.save() // where the reading begins, before anybody is told that it does
	}
	if ctx.Err() == nil {
		s.log.Info("following", "inputs", len(inputs), "version", version)
		s.web.SetReady(true)
		s.follow()
	}
	return errors.Join(err, s.drain(counted, giveUp, shutdown, end, served))
}

// follow does what there is to do until the end.
func (s *server) follow() {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case now := <-tick.C:
			s.engine.Tick(now)
		case <-hangup:
			if err := s.reload(); err != nil {
				s.log.Error("the configuration was not reloaded", "err", err)
			}
		}
	}
}

// drain ends the inputs, counts what they have read, pushes it, and ends the rest.
func (s *server) drain(counted chan error, giveUp context.CancelFunc, shutdown func(context.Context) error, end context.CancelFunc, served chan error) error {
	s.log.Info("ending: counting what was read")
	s.web.SetReady(false)
	s.mu.Lock()
	s.ending = true
	for _, src := range s.sources {
		src.stop()
	}
	s.mu.Unlock()
	s.running.Wait()
	close(s.blocks)
	if s.config.Forward.Kafka != nil {
		// Kafka may be away.
		defer time.AfterFunc(forwardPatience, giveUp).Stop()
	}
	err := <-counted
	if errors.Is(err, context.Canceled) {
		err = nil // the engine has said what was left
	}
	if s.keeper != nil {
		s.keeper.save()
	}
	late, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err = errors.Join(err, shutdown(late))
	end()
	return errors.Join(err, <-served)
}

// awaitInputs waits until the inputs have begun, so that what is written once the
// server is ready is read. An input that cannot be read is not waited for long.
func (s *server) awaitInputs() {
	deadline := time.Now().Add(2 * time.Second)
	for time.Now().Before(deadline) && s.ctx.Err() == nil {
		up := true
		s.mu.Lock()
		for _, src := range s.sources {
			up = up && src.stream.Stats().Up()
		}
		s.mu.Unlock()
		if up {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// start starts an input, which must not run, where it was left.
func (s *server) start(in input) {
	src := &source{in: in, number: s.engine.AddInput(in.engine), done: make(chan struct{})}
	o := stream.Options{Input: src.number, MaxLine: s.config.Limits.LineBytes, Logger: s.log.With("input", in.Name)}
	if s.engine.Positions(src.number) == nil {
		// What was replayed of its files goes on here.
		mine := stream.Follows(in.Files)
		s.engine.TakePositions(src.number, func(from string, p stream.Position) bool { return from == replayInput && mine(p) })
	}
	open := func() (stream.Source, error) {
		b := beginning{resume: s.engine.Positions(src.number), openFiles: s.config.Limits.OpenFiles}
		if s.keeper != nil {
			b.save = s.keeper.store
		}
		return newSource(in.Input, o, b)
	}
	var err error
	if src.stream, err = open(); err != nil {
		src.stream = newLateSource(o, err, open)
	}
	if _, ok := src.stream.(*stream.Follower); ok {
		lines, _, _ := sampleOf(s.ctx, in.Files)         // the source says what is wrong with them
		wrapping, _ := stream.ParseWrapping(in.Wrapping) // newSource has
		s.engine.Sample(src.number, stream.Unwrap(lines, wrapping))
	}
	s.engine.SetSource(src.number, src.stream)
	ctx, stop := context.WithCancel(s.ctx)
	src.stop = stop
	s.sources[in.Name] = src
	s.running.Go(func() {
		defer close(src.done)
		if err := src.stream.Run(ctx, s.blocks); err != nil && ctx.Err() == nil {
			s.log.Error("the input has ended", "input", in.Name, "err", err)
		}
	})
}

// halt stops an input, when all of it that was read has been counted. The error is
// that the server ends.
func (s *server) halt(src *source) error {
	src.stop()
	<-src.done
	if err := s.engine.Barrier(s.ctx); err != nil {
		return err
	}
	s.engine.SetSource(src.number, nil)
	delete(s.sources, src.in.Name)
	return nil
}
