package evaluate

import (
	"context"
	"fmt"
	"io"
	"os"
	"sort"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/pipeline"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/simulate"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/visit"
)

type obs struct {
	kinds map[uint64]schema.Kind
	out   map[uint64]visit.Outcome
	pages map[uint64]string
}

func (o *obs) Malformed(uint64, schema.Reason)                                    {}
func (o *obs) Explained(e *visit.Event, _ string, _ *attribution.Rules, w string) {}
func (o *obs) Behind() bool                                                       { return false }
func (o *obs) Request(e *visit.Event, k schema.Kind) {
	o.kinds[e.ID] = k
	o.pages[e.ID] = string(e.Page)
}
func (o *obs) Landing(out *visit.Outcome)                              { c := *out; c.Page = nil; o.out[out.ID] = c }
func (o *obs) Share(int, attribution.Source, schema.Scope, []byte)     {}
func (o *obs) Conversion(int, int, schema.Channel, attribution.Source) {}

func TestCauses(t *testing.T) {
	name := os.Getenv("MIX")
	if name == "" {
		t.Skip("MIX")
	}
	mix, err := simulate.MixByName(name)
	if err != nil {
		t.Fatal(err)
	}
	var bots float64
	fmt.Sscan(os.Getenv("BOTS"), &bots)
	format := simulate.Combined
	def := "combined"
	if os.Getenv("FORMAT") == "json" {
		format, def = simulate.NginxJSON, simulate.NginxJSONFormat
	}
	visits := map[uint64]simulate.Visit{}
	o := simulate.Options{Seed: 1, Start: time.Date(2026, 9, 2, 0, 0, 0, 0, time.UTC), Duration: 48 * time.Hour, Visits: 200, Bots: bots, Mix: mix, Format: format,
		OnVisit: func(v simulate.Visit) { visits[uint64(v.Line)] = v }}
	o.Site.Host = host
	compiled, _ := accesslog.CompileOptions(def, accesslog.Options{})
	ob := &obs{map[uint64]schema.Kind{}, map[uint64]visit.Outcome{}, map[uint64]string{}}
	engine, err := pipeline.New(pipeline.Options{Observer: ob, Rules: attribution.Options{Sites: []attribution.Site{{Name: host, Hosts: []string{host}}}}})
	if err != nil {
		t.Fatal(err)
	}
	engine.AddInput(pipeline.Input{Name: "simulated", Format: compiled, Site: host})
	r, w := io.Pipe()
	go func() { _, err := simulate.Run(o, w); w.CloseWithError(err) }()
	blocks := make(chan *stream.Block)
	go func() { defer close(blocks); _ = stream.Reader(r, stream.Options{}).Run(context.Background(), blocks) }()
	if err := engine.Run(context.Background(), blocks); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	pagesBy := map[string]map[string]int{}
	add := func(k, page string) {
		counts[k]++
		if pagesBy[k] == nil {
			pagesBy[k] = map[string]int{}
		}
		pagesBy[k][page]++
	}
	for line, v := range visits {
		what := fmt.Sprintf("truth %-11s typed=%-5v front=%-5v hidden=%-5v ref=%-5v", v.Channel, v.Typed, v.Front, v.Hidden, v.Referrer)
		ours := ob.kinds[line].String()
		if out, ok := ob.out[line]; ok {
			ours = fmt.Sprintf("visit=%v %s/%s r%d", out.Visit, out.Channel, out.Evidence, out.Reason)
		}
		add(what+" -> "+ours, ob.pages[line])
	}
	for line, out := range ob.out {
		if _, ok := visits[line]; !ok {
			add(fmt.Sprintf("NOT A VISIT -> visit=%v %s/%s r%d", out.Visit, out.Channel, out.Evidence, out.Reason), ob.pages[line])
		}
	}
	var keys []string
	for k := range counts {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return counts[keys[i]] > counts[keys[j]] })
	for i, k := range keys {
		if i > 60 {
			break
		}
		best, n := "", 0
		for p, c := range pagesBy[k] {
			if c > n {
				best, n = p, c
			}
		}
		fmt.Printf("%6d %s   %d pages, e.g. %s %d\n", counts[k], k, len(pagesBy[k]), best, n)
	}
	fmt.Println(len(visits), "true visits")

}
