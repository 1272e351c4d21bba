package stream

import (
	"context"
	"io"
)

// Reader reads lines from r as they come, until it ends. ctx ends the reading
// between two reads of r only.
func Reader(r io.Reader, o Options) Source {
	o.setDefaults()
	return &reader{r: r, o: o, pool: newPool(&o)}
}

type reader struct {
	r     io.Reader
	o     Options
	pool  *pool
	stats Stats
}

func (s *reader) Stats() *Stats { return &s.stats }

func (s *reader) Run(ctx context.Context, out chan<- *Block) error {
	s.stats.up.Store(true)
	defer s.stats.up.Store(false)
	return pumpLive(ctx, s.r, "", &s.o, s.pool, &s.stats, out)
}
