package visit

import (
	"fmt"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

// TestWaitsOfOneVisitor: of a visitor who lands again and again without showing itself as a
// browser, no more landings wait than waitsPerVisitor; the oldest is decided, and none is
// lost.
func TestWaitsOfOneVisitor(t *testing.T) {
	r := &recorder{}
	tr := NewTracker(Options{}, r)
	for i := range 1000 {
		e := act{at: time.Duration(i) * time.Second, who: "a network", what: "landing", page: fmt.Sprint("/", i)}.event(i)
		tr.Advance(e.Time)
		tr.Observe(e)
		if s := tr.Stats(); s.Pending > waitsPerVisitor || int(s.PendingEvicted) != max(0, i+1-waitsPerVisitor) {
			t.Fatalf("after %d landings %d wait and %d were decided", i+1, s.Pending, s.PendingEvicted)
		}
	}
	tr.Flush()
	if r.kinds[schema.KindLanding] != 1000 || r.visit[0] != 1000 {
		t.Errorf("%d landings, %d unconfirmed ones", r.kinds[schema.KindLanding], r.visit[0])
	}
}
