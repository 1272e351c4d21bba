package simulate

import "github.com/darkshare/darkshare/exporter/schema"

// fetcher is what an app does to show a card for a pasted link.
type fetcher struct {
	agents []string
	// image is the agent that loads og:image, empty where the page's does, "-"
	// where nobody does.
	image string
	// own is true where the sender's own phone fetches rather than a server.
	own bool
	// typing is true for apps that fetch on every key: a burst of prefixes.
	typing bool
	// servers is how many servers fetch one post, where it is more than one.
	servers int
	// partial is true where the fetcher asks for the first bytes only.
	partial bool
	// used is the share of shares that make a fetch: the rest are cached by the
	// app's servers, or are shared with previews turned off.
	used float64
}

// The fetchers, by the agents seen in real logs and the vendors' documents.
// DESIGN.md names Signal's and iMessage's, which look like others'.
var (
	whatsappFetcher = &fetcher{own: true, used: 0.85, image: "-",
		agents: []string{"WhatsApp/2.25.16.81 A", "WhatsApp/2.25.15.74 A", "WhatsApp/2.25.14.77 i", "WhatsApp/2.2519.4 W", "WhatsApp/2.23.20.0 N"}}
	signalFetcher   = &fetcher{typing: true, used: 0.8, agents: []string{"WhatsApp/2"}}
	telegramFetcher = &fetcher{typing: true, used: 0.7, agents: []string{"TelegramBot (like TwitterBot)"}}
	imessageFetcher = &fetcher{own: true, used: 0.9,
		agents: []string{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0"}}
	slackFetcher = &fetcher{used: 0.9, partial: true, image: "Slack-ImgProxy (+https://api.slack.com/robots)",
		agents: []string{"Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}}
	teamsFetcher = &fetcher{used: 0.8,
		agents: []string{"Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com"}}
	discordFetcher = &fetcher{used: 0.9, image: "Mozilla/5.0 (Macintosh; Intel Mac OS X 11.6; rv:92.0) Gecko/20100101 Firefox/92.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
		agents: []string{"Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)"}}
	facebookFetcher = &fetcher{used: 0.4, partial: true,
		agents: []string{"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "facebookexternalhit/1.1"}}
	lineFetcher     = &fetcher{used: 0.8, agents: []string{"facebookexternalhit/1.1;line-poker/1.0"}}
	kakaoFetcher    = &fetcher{used: 0.8, agents: []string{"facebookexternalhit/1.1; kakaotalk-scrap/1.0; +https://devtalk.kakao.com/t/scrap/33984"}}
	twitterFetcher  = &fetcher{used: 0.5, agents: []string{"Twitterbot/1.0"}}
	linkedinFetcher = &fetcher{used: 0.6, agents: []string{"LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)"}}
	redditFetcher   = &fetcher{used: 0.5, agents: []string{"Mozilla/5.0 (compatible; redditbot/1.0; +http://www.reddit.com/feedback)"}}
	mastodonFetcher = &fetcher{used: 1, servers: 25, image: "-", agents: []string{
		"Mastodon/4.3.8 (http.rb/5.2.0; +https://mastodon.social/) Bot", "Mastodon/4.4.1 (http.rb/5.3.1; +https://fosstodon.org/) Bot",
		"Mastodon/4.2.20 (http.rb/5.1.1; +https://chaos.social/) Bot", "http.rb/5.1.1 (Mastodon/4.1.2; +https://piaille.fr/) Bot"}}
	blueskyFetcher = &fetcher{used: 0.8, agents: []string{"Mozilla/5.0 (compatible; Bluesky Cardyb/1.1; +mailto:support@bsky.app)"}}
)

// fetching is one share's previews under way.
type fetching struct {
	from   *sender
	page   int32
	query  string
	agent  string
	addr   string
	prefix []int // ends of the typed prefixes that are still to be fetched
	images int
	copies int
	told   bool
}

// preview starts the fetches of one share in an app.
func (s *simulation) preview(from *sender, page int32, query, addr string) {
	f := from.fetcher
	if f == nil || !s.chance(f.used) {
		return
	}
	p := &fetching{from: from, page: page, query: query, agent: of(s.random, f.agents), addr: addr, copies: 1, images: 1}
	if !f.own {
		p.addr = s.serverAddress()
	}
	if f.image == "-" || s.site.elsewhere {
		p.images = 0
	}
	if f.servers > 1 {
		p.copies = s.geometric(float64(f.servers), 8*f.servers)
	}
	// Most links are pasted whole; some are typed by hand.
	if path := s.site.pages[page].path; f.typing && query == "" && len(path) > 4 && s.chance(0.12) {
		for end := 2 + s.below(2); end < len(path); end += s.between(1, 4) {
			p.prefix = append(p.prefix, end)
		}
	}
	s.queue.add(s.now+s.millis(300, 4000), p)
}

func (p *fetching) act(s *simulation) int64 {
	f := p.from.fetcher
	page := &s.site.pages[p.page]
	r := s.blank(p.addr, p.agent, "HTTP/1.1")
	r.took = s.millis(5, 150)
	switch {
	case len(p.prefix) > 0:
		r.path, r.status, r.bytes, r.ctype = page.path[:p.prefix[0]], 404, 1583, html
		p.prefix = p.prefix[1:]
		s.write(byPreview, r)
		return s.now + s.millis(150, 900)
	case p.copies > 0:
		p.copies--
		r.path, r.query, r.status, r.bytes, r.ctype = page.path, p.query, 200, page.bytes, html
		if f.partial {
			r.status, r.bytes = 206, min(page.bytes, 32768)
		}
		s.write(byPreview, r)
		if !p.told {
			p.told = true
			s.tellShare(p)
		}
		if p.copies > 0 {
			p.addr, p.agent = s.serverAddress(), of(s.random, f.agents)
			return s.now + s.millis(50, 4000)
		}
		if p.images > 0 {
			return s.now + s.millis(80, 900)
		}
		return done
	default:
		image := &s.site.assets[page.card]
		if f.image != "" {
			r.agent, r.addr = f.image, s.serverAddress()
		}
		r.path, r.status, r.bytes, r.ctype = image.path, 200, image.bytes, image.ctype
		s.write(byPreview, r)
		return done
	}
}

func (s *simulation) tellShare(p *fetching) {
	page := s.site.pages[p.page].path
	s.truth.Shares[p.from.name]++
	s.truth.PageShares[page]++
	if s.OnShare == nil || s.leading {
		return
	}
	share := Share{Time: s.time(), Line: s.out.lines, Page: page, App: p.from.name, Scope: schema.ScopePublic}
	if p.from.channel == schema.ChannelDarkSocial {
		share.Scope = schema.ScopePrivate
	}
	s.OnShare(share)
}
