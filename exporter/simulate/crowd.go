package simulate

import "strconv"

// visitor is a person with a browser.
type visitor struct {
	agent *agent
	addr  string
	// cache has a bit for each asset that all pages share.
	cache  uint64
	hidden bool
}

const (
	// crowdSize is how many past visitors are kept to return.
	crowdSize = 8192
	offices   = 40
	carriers  = 48
)

// crowd is the people who were here, and the addresses that many share.
type crowd struct {
	past     [crowdSize]visitor
	count    int
	next     int
	office   [offices]visitor
	carrier  [carriers]string
	crawlers [64]string
}

func (c *crowd) init(s *simulation) {
	for i := range c.office {
		c.office[i] = visitor{agent: s.desktops.pick(s.random), addr: s.address4()}
	}
	for i := range c.carrier {
		c.carrier[i] = s.address4()
	}
	for i := range c.crawlers {
		c.crawlers[i] = s.address4()
	}
}

// remember keeps a visitor to return, in the place of the one who was kept first.
func (c *crowd) remember(v visitor) {
	c.past[c.next] = v
	c.next = (c.next + 1) % crowdSize
	c.count = min(c.count+1, crowdSize)
}

// visitor returns the person behind a visit. Known is true for one who was here
// before.
func (s *simulation) visitor(a *arrival, inApp, phone bool) (v visitor, known bool) {
	returning := s.Mix.Returning
	if a.from.name == "direct" {
		returning = 0.75 // people type and bookmark what they know
	}
	if s.chance(returning) {
		if inApp {
			v.cache = ^uint64(0)
			known = true
		} else if s.crowd.count > 0 {
			if v = s.crowd.past[s.below(s.crowd.count)]; a.from.phone == 0 || isPhone(v.agent) == phone {
				return v, true
			}
			v = visitor{}
		}
	}
	v.hidden = s.chance(s.Mix.Hidden)
	switch {
	case inApp:
		v.agent = of(s.random, a.from.agents)
	case s.chance(s.Mix.OldBrowsers):
		v.agent = s.old.pick(s.random)
	case phone:
		v.agent = s.phones.pick(s.random)
	default:
		v.agent = s.desktops.pick(s.random)
	}
	switch {
	case isPhone(v.agent) && s.chance(s.Mix.Carrier):
		v.addr = of(s.random, s.crowd.carrier[:])
	case !isPhone(v.agent) && s.chance(s.Mix.Office):
		at := &s.crowd.office[s.below(offices)]
		v.agent, v.addr = at.agent, at.addr
	default:
		v.addr = s.homeAddress()
	}
	return v, known
}

func isPhone(a *agent) bool { return a.android || a.ios }

// homeAddress returns the address of someone's line at home.
func (s *simulation) homeAddress() string {
	if s.chance(s.Mix.IPv6) {
		return s.address6()
	}
	return s.address4()
}

// serverAddress returns one of the addresses that fetchers and crawlers have.
func (s *simulation) serverAddress() string { return of(s.random, s.crowd.crawlers[:]) }

func (s *simulation) address4() string {
	n := s.uint64()
	b := make([]byte, 0, 15)
	b = strconv.AppendUint(b, 20+n&127, 10) // away from 10/8 and 192.168/16, 172.16/12
	for range 3 {
		n >>= 8
		b = append(b, '.')
		b = strconv.AppendUint(b, n&255, 10)
	}
	return string(b)
}

func (s *simulation) address6() string {
	n, host := s.uint64(), s.uint64()
	b := append(make([]byte, 0, 39), "2a0"...)
	b = strconv.AppendUint(b, n&15, 16)
	for _, group := range [...]uint64{n >> 8, n >> 24, n >> 40} {
		b = append(b, ':')
		b = strconv.AppendUint(b, group&0xffff|1, 16)
	}
	for range 4 {
		b = append(b, ':')
		b = strconv.AppendUint(b, host&0xffff|1, 16)
		host >>= 16
	}
	return string(b)
}
