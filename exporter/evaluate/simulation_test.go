package evaluate

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/pipeline"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/simulate"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/tally"
	"github.com/darkshare/darkshare/exporter/visit"
)

const host = "www.example.com"

// A result is a simulated site beside what darkshare made of its log.
type result struct {
	truth  *simulate.Truth
	report *tally.Report
	// visits are the true ones and found what was made of each record, by line.
	visits map[uint64]simulate.Visit
	found  map[uint64]finding
	// plain is the dark share by the rule that Chartbeat made known: visits without
	// a referrer to a page that is no landing page are dark. It counts whatever has
	// a browser's agent.
	plain float64
}

// A finding is what was made of one record.
type finding struct {
	kind     schema.Kind
	outcome  visit.Outcome // of a landing, without its page
	plain    bool
	resolved bool
}

func (f finding) String() string {
	switch {
	case !f.resolved:
		return f.kind.String()
	case !f.outcome.Visit:
		return fmt.Sprintf("unconfirmed %s/%s", f.outcome.Channel, f.outcome.Evidence)
	}
	return fmt.Sprintf("%s/%s", f.outcome.Channel, f.outcome.Evidence)
}

// An observer collects the findings.
type observer struct{ found map[uint64]finding }

func (o observer) Malformed(uint64, schema.Reason)                            {}
func (o observer) Behind() bool                                               { return false }
func (o observer) Share(int, attribution.Source, schema.Scope, []byte)        {}
func (o observer) Conversion(int, int, schema.Channel, attribution.Source)    {}
func (o observer) Explained(*visit.Event, string, *attribution.Rules, string) {}

func (o observer) Request(e *visit.Event, kind schema.Kind) {
	if kind == schema.KindLanding {
		o.found[e.ID] = finding{kind: kind, plain: e.Evidence == schema.EvidenceNone && !e.EntryPage}
	} else if kind == schema.KindReload || kind == schema.KindInternal || e.Kind == schema.KindLanding {
		o.found[e.ID] = finding{kind: kind}
	}
}

func (o observer) Landing(out *visit.Outcome) {
	f := o.found[out.ID]
	f.outcome, f.resolved = *out, true
	f.outcome.Page = nil
	o.found[out.ID] = f
}

// definitions are the formats by what the parser calls them.
var definitions = map[simulate.Format]string{
	simulate.Combined:      "combined",
	simulate.VhostCombined: "vhost_combined",
	simulate.NginxJSON:     simulate.NginxJSONFormat,
	simulate.Caddy:         "caddy",
}

// run simulates a site and counts its log.
func run(t testing.TB, o simulate.Options) *result {
	t.Helper()
	o.Site.Host = host
	r := &result{visits: map[uint64]simulate.Visit{}, found: map[uint64]finding{}}
	o.OnVisit = func(v simulate.Visit) { r.visits[uint64(v.Line)] = v }
	format, err := accesslog.CompileOptions(definitions[o.Format], accesslog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := pipeline.New(pipeline.Options{
		Rules:    attribution.Options{Sites: []attribution.Site{{Name: host, Hosts: []string{host}}}},
		Observer: observer{r.found},
	})
	if err != nil {
		t.Fatal(err)
	}
	engine.AddInput(pipeline.Input{Name: "simulated", Format: format, Site: host})
	log, w := io.Pipe()
	simulation := make(chan error, 1)
	go func() {
		var err error
		r.truth, err = simulate.Run(o, w)
		w.CloseWithError(err)
		simulation <- err
	}()
	blocks := make(chan *stream.Block)
	go func() {
		defer close(blocks)
		_ = stream.Reader(log, stream.Options{}).Run(context.Background(), blocks)
	}()
	if err := engine.Run(context.Background(), blocks); err != nil {
		t.Fatal(err)
	}
	if err := <-simulation; err != nil {
		t.Fatal(err)
	}
	r.report = engine.Report()
	var plain, all float64
	for _, f := range r.found {
		if f.resolved {
			all++
			if f.plain {
				plain++
			}
		}
	}
	r.plain = plain / max(all, 1)
	return r
}

// causes counts what became of the visits, and what else became one, where that
// moves the dark share.
func (r *result) causes() map[string]int {
	causes := map[string]int{}
	for line, v := range r.visits {
		f := r.found[line]
		dark := v.Channel == schema.ChannelDarkSocial
		if f.resolved && f.outcome.Visit && dark == (f.outcome.Channel == schema.ChannelDarkSocial) {
			continue
		}
		if !dark && !(f.resolved && f.outcome.Visit) {
			continue
		}
		what := v.Channel.String()
		for _, note := range []struct {
			is   bool
			text string
		}{{v.Typed && !v.Front, "typed deep"}, {v.Front, "front"}, {v.Hidden, "hides referrers"}, {v.InApp, "in-app"}} {
			if note.is {
				what += ", " + note.text
			}
		}
		causes[what+" -> "+f.String()]++
	}
	for line, f := range r.found {
		if _, ok := r.visits[line]; !ok && f.resolved && f.outcome.Visit {
			causes["no visit -> "+f.String()]++
		}
	}
	return causes
}

// seeds is how many simulations there are of each kind: few in a test, and as many
// as DARKSHARE_SEEDS says in an evaluation.
func seeds(t *testing.T) int {
	text := os.Getenv("DARKSHARE_SEEDS")
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("DARKSHARE_SEEDS: %v", err)
	}
	return n
}

// TestAccuracySimulation prints the dark share of simulated sites beside the
// truth. What it asks for is what holds today; docs/accuracy.md says what is aimed at.
func TestAccuracySimulation(t *testing.T) {
	mixes, shares := simulate.Mixes(), []float64{0, 0.5, 0.9}
	if raceEnabled || testing.Short() {
		// One is enough to find races; `mage test` runs them all without the detector.
		mixes, shares = mixes[:1], shares[1:2]
	}
	const worstToday = 0.10
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "mix\tformat\tbots\ttruth\tknown\testimate\tceiling\tworst error\tplain rule\t")
	causes, visits := map[string]int{}, 0
	n := seeds(t)
	for _, mix := range mixes {
		for _, format := range []simulate.Format{simulate.Combined, simulate.NginxJSON} {
			for _, bots := range shares {
				var truth, plain, worst float64
				var sum tally.DarkShare
				for seed := range n {
					r := run(t, simulate.Options{
						Seed: uint64(seed + 1), Start: time.Date(2026, 9, 2, 0, 0, 0, 0, time.UTC), Duration: 48 * time.Hour,
						Visits: 100, Bots: bots, Mix: mix, Format: format,
					})
					d, want := r.report.DarkShare, r.truth.DarkShare()
					if off := d.Estimate - want; math.Abs(off) > math.Abs(worst) {
						worst = off
					}
					truth, plain = truth+want, plain+r.plain
					sum.Known, sum.Estimate, sum.Ceiling = sum.Known+d.Known, sum.Estimate+d.Estimate, sum.Ceiling+d.Ceiling
					for cause, k := range r.causes() {
						causes[cause] += k
					}
					visits += len(r.visits)
					if want < d.Known || want > d.Ceiling {
						t.Errorf("%s, %s, %.0f %% bots, seed %d: the truth %.3f is not between known %.3f and ceiling %.3f",
							mix.Name, format, 100*bots, seed+1, want, d.Known, d.Ceiling)
					}
					if math.Abs(d.Estimate-want) > worstToday {
						t.Errorf("%s, %s, %.0f %% bots, seed %d: estimate %.3f, truth %.3f", mix.Name, format, 100*bots, seed+1, d.Estimate, want)
					}
				}
				k := float64(n) / 100
				fmt.Fprintf(w, "%s\t%s\t%.0f %%\t%.1f %%\t%.1f %%\t%.1f %%\t%.1f %%\t%+.1f\t%.1f %%\t\n", mix.Name, format, 100*bots,
					truth/k, sum.Known/k, sum.Estimate/k, sum.Ceiling/k, 100*worst, plain/k)
			}
		}
	}
	w.Flush()
	t.Logf("simulated sites, %d seeds of each:\n\n%s\n%s", n, out.String(), table(causes, visits))
}

// table lists the largest causes of error.
func table(causes map[string]int, visits int) string {
	keys := make([]string, 0, len(causes))
	for k := range causes {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(causes[b]-causes[a], cmp.Compare(a, b)) })
	var out strings.Builder
	fmt.Fprintf(&out, "What moves the dark share, in %% of %d true visits:\n\n", visits)
	for i, k := range keys {
		if i == 25 {
			break
		}
		fmt.Fprintf(&out, "%6.2f  %s\n", 100*float64(causes[k])/float64(visits), k)
	}
	return out.String()
}
