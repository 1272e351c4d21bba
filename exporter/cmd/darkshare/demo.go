package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/config"
	"github.com/darkshare/darkshare/exporter/metrics"
	"github.com/darkshare/darkshare/exporter/pipeline"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/simulate"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/web"
)

const (
	demoSite    = "www.example.com"
	demoHistory = 48 * time.Hour
	demoVisits  = 600 // an hour
	demoBots    = 0.3
)

func demoCommand() *cobra.Command {
	var (
		flags *toolkit.FlagConfig
		live  bool
	)
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Simulate a site's traffic and show what darkshare says of it",
		Long: `Simulate two days of a news site's traffic, with an article that goes round in
WhatsApp, print what darkshare makes of its log beside what really happened, and go
on live at /metrics until Ctrl-C. Nothing is read from the disk, nothing written.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo(cmd.Context(), cmd.OutOrStdout(), flags, live)
		},
	}
	flags = web.AddFlags(cmd.Flags(), "127.0.0.1:9464")
	cmd.Flags().BoolVar(&live, "live", true, "go on live after the two days")
	return cmd
}

// demo feeds simulated traffic to an engine, as if it were a log.
func demo(ctx context.Context, w io.Writer, flags *toolkit.FlagConfig, live bool) error {
	c := config.Default()
	c.Sites = []config.Site{{Name: demoSite, Hosts: []string{demoSite}}}
	o := engineOptions(&c, warnings())
	o.Live = true
	engine, err := pipeline.New(o)
	if err != nil {
		return err
	}
	format, err := accesslog.CompileOptions(simulate.NginxJSONFormat, accesslog.Options{Escape: "json"})
	if err != nil {
		return err
	}
	number := engine.AddInput(pipeline.Input{Name: "simulated", Format: format, Site: demoSite})

	now := time.Now().Truncate(time.Second)
	fmt.Fprintf(w, "Simulating two days of %s, %d visits an hour, %.0f %% of the lines by bots.\n\n", demoSite, demoVisits, 100*demoBots)
	truth, err := simulated(ctx, engine, number, demoOptions(now.Add(-demoHistory), demoHistory, 1), nil)
	if err != nil {
		return err
	}
	report := engine.Report()
	if err := printReport(w, report, 8); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nWhat really happened: %s of the visits were shared in private.\n", share(truth))
	if !live {
		return nil
	}
	server := web.New(web.Options{Flags: flags, Metrics: metrics.Handler(engine.Snapshot, metrics.HandlerOptions{}), Version: version, Logger: warnings()})
	server.SetReady(true)
	fmt.Fprintf(w, "\nGoing on live at http://%s/metrics; Ctrl-C ends.\n", strings.Join(*flags.WebListenAddresses, ", "))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Run(ctx) })
	group.Go(func() error {
		_, err := simulated(ctx, engine, number, demoOptions(now, 365*24*time.Hour, 2), &pacer{ctx: ctx})
		return err
	})
	group.Go(func() error {
		for tick := time.Tick(time.Second); ; {
			select {
			case now := <-tick:
				engine.Tick(now)
			case <-ctx.Done():
				return nil
			}
		}
	})
	if err := group.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

func demoOptions(start time.Time, length time.Duration, seed uint64) simulate.Options {
	mix, err := simulate.MixByName("news")
	if err != nil {
		panic(err) // the name is a constant
	}
	return simulate.Options{
		Seed: seed, Start: start, Duration: length, Visits: demoVisits, Bots: demoBots,
		Site: simulate.Site{Host: demoSite}, Mix: mix, Format: simulate.NginxJSON,
		Events: []simulate.Event{{Kind: simulate.Viral, After: 30 * time.Hour, Duration: 8 * time.Hour, Visits: 300, Sender: "whatsapp"}},
	}
}

// simulated runs a simulation through the engine and returns its true dark share.
func simulated(ctx context.Context, engine *pipeline.Engine, number int, o simulate.Options, pace *pacer) (float64, error) {
	r, pw, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	var out io.Writer = pw
	if pace != nil {
		pace.w = pw
		out = pace
	}
	var dark, all int
	o.OnVisit = func(v simulate.Visit) {
		all++
		if v.Channel == schema.ChannelDarkSocial {
			dark++
		}
	}
	source := stream.Reader(r, stream.Options{Input: number})
	blocks := make(chan *stream.Block)
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer pw.Close()
		_, err := simulate.Run(o, out)
		return err
	})
	group.Go(func() error {
		defer r.Close()
		defer close(blocks)
		return source.Run(gctx, blocks)
	})
	group.Go(func() error { return engine.Run(gctx, blocks) })
	if err := group.Wait(); err != nil {
		return 0, err
	}
	return float64(dark) / float64(max(all, 1)), nil
}

// A pacer writes each line of a simulated log at its time.
type pacer struct {
	ctx context.Context
	w   io.Writer
}

// Write implements io.Writer for whole lines.
func (p *pacer) Write(data []byte) (int, error) {
	for line := range bytes.Lines(data) {
		if at, ok := timeOf(line); ok {
			select {
			case <-time.After(time.Until(at)):
			case <-p.ctx.Done():
				return 0, p.ctx.Err()
			}
		}
		if _, err := p.w.Write(line); err != nil {
			return 0, err
		}
	}
	return len(data), nil
}

// timeOf reads the time of a line in simulate.NginxJSONFormat, which begins with it.
func timeOf(line []byte) (time.Time, bool) {
	_, rest, _ := bytes.Cut(line, []byte(`"time":"`))
	text, _, ok := bytes.Cut(rest, []byte(`"`))
	if !ok {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339, string(text))
	return at, err == nil
}
