package simulate

import (
	"fmt"
	"io"
	"strconv"
	"time"
)

// benchStart is the time of the first line of the logs for benchmarks.
var benchStart = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)

const (
	benchAgents  = 2000
	benchBots    = 300 // of the agents
	benchClients = 4000
	benchPeople  = 9000 // who share the addresses
	benchOpen    = 64   // pages that are loading at a time
	benchPages   = 3000
)

// benchLog is what the lines of a benchmark's log are put together from. It is
// cheaper than a simulation and its lines have no truth: it is for measuring
// speed, with the proportions of a real log.
type benchLog struct {
	*random
	agents, bots  []string
	byBots        choice
	clients       []string
	people        []benchPerson
	open          []benchPerson
	pages, assets []string
	byPage        choice
	byAsset       choice
	outside       []string
	tags          []string
}

// benchPerson is a browser and the page that is open in it.
type benchPerson struct{ addr, agent, url string }

func newBenchLog() *benchLog {
	l := &benchLog{
		random:  newRandom(244),
		tags:    []string{"utm_source=newsletter&utm_medium=email&utm_campaign=weekly-2026-45", "fbclid=IwZXh0bgNhZW0CMTEAAR3k2v8pQ7x1", "gclid=EAIaIQobChMI8r2Zk9vYhQMVq5KDBx3k", "utm_source=whatsapp", "page=2"},
		outside: []string{"https://www.google.com/", "https://www.google.com/", "https://www.google.com/", "https://www.bing.com/", "https://duckduckgo.com/", "https://l.facebook.com/", "https://m.facebook.com/", "https://t.co/", "https://www.linkedin.com/", "https://www.reddit.com/", "https://mail.google.com/", "https://news.ycombinator.com/", "https://web.whatsapp.com/", "https://chatgpt.com/", "android-app://com.google.android.googlequicksearchbox/"},
	}
	for i := range 1500 {
		l.outside = append(l.outside, fmt.Sprintf("https://%s-%s%d.example.net/", words[i%len(words)], words[i*7%len(words)], i))
	}
	l.addAgents()
	sim := simulation{random: l.random}
	for i := range benchClients {
		if i%5 == 0 {
			l.clients = append(l.clients, sim.address6())
		} else {
			l.clients = append(l.clients, sim.address4())
		}
	}
	popular := newChoice(zipf(len(l.agents), 1.1))
	for i := range benchPeople {
		p := benchPerson{addr: l.clients[i%benchClients]}
		// Every agent has someone; most people have the few popular ones.
		if i < len(l.agents) {
			p.agent = l.agents[i]
		} else {
			p.agent = l.agents[popular.pick(l.random)]
		}
		l.people = append(l.people, p)
	}
	l.pages = append(l.pages, "/")
	for i := 1; i < benchPages; i++ {
		l.pages = append(l.pages, fmt.Sprintf("/%s/%s-%d", topics[i%len(topics)], of(l.random, words), 4000+i))
	}
	l.assets = []string{"/assets/main.5f3a91c2.css", "/assets/theme.c0ffee12.css", "/assets/vendor.9b1e77d0.js", "/assets/app.d41d8cd9.js", "/assets/fonts/inter-regular.woff2", "/assets/logo.svg", "/favicon.ico"}
	for i := range 6000 {
		l.assets = append(l.assets, fmt.Sprintf("/media/%s-%d.webp", of(l.random, words), i))
	}
	l.byPage, l.byAsset = newChoice(zipf(len(l.pages), 0.9)), newChoice(zipf(len(l.assets), 0.7))
	return l
}

// addAgents makes 2,000 agents: the frozen ones that most people have, and the
// long tail of phones that name their model and build.
func (l *benchLog) addAgents() {
	for _, families := range [][]family{desktopFamilies, phoneFamilies, oldFamilies} {
		for _, f := range families {
			l.agents = append(l.agents, expand(f.template, f.versions...)...)
		}
	}
	all := newSenders()
	for _, name := range []string{"facebook", "instagram", "wechat", "linkedin", "pinterest", "line", "tiktok", "twitter"} {
		for _, a := range all[name].agents {
			l.agents = append(l.agents, a.text)
		}
	}
	for i := 0; len(l.agents) < benchAgents-benchBots; i++ {
		l.agents = append(l.agents, fmt.Sprintf("Mozilla/5.0 (Linux; Android %d; SM-%c%d%c) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.%d.%d Mobile Safari/537.36",
			8+i%7, 'A'+rune(i%6), 100+i%890, 'B'+rune(i/7%20), 100+i%47, 4000+i, 40+i%90))
	}
	l.bots = append(l.bots, crawlerAgents...)
	l.bots = append(l.bots, monitorAgents...)
	l.bots = append(l.bots, feedAgents...)
	l.bots = append(l.bots, libraryAgents...)
	// Link previews are a small part of what bots fetch.
	for _, f := range []*fetcher{whatsappFetcher, telegramFetcher, signalFetcher, slackFetcher, discordFetcher, facebookFetcher, twitterFetcher} {
		l.bots = append(l.bots, f.agents...)
	}
	for i := 0; len(l.bots) < benchBots; i++ {
		l.bots = append(l.bots, fmt.Sprintf("Mozilla/5.0 (compatible; %s%sBot/%d.%d; +https://%s.example.org/bot.html)", words[i%len(words)], words[i*5%len(words)], 1+i%4, i%10, words[i%len(words)]))
	}
	l.byBots = newChoice(zipf(len(l.bots), 0.9))
}

// WriteBenchLog writes that many lines of a combined log, the same every time:
// about 244 bytes a line, pages with their assets, 2,000 user agents of which a
// few make most lines, 20 % of lines by bots, 1 % broken (cut, garbage, binary,
// empty). The times go on by 20 lines a second.
func WriteBenchLog(w io.Writer, lines int) error {
	l := newBenchLog()
	out := &lineWriter{sink: newSink(w), format: Combined, zone: time.UTC}
	var r request
	for i := range lines {
		now := benchStart.UnixNano() + int64(i)*int64(time.Second)/20
		l.request(&r)
		from := len(out.buf)
		out.combined(now, &r, appendNginx)
		if i%100 == 57 {
			out.buf = l.spoil(out.buf, from)
		}
		if len(out.buf) >= flushSize {
			out.flush()
		}
	}
	out.flush()
	if out.err != nil {
		return fmt.Errorf("simulate: write the log: %w", out.err)
	}
	return nil
}

// request makes up a line: a page by someone, or an asset of one of the pages
// that were opened last, by the same person.
func (l *benchLog) request(r *request) {
	*r = request{method: "GET", proto: "HTTP/2.0", status: 200, bytes: 200 + l.below(90000)}
	u := l.unit()
	if u < 0.20 {
		l.bot(r)
		return
	}
	if u < 0.32 || len(l.open) == 0 { // five to six assets a page, the others are cached

		l.page(r)
		return
	}
	p := &l.open[l.below(len(l.open))]
	r.addr, r.agent, r.referer = p.addr, p.agent, p.url
	if u < 0.35 {
		r.method, r.path, r.status, r.bytes = "POST", "/api/metrics/view", 204, 0
		return
	}
	r.path = l.assets[l.byAsset.pick(l.random)]
	if l.chance(0.1) {
		r.status, r.bytes = 304, 0
	}
}

func (l *benchLog) page(r *request) {
	var p *benchPerson
	if len(l.open) == benchOpen && l.chance(0.4) {
		p = &l.open[l.below(benchOpen)]
	} else {
		slot := len(l.open)
		if slot < benchOpen {
			l.open = append(l.open, benchPerson{})
		} else {
			slot = l.below(benchOpen)
		}
		p = &l.open[slot]
		*p = of(l.random, l.people)
	}
	r.addr, r.agent, r.referer = p.addr, p.agent, p.url
	r.path = l.pages[l.byPage.pick(l.random)]
	if r.referer == "" {
		switch u := l.unit(); {
		case u < 0.5:
			r.referer = l.outside[l.below(15)]
		case u < 0.6:
			r.referer = of(l.random, l.outside)
		}
	}
	if l.chance(0.08) {
		r.query = of(l.random, l.tags)
	}
	if l.chance(0.06) {
		r.status, r.bytes = 304, 0
	}
	p.url = "https://example.com" + r.path
}

func (l *benchLog) bot(r *request) {
	r.proto, r.addr = "HTTP/1.1", of(l.random, l.clients)
	if l.chance(0.25) {
		r.agent = of(l.random, l.agents[:40])
		r.path, r.status, r.bytes = of(l.random, probePaths), 404, 1583
		return
	}
	r.agent = l.bots[l.byBots.pick(l.random)]
	r.path = of(l.random, l.pages)
}

// spoil breaks the line that begins at from, in one of the ways that logs break.
func (l *benchLog) spoil(b []byte, from int) []byte {
	switch line := b[from:]; l.below(4) {
	case 0: // cut, as by a full disk
		return append(b[:from+1+l.below(len(line)-2)], '\n')
	case 1: // another program's message
		return append(b[:from], "2026/11/02 08:31:07 [error] 31#31: *8841 upstream timed out (110: Connection timed out) while reading response header\n"...)
	case 2: // binary
		for i := range line[:len(line)-1] {
			if line[i] = byte(l.uint64()); line[i] == '\n' {
				line[i] = 0
			}
		}
		return b
	default:
		return append(b[:from], '\n')
	}
}

// WriteFloodLog writes that many lines of a vhost_combined log, each by another
// client with another agent, for another path on another host: whatever is
// remembered by any of them is new on every line.
func WriteFloodLog(w io.Writer, lines int) error {
	r := newRandom(1)
	b := make([]byte, 0, flushSize+4096)
	out := &lineWriter{format: VhostCombined, zone: time.UTC}
	for i := range lines {
		n, at := uint64(i), strconv.Itoa(i)
		b = append(b, "host-"...)
		b = append(b, at...)
		b = append(b, ".example:443 2a01:"...)
		for shift := 48; shift > 0; shift -= 16 {
			b = strconv.AppendUint(b, n>>shift&0xffff, 16)
			b = append(b, ':')
		}
		b = strconv.AppendUint(b, n&0xffff, 16)
		b = append(b, "::1 - - ["...)
		b = out.time(b, benchStart.UnixNano()+int64(i)*int64(time.Second)/200, combinedTime)
		b = append(b, `] "GET /`...)
		b = append(b, of(r, topics)...)
		b = append(b, '/')
		b = append(b, of(r, words)...)
		b = append(b, '-')
		b = append(b, at...)
		b = append(b, ` HTTP/1.1" 200 1234 "-" "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0 Build/`...)
		b = append(b, at...)
		b = append(b, "\"\n"...)
		if len(b) >= flushSize || i == lines-1 {
			if _, err := w.Write(b); err != nil {
				return fmt.Errorf("simulate: write the log: %w", err)
			}
			b = b[:0]
		}
	}
	return nil
}
