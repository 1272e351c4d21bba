package slots

import "testing"

// TestSlab: elements stay where they are while others come, and their memory is used again.
func TestSlab(t *testing.T) {
	var s Slab[int]
	const n = 3*chunkSize + 7
	places := make([]*int, n)
	for i := range n {
		slot := s.Add()
		if slot != int32(i) || s.Len() != i+1 {
			t.Fatalf("slot %d of %d, want %d", slot, s.Len(), i)
		}
		places[i] = s.At(slot)
		*places[i] = i
	}
	for i, at := range places {
		if at != s.At(int32(i)) || *at != i {
			t.Fatalf("element %d has moved, or is %d", i, *at)
		}
	}
	s.Clear()
	if slot := s.Add(); slot != 0 || s.Len() != 1 || s.At(slot) != places[0] {
		t.Error("the memory of the first is not used again")
	}
}
