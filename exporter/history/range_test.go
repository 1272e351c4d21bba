package history

import (
	"slices"
	"testing"
	"time"
)

// TestRangeIsOwn: what Range has returned is the caller's, whatever is asked after it: the
// engine uses the points of its answers again.
func TestRangeIsOwn(t *testing.T) {
	s := openStore(t, t.TempDir(), Options{})
	newStory().tell(t, s, 0, 60)
	hold := func(expr string) {
		matrix, err := s.Range(t.Context(), expr, storyTime(0), storyTime(60), time.Minute)
		if err != nil || len(matrix) == 0 {
			t.Fatal(len(matrix), err)
		}
		values := func() (all [][]float64) {
			for _, series := range matrix {
				var of []float64
				for _, p := range series.Floats {
					of = append(of, p.F)
				}
				all = append(all, of)
			}
			return all
		}
		before := values()
		for range 20 {
			if _, err := s.Range(t.Context(), "sum by (site, device) (darkshare_visits_total) * 0 - 4711", storyTime(0), storyTime(60), time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		for i, now := range values() {
			if !slices.Equal(now, before[i]) {
				t.Fatalf("%s: series %d has become %v, from %v", expr, i, now, before[i])
			}
		}
	}
	hold("darkshare_visits_total")
	hold("sum by (device) (darkshare_visits_total)")
}
