package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/darkshare/darkshare/exporter/config"
	"github.com/darkshare/darkshare/exporter/demo"
	"github.com/darkshare/darkshare/exporter/history"
	"github.com/darkshare/darkshare/exporter/simulate"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/web"
)

const (
	demoSeed = 1
	// stale is how long ago a demo may have ended that goes on: what it has missed is
	// simulated first.
	stale = 3 * 24 * time.Hour
	// demoLogSize is from when on the demo's log is rotated.
	demoLogSize = 32 << 20
)

func demoCommand() *cobra.Command {
	d := demonstration{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show four weeks of two simulated sites, and go on live",
		Long: `Simulate four weeks of a newspaper's and a shop's traffic, with an article that goes
round in WhatsApp, a newsletter that loses its tags and a wave of bots; replay it into
an embedded store; and go on live until Ctrl-C, as "darkshare serve" does with a real
log. The first start takes half a minute, the next ones go on from there.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if d.dir == "" {
				cache, err := os.UserCacheDir()
				if err != nil {
					return fmt.Errorf("--dir: name a directory: %w", err)
				}
				d.dir = filepath.Join(cache, "darkshare", "demo")
			}
			d.out = cmd.OutOrStdout()
			return d.run(cmd.Context())
		},
	}
	d.flags = web.AddFlags(cmd.Flags(), "127.0.0.1:9464")
	cmd.Flags().StringVar(&d.dir, "dir", "", "keep the store and the live log in this `directory` (default in the user's cache)")
	cmd.Flags().BoolVar(&d.live, "live", true, "go on live after the four weeks")
	_ = cmd.MarkFlagDirname("dir")
	return cmd
}

// A demonstration is a run of the demo.
type demonstration struct {
	dir   string
	live  bool
	flags *toolkit.FlagConfig
	out   io.Writer
	demo  *demo.Demo
	// length is that of the past, where it is not four weeks.
	length time.Duration
}

// demoRecord says what is in a demo's directory.
type demoRecord struct {
	// End is when the simulated past ended.
	End  time.Time `json:"end"`
	Seed uint64    `json:"seed"`
	// Until is when the last line was simulated, zero while the past is not whole.
	Until time.Time `json:"until,omitzero"`
}

func (d *demonstration) run(ctx context.Context) error {
	record, err := d.open()
	if err != nil {
		return err
	}
	now := time.Now()
	fresh := record.Until.IsZero() || now.Sub(record.Until) > stale
	if fresh {
		if record, err = d.begin(now); err != nil {
			return err
		}
	}
	if d.demo, err = demo.New(record.End.Local(), record.Seed); err != nil {
		return err
	}
	if d.length > 0 {
		d.demo.Start = d.demo.End.Add(-d.length)
	}
	simulation, err := d.past(ctx, record, fresh)
	if err != nil {
		return err
	}
	d.tell()
	if !d.live {
		return nil
	}
	return d.goOn(ctx, record, simulation)
}

func (d *demonstration) path(name string) string { return filepath.Join(d.dir, name) }

// open reads what is in the demo's directory.
func (d *demonstration) open() (record demoRecord, err error) {
	text, err := os.ReadFile(d.path("demo.json"))
	if errors.Is(err, os.ErrNotExist) {
		entries, err := os.ReadDir(d.dir)
		if err == nil && len(entries) > 0 {
			return record, fmt.Errorf("--dir %s: not empty, and no demo's: name another directory", d.dir)
		}
		return record, os.MkdirAll(d.dir, 0o755)
	}
	if err != nil {
		return record, err
	}
	if json.Unmarshal(text, &record) != nil || record.Seed != demoSeed {
		return demoRecord{}, nil // of another version: begin anew
	}
	return record, nil
}

// begin empties the directory of an earlier demo.
func (d *demonstration) begin(now time.Time) (demoRecord, error) {
	record := demoRecord{End: now.Truncate(time.Second), Seed: demoSeed}
	if err := d.write(record); err != nil {
		return record, err
	}
	for _, name := range []string{"store", "access.log", "access.log.1"} {
		if err := os.RemoveAll(d.path(name)); err != nil {
			return record, err
		}
	}
	return record, os.MkdirAll(d.path("store"), 0o755)
}

func (d *demonstration) write(record demoRecord) error {
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	if err := os.WriteFile(d.path("demo.json.new"), text, 0o644); err != nil {
		return err
	}
	return os.Rename(d.path("demo.json.new"), d.path("demo.json"))
}

// past simulates the four weeks and replays them into the store, where that was not
// done before, and returns the simulation to go on with.
func (d *demonstration) past(ctx context.Context, record demoRecord, fresh bool) (*simulate.Simulation, error) {
	log := &demoLog{}
	if !fresh {
		log.path = d.path("access.log")
		return simulate.New(log, d.demo.Options(record.Until)...)
	}
	begun := time.Now()
	fmt.Fprintf(d.out, "Simulating four weeks of %s and %s, and replaying them into %s …\n", d.demo.Sites[0].Name, d.demo.Sites[1].Name, d.path("store"))
	simulation, err := simulate.New(log, d.demo.Options(d.demo.Start)...)
	if err != nil {
		return nil, err
	}
	lines, err := d.replay(ctx, simulation, log)
	if err != nil {
		return nil, err
	}
	log.path = d.path("access.log")
	record.Until = record.End
	fmt.Fprintf(d.out, "%s lines in %.0f seconds.\n", thousands(lines), time.Since(begun).Seconds())
	return simulation, d.write(record)
}

// replay replays the past as it is simulated, part by part.
func (d *demonstration) replay(ctx context.Context, simulation *simulate.Simulation, log *demoLog) (lines uint64, err error) {
	c := d.config()
	archive, _, err := history.OpenArchive(history.Blocks{Dir: c.Store.Dir}, filepath.Join(c.Store.Dir, history.StateFile))
	if err != nil {
		return 0, err
	}
	defer func() { err = cmp.Or(err, archive.Close()) }()
	r, err := newReplayer(c, archive, labels.EmptyLabels(), nil)
	if err != nil {
		return 0, err
	}
	pin, err := pipelineInput(c.Inputs[0])
	if err != nil {
		return 0, err
	}
	input := r.engine.AddInput(pin)
	blocks := make(chan *stream.Block)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.engine.Run(ctx, blocks) })
	group.Go(func() error {
		defer close(blocks)
		for at := d.demo.Start; at.Before(d.demo.End); {
			at = time.Unix(0, nextPart(at.UnixNano()))
			if at.After(d.demo.End) {
				at = d.demo.End
			}
			if err := log.through(ctx, input, blocks, func() error { return simulation.Until(at) }); err != nil {
				return err
			}
			if _, err := r.reached(ctx, at.UnixNano()); err != nil {
				return err
			}
		}
		return r.store(ctx, d.demo.End.UnixNano())
	})
	if err := group.Wait(); err != nil {
		return 0, err
	}
	return r.engine.Report().Lines, nil
}

// config is what one would configure for the demo's sites.
func (d *demonstration) config() *config.Config {
	c := config.Default()
	c.Sites = d.demo.Sites
	c.Inputs = []config.Input{{
		Name: "access.log", Files: []string{d.path("access.log")}, StartAt: "beginning",
		Format: simulate.NginxJSONFormat, Escape: "json",
	}}
	c.Store.Dir = d.path("store")
	return &c
}

// tell prints what has happened on the sites.
func (d *demonstration) tell() {
	fmt.Fprintln(d.out)
	for _, chapter := range d.demo.Story(d.demo.Start) {
		fmt.Fprintln(d.out, " ", chapter.Line("en"))
	}
}

// goOn serves the store and follows the log that the simulation goes on to write.
func (d *demonstration) goOn(ctx context.Context, record demoRecord, simulation *simulate.Simulation) error {
	server, err := newServer(service{
		load:  func() (*config.Config, error) { return d.config(), nil },
		flags: d.flags,
		note: map[string]string{
			"en": "The traffic is simulated: two sites that do not exist, four weeks of their past, and whatever happens now.",
			"fr": "Le trafic est simulé : deux sites qui n'existent pas, quatre semaines de leur passé, et ce qui arrive maintenant.",
		},
	})
	if err != nil {
		return err
	}
	address := "http://" + strings.Join(*d.flags.WebListenAddresses, ", http://")
	fmt.Fprintf(d.out, `
Open   %s/           the dark share, in English and French
       %[1]s/metrics    what Prometheus scrapes
Grafana: add a Prometheus data source with the URL %[1]s
The live log is %s; Ctrl-C ends, and the next start goes on from here.

`, address, d.path("access.log"))
	group, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancel(ctx)
	group.Go(func() error {
		defer stop()
		return server.run(ctx)
	})
	group.Go(func() error {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for now := time.Now(); ; {
			if err := simulation.Until(now); err != nil {
				return err
			}
			record.Until = now
			if err := d.write(record); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return nil
			case now = <-tick.C:
			}
		}
	})
	return group.Wait()
}

// A demoLog is where simulated lines go: through the replay, or to the log that is
// followed, which is rotated when it has grown.
type demoLog struct {
	pipe *os.File
	path string
	file *os.File
	size int
}

// Write implements io.Writer for whole lines.
func (l *demoLog) Write(data []byte) (int, error) {
	if l.pipe != nil {
		return l.pipe.Write(data)
	}
	if l.file != nil && l.size > demoLogSize {
		err := errors.Join(l.file.Close(), os.Rename(l.path, l.path+".1"))
		if err != nil {
			return 0, err
		}
		l.file, l.size = nil, 0
	}
	if l.file == nil {
		f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
		if err != nil {
			return 0, err
		}
		l.file = f
	}
	n, err := l.file.Write(data)
	l.size += n
	return n, err
}

// through sends what write writes as blocks.
func (l *demoLog) through(ctx context.Context, input int, blocks chan<- *stream.Block, write func() error) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	l.pipe = w
	written := make(chan error, 1)
	go func() { written <- errors.Join(write(), w.Close()) }()
	err = stream.Reader(r, stream.Options{Input: input}).Run(ctx, blocks)
	_ = r.Close() // whoever writes still sees that nobody reads
	err = cmp.Or(err, <-written)
	l.pipe = nil
	return err
}
