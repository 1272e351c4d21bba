package simulate

// An actor is someone who makes requests over time: a visitor, a bot, the
// stream of new arrivals.
type actor interface {
	// act does what is due at s.now, and returns when the actor acts next, or
	// done.
	act(s *simulation) int64
}

// done is the time at which an actor acts no more.
const done = int64(-1)

type event struct {
	at  int64
	seq uint64
	who actor
}

// queue is a binary heap of actors by the time of their next act; equal times
// keep the order in which they were set. It holds one entry an actor, and an
// actor that acts again soon hardly moves, which is what makes it fast:
// container/heap would cost an interface call a comparison and a pop and a push
// a line.
type queue struct {
	events []event
	seq    uint64
}

func (q *queue) add(at int64, who actor) {
	q.seq++
	q.events = append(q.events, event{at, q.seq, who})
	i := len(q.events) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !q.less(i, parent) {
			break
		}
		q.events[i], q.events[parent] = q.events[parent], q.events[i]
		i = parent
	}
}

// moveFirst sets the time of the first event.
func (q *queue) moveFirst(at int64) {
	q.seq++
	q.events[0].at, q.events[0].seq = at, q.seq
	q.sink()
}

func (q *queue) dropFirst() {
	last := len(q.events) - 1
	q.events[0] = q.events[last]
	q.events[last] = event{}
	q.events = q.events[:last]
	q.sink()
}

func (q *queue) sink() {
	i := 0
	for {
		least := i
		if l := 2*i + 1; l < len(q.events) && q.less(l, least) {
			least = l
		}
		if r := 2*i + 2; r < len(q.events) && q.less(r, least) {
			least = r
		}
		if least == i {
			return
		}
		q.events[i], q.events[least] = q.events[least], q.events[i]
		i = least
	}
}

func (q *queue) less(i, j int) bool {
	a, b := &q.events[i], &q.events[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}
