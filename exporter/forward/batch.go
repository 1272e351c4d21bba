package forward

import (
	"context"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A Batch is the records of a block of lines, on their way to Kafka. It can be used
// again once it has been acknowledged. It is for one goroutine at a time.
type Batch struct {
	data []byte
	// ends is where in data each record ends.
	ends   []int
	routes []route
	// spread places the records that are nobody's.
	spread uint32

	// left counts the records that have not been acknowledged.
	left         atomic.Int64
	acknowledged func()
}

// A route says to which partition a record goes, and where it is from. It is the record's
// context, in which the client carries it to the partitioner and back.
type route struct {
	context.Context
	batch *Batch
	place uint32
	// key is where in the batch the visitor's name is, which is the record's key.
	key [2]int
}

// Len returns how many records the batch has.
func (b *Batch) Len() int { return len(b.ends) }

// Records calls f with every record, which is valid during the call.
func (b *Batch) Records(f func(record []byte)) {
	start := 0
	for _, end := range b.ends {
		f(b.data[start:end:end])
		start = end
	}
}

// Reset empties the batch. What the client has seen of records and routes is made anew: it
// may look at their contexts when they are long acknowledged.
func (b *Batch) Reset() {
	b.data, b.ends = b.data[:0], b.ends[:0]
	b.routes = make([]route, 0, cap(b.routes))
	b.spread++
}

// produced returns the records as the client takes them. They point to the batch.
func (b *Batch) produced() []kgo.Record {
	records := make([]kgo.Record, len(b.ends))
	start := 0
	for i, end := range b.ends {
		r := &b.routes[i]
		r.Context, r.batch = context.Background(), b
		records[i].Value, records[i].Context = b.data[start:end:end], r
		if r.key[1] > 0 {
			records[i].Key = b.data[r.key[0]:r.key[1]:r.key[1]]
		}
		start = end
	}
	return records
}

// place is the partitioner: of n partitions, always the same for one visitor, whatever
// the visitor's name is that day.
func place(string) func(*kgo.Record, int) int {
	return func(r *kgo.Record, n int) int { return int(r.Context.(*route).place % uint32(n)) }
}
