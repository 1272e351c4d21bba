package stream

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"
)

// flushAfter is how long a record waits for others to fill its block. It costs a
// quiet input nothing, and bounds the blocks of a busy one to fifty a second while
// they are not full.
const flushAfter = 20 * time.Millisecond

// ErrEnded is what Add returns once Run has ended.
var ErrEnded = errors.New("the input has ended")

// A Gatherer makes blocks of the records that receivers get one at a time. Its
// methods may be called from several goroutines; the records of each keep their
// order.
type Gatherer struct {
	o     Options
	pool  *pool
	stats Stats
	log   *throttle
	count gathered
	// ready has the blocks to send. It has room for all there are.
	ready chan *Block
	// begun says that a block has its first record.
	begun chan struct{}
	// ended is closed when nothing is taken any more.
	ended chan struct{}

	mu      sync.Mutex
	current *Block // being filled
	closed  bool
}

// NewGatherer returns a Gatherer, to be run once.
func NewGatherer(o Options) *Gatherer {
	o.setDefaults()
	return &Gatherer{
		o: o, pool: newPool(&o), log: newThrottle(o.Logger), stats: Stats{remote: true},
		ready: make(chan *Block, o.Blocks), begun: make(chan struct{}, 1), ended: make(chan struct{}),
	}
}

// Stats returns the input's counters. Its bytes are those of the records.
func (g *Gatherer) Stats() *Stats { return &g.stats }

// MaxLine returns the length in bytes from which on a record is cut, so that
// receivers need not keep more of it than one byte more.
func (g *Gatherer) MaxLine() int { return g.o.MaxLine }

// Up says that the input works.
func (g *Gatherer) Up() { g.stats.up.Store(true) }

// Fail says that the input does not work, and why.
func (g *Gatherer) Fail(err error) { g.stats.fail(err) }

// Drop counts records that are lost.
func (g *Gatherer) Drop(r DropReason, records uint64) { g.stats.dropped[r].Add(records) }

// Trouble counts something that went wrong with one sender, of which the others
// notice nothing, and logs it: at once, and then once a minute while it lasts.
// What makes it the same trouble is the key.
func (g *Gatherer) Trouble(r ErrorReason, key, msg string, args ...any) {
	g.stats.errors[r].Add(1)
	g.Complain(key, msg, args...)
}

// Complain logs an error at once, and then once a minute while it lasts.
func (g *Gatherer) Complain(key, msg string, args ...any) { g.log.error(key, msg, args...) }

// Recovered logs that what was complained of is over, if there was a complaint.
func (g *Gatherer) Recovered(key, msg string, args ...any) { g.log.recovered(key, msg, args...) }

// Add takes a record, a line without its end, and copies it. It waits while all
// blocks are in use. Newlines within the record become spaces, and of one longer
// than MaxLine only the first MaxLine+1 bytes are taken, as of a line in a file.
// The name is that of the blocks that the record comes in: where it is from, or "".
// Records of different names do not share a block.
//
// The error is that of ctx, or ErrEnded; then the record was not taken.
func (g *Gatherer) Add(ctx context.Context, name string, record []byte) error {
	token := false
	for {
		switch taken, err := g.add(name, record, token); {
		case err != nil:
			return err
		case taken:
			return nil
		}
		select {
		case <-g.pool.tokens:
			token = true
		case <-ctx.Done():
			return ctx.Err()
		case <-g.ended:
			return ErrEnded
		}
	}
}

// TryAdd is Add for senders that cannot be made to wait. Where there is no room,
// it counts the record as dropped (DropOverflow) and returns false.
func (g *Gatherer) TryAdd(name string, record []byte) bool {
	taken, err := g.add(name, record, false)
	switch {
	case err != nil:
		g.Drop(DropShutdown, 1)
	case !taken:
		g.Drop(DropOverflow, 1)
	}
	return taken
}

// add takes the record if there is room. A caller that holds a block's token gives
// it away with the call.
func (g *Gatherer) add(name string, record []byte, token bool) (taken bool, err error) {
	record = record[:min(len(record), g.o.MaxLine+1)]
	g.mu.Lock()
	defer g.mu.Unlock()
	if b := g.current; b != nil && (b.Name != name || len(b.Data)+len(record)+1 > BlockSize) {
		g.seal()
	}
	if token && (g.current != nil || g.closed) {
		g.pool.tokens <- struct{}{}
	}
	if g.closed {
		return false, ErrEnded
	}
	if g.current == nil {
		if !token {
			select {
			case <-g.pool.tokens:
			default:
				return false, nil
			}
		}
		g.begin(name)
	}
	b := g.current
	start := len(b.Data)
	b.Data = append(b.Data, record...)
	for line := b.Data[start:]; ; {
		i := bytes.IndexByte(line, '\n')
		if i < 0 {
			break
		}
		line[i] = ' '
		line = line[i+1:]
	}
	b.Data = append(b.Data, '\n')
	g.stats.bytes.Add(int64(len(record)))
	return true, nil
}

// begin begins a block, whose token the caller holds.
func (g *Gatherer) begin(name string) {
	b := g.pool.take()
	b.Name, b.Data = name, b.buf[:0]
	b.acks, b.mark = &g.count, g.count.begin()
	g.current = b
	select {
	case g.begun <- struct{}{}:
	default:
	}
}

// seal hands on the block that is being filled.
func (g *Gatherer) seal() {
	if g.current != nil {
		g.ready <- g.current
		g.current = nil
	}
}

// Mark calls f, which must be short, once all records added before have been
// counted: at once, or when the last block of them is released, in the goroutine
// that does so. It never calls f where one of them is lost.
func (g *Gatherer) Mark(f func()) {
	g.mu.Lock()
	now := g.count.mark(f)
	g.mu.Unlock()
	if now {
		f()
	}
}

// Run sends the blocks, a partly filled one after 20 ms, until ctx is done. Then it
// takes no more records, sends what it has, for which it waits 5 s at most, and
// returns ctx's error. What it could not send is counted as dropped (DropShutdown).
//
// A receiver that is to lose nothing of what it has read ends its reading first
// and ctx after it: see Serve.
func (g *Gatherer) Run(ctx context.Context, out chan<- *Block) error {
	late, cancel := after(ctx, g.o.grace)
	defer cancel()
	g.run(ctx, late, out)
	return ctx.Err()
}

// Serve runs the gatherer for as long as receive does, which is to end its reading
// when ctx is done, to Add with the context late, which ends 5 s after ctx, what it
// has read by then, and to return when all its goroutines have. Serve returns ctx's
// error, or that of receive where it returns before.
func (g *Gatherer) Serve(ctx context.Context, out chan<- *Block, receive func(ctx, late context.Context) error) error {
	late, cancel := after(ctx, g.o.grace)
	defer cancel()
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	received := make(chan error, 1)
	go func() {
		defer end()
		received <- receive(ctx, late)
	}()
	g.run(running, late, out)
	if err := <-received; ctx.Err() == nil {
		return err
	}
	return ctx.Err()
}

// run sends until ctx is done, and then, until late is, what is left.
func (g *Gatherer) run(ctx, late context.Context, out chan<- *Block) {
	defer g.stats.up.Store(false)
	flush := time.NewTimer(time.Hour)
	defer flush.Stop()
	for ctx.Err() == nil {
		select {
		case b := <-g.ready:
			g.deliver(late, out, b)
		case <-g.begun:
			flush.Reset(flushAfter)
		case <-flush.C:
			g.mu.Lock()
			g.seal()
			g.mu.Unlock()
		case <-ctx.Done():
		}
	}
	g.mu.Lock()
	g.closed = true
	g.seal()
	g.mu.Unlock()
	close(g.ended)
	for len(g.ready) > 0 {
		g.deliver(late, out, <-g.ready)
	}
}

func (g *Gatherer) deliver(ctx context.Context, out chan<- *Block, b *Block) {
	if send(ctx, out, b) != nil {
		g.Drop(DropShutdown, b.lines())
		b.discard()
	}
}

// gathered knows which blocks have been counted, and who waits for that. It holds
// as many entries as blocks are in use.
type gathered struct {
	mu     sync.Mutex
	first  int // the number of blocks[0]
	blocks []batch
}

type batch struct {
	done bool
	then []func()
}

// begin enters a block and returns its number.
func (g *gathered) begin() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.blocks = append(g.blocks, batch{})
	return g.first + len(g.blocks) - 1
}

// mark has f called once all blocks begun so far are done, or returns true where
// they are.
func (g *gathered) mark(f func()) (now bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.blocks) == 0 {
		return true
	}
	last := &g.blocks[len(g.blocks)-1]
	last.then = append(last.then, f)
	return false
}

// done says that a block has been counted.
func (g *gathered) done(number int) {
	g.mu.Lock()
	g.blocks[number-g.first].done = true
	n := 0
	var then []func()
	for n < len(g.blocks) && g.blocks[n].done {
		then = append(then, g.blocks[n].then...)
		n++
	}
	g.first += n
	g.blocks = append(g.blocks[:0], g.blocks[n:]...)
	g.mu.Unlock()
	for _, f := range then {
		f()
	}
}
