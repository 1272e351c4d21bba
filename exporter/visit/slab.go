package visit

// A slab holds elements by their indices. It grows by a chunk at a time: what it has
// stays where it is, and memory that is not used yet is not touched.
type slab[T any] struct {
	chunks []*[chunkSize]T
	n      int
}

const chunkSize = 256

func (s *slab[T]) len() int { return s.n }

// at returns the element of that index, which stays its place.
func (s *slab[T]) at(i int32) *T { return &s.chunks[uint32(i)/chunkSize][uint8(i)] }

// add returns the index of another element, which may hold what an earlier one held.
func (s *slab[T]) add() int32 {
	if s.n == len(s.chunks)*chunkSize {
		s.chunks = append(s.chunks, new([chunkSize]T))
	}
	s.n++
	return int32(s.n - 1)
}

// clear takes all elements out, and keeps their memory for others.
func (s *slab[T]) clear() { s.n = 0 }
