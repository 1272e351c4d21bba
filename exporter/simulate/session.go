package simulate

import (
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

// arrival is a visit about to begin.
type arrival struct {
	from  *sender
	page  int32
	query string
}

// step is what a visitor does next.
type step uint8

const (
	stepRedirect step = iota
	stepLand
	stepAssets
	stepDecide
	stepPrefetch
	stepView
	stepReload
	stepBeacon
)

// session is a person on the site, from landing to leaving.
type session struct {
	arrival
	visitor
	next step
	// inApp is true in an app's own browser, known for a visitor who was here
	// before.
	inApp, known bool
	// silent is true for a visit that shows nothing but its landing.
	silent bool
	// cameFrom is the landing's referrer, origin the Sec-Fetch-Site of it.
	cameFrom, origin string
	// current is the page that is open, url its address with the query: the
	// referrer of all that it asks for.
	current int32
	url     string
	to      int32
	left    int // pages still to be read
	// seen are the pages whose images are in the cache.
	seen [8]int32
	at   int
	// todo are the assets that the open page still loads.
	todo []int32
	// before is the referrer of the open page, which a reload sends again.
	before string
	// site and openQuery are the open page's Sec-Fetch-Site and query, which a
	// reload sends again too.
	site, openQuery string
	resume          int // tab restores to come
}

// visit begins a visit.
func (s *simulation) visit(a arrival) {
	var v *session
	if n := len(s.free); n > 0 {
		v = s.free[n-1]
		s.free = s.free[:n-1]
		todo := v.todo[:0]
		*v = session{todo: todo}
	} else {
		v = &session{}
	}
	v.arrival = a
	from := a.from
	phones := from.phone
	if phones == 0 {
		phones = s.Mix.Phones
	}
	phone := s.chance(phones)
	v.inApp = phone && len(from.agents) > 0 && s.chance(from.inApp)
	v.visitor, v.known = s.visitor(&a, v.inApp, phone)
	for i := range v.seen {
		v.seen[i] = -1
	}
	switch {
	case s.chance(from.loss) && !(from.assumed && s.PublishedLosses):
		v.origin = "none"
		if s.chance(from.web) && !v.inApp {
			v.origin = "cross-site"
		}
	case v.agent.android && !v.inApp && from.androidRef != "" && s.chance(0.5):
		v.cameFrom, v.origin = from.androidRef, "cross-site"
	default:
		v.cameFrom, v.origin = of(s.random, from.refs), "cross-site"
	}
	if v.hidden {
		v.cameFrom = ""
	}
	v.left = s.geometric(1.9, 30) - 1
	if v.silent = s.chance(s.Mix.Silent); v.silent {
		v.left = 0
	}
	if s.chance(0.02) {
		v.resume = 1
	}
	v.next = stepLand
	if p := &s.site.pages[a.page]; p.redirect != "" && s.chance(0.5) {
		v.next = stepRedirect
	}
	s.queue.add(s.now+s.millis(0, 400), v)
}

func (v *session) act(s *simulation) int64 {
	switch v.next {
	case stepRedirect:
		v.redirect(s)
		v.next = stepLand
		return s.now + s.millis(30, 200)
	case stepLand:
		v.land(s)
		return v.load(s)
	case stepAssets:
		return v.asset(s)
	case stepDecide:
		return v.decide(s)
	case stepPrefetch:
		v.prefetch(s)
		v.next = stepView
		return s.now + s.millis(200, 3000)
	case stepView:
		v.view(s)
		return v.load(s)
	case stepReload:
		v.reload(s)
		return v.load(s)
	default:
		v.beacon(s)
		v.next = stepDecide
		return s.now + s.millis(100, 2000)
	}
}

// request returns the visitor's request with the fetch metadata of its client.
func (v *session) request(s *simulation, site, mode, dest string) *request {
	r := s.blank(v.addr, v.agent.text, "HTTP/2.0")
	if v.agent.metadata {
		r.fetchSite, r.fetchMode, r.fetchDest = site, mode, dest
		if mode == "navigate" {
			r.fetchUser = "?1"
		}
	}
	return r
}

func (v *session) document(s *simulation, site, referer string) *request {
	p := &s.site.pages[v.current]
	r := v.request(s, site, "navigate", "document")
	r.took = s.millis(15, 700)
	r.path, r.status, r.bytes, r.ctype, r.referer = p.path, 200, p.bytes, html, referer
	if v.inApp {
		r.requestedWith = v.agent.requestedWith
	}
	v.before, v.site, v.openQuery = referer, site, ""
	return r
}

func (v *session) redirect(s *simulation) {
	v.current = v.page
	r := v.document(s, v.origin, v.cameFrom)
	r.path, r.query, r.status, r.bytes = s.site.pages[v.page].redirect, v.query, 301, 162
	s.truth.Redirects++
	s.write(byPerson, r)
}

func (v *session) land(s *simulation) {
	v.current = v.page
	r := v.document(s, v.origin, v.cameFrom)
	r.query, v.openQuery = v.query, v.query
	v.url = s.site.pages[v.page].url
	if v.query != "" {
		v.url += "?" + v.query
	}
	if v.known && s.chance(0.04) {
		r.status, r.bytes = 304, 0
	}
	s.truth.Pages++
	s.write(byPerson, r)
	v.tell(s)
}

// channel is who sent the visit, by DESIGN.md's channels: a newsletter is email by
// its tag; without one it is mail as any other, and that is private sharing.
func (v *session) channel() schema.Channel {
	if v.from.channel == schema.ChannelEmail && v.query == "" {
		return schema.ChannelDarkSocial
	}
	return v.from.channel
}

// tell counts the visit.
func (v *session) tell(s *simulation) {
	p := &s.site.pages[v.page]
	t := s.truth
	t.Visits[v.channel()]++
	t.Sources[v.from.name]++
	t.PageVisits[p.path]++
	if v.hidden {
		t.Hidden++
	}
	front := p.class == classHome || p.class == classFront
	typed := v.from.channel == schema.ChannelDirect
	if v.cameFrom == "" {
		t.Bare++
		if !front {
			t.DeepBare++
			if typed {
				t.DeepTyped++
			} else if q := s.Mix.TypedDeep; s.chance(q / (1 - q)) {
				// Typed visits to deep pages come in proportion to the others, so that
				// they are the mix's share of all.
				s.queue.add(s.now+int64(s.exp(float64(2*time.Hour))), &bookmark{v.page})
			}
		}
	}
	if s.OnVisit == nil || s.leading {
		return
	}
	target := p.path
	if v.query != "" {
		target += "?" + v.query
	}
	s.OnVisit(Visit{
		Time: s.time(), Line: s.out.lines, Page: p.path, Target: target,
		Channel: v.channel(), Source: v.from.name, Front: front, Typed: typed,
		Referrer: v.cameFrom != "", Tagged: v.query != "", InApp: v.inApp,
		Hidden: v.hidden, Returning: v.known,
	})
}

// load lists what the open page loads and the cache does not have.
func (v *session) load(s *simulation) int64 {
	v.todo = v.todo[:0]
	v.next = stepDecide
	if !s.site.elsewhere && !v.silent {
		for i := range s.site.shared {
			if v.cache&(1<<i) == 0 {
				v.todo = append(v.todo, int32(i))
			}
		}
		v.cache |= 1<<s.site.shared - 1
		v.images(s)
	}
	if len(v.todo) > 0 {
		v.at, v.next = 0, stepAssets
	}
	return s.now + s.millis(20, 250)
}

// images adds the page's own, the lower ones only if the reader comes to them.
func (v *session) images(s *simulation) {
	for _, p := range v.seen {
		if p == v.current {
			return
		}
	}
	copy(v.seen[1:], v.seen[:])
	v.seen[0] = v.current
	if v.known && s.chance(0.35) {
		return // read before: all in the cache
	}
	p := &s.site.pages[v.current]
	for i := p.images[0]; i < p.images[1]; i++ {
		if i-p.images[0] >= 3 && s.chance(0.3) {
			break
		}
		v.todo = append(v.todo, i)
	}
}

func (v *session) asset(s *simulation) int64 {
	a := &s.site.assets[v.todo[v.at]]
	r := v.request(s, "same-origin", a.mode, a.dest)
	r.took = s.millis(1, 60)
	r.path, r.status, r.bytes, r.ctype = a.path, 200, a.bytes, a.ctype
	switch {
	case v.hidden, a.icon && !v.agent.iconReferrer:
	case a.by >= 0:
		r.referer = s.site.styleURL(a.by)
	default:
		r.referer = v.url
	}
	if v.known && s.chance(0.05) {
		r.status, r.bytes = 304, 0
	}
	s.truth.Assets++
	s.write(byPerson, r)
	v.at++
	if v.at < len(v.todo) {
		return s.now + s.millis(1, 60)
	}
	v.next = stepDecide
	if s.chance(s.Mix.Beacons) {
		v.next = stepBeacon
	}
	return s.now + s.millis(100, 900)
}

func (s *site) styleURL(i int32) string {
	if s.styles == nil {
		s.styles = make(map[int32]string)
	}
	u, ok := s.styles[i]
	if !ok {
		u = s.origin + s.assets[i].path
		s.styles[i] = u
	}
	return u
}

// decide says what the reader does after reading.
func (v *session) decide(s *simulation) int64 {
	read := s.now + int64(s.exp(45e9)) + 2e9
	switch {
	case v.left > 0 && s.chance(0.03):
		v.next = stepReload
	case v.left > 0:
		v.left--
		v.to = s.site.onward(v.current, s.now, s.random)
		v.next = stepView
		if v.to == v.current {
			v.next = stepReload
		} else if v.agent.iconReferrer && s.chance(0.02) {
			v.next = stepPrefetch
		}
	case v.resume > 0:
		// A tab that the browser restores after hours asks for its page again.
		v.resume--
		v.next = stepReload
		return s.now + int64(time.Hour) + s.millis(0, 6*3600*1000)
	default:
		if !v.inApp {
			s.crowd.remember(v.visitor)
		}
		s.free = append(s.free, v)
		return done
	}
	return read
}

func (v *session) own() string {
	if v.hidden {
		return ""
	}
	return v.url
}

func (v *session) prefetch(s *simulation) {
	p := &s.site.pages[v.to]
	r := v.request(s, "same-origin", "no-cors", "empty")
	r.path, r.status, r.bytes, r.ctype, r.referer, r.purpose = p.path, 200, p.bytes, html, v.own(), "prefetch"
	s.truth.Prefetches++
	s.write(byPerson, r)
}

func (v *session) view(s *simulation) {
	referer := v.own()
	v.current = v.to
	r := v.document(s, "same-origin", referer)
	p := &s.site.pages[v.current]
	v.url = p.url
	s.truth.Pages++
	if p.class == classGoal {
		s.truth.Conversions[v.channel()]++
		v.left = 0
	}
	s.write(byPerson, r)
}

// reload asks for the open page again, with the referrer that it came with.
func (v *session) reload(s *simulation) {
	query := v.openQuery
	r := v.document(s, v.site, v.before)
	r.query, v.openQuery = query, query
	r.fetchUser = ""
	if s.chance(0.4) {
		r.status, r.bytes = 304, 0
	}
	s.truth.Pages++
	s.truth.Reloads++
	s.write(byPerson, r)
}

func (v *session) beacon(s *simulation) {
	r := v.request(s, "same-origin", "cors", "empty")
	r.took = s.millis(2, 30)
	r.method, r.path, r.status, r.ctype, r.referer = "POST", s.site.beacon, 204, "", v.own()
	s.truth.Beacons++
	s.write(byPerson, r)
}
