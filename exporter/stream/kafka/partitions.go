package kafka

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkshare/darkshare/exporter/stream"
)

type key struct {
	topic     string
	partition int32
}

func (k key) String() string { return fmt.Sprintf("%s/%d", k.topic, k.partition) }

func (k key) position(o kgo.EpochOffset) stream.Position {
	return stream.Position{Path: k.String(), Offset: o.Offset, Fingerprint: uint64(uint32(o.Epoch))}
}

// at reads a position. It returns false for one that is not in a topic.
func at(p stream.Position) (key, kgo.EpochOffset, bool) {
	i := strings.LastIndexByte(p.Path, '/')
	if i <= 0 || p.Offset < 0 {
		return key{}, kgo.EpochOffset{}, false
	}
	n, err := strconv.ParseInt(p.Path[i+1:], 10, 32)
	return key{p.Path[:i], int32(n)}, kgo.EpochOffset{Epoch: int32(uint32(p.Fingerprint)), Offset: p.Offset}, err == nil && n >= 0
}

// partitions are those that the group has given to this consumer.
type partitions struct {
	mu  sync.Mutex
	all map[key]*partition
	// from are the positions to resume at, and past those that were given away: what
	// comes back is not counted again, unless another consumer has.
	from map[key]kgo.EpochOffset
	past map[key]*partition
	// changed is closed, and made anew, when something has been counted.
	changed chan struct{}
}

// A partition is one of them for as long as it is. What still comes for one that
// has been given away is of no consequence.
type partition struct {
	of   *partitions
	name string
	// Records up to next have been read; up to counted, counted; up to committed, the
	// group knows of it. counted is empty, and its offset -1, while nothing was.
	next      kgo.EpochOffset
	counted   kgo.EpochOffset
	committed int64
}

func newPartitions(resume []stream.Position) *partitions {
	p := &partitions{all: map[key]*partition{}, past: map[key]*partition{}, from: map[key]kgo.EpochOffset{}, changed: make(chan struct{})}
	for _, r := range resume {
		if k, o, ok := at(r); ok {
			p.from[k] = o
		}
	}
	return p
}

// resume moves the offsets at which new partitions are begun on to where a former
// run has come.
func (p *partitions) resume(_ context.Context, topics map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for topic, offsets := range topics {
		for partition, committed := range offsets {
			k := key{topic, partition}
			from, ok := p.from[k]
			if s := p.past[k]; s != nil && s.next.Offset > from.Offset {
				from, ok = s.next, true // its last records may still be being counted
			}
			if ok && from.Offset > committed.EpochOffset().Offset {
				offsets[partition] = kgo.NewOffset().At(from.Offset).WithEpoch(from.Epoch)
			}
		}
	}
	return topics, nil
}

func (p *partitions) assign(topics map[string][]int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for topic, numbers := range topics {
		for _, n := range numbers {
			p.all[key{topic, n}] = &partition{of: p, name: key{topic, n}.String(), counted: kgo.EpochOffset{Offset: -1}, committed: -1}
		}
	}
}

func (p *partitions) none() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all) == 0
}

func (p *partitions) get(topic string, number int32) *partition {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all[key{topic, number}]
}

// read says that records up to the offset have been handed on.
func (s *partition) read(next kgo.EpochOffset) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.next = next
}

// count says that records up to the offset have been counted. Of two blocks that
// are released at the same time the later one may say so first.
func (s *partition) count(next kgo.EpochOffset) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if next.Offset > s.counted.Offset {
		s.counted = next
	}
	close(s.of.changed)
	s.of.changed = make(chan struct{})
}

// wait waits until all that was read of the partitions has been counted. It
// returns false where that takes too long.
func (p *partitions) wait(topics map[string][]int32, patience time.Duration) bool {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		p.mu.Lock()
		done := true
		p.each(topics, func(_ key, s *partition) { done = done && s.next.Offset <= max(s.counted.Offset, 0) })
		changed := p.changed
		p.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-changed:
		case <-late.C:
			return false
		}
	}
}

// forget removes the partitions, and returns how many records of them have been
// read that the group does not know of.
func (p *partitions) forget(topics map[string][]int32) (records int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.each(topics, func(k key, s *partition) {
		if s.committed >= 0 {
			records += max(s.next.Offset-s.committed, 0)
		}
		delete(p.all, k)
		if s.next.Offset > 0 {
			p.past[k] = s
		}
	})
	return records
}

func (p *partitions) each(topics map[string][]int32, f func(key, *partition)) {
	for topic, numbers := range topics {
		for _, n := range numbers {
			k := key{topic, n}
			if s := p.all[k]; s != nil {
				f(k, s)
			}
		}
	}
}

// uncommitted returns the offsets that the group does not know of yet.
func (p *partitions) uncommitted() map[string]map[int32]kgo.EpochOffset {
	p.mu.Lock()
	defer p.mu.Unlock()
	var offsets map[string]map[int32]kgo.EpochOffset
	for k, s := range p.all {
		if s.counted.Offset <= s.committed {
			continue
		}
		if offsets == nil {
			offsets = map[string]map[int32]kgo.EpochOffset{}
		}
		if offsets[k.topic] == nil {
			offsets[k.topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[k.topic][k.partition] = s.counted
	}
	return offsets
}

// committed notes what the group knows now.
func (p *partitions) committed(offsets map[string]map[int32]kgo.EpochOffset) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for topic, of := range offsets {
		for number, o := range of {
			if s := p.all[key{topic, number}]; s != nil {
				s.committed = max(s.committed, o.Offset)
			}
		}
	}
}

// positions returns up to where each partition has been counted: those given away, and
// those that a former run had and this one has not got yet, are not forgotten.
func (p *partitions) positions() []stream.Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	counted := maps.Clone(p.from)
	for _, some := range []map[key]*partition{p.past, p.all} {
		for k, s := range some {
			if from, ok := counted[k]; s.counted.Offset >= 0 && (!ok || s.counted.Offset > from.Offset) {
				counted[k] = s.counted
			}
		}
	}
	positions := make([]stream.Position, 0, len(counted))
	for k, o := range counted {
		positions = append(positions, k.position(o))
	}
	slices.SortFunc(positions, func(a, b stream.Position) int { return cmp.Compare(a.Path, b.Path) })
	return positions
}
