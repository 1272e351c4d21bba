package tally

// A ranking is a binary heap of names, the lowest score first. The scores lie in the heap
// itself, and where each name is in it in a small table: this is on the way of every visit,
// and container/heap would follow two pointers a comparison. Of names with one score the
// newest is the lowest, so that the same log gives the same leaders.
type ranking struct {
	heap []ranked
	// at has the index in the heap of each name, by its slot. It is shared by the rankings
	// that a name can be in.
	at *[]int32
}

type ranked struct {
	score float64
	since uint64 // the number of the visit that it is watched since
	slot  int32
}

func (r *ranking) len() int { return len(r.heap) }

func (r *ranking) less(i, j int) bool {
	a, b := &r.heap[i], &r.heap[j]
	return a.score < b.score || a.score == b.score && a.since > b.since
}

func (r *ranking) swap(i, j int) {
	r.heap[i], r.heap[j] = r.heap[j], r.heap[i]
	at := *r.at
	at[r.heap[i].slot], at[r.heap[j].slot] = int32(i), int32(j)
}

// raise adds to the score of the name at i.
func (r *ranking) raise(i int, by float64) {
	r.heap[i].score += by
	r.down(i)
}

func (r *ranking) add(x ranked) {
	i := len(r.heap)
	(*r.at)[x.slot] = int32(i)
	r.heap = append(r.heap, x)
	r.up(i)
}

// remove takes the name at i out.
func (r *ranking) remove(i int) ranked {
	last := len(r.heap) - 1
	out := r.heap[i]
	r.swap(i, last)
	r.heap = r.heap[:last]
	if i < last {
		r.down(i)
		r.up(i)
	}
	return out
}

// scale multiplies all scores, which keeps their order.
func (r *ranking) scale(by float64) {
	for i := range r.heap {
		r.heap[i].score *= by
	}
}

func (r *ranking) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !r.less(i, parent) {
			return
		}
		r.swap(i, parent)
		i = parent
	}
}

func (r *ranking) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(r.heap) {
			return
		}
		if child+1 < len(r.heap) && r.less(child+1, child) {
			child++
		}
		if !r.less(child, i) {
			return
		}
		r.swap(i, child)
		i = child
	}
}
