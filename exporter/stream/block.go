package stream

import (
	"bytes"
	"context"
	"sync"
)

// BlockSize is the capacity of a block in bytes.
const BlockSize = 256 << 10

// A Block is a run of whole lines from one input.
type Block struct {
	// Input is the number that the source was given in its options.
	Input int
	// Name is the file that the lines are from, "-" for standard input.
	Name string
	// Data is the lines, each ended by '\n'; only the last line of an input that
	// ends without one lacks it. It belongs to the receiver, who may rewrite it,
	// until Release.
	Data []byte

	buf  []byte
	pool *pool
	acks acks // nil where nobody needs to know
	mark int
}

// acks is who needs to know which blocks have been counted.
type acks interface {
	// done says that the block of that number has been.
	done(number int)
}

// Release says that the block's records have been counted, which moves the
// input's stored position past them, and gives the memory back. It is called
// once for every block received, in any order; neither the block nor its data
// may be used afterwards.
func (b *Block) Release() {
	if b.acks != nil {
		b.acks.done(b.mark)
	}
	b.discard()
}

// discard gives the memory back and leaves the position where it is.
func (b *Block) discard() {
	b.acks, b.Data, b.Name = nil, nil, ""
	b.pool.put(b)
}

// lines returns how many lines the block has.
func (b *Block) lines() uint64 {
	n := bytes.Count(b.Data, newline)
	if len(b.Data) > 0 && b.Data[len(b.Data)-1] != '\n' {
		n++
	}
	return uint64(n)
}

// A pool holds the blocks of one source.
type pool struct {
	// tokens has one entry for each block that may still be taken.
	tokens chan struct{}
	input  int

	mu   sync.Mutex
	free []*Block
}

func newPool(o *Options) *pool {
	p := &pool{tokens: make(chan struct{}, o.Blocks), input: o.Input}
	for range o.Blocks {
		p.tokens <- struct{}{}
	}
	return p
}

// get waits for a block.
func (p *pool) get(ctx context.Context) (*Block, error) {
	if err := p.wait(ctx); err != nil {
		return nil, err
	}
	return p.take(), nil
}

// wait waits for a token.
func (p *pool) wait(ctx context.Context) error {
	select {
	case <-p.tokens:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take returns the block whose token the caller has received. The block that
// was used last comes first: it is the one that is still in the processor's cache.
func (p *pool) take() *Block {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.free)
	if n == 0 {
		return &Block{Input: p.input, buf: make([]byte, BlockSize), pool: p}
	}
	b := p.free[n-1]
	p.free = p.free[:n-1]
	return b
}

// put takes back a block and its token.
func (p *pool) put(b *Block) {
	p.putBack(b)
	p.tokens <- struct{}{}
}

// putBack takes back a block that was taken without a token.
func (p *pool) putBack(b *Block) {
	p.mu.Lock()
	p.free = append(p.free, b)
	p.mu.Unlock()
}
