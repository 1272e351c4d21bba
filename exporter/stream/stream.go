// Package stream says where records come from. A [Source] reads an input (whole
// files, followed files, standard input, a FIFO) and hands out blocks of whole
// lines; it knows positions and rotations, and nothing of what a line means.
//
// Memory is bounded: a source has a few blocks and waits for their release, so
// that a slow receiver slows the reading and loses nothing.
package stream

import (
	"context"
	"log/slog"
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
}

func (o *Options) setDefaults() {
	if o.MaxLine <= 0 {
		o.MaxLine = DefaultMaxLine
	}
	o.MaxLine = min(o.MaxLine, BlockSize/2)
	if o.Blocks <= 0 {
		o.Blocks = DefaultBlocks
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// deliver sends a block, or takes it back when ctx ends first.
func deliver(ctx context.Context, out chan<- *Block, b *Block) error {
	select {
	case out <- b:
		return nil
	case <-ctx.Done():
		b.discard()
		return ctx.Err()
	}
}
