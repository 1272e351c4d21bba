package history

import (
	"testing"
	"time"
)

// TestRangeIsOwn: what Range has returned is the caller's, whatever is asked after it.
func TestRangeIsOwn(t *testing.T) {
	s := openStore(t, t.TempDir(), Options{})
	newStory().tell(t, s, 0, 60)
	ask := func(expr string) {
		matrix, err := s.Range(t.Context(), expr, storyTime(0), storyTime(60), time.Minute)
		if err != nil || len(matrix) == 0 {
			t.Fatal(len(matrix), err)
		}
		before := make([]float64, 0, 61)
		for _, p := range matrix[0].Floats {
			before = append(before, p.F)
		}
		for range 20 {
			if _, err := s.Range(t.Context(), "vector(-4711)", storyTime(0), storyTime(60), time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		for i, p := range matrix[0].Floats {
			if p.F != before[i] {
				t.Fatalf("point %d has become %v from %v", i, p.F, before[i])
			}
		}

	}
	ask("darkshare_build_info")
}
