package simulate

import "time"

// cascade is the visits that one share brings: soon after it many, then fewer.
type cascade struct {
	arrival
	left int
	wait float64 // the mean time to the next visit, in nanoseconds
}

// copied are tags that stay in a URL that someone copies and sends on, and
// then tell of the first sender, not of the last.
var copied = []string{
	"utm_source=newsletter&utm_medium=email&utm_campaign=weekly",
	"gclid=EAIaIQobChMIx5mC1uPZhgMVv0lBAh0BRgCgEAAYASAAEgJpQvD_BwE",
	"utm_source=twitter&utm_medium=social",
}

// share sends a page on in private: a preview, then the visits.
func (s *simulation) share(from *sender, page int32) {
	query := s.tag(from)
	if query == "" && s.chance(s.Mix.CopiedTags) {
		query = of(s.random, copied)
	}
	s.preview(from, page, query, s.homeAddress())
	// With the mean of reach, and a tail: most shares bring one visit, some many.
	c := &cascade{arrival: arrival{from: from, page: page, query: query}}
	c.left = s.geometric(from.reach, 400)
	c.wait = float64(s.millis(2, 20)) * 6e4 // 2 to 20 minutes
	s.queue.add(s.now+int64(s.exp(c.wait)), c)
}

func (c *cascade) act(s *simulation) int64 {
	s.visit(c.arrival)
	c.left--
	if c.left == 0 {
		return done
	}
	c.wait = min(c.wait*1.25, float64(6*time.Hour))
	return s.now + int64(s.exp(c.wait))
}

// bookmark is a typed or bookmarked visit to come, to a deep page.
type bookmark struct{ page int32 }

func (b *bookmark) act(s *simulation) int64 {
	s.visit(arrival{from: s.senders["direct"], page: b.page})
	return done
}
