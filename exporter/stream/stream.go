// Package stream says where records come from. A [Source] reads an input (whole
// files, followed files, standard input, a FIFO) and hands out blocks of whole
// lines; it knows positions and rotations, and nothing of what a line means.
//
// Memory is bounded: a source has a few blocks and waits for their release, so
// that a slow receiver slows the reading and loses nothing.
package stream

import (
	"context"
	"io"
	"log/slog"
	"time"
)

// A Source is one input.
type Source interface {
	// Run reads the input and sends its blocks until ctx is done, and then
	// returns ctx's error, or until the input ends. It waits while the channel
	// is full or all blocks are in use. It does not close the channel, which
	// several sources may share, and runs once only.
	Run(ctx context.Context, out chan<- *Block) error
	// Stats returns the input's counters, which may be read at any time.
	Stats() *Stats
}

// The defaults of Options.
const (
	DefaultMaxLine = 64 << 10
	DefaultBlocks  = 8
)

// Options are what all sources have in common. The zero value is usable.
type Options struct {
	// Input is copied to every block.
	Input int
	// MaxLine is the longest line in bytes, without its end, that is handed out
	// whole; of a longer one the first MaxLine+1 bytes are, and its rest is
	// skipped. 0 means DefaultMaxLine, and BlockSize/2 is the most.
	MaxLine int
	// Blocks is how many blocks may be in use at a time; 0 means DefaultBlocks.
	Blocks int
	// Logger takes what an operator should know; nil keeps silent.
	Logger *slog.Logger

	// grace is how long what has been read may still be handed on when the context
	// of Run has ended; 0 means shutdownGrace.
	grace time.Duration
}

// shutdownGrace is less than the ten seconds that Docker gives a container to end.
const shutdownGrace = 5 * time.Second

func (o *Options) setDefaults() {
	if o.MaxLine <= 0 {
		o.MaxLine = DefaultMaxLine
	}
	o.MaxLine = min(o.MaxLine, BlockSize/2)
	if o.Blocks <= 0 {
		o.Blocks = DefaultBlocks
	}
	if o.grace <= 0 {
		o.grace = shutdownGrace
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// after returns a context that ends that long after ctx does.
func after(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if sleep(late, grace) == nil {
			cancel()
		}
	})
	return late, func() { stop(); cancel() }
}

// send sends a block, or returns ctx's error where that ends first.
func send(ctx context.Context, out chan<- *Block, b *Block) error {
	select {
	case out <- b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pumpLive is pump for lines that come as they are written and cannot be read a
// second time: when ctx ends so does the reading, but what has been read may still
// be handed on for a while, and is counted where it is lost.
func pumpLive(ctx context.Context, r io.Reader, name string, o *Options, p *pool, s *Stats, out chan<- *Block) error {
	late, cancel := after(ctx, o.grace)
	defer cancel()
	lines := &lineReader{cutter: cutter{max: o.MaxLine}, r: &contextReader{ctx: ctx, r: r}, live: true}
	return pump(late, lines, name, p, s, out, func() {})
}

// A contextReader reads no more once its context is done.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
