package simulate

import (
	"fmt"
	"time"
)

// SiteKind is the shape of a site: how its paths look, and how people move on it.
type SiteKind uint8

// The kinds of sites.
const (
	// NewsSite has fronts (/politics/) and articles below them that age fast.
	NewsSite SiteKind = iota
	// ShopSite has categories, products, a cart and a checkout; the others have a
	// subscription in their place.
	ShopSite
	// BlogSite has its articles one level deep, like its fronts: neither depth nor
	// length tells which pages people type.
	BlogSite
	// DocsSite has a locale's root that "/" redirects to, and pages with a
	// navigation of neighbours.
	DocsSite
)

// Site is the site whose log is written. The zero value is a news site of
// example.com.
type Site struct {
	// Host is the site's host, "www.example.com" if empty.
	Host string
	Kind SiteKind
	// Seed decides the site's pages, so that runs of other seeds are of the same
	// site. If 0, the run's seed does.
	Seed uint64
	// Articles is the number of articles, products or documents; 800 if 0.
	Articles int
	// AssetsElsewhere is true where a CDN on another host serves all assets, so
	// that the log has none and nobody can be confirmed by them.
	AssetsElsewhere bool
}

// filled returns the site with what is left out.
func (s Site) filled() Site {
	if s.Host == "" {
		s.Host = "www.example.com"
	}
	if s.Articles == 0 {
		s.Articles = 800
	}
	return s
}

// Article returns the path of the article that is the most read at that time. The
// site must have a Seed.
func (s Site) Article(at time.Time) string {
	built := newSite(s.filled(), nil)
	return built.pages[built.ranked(at.UnixNano(), 0)].path
}

type pageClass uint8

const (
	classHome pageClass = iota
	classFront
	classArticle
	classSearch
	classCart
	classGoal
)

type page struct {
	path, url string
	class     pageClass
	// redirect is the path people ask for first and are redirected from, if any.
	redirect string
	// links are the pages an article sends its readers on to, next to the home
	// page and the fronts.
	links []int32
	front int32
	// images are the page's own, a range of the site's assets; card is its og:image.
	images [2]int32
	card   int32
	bytes  int
}

// asset is what pages load. The first of them (at most 64) are on every page.
type asset struct {
	path, dest, mode, ctype string
	// by is the style sheet that asks for it, whose URL is then its referrer,
	// else -1: the page asks.
	by    int32
	icon  bool
	bytes int
}

type site struct {
	kind     SiteKind
	host     string
	origin   string
	styles   map[int32]string // the URLs of style sheets, by asset
	pages    []page
	assets   []asset
	shared   int
	home     int32
	fronts   []int32
	articles []int32
	searches []int32
	cart     int32
	goal     int32
	// popular ranks articles; every is how often a new one takes the first rank,
	// 0 where ranks do not move.
	popular choice
	every   int64
	beacon  string
	// elsewhere is true where another host serves the assets.
	elsewhere bool
}

var (
	topics = []string{"politics", "world", "economy", "culture", "science", "sport", "health", "travel", "food", "climate", "books", "film"}
	words  = []string{
		"river", "market", "winter", "garden", "engine", "signal", "harbor", "copper", "island", "bridge", "lantern", "forest",
		"mirror", "ticket", "summer", "valley", "circle", "kitchen", "orchard", "paper", "station", "window", "planet", "ribbon",
		"thunder", "velvet", "anchor", "basket", "candle", "desert", "feather", "glacier", "hammer", "insect", "jacket", "kettle",
		"ladder", "marble", "needle", "ocean", "pepper", "quartz", "rocket", "saddle", "tunnel", "umbrella", "violin", "walnut",
	}
)

const html = "text/html; charset=utf-8"

func newSite(o Site, r *random) *site {
	if o.Seed != 0 {
		r = newRandom(o.Seed)
	}
	s := &site{kind: o.Kind, host: o.Host, beacon: "/api/metrics/view", elsewhere: o.AssetsElsewhere}
	s.origin = "https://" + s.host
	s.addShared()
	count := o.Articles
	fronts := 10
	home, front := "/", "/%s/"
	switch o.Kind {
	case ShopSite:
		front, fronts = "/c/%s", 12
	case BlogSite:
		front, fronts = "/%s", 6
	case DocsSite:
		home, front, fronts = "/en/latest/", "/en/latest/%s/", 8
	}
	s.home = s.add(page{path: home, class: classHome}, r.between(8, 20), r)
	if home != "/" {
		s.pages[s.home].redirect = "/"
	}
	for i := range fronts {
		s.fronts = append(s.fronts, s.add(page{path: fmt.Sprintf(front, topics[i]), class: classFront}, r.between(4, 14), r))
	}
	for i := range count {
		at := r.below(fronts)
		slug := of(r, words) + "-" + of(r, words) + "-" + of(r, words)
		if r.chance(0.5) {
			slug += "-" + of(r, words) + "-" + of(r, words)
		}
		var path string
		switch o.Kind {
		case NewsSite:
			path = fmt.Sprintf("/%s/%s-%d.html", topics[at], slug, 48211+7*i)
		case ShopSite:
			path = fmt.Sprintf("/p/%s-%d", slug, 1201+3*i)
		case BlogSite:
			path = fmt.Sprintf("/%s-%d", slug, i)
		default:
			path = fmt.Sprintf("/en/latest/%s/%s-%d.html", topics[at], slug, i)
		}
		images := r.geometric(3, 9) - 1
		if o.Kind == DocsSite {
			images = r.below(2)
		}
		p := page{path: path, class: classArticle, front: s.fronts[at]}
		if o.Kind == ShopSite && r.chance(0.1) {
			p.redirect = path + "/"
		}
		s.articles = append(s.articles, s.add(p, images, r))
	}
	for i, a := range s.articles {
		s.link(i, a, r)
	}
	for _, w := range words[:24] {
		s.searches = append(s.searches, s.add(page{path: "/search?q=" + w, class: classSearch}, 0, r))
	}
	cart, goal := "/subscribe", "/subscribe/thanks"
	if o.Kind == ShopSite {
		cart, goal = "/cart", "/checkout/thanks"
	}
	s.cart = s.add(page{path: cart, class: classCart}, 0, r)
	s.goal = s.add(page{path: goal, class: classGoal}, 0, r)

	s.popular = newChoice(zipf(count, 0.9))
	switch o.Kind {
	case NewsSite:
		s.every = int64(2 * time.Hour)
		s.popular = newChoice(zipf(count, 1.05))
	case BlogSite:
		s.every = int64(60 * time.Hour)
	}
	return s
}

// link gives an article the few pages that its readers go on to.
func (s *site) link(i int, a int32, r *random) {
	n := len(s.articles)
	p := &s.pages[a]
	if s.kind == DocsSite {
		for _, step := range []int{1, 1, 1, -1, 2, 3, -2, 5} {
			p.links = append(p.links, s.articles[((i+step)%n+n)%n])
		}
		return
	}
	for range 5 {
		p.links = append(p.links, s.articles[(i+1+r.below(min(n, 60)))%n])
	}
}

// addShared adds what every page loads.
func (s *site) addShared() {
	s.assets = []asset{
		{path: "/assets/main.5f3a91c2.css", dest: "style", mode: "no-cors", ctype: "text/css", by: -1, bytes: 48210},
		{path: "/assets/theme.c0ffee12.css", dest: "style", mode: "no-cors", ctype: "text/css", by: -1, bytes: 9120},
		{path: "/assets/vendor.9b1e77d0.js", dest: "script", mode: "no-cors", ctype: "application/javascript", by: -1, bytes: 141022},
		{path: "/assets/app.d41d8cd9.js", dest: "script", mode: "cors", ctype: "application/javascript", by: -1, bytes: 60311},
		{path: "/assets/fonts/inter-regular.woff2", dest: "font", mode: "cors", ctype: "font/woff2", by: 0, bytes: 31876},
		{path: "/assets/fonts/inter-bold.woff2", dest: "font", mode: "cors", ctype: "font/woff2", by: 0, bytes: 33010},
		{path: "/assets/logo.svg", dest: "image", mode: "no-cors", ctype: "image/svg+xml", by: -1, bytes: 4203},
		{path: "/assets/hero.webp", dest: "image", mode: "no-cors", ctype: "image/webp", by: 0, bytes: 88123},
		{path: "/favicon.ico", dest: "image", mode: "no-cors", ctype: "image/x-icon", by: -1, icon: true, bytes: 5430},
	}
	s.shared = len(s.assets)
}

func (s *site) add(p page, images int, r *random) int32 {
	id := int32(len(s.pages))
	p.url = s.origin + p.path
	p.bytes = r.between(6000, 70000)
	from := int32(len(s.assets))
	for i := range images {
		ext, kind := ".webp", "image/webp"
		if r.chance(0.4) {
			ext, kind = ".jpg", "image/jpeg"
		}
		s.assets = append(s.assets, asset{
			path: fmt.Sprintf("/media/%s/%d-%d%s", of(r, words), id, i, ext),
			dest: "image", mode: "no-cors", ctype: kind, by: -1, bytes: r.between(7000, 180000),
		})
	}
	p.images = [2]int32{from, int32(len(s.assets))}
	p.card = 6 // the logo
	if images > 0 {
		p.card = from
	}
	s.pages = append(s.pages, p)
	return id
}

// article picks an article as the public does at that time.
func (s *site) article(now int64, r *random) int32 { return s.ranked(now, s.popular.pick(r)) }

// ranked returns the article of a rank, from 0, at that time.
func (s *site) ranked(now int64, rank int) int32 {
	if s.every > 0 {
		n := len(s.articles)
		newest := int(now/s.every) % n
		return s.articles[(newest-rank+n)%n]
	}
	return s.articles[rank]
}

// onward picks where a reader of a page goes next.
func (s *site) onward(from int32, now int64, r *random) int32 {
	p := &s.pages[from]
	u := r.unit()
	switch p.class {
	case classHome:
		switch {
		case u < 0.68:
			return s.article(now, r)
		case u < 0.93:
			return of(r, s.fronts)
		default:
			return of(r, s.searches)
		}
	case classFront:
		switch {
		case u < 0.85:
			return s.below(from, now, r)
		case u < 0.92:
			return of(r, s.fronts)
		default:
			return s.home
		}
	case classSearch:
		if u < 0.9 {
			return of(r, s.articles)
		}
		return of(r, s.searches)
	case classArticle:
		switch {
		case u < 0.60:
			return of(r, p.links)
		case u < 0.78:
			return s.home
		case u < 0.93:
			return p.front
		case u < 0.96:
			return s.searches[0]
		default:
			return s.cart
		}
	case classCart:
		if u < 0.5 {
			return s.goal
		}
	}
	return s.home
}

// below picks an article of a front, where a few tries find one.
func (s *site) below(front int32, now int64, r *random) int32 {
	var a int32
	for range 12 {
		if a = s.article(now, r); s.pages[a].front == front {
			break
		}
	}
	return a
}
