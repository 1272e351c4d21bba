// Package evaluate holds darkshare against the truth: simulated sites whose
// visitors' senders are known.
package evaluate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/pipeline"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/simulate"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/tally"
)

const host = "www.example.com"

// A result is one simulated site beside what darkshare made of its log.
type result struct {
	truth  *simulate.Truth
	report *tally.Report
}

// simulated runs a simulation and counts its log.
func simulated(t testing.TB, o simulate.Options) result {
	t.Helper()
	o.Site.Host = host
	format := "combined"
	switch o.Format {
	case simulate.VhostCombined:
		format = "vhost_combined"
	case simulate.NginxJSON:
		format = simulate.NginxJSONFormat
	case simulate.Caddy:
		format = "caddy"
	}
	compiled, err := accesslog.CompileOptions(format, accesslog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := pipeline.New(pipeline.Options{Rules: attribution.Options{Sites: []attribution.Site{{Name: host, Hosts: []string{host}}}}})
	if err != nil {
		t.Fatal(err)
	}
	engine.AddInput(pipeline.Input{Name: "simulated", Format: compiled, Site: host})
	r, w := io.Pipe()
	var res result
	simulation := make(chan error, 1)
	go func() {
		var err error
		res.truth, err = simulate.Run(o, w)
		w.CloseWithError(err)
		simulation <- err
	}()
	blocks := make(chan *stream.Block)
	go func() {
		defer close(blocks)
		_ = stream.Reader(r, stream.Options{}).Run(context.Background(), blocks)
	}()
	if err := engine.Run(context.Background(), blocks); err != nil {
		t.Fatal(err)
	}
	if err := <-simulation; err != nil {
		t.Fatal(err)
	}
	res.report = engine.Report()
	return res
}

// TestAccuracySimulation: the estimate is near the truth, and the truth between
// known and ceiling, for every mix and every share of bots.
func TestAccuracySimulation(t *testing.T) {
	seeds := 1
	if os.Getenv("DARKSHARE_EVALUATE") != "" {
		seeds = 20
	}
	fmt.Printf("%-16s %-9s %5s %7s %7s %7s %7s %7s %9s\n", "mix", "format", "bots", "truth", "known", "est.", "ceiling", "worst", "confirmed")
	for _, mix := range simulate.Mixes() {
		for _, format := range []simulate.Format{simulate.Combined, simulate.NginxJSON} {
			for _, bots := range []float64{0, 0.5, 0.9} {
				var worst, truth, known, estimate, ceiling, confirmed float64
				for seed := range seeds {
					r := simulated(t, simulate.Options{
						Seed: uint64(seed + 1), Start: time.Date(2026, 9, 2, 0, 0, 0, 0, time.UTC), Duration: 48 * time.Hour,
						Visits: 200, Bots: bots, Mix: mix, Format: format,
					})
					d := r.report.DarkShare
					want := r.truth.DarkShare()
					off := d.Estimate - want
					if math.Abs(off) > math.Abs(worst) {
						worst = off
					}
					truth, known, estimate, ceiling = truth+want, known+d.Known, estimate+d.Estimate, ceiling+d.Ceiling
					confirmed += float64(r.report.Visits) / float64(r.truth.AllVisits())
					limit := 0.03
					if bots > 0.5 {
						limit = 0.05
					}
					if math.Abs(off) > limit {
						t.Errorf("%s, %s, %.0f %% bots, seed %d: estimate %.3f, truth %.3f", mix.Name, format, 100*bots, seed, d.Estimate, want)
					}
					if want < d.Known || want > d.Ceiling {
						t.Errorf("%s, %s, %.0f %% bots, seed %d: truth %.3f not in %.3f to %.3f", mix.Name, format, 100*bots, seed, want, d.Known, d.Ceiling)
					}
				}
				n := float64(seeds)
				fmt.Printf("%-16s %-9s %4.0f%% %6.1f%% %6.1f%% %6.1f%% %6.1f%% %+6.1f%% %8.1f%%\n", mix.Name, format, 100*bots,
					100*truth/n, 100*known/n, 100*estimate/n, 100*ceiling/n, 100*worst, 100*confirmed/n)
			}
		}
	}
}

var _ = bytes.NewReader
var _ = schema.ChannelDirect
