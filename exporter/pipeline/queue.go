package pipeline

import "sync"

// A queue holds jobs in the order of their blocks. All workers take jobs from it to
// parse them; one of them finishes the jobs, in their order. What has been learned of
// visitors and pages so stays near one processor: handing it to and fro took a fifth of
// the time.
type queue struct {
	mu     sync.Mutex
	cond   sync.Cond
	jobs   []*job
	limit  int
	closed bool
	free   []*batch
}

func newQueue(workers int) *queue {
	q := &queue{limit: 2 * workers}
	q.cond.L = &q.mu
	return q
}

// push waits for room, and adds a job.
func (q *queue) push(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.jobs) >= q.limit {
		q.cond.Wait()
	}
	q.jobs = append(q.jobs, j)
	q.cond.Broadcast()
}

// close says that no job follows.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.cond.Broadcast()
}

// take waits for a block that nobody works on yet; nil is the end.
func (q *queue) take() *job {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if j := q.untaken(); j != nil {
			q.hand(j)
			return j
		}
		if q.closed {
			return nil
		}
		q.cond.Wait()
	}
}

func (q *queue) untaken() *job {
	for _, j := range q.jobs {
		if !j.taken && j.block != nil {
			return j
		}
	}
	return nil
}

// hand gives the job a batch to work with.
func (q *queue) hand(j *job) {
	j.taken = true
	if n := len(q.free); n > 0 {
		j.batch, q.free = q.free[n-1], q.free[:n-1]
	} else {
		j.batch = &batch{}
	}
}

// done says that a job that was taken is parsed.
func (q *queue) done(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j.done = true
	q.cond.Broadcast()
}

// next waits for something to do for the one who finishes jobs: the first job, which
// is done, a barrier, or now taken; or, while somebody else works on that, a later one
// to be parsed. nil is the end.
func (q *queue) next() (j *job, first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if len(q.jobs) == 0 {
			if q.closed {
				return nil, false
			}
			q.cond.Wait()
			continue
		}
		switch j := q.jobs[0]; {
		case j.block == nil || j.done:
			return j, true
		case !j.taken:
			q.hand(j)
			return j, true
		}
		if j := q.untaken(); j != nil {
			q.hand(j)
			return j, false
		}
		q.cond.Wait()
	}
}

// pop takes the first job, which is finished, from the queue.
func (q *queue) pop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	j := q.jobs[0]
	q.jobs = append(q.jobs[:0], q.jobs[1:]...)
	if j.batch != nil {
		q.free = append(q.free, j.batch)
	}
	q.cond.Broadcast()
}
