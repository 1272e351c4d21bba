package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/spf13/cobra"

	"github.com/darkshare/darkshare/exporter/config"
	"github.com/darkshare/darkshare/exporter/metrics"
	"github.com/darkshare/darkshare/exporter/pipeline"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/web"
)

// defaultAddress is where /metrics is, unless --web.listen-address says otherwise.
const defaultAddress = ":9464"

type serveFlags struct {
	sourceFlags
	logs    []string
	startAt string
	otlp    bool
	web     *toolkit.FlagConfig
}

func serveCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Follow access logs and expose their metrics",
		Long: `Follow access logs as they grow and rotate, and expose the dark share and what it
is made of at /metrics, for Prometheus.

The same metrics are pushed by OTLP when OTEL_METRICS_EXPORTER=otlp or an
OTEL_EXPORTER_OTLP_ENDPOINT is set, or with --otlp. SIGHUP and POST /-/reload read
the configuration again; SIGTERM counts what was read and ends.`,
		Example: `  darkshare serve --log /var/log/nginx/access.log --format combined --site example.com
  darkshare serve --config darkshare.yaml --web.listen-address :9464`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := newServer(&f)
			if err != nil {
				return err
			}
			return s.run(cmd.Context())
		},
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.logs, "log", "l", nil, "follow this `file`; a glob follows all that match, - is standard input; may be given several times")
	flags.StringVar(&f.startAt, "start-at", "", "where to begin in files that are there already: `beginning or end` (default end)")
	flags.BoolVar(&f.otlp, "otlp", false, "push by OTLP even where no OTEL_* variable asks for it")
	f.web = web.AddFlags(flags, defaultAddress)
	_ = cmd.RegisterFlagCompletionFunc("start-at", cobra.FixedCompletions([]string{"beginning", "end"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// load returns the configuration with the inputs of the command line.
func (f *serveFlags) load() (*config.Config, error) {
	c, err := f.sourceFlags.load()
	if err != nil {
		return nil, err
	}
	switch f.startAt {
	case "", "beginning", "end":
	default:
		return nil, fmt.Errorf("--start-at: %q is neither beginning nor end", f.startAt)
	}
	if len(f.logs) > 0 {
		if len(c.Inputs) > 0 {
			return nil, errors.New("--log: the configuration has inputs, too: name them all there")
		}
		for _, path := range f.logs {
			in := f.input(c, path)
			in.Files, in.Stdin = []string{path}, path == "-"
			c.Inputs = append(c.Inputs, in)
		}
	}
	if len(c.Inputs) == 0 {
		return nil, errors.New("no input: name a log with --log, or inputs in the configuration")
	}
	for i := range c.Inputs {
		if f.startAt != "" {
			c.Inputs[i].StartAt = f.startAt
		}
	}
	return c, nil
}

// A server is a running `darkshare serve`.
type server struct {
	flags    *serveFlags
	log      *slog.Logger
	engine   *pipeline.Engine
	web      *web.Server
	registry *prometheus.Registry

	// sources feed blocks; mu keeps reloads apart.
	blocks  chan *stream.Block
	mu      sync.Mutex
	config  *config.Config
	sources map[string]*source
	running sync.WaitGroup
	ctx     context.Context
}

// A source is a running input.
type source struct {
	number int
	in     config.Input
	stop   context.CancelFunc
	done   chan struct{}
	stream stream.Source
}

func newServer(f *serveFlags) (*server, error) {
	c, err := f.load()
	if err != nil {
		return nil, err
	}
	s := &server{flags: f, config: c, blocks: make(chan *stream.Block), sources: map[string]*source{}, registry: prometheus.NewRegistry()}
	s.log = logger(os.Stderr, c.Log)
	o := engineOptions(c, s.log)
	o.Live = true
	if s.engine, err = pipeline.New(o); err != nil {
		return nil, err
	}
	s.web = web.New(web.Options{
		Flags:   f.web,
		Metrics: metrics.Handler(s.snapshot, metrics.HandlerOptions{Registry: s.registry, Logger: s.log, MaxScrapes: c.Limits.Scrapes}),
		Reload:  s.reload,
		Version: version,
		Logger:  s.log,
	})
	return s, nil
}

func (s *server) snapshot() []schema.Family {
	return append(s.engine.Snapshot(), buildInfo())
}

// run serves until ctx is done, and then counts what was read.
func (s *server) run(ctx context.Context) error {
	// The HTTP side outlives the inputs, so that a last scrape sees everything.
	outer, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	s.ctx = ctx
	failed := make(chan error, 1)
	go func() { failed <- s.web.Run(outer) }()

	shutdown, err := metrics.PushOTLP(ctx, s.snapshot, metrics.OTLPOptions{
		Force: s.flags.otlp || s.config.OTLP.Enabled, Version: version, Logger: s.log, Registerer: s.registry,
	})
	if err != nil {
		return err
	}
	counted := make(chan error, 1)
	go func() { counted <- s.engine.Run(outer, s.blocks) }()

	s.mu.Lock()
	for _, in := range s.config.Inputs {
		if err := s.start(in); err != nil {
			s.mu.Unlock()
			return err
		}
	}
	s.mu.Unlock()
	s.awaitInputs()
	s.web.SetReady(true)
	s.log.Info("following", "inputs", len(s.config.Inputs), "version", version)

	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for err == nil && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case now := <-tick.C:
			s.engine.Tick(now)
		case <-hangup:
			if rerr := s.reload(); rerr != nil {
				s.log.Error("the configuration was not reloaded", "err", rerr)
			}
		case err = <-failed:
			failed <- nil
		}
	}
	return errors.Join(err, s.drain(counted, shutdown, end, failed))
}

// drain ends the inputs, counts what they have read, pushes it, and ends the rest.
func (s *server) drain(counted chan error, shutdown func(context.Context) error, end context.CancelFunc, failed chan error) error {
	s.log.Info("ending: counting what was read")
	s.web.SetReady(false)
	s.mu.Lock()
	for _, src := range s.sources {
		src.stop()
	}
	s.mu.Unlock()
	s.running.Wait()
	close(s.blocks)
	err := <-counted
	late, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err = errors.Join(err, shutdown(late))
	end()
	return errors.Join(err, <-failed)
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

// start starts an input, which must not run.
func (s *server) start(in config.Input) error {
	pin, err := pipelineInput(s.config, in)
	if err != nil {
		return err
	}
	s.launch(s.engine.AddInput(pin), in, nil)
	return nil
}

func (s *server) launch(number int, in config.Input, resume []stream.Position) {
	src := &source{number: number, in: in, done: make(chan struct{})}
	o := stream.Options{Input: number, MaxLine: s.config.Limits.LineBytes, Logger: s.log.With("input", in.Name)}
	switch {
	case in.Stdin:
		src.stream = stream.Pipe("-", o)
	case len(in.Files) == 1 && stream.IsPipe(in.Files[0]):
		src.stream = stream.Pipe(in.Files[0], o)
	default:
		fo := stream.FollowOptions{Options: o, Resume: resume, MaxOpen: s.config.Limits.OpenFiles}
		if in.StartAt == "beginning" {
			fo.StartAt = stream.StartAtBeginning
		}
		src.stream = stream.Follow(in.Files, fo)
		s.engine.Sample(number, head(in.Files))
	}
	s.engine.SetStats(number, src.stream.Stats())
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

// halt stops an input and returns how far it was counted.
func (s *server) halt(src *source) []stream.Position {
	src.stop()
	<-src.done
	if err := s.engine.Barrier(s.ctx); err != nil {
		return nil
	}
	s.engine.SetStats(src.number, nil)
	delete(s.sources, src.in.Name)
	if f, ok := src.stream.(*stream.Follower); ok {
		return f.Positions()
	}
	return nil
}
