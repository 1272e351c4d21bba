package visit

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkshare/darkshare/exporter/schema"
)

// A replay observes acts, by a clock that is set back where they are older than
// two hours, as the engine does when it believes a log's older times.
type replay struct {
	*Tracker
	recorder
	n int
}

func newReplay() *replay {
	r := &replay{}
	r.Tracker = NewTracker(Options{}, &r.recorder)
	return r
}

func (r *replay) see(acts ...act) {
	for _, a := range acts {
		r.n++
		e := a.event(r.n)
		if e.Time < r.clock-int64(2*time.Hour) {
			r.Rewind(e.Time)
		}
		r.Advance(e.Time)
		r.Observe(e)
	}
}

// TestRewind: an older log that follows is counted as if it had come first.
func TestRewind(t *testing.T) {
	const day = 24 * time.Hour

	t.Run("what waits is decided", func(t *testing.T) {
		r := newReplay()
		r.see(act{at: day, who: "a", what: "landing", page: "/x", from: "search"}, act{at: day, who: "b", what: "preview", page: "/x"},
			act{who: "a", what: "asset"})
		if want := []string{"1=unconfirmed/search/referrer", "share/7/x"}; !slices.Equal(r.got, want) {
			t.Errorf("got %v, want %v", r.got, want)
		}
	})

	t.Run("nothing behind it is kept for longer", func(t *testing.T) {
		r := newReplay()
		r.see(act{at: day, who: "z", what: "landing", page: "/z", from: "search"}, act{at: day, who: "z", what: "preview", page: "/z"})
		for i := range 3000 {
			at := time.Duration(i) * 10 * time.Second
			r.see(act{at: at, who: fmt.Sprint("v", i), what: "landing", page: "/x", from: "search"},
				act{at: at, who: fmt.Sprintf("10.0.%d.1", i%250), what: "preview", page: fmt.Sprint("/", i)})
		}
		// 30 minutes hold 180 visitors; they are forgotten by the minute.
		if s := r.Stats(); s.Visitors > 190 || s.Pending > 190 || s.VisitorsEvicted+s.PendingEvicted > 0 {
			t.Errorf("8 hours later by the log's clock: %+v", s)
		}
		if got := r.visit[0] + r.visit[1]; got < 2800 {
			t.Errorf("%d landings of 3001 are decided", got)
		}
	})

	t.Run("hostility of a time to come is forgotten", func(t *testing.T) {
		r := newReplay()
		r.see(act{at: day, who: "192.0.2.1", what: "preview+attack", page: "/.env"}, act{at: day, who: "192.0.2.1", what: "attack"},
			act{who: "192.0.2.1", what: "preview", page: "/a"}, act{who: "192.0.2.1", what: "landing", page: "/a", from: "search"}, act{who: "192.0.2.1", what: "asset"})
		r.Flush()
		if want := []string{"1=bot", "4=visit/search/referrer", "share/7/a"}; !slices.Equal(r.got, want) {
			t.Errorf("got %v, want %v", r.got, want)
		}
	})

	t.Run("what was learned stays", func(t *testing.T) {
		r := newReplay()
		browse := func(at time.Duration, n int) {
			for i := range n {
				who := fmt.Sprint(at, i)
				r.see(act{at: at, who: who, what: "landing", page: "/front", from: "search"},
					act{at: at, who: who, what: "internal", page: fmt.Sprint("/article-", i), from: "/front"})
			}
		}
		last := func(at time.Duration) string {
			who := fmt.Sprint("last", at)
			r.see(act{at: at, who: who, what: "landing", page: "/front"}, act{at: at, who: who, what: "asset"})
			return r.got[len(r.got)-1][len(fmt.Sprint(r.n-1)):]
		}
		browse(60*day, 40)
		for _, x := range []struct {
			at   time.Duration
			want string
		}{
			{0, "=visit/direct/entry_page"},
			{7 * day, "=visit/direct/entry_page"},
			{21 * day, "=visit/dark_social/deep_link"}, // it ages from then on
		} {
			if got := last(x.at); got != x.want {
				t.Errorf("after %v: %s, want %s", x.at, got, x.want)
			}
			browse(x.at, 1)
		}
	})

	t.Run("the salt of a wrong clock does not stay", func(t *testing.T) {
		r := newReplay()
		r.see(act{at: 4000 * day, who: "a", what: "asset"}, act{at: 4001 * day, who: "a", what: "asset"})
		keys := map[uint64]bool{}
		for i := range 10 {
			a := act{at: time.Duration(i) * day, who: "a", what: "asset"}
			r.see(a)
			e := a.event(0)
			keys[visitorKey(r.salts.of(e.Time/dayNanos), HashVisitor(e.Client, e.Agent), e.Site)] = true
		}
		if len(keys) != 10 {
			t.Errorf("a visitor has %d keys in 10 days", len(keys))
		}
	})
}

// TestRewindLosesNothing: the same log in pieces, the newest first, has all its
// landings counted, and the same of them but for the visits cut by the pieces' ends.
func TestRewindLosesNothing(t *testing.T) {
	var pieces [][]act
	for day := range 5 {
		var piece []act
		for i := range 200 {
			at := time.Duration(day)*24*time.Hour + time.Duration(i)*10*time.Second
			who := fmt.Sprint("v", i)
			piece = append(piece, act{at: at, who: who, what: "landing", page: fmt.Sprint("/", i%9), from: []string{"", "search", "whatsapp"}[i%3]})
			if i%4 > 0 {
				piece = append(piece, act{at: at + time.Second, who: who, what: "asset"})
			}
		}
		pieces = append(pieces, piece)
	}
	inOrder, newestFirst := newReplay(), newReplay()
	for i := range pieces {
		inOrder.see(pieces[i]...)
		newestFirst.see(pieces[len(pieces)-1-i]...)
	}
	inOrder.Flush()
	newestFirst.Flush()
	if newestFirst.kinds[schema.KindLanding] != 1000 || !cmp.Equal(tail(newestFirst.got), tail(inOrder.got)) {
		t.Errorf("newest first %v, in order %v", tail(newestFirst.got), tail(inOrder.got))
	}
}
