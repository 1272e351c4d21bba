package slots

// A Slab holds elements by their indices. It grows by a chunk at a time: what it has
// stays where it is, and memory that is not used yet is not touched.
type Slab[T any] struct {
	chunks []*[chunkSize]T
	n      int
}

const chunkSize = 256

// Len returns how many elements there are.
func (s *Slab[T]) Len() int { return s.n }

// At returns the element of that index, which stays its place.
func (s *Slab[T]) At(i int32) *T { return &s.chunks[uint32(i)/chunkSize][uint8(i)] }

// Add returns the index of another element, which may hold what an earlier one held.
func (s *Slab[T]) Add() int32 {
	if s.n == len(s.chunks)*chunkSize {
		s.chunks = append(s.chunks, new([chunkSize]T))
	}
	s.n++
	return int32(s.n - 1)
}

// Clear takes all elements out, and keeps their memory for others.
func (s *Slab[T]) Clear() { s.n = 0 }
