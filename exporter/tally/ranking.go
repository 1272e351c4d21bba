package tally

// A ranking is a binary heap of items, the lowest score first. The scores lie in
// the heap itself: this is on the way of every visit, and container/heap would
// follow two pointers a comparison. Of items with one score the newest is the lowest,
// so that the same log gives the same leaders.
type ranking []ranked

type ranked struct {
	score float64
	since uint64 // the number of the visit that it is watched since
	*item
}

func (r ranking) less(i, j int) bool {
	return r[i].score < r[j].score || r[i].score == r[j].score && r[i].since > r[j].since
}

func (r ranking) swap(i, j int) {
	r[i], r[j] = r[j], r[i]
	r[i].at, r[j].at = i, j
}

// raise adds to the score of the item at i.
func (r ranking) raise(i int, by float64) {
	r[i].score += by
	r.down(i)
}

func (r *ranking) add(x ranked) {
	x.at = len(*r)
	*r = append(*r, x)
	r.up(x.at)
}

// remove takes the item at i out.
func (r *ranking) remove(i int) ranked {
	last := len(*r) - 1
	out := (*r)[i]
	r.swap(i, last)
	(*r)[last] = ranked{}
	*r = (*r)[:last]
	if i < last {
		r.down(i)
		r.up(i)
	}
	return out
}

// scale multiplies all scores, which keeps their order.
func (r ranking) scale(by float64) {
	for i := range r {
		r[i].score *= by
	}
}

func (r ranking) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !r.less(i, parent) {
			return
		}
		r.swap(i, parent)
		i = parent
	}
}

func (r ranking) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(r) {
			return
		}
		if child+1 < len(r) && r.less(child+1, child) {
			child++
		}
		if !r.less(child, i) {
			return
		}
		r.swap(i, child)
		i = child
	}
}
