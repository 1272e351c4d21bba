// Package pipeline takes blocks of lines all the way to the counters: lines are
// parsed and classified by as many workers as there are processors, and the
// records then observed one after the other in the log's order, so that the
// counts do not depend on the number of workers.
package pipeline

import (
	"context"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/series"
	"github.com/darkshare/darkshare/exporter/site"
	"github.com/darkshare/darkshare/exporter/state"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/tally"
	"github.com/darkshare/darkshare/exporter/visit"
)

// Options say what an Engine works with.
type Options struct {
	// Rules are what requests are classified by.
	Rules attribution.Options
	Visit visit.Options
	// Sites, Pages and Sections bound the series: hosts that become sites by
	// themselves, and pages and sections per site.
	Sites, Pages, Sections int
	// MaxLine is the longest line in bytes, without its end, as in the options of package
	// stream: a longer one, of which a source hands out the beginning, is no record. Default:
	// stream.DefaultMaxLine.
	MaxLine int
	// Live says that the lines are being written now: a record without a time of
	// its own has the time at which it was read.
	Live bool
	// Observer, if any, is told of every record and what became of it.
	Observer Observer
	// Workers is how many parse at the same time. Default: the processors.
	Workers int
	// History, where it is not nil, takes a sample of every series each Interval of the
	// log's time. Counters are then as old as the log says, unless it is Live.
	History  History
	Interval time.Duration
	// Forward, where it is not nil, is where classified requests go in place of being
	// counted as visits.
	Forward *Forward
	// State, where it is not nil, is what Checkpoint wrote in an earlier life: the
	// counts go on from there.
	State *state.Decoder
	Log   *slog.Logger
}

// An Engine counts what blocks of lines say.
type Engine struct {
	opt Options
	log *slog.Logger

	// rules is replaced whole when the configuration is.
	rules atomic.Pointer[generation]
	// configuring keeps changes of the rules apart. user is what is configured, told
	// the sites that logs tell of.
	configuring sync.Mutex
	user        attribution.Options
	told        []string
	// sources are the names of those that the state numbers.
	sources []string

	inputs inputs
	// detecting keeps those apart who look at what is known of an input's lines
	// without preparing its blocks.
	detecting sync.Mutex
	barriers  chan barrier
	// ended is closed when Run has.
	ended chan struct{}
	end   sync.Once
	// unknown is when names that nobody here has were last complained of, in Unix time.
	unknown atomic.Int64

	mu sync.Mutex
	// forwarded is how many records have been forwarded and acknowledged.
	forwarded uint64
	clocks    clocks
	sites     *site.Directory
	tracker   *visit.Tracker
	tally     *tally.Tally
	table     series.Table
	sampling  sampling
	sink      visit.Sink
	ids       uint64
	started   time.Time
	spare     visit.Event // of a record without a detail
}

// A generation is one configuration's rules.
type generation struct {
	rules *attribution.Rules
	opt   attribution.Options // with the sites told from logs behind the configured ones
	// configured is how many of the sites are configured; sites are the numbers of
	// all in the directory.
	configured int
	sites      []int
}

// index returns the index of the site of that number among the rules' sites, or -1.
func (g *generation) index(site int) int { return slices.Index(g.sites, site) }

// named returns the index of the rules' site of that name, or -1.
func (g *generation) named(name string) int {
	return slices.IndexFunc(g.opt.Sites, func(s attribution.Site) bool { return s.Name == name })
}

// New returns an Engine. The error is that of the rules, or ErrState.
func New(o Options) (*Engine, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Sites <= 0 {
		o.Sites = 20
	}
	if o.MaxLine <= 0 {
		o.MaxLine = stream.DefaultMaxLine
	}
	e := &Engine{opt: o, log: o.Log, sites: site.New(o.Sites), started: time.Now(), barriers: make(chan barrier), ended: make(chan struct{})}
	e.tally = tally.New(tally.Options{
		Pages:      o.Pages,
		Sections:   o.Sections,
		Steady:     !o.Live && o.History == nil,
		SiteName:   e.sites.Name,
		SourceName: func(s attribution.Source) string { return e.rules.Load().rules.SourceName(s) },
		GoalName:   e.goalName,
		Section:    e.section,
		Table:      &e.table,
		Clock:      e.clock(),
	})
	e.sink = visit.Sink(e.tally)
	if o.Observer != nil {
		e.sink = tee{e.tally, o.Observer}
	}
	o.Visit.OnConfirmation = e.logConfirmation
	o.Visit.Mixed = func(s attribution.Source) bool { return e.rules.Load().rules.SourceName(s) == "wechat" }
	e.tracker = visit.NewTracker(o.Visit, e.sink)
	e.clocks = newClocks(e.tracker.Window(), o.Live)
	e.sampling = sampling{to: o.History, interval: int64(max(o.Interval, time.Second))}
	e.addLimits()
	if o.State != nil {
		return e, e.restore(o.State, o.Rules)
	}
	return e, e.Configure(o.Rules)
}

// clock returns what says when counters begin: of a history the log does, where that
// is not the present.
func (e *Engine) clock() func() time.Time {
	if e.opt.Live || e.opt.History == nil {
		return time.Now
	}
	return func() time.Time {
		if e.clocks.now == 0 {
			return time.Time{}
		}
		return time.Unix(0, e.clocks.now)
	}
}

// logConfirmation tells the operator what darkshare_confirmation_enabled says.
func (e *Engine) logConfirmation(id int, enabled bool) {
	log := e.log.With("site", e.sites.Name(id))
	if enabled {
		log.Info("visitors can be seen to be browsers again: landings must be confirmed to count")
		return
	}
	log.Warn("next to no visitor fetches the site's assets here, so nobody can be confirmed to be a browser: every landing counts; " +
		"log the requests for assets, or the Sec-Fetch-* headers, to tell people from scanners")
}

func (e *Engine) addLimits() {
	stat := func(f func(visit.Stats) uint64) func() uint64 {
		return func() uint64 { return f(e.tracker.Stats()) }
	}
	e.tally.Limit("visitors", stat(func(s visit.Stats) uint64 { return s.VisitorsEvicted }))
	e.tally.Limit("pending_landings", stat(func(s visit.Stats) uint64 { return s.PendingEvicted }))
	e.tally.Limit("entry_pages", stat(func(s visit.Stats) uint64 { return s.PagesEvicted }))
	e.tally.Limit("sharers", stat(func(s visit.Stats) uint64 { return s.SharersEvicted }))
	e.tally.Limit("sites", e.sites.Reached)
	e.tally.Limit("open_files", e.inputs.openLimitReached)
}

// Configure replaces the rules. What has been learned and counted stays, and
// lines that are being parsed are finished by the rules that they began with. The
// error is that of the rules; nothing has changed then.
func (e *Engine) Configure(o attribution.Options) error {
	e.configuring.Lock()
	defer e.configuring.Unlock()
	return e.configure(o, e.told)
}

// tell adds a site that a log tells of.
func (e *Engine) tell(name string) error {
	e.configuring.Lock()
	defer e.configuring.Unlock()
	if slices.Contains(e.told, name) {
		return nil
	}
	return e.configure(e.user, append(slices.Clip(e.told), name))
}

// configure builds the rules of what is configured and what logs tell of.
func (e *Engine) configure(user attribution.Options, told []string) error {
	o := user
	o.Sites = slices.Clone(user.Sites)
	for _, name := range told {
		if !slices.ContainsFunc(user.Sites, func(s attribution.Site) bool { return s.Name == name || slices.Contains(s.Hosts, name) }) {
			o.Sites = append(o.Sites, attribution.Site{Name: name, Hosts: []string{name}, SiteRules: user.Default})
		}
	}
	// Sources keep their numbers, since landings that wait hold them.
	o.Sources = e.sources
	if g := e.rules.Load(); g != nil {
		o.Sources = g.rules.Sources()
	}
	rules, err := attribution.New(o)
	if err != nil {
		return err
	}
	names := make([]string, len(o.Sites))
	for i, s := range o.Sites {
		names[i] = s.Name
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rules.Store(&generation{rules, o, len(user.Sites), e.sites.Configure(names)})
	e.user, e.told = user, told
	return nil
}

// Run counts the blocks until the channel is closed, and then what was pending.
// When ctx is done it stops sooner, with what it has.
//
// Workers parse blocks side by side. One of them observes the records, in the blocks'
// order; those of a block that it parses itself a few at a time, while they are still
// in the nearest of its processor's caches.
func (e *Engine) Run(ctx context.Context, blocks <-chan *stream.Block) error {
	var (
		queue   = newQueue(e.opt.Workers)
		workers sync.WaitGroup
	)
	workers.Go(func() { e.finish(queue) })
	for range e.opt.Workers - 1 {
		workers.Go(func() {
			w := e.worker()
			for j := queue.take(); j != nil; j = queue.take() {
				e.parse(w, j)
				queue.done(j)
			}
		})
	}
	if e.opt.Forward != nil {
		// Who waits for Kafka waits no longer than ctx lasts.
		defer context.AfterFunc(ctx, e.opt.Forward.Producer.Close)()
	}
	for ctx.Err() == nil {
		j, ok := e.next(ctx, blocks)
		if !ok {
			break
		}
		queue.push(j)
	}
	queue.close()
	workers.Wait()
	e.Flush()
	if e.opt.Forward != nil {
		e.opt.Forward.end(ctx, e.log)
	}
	e.end.Do(func() { close(e.ended) })
	return ctx.Err()
}

func (e *Engine) worker() *worker {
	w := &worker{maxLine: e.opt.MaxLine, explain: e.opt.Observer != nil}
	if e.opt.Forward != nil {
		w.forwarder = e.opt.Forward.forwarder(e)
	}
	return w
}

// parse parses a job beside others.
func (e *Engine) parse(w *worker, j *job) {
	if e.opt.Forward != nil {
		e.ship(w, j)
		return
	}
	j.batch.own()
	w.parse(j, j.batch, func() {})
}

// finish finishes jobs in their order, and parses others while it waits for them.
func (e *Engine) finish(q *queue) {
	w := e.worker()
	for {
		j, first := q.next()
		switch {
		case j == nil:
			return
		case !first:
			e.parse(w, j)
			q.done(j)
			continue
		case j.block == nil:
			j.reached()
		case e.opt.Forward != nil:
			if !j.done {
				e.ship(w, j)
			}
			e.forward(j)
		default:
			if b := j.batch; !j.done {
				w.parse(j, b, func() {
					e.observe(j)
					b.reset()
				})
			}
			e.observe(j)
			if j.forwarded {
				e.complain(j.batch.decoder)
			}
			j.block.Release()
		}
		q.pop()
	}
}

// next waits for the next block or barrier. ok is false where there is none any
// more.
func (e *Engine) next(ctx context.Context, blocks <-chan *stream.Block) (j *job, ok bool) {
	select {
	case b, ok := <-blocks:
		if !ok {
			return nil, false
		}
		return e.prepare(b), true
	case b := <-e.barriers:
		if b.passed != nil {
			b.passed()
		}
		return &job{reached: b.reached}, true
	case <-ctx.Done():
		return nil, false
	}
}

// A barrier is between two blocks.
type barrier struct {
	// passed, where it is not nil, is called when all blocks before have been
	// prepared, reached when they have been counted and released, and none after.
	passed, reached func()
}

// Barrier waits until every block that was sent before has been counted, or forwarded
// and acknowledged, and released, as long as Run runs.
func (e *Engine) Barrier(ctx context.Context) error {
	reached := make(chan struct{})
	select {
	case e.barriers <- barrier{reached: func() { close(reached) }}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-reached:
	case <-ctx.Done():
		return ctx.Err()
	}
	if e.opt.Forward != nil {
		return e.opt.Forward.Producer.Wait(ctx)
	}
	return nil
}

// Flush resolves what is pending, as if its window had passed.
func (e *Engine) Flush() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tracker.Flush()
}

// observe takes the records of a job in order.
func (e *Engine) observe(j *job) {
	e.mu.Lock()
	defer e.mu.Unlock()
	wall := time.Now()
	e.clocks.begin(j.block.Input, j.block.Name, 0, wall)
	for records := j.batch.records; len(records) > 0; {
		n := min(len(records), attribution.Bunch)
		for i := range records[:n] {
			if r := &records[i]; r.who != 0 && r.site >= 0 && (r.signals != 0 || r.kind == schema.KindLanding) {
				e.tracker.Fetch(r.time, r.who, j.gen.sites[r.site])
			}
		}
		for i := range records[:n] {
			e.record(j, &records[i], wall)
		}
		records = records[n:]
	}
	for e.opt.Observer != nil && e.opt.Observer.Behind() && e.tracker.Hurry() {
	}
}

// record takes a record of the job.
func (e *Engine) record(j *job, r *record, wall time.Time) {
	e.ids++
	if r.reason != schema.ReasonNone {
		e.tally.Line(j.block.Input, r.reason, 0)
		if e.opt.Observer != nil {
			e.opt.Observer.Malformed(e.ids, r.reason)
		}
		return
	}
	ev, d := &e.spare, j.batch.detail(r)
	if d != nil {
		ev = &d.event
	} else {
		ev.Time, ev.Who, ev.Verdict.Site, ev.Kind, ev.Signals = r.time, r.who, int(r.site), r.kind, r.signals
	}
	if ev.Time == 0 {
		ev.Time = e.timeless(wall)
	}
	if d != nil && d.log != 0 {
		e.clocks.begin(j.block.Input, j.block.Name, d.log, wall)
	}
	if now, changed := e.clocks.observe(ev.Time); changed {
		e.setClock(now) // which may take a sample, without this record
	}
	e.tally.Line(j.block.Input, r.reason, ev.Time)
	ev.ID = e.ids
	ev.Site = e.siteOf(ev, j.gen)
	if e.opt.Observer != nil {
		e.opt.Observer.Explained(ev, e.sites.Name(ev.Site), j.gen.rules, d.why)
	}
	e.tracker.Observe(ev)
}

// siteOf returns the number of the event's site.
func (e *Engine) siteOf(ev *visit.Event, g *generation) int {
	switch {
	case ev.Verdict.Site >= 0:
		return g.sites[ev.Verdict.Site]
	case g.configured > 0:
		return site.Other
	}
	return e.sites.Resolve(&ev.Verdict, ev.Client, nil)
}

func (e *Engine) setClock(now int64) {
	if e.sampling.to != nil {
		e.reach(now)
	}
	if now < e.clocks.now {
		e.tracker.Rewind(now)
		e.tally.Rewind(now)
	}
	e.clocks.now = now
	e.tracker.Advance(now)
	e.tally.Advance(now)
}

// Report returns everything that was counted.
func (e *Engine) Report() *tally.Report {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.tally.Report()
}

func (e *Engine) goalName(id, goal int) string {
	g := e.rules.Load()
	return g.rules.GoalName(g.index(id), goal)
}

func (e *Engine) section(id int, page []byte) []byte {
	g := e.rules.Load()
	return g.rules.Section(page, g.index(id))
}
