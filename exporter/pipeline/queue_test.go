package pipeline

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/stream"
)

// TestQueue: every job is parsed once, and finished in its turn after that, however
// long others take.
func TestQueue(t *testing.T) {
	const jobs = 500
	q := newQueue(3)
	parse := func(j *job) { // counts in site
		if j.site++; j.site != 1 {
			t.Errorf("parsed %d times", j.site)
		}
		time.Sleep(time.Duration(rand.IntN(100)) * time.Microsecond)
	}
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for j := q.take(); j != nil; j = q.take() {
				parse(j)
				q.done(j)
			}
		})
	}
	finished := make(chan []*job)
	go func() {
		var all []*job
		for {
			j, first := q.next()
			switch {
			case j == nil:
				finished <- all
				return
			case !first:
				parse(j)
				q.done(j)
				continue
			case j.block != nil && !j.done:
				parse(j)
			}
			all = append(all, j)
			q.pop()
		}
	}()
	var pushed []*job
	for i := range jobs {
		j := &job{}
		if i%10 != 9 { // every tenth is a barrier
			j.block = &stream.Block{}
		}
		pushed = append(pushed, j)
		q.push(j)
	}
	q.close()
	workers.Wait()
	all := <-finished
	if len(all) != jobs {
		t.Fatalf("%d jobs of %d were finished", len(all), jobs)
	}
	for i, j := range all {
		if j != pushed[i] || j.block != nil && j.site != 1 {
			t.Fatalf("job %d: not in its turn, or parsed %d times", i, j.site)
		}
	}
	if n := len(q.free); n > q.limit {
		t.Errorf("%d batches for at most %d jobs", n, q.limit)
	}
}
