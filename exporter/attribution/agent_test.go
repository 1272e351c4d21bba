package attribution

import (
	"strings"
	"testing"

	"github.com/darkshare/darkshare/exporter/schema"
)

// agents compiles the tables with the user's rules.
func agents(t testing.TB, extra ...AgentRule) (*agentTable, *sources) {
	t.Helper()
	src := newSources()
	table, err := newAgentTable(src, extra)
	if err != nil {
		t.Fatal(err)
	}
	return table, src
}

const (
	chrome  = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
	android = "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UQ1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/131.0.0.0 Mobile Safari/537.36"
	iphone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
	googles = " (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
)

func TestAgentBots(t *testing.T) {
	table, _ := agents(t)
	for _, test := range []struct {
		ua   string
		kind botKind
		name string
	}{
		{"", botOther, "no user agent"},
		{"-", botOther, "no user agent"},
		{"  ", botOther, "no user agent"},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", botCrawler, "Googlebot"},
		{android + googles, botCrawler, "Googlebot"},
		{"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)", botAI, "GPTBot"},
		{"Mozilla/5.0 (compatible; ClaudeBot/1.0; +claudebot@anthropic.com)", botAI, "ClaudeBot"},
		{"curl/8.5.0", botLibrary, "curl"},
		{"python-requests/2.31.0", botLibrary, "python-requests"},
		{"Go-http-client/2.0", botLibrary, "Go-http-client"},
		{"okhttp/4.12.0", botLibrary, "okhttp"},
		{"MyShop/17 CFNetwork/1408.0.4 Darwin/22.5.0", botLibrary, "CFNetwork"},
		{strings.Replace(chrome, "Chrome/", "HeadlessChrome/", 1), botLibrary, "Headless"},
		{"Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", botMonitor, "UptimeRobot"},
		{android + " Chrome-Lighthouse", botMonitor, "Lighthouse"},
		{"Mozilla/5.0 (X11; Linux x86_64; Catchpoint) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36", botMonitor, "Catchpoint"},
		{"masscan/1.3 (https://github.com/robertdavidgraham/masscan)", botScanner, "masscan"},
		{"Mozilla/5.0 zgrab/0.x", botScanner, "zgrab"},
		{"Mozilla/5.00 (Nikto/2.1.6) (Evasions:None) (Test:000003)", botScanner, "Nikto"},
		{"${jndi:ldap://example.test/a}", botScanner, "${jndi"},
		{"FreshRSS/1.24.1 (Linux; https://freshrss.org)", botFeed, "FreshRSS"},
		// Nobody's table has these; the signs have.
		{"Zzyzx/1.0", botOther, "nothing of a browser's"},
		{"Mozilla/5.0", botOther, "a template"},
		{"Mozilla/5.0 Zzyzx", botOther, "nothing of a browser's"},
		{"ZzyzxBot/0.1", botCrawler, "the word bot"},
		{"zzyzx-crawler", botCrawler, "the word crawler"},
		{"Mozilla/5.0 (compatible; Zzyzx/1.0)", botOther, `"compatible", and no browser`},
		{chrome + " (+https://zzyzx.example)", botOther, "a web address"},
		{chrome + " (hello@zzyzx.example)", botOther, "a mail address"},
		{chrome + " zzyzx.io/about", botOther, "a host name"},
		{chrome + " Zzyzx", botOther, "a bare word after the browser"},
		{"Zzyzx, " + chrome, botOther, "words before Mozilla"},
		{strings.Replace(chrome, "like Gecko", "like Gecko; Zzyzx", 1), botOther, `words beside "like Gecko"`},
		{"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36", botOther, "no platform"},
	} {
		a := table.classify([]byte(test.ua))
		if a.class != classBot || a.bot != test.kind || a.name != test.name {
			t.Errorf("%q is %v %v %q, want bot %v %q", test.ua, a.class, a.bot, a.name, test.kind, test.name)
		}
	}
}

func TestAgentPreviews(t *testing.T) {
	table, src := agents(t)
	for _, test := range []struct {
		ua, app string
		scope   schema.Scope
	}{
		{"WhatsApp/2.23.20.0 A", "whatsapp", schema.ScopePrivate},
		{"WhatsApp/2.2412.54 W", "whatsapp", schema.ScopePrivate},
		{"WhatsApp/2", "signal", schema.ScopePrivate},
		{"WhatsApp", "signal", schema.ScopePrivate},
		{"WhatsApp/2.0", "whatsapp", schema.ScopePrivate},
		{"facebookexternalhit/1.1 Facebot Twitterbot/1.0", "imessage", schema.ScopePrivate},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0", "imessage", schema.ScopePrivate},
		{"facebookexternalhit/1.1;line-poker/1.0", "line", schema.ScopePrivate},
		{"facebookexternalhit/1.1; kakaotalk-scrap/1.0; +https://devtalk.kakao.com/t/scrap/33984", "kakaotalk", schema.ScopePrivate},
		{"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "facebook", schema.ScopeMixed},
		{"facebookexternalhit/1.1", "facebook", schema.ScopeMixed},
		{"Facebot", "facebook", schema.ScopeMixed},
		{"TelegramBot (like TwitterBot)", "telegram", schema.ScopePrivate},
		{"Twitterbot/1.0", "twitter", schema.ScopePublic},
		{"Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)", "discord", schema.ScopePrivate},
		{"Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "slack", schema.ScopePrivate},
		{"Slack-ImgProxy (+https://api.slack.com/robots)", "slack", schema.ScopePrivate},
		{"Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com", "skype_teams", schema.ScopePrivate},
		{"ViberUrlDownloader", "viber", schema.ScopePrivate},
		{"Viber/13.3.0.5 CFNetwork/1125.2 Darwin/19.4.0", "viber", schema.ScopePrivate},
		{"Snap URL Preview Service; bot; snapchat; https://developers.snap.com/robots", "snapchat", schema.ScopePrivate},
		{"WeChat/8.0.49 CFNetwork/1410 Darwin/22.6.0", "wechat", schema.ScopePrivate},
		{"Zalo/24.10 CFNetwork/1410 Darwin/22.6.0", "zalo", schema.ScopePrivate},
		{chrome + " GoogleMessages/15.1", "google_messages", schema.ScopePrivate},
		{"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Google-PageRenderer Google (+https://developers.google.com/+/web/snippet/)) Chrome/56.0 Safari/537.36", "google_chat", schema.ScopePrivate},
		{"Mattermost-Bot/1.1", "mattermost", schema.ScopePrivate},
		{chrome + " Rocket.Chat/7.0.0", "rocketchat", schema.ScopePrivate},
		{"Mozilla/5.0 (compatible; Zoombot/1.0; +https://zoom.us; crawler@domain.com)", "zoom", schema.ScopePrivate},
		{"Synapse (bot; +https://github.com/matrix-org/synapse)", "matrix", schema.ScopePrivate},
		{"Synapse/1.98.0", "matrix", schema.ScopePrivate},
		{"Mozilla/5.0 (compatible; NotionEmbedder)", "notion", schema.ScopePrivate},
		{"LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)", "linkedin", schema.ScopePublic},
		{"Mozilla/5.0 (compatible; Pinterestbot/1.0; +http://www.pinterest.com/bot.html)", "pinterest", schema.ScopePublic},
		{"Mozilla/5.0 (compatible; redditbot/1.0; +http://www.reddit.com/feedback)", "reddit", schema.ScopePublic},
		{"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Bluesky Cardyb/1.1; +mailto:support@bsky.app) Chrome/100.0.0.0 Safari/537.36", "bluesky", schema.ScopePublic},
		{"http.rb/5.1.1 (Mastodon/4.2.1; +https://mastodon.social/) Bot", "mastodon", schema.ScopePublic},
		{"Mozilla/5.0 (compatible; Embedly/0.2; +http://support.embed.ly/)", "embedly", schema.ScopeMixed},
		{"Iframely/1.3.1 (+https://iframely.com/docs/about)", "iframely", schema.ScopeMixed},
		{"Acme-LinkPreview/1.0", "other", schema.ScopeMixed},
	} {
		a := table.classify([]byte(test.ua))
		if app := src.names[a.app]; a.class != classPreview || app != test.app || a.scope != test.scope {
			t.Errorf("%q is %v %q %v, want preview %q %v", test.ua, a.class, app, a.scope, test.app, test.scope)
		}
	}
}

func TestAgentApps(t *testing.T) {
	table, src := agents(t)
	for _, test := range []struct {
		ua      string
		class   agentClass
		app     string
		channel schema.Channel
	}{
		{android + " [FB_IAB/FB4A;FBAV/482.0.0.71.108;]", classInApp, "facebook", schema.ChannelSocial},
		{iphone + " [FBAN/FBIOS;FBDV/iPhone14,7;FBMD/iPhone]", classInApp, "facebook", schema.ChannelSocial},
		{android + " [FB_IAB/Orca-Android;FBAV/308.0.0.12.119;]", classInApp, "messenger", schema.ChannelDarkSocial},
		{iphone + " LightSpeed [FBAN/MessengerLiteForiOS;FBAV/410.0]", classInApp, "messenger", schema.ChannelDarkSocial},
		{iphone + " Instagram 400.1.0.29.75 (iPhone17,2; iOS 26_0_1; nl_NL)", classInApp, "instagram", schema.ChannelSocial},
		{android + " Barcelona 355.0.0.39.109 Android (34/14; 420dpi)", classInApp, "threads", schema.ChannelSocial},
		{android + " TwitterAndroid", classInApp, "twitter", schema.ChannelSocial},
		{iphone + " Twitter for iPhone/10.34", classInApp, "twitter", schema.ChannelSocial},
		{iphone + " [LinkedInApp]/9.30.1753", classInApp, "linkedin", schema.ChannelSocial},
		{iphone + " [Pinterest/iOS]", classInApp, "pinterest", schema.ChannelSocial},
		{iphone + " musical_ly_27.7.1 JsSdk/2.0 BytedanceWebview/d8a21c6", classInApp, "tiktok", schema.ChannelSocial},
		{iphone + " Snapchat/12.72.0.39 (like Safari/8617.2.4.10.8, panda)", classInApp, "snapchat", schema.ChannelDarkSocial},
		{android + " MMWEBID/998 MicroMessenger/8.0.49.2600(0x28003133) WeChat/arm64 Weixin NetType/WIFI", classInApp, "wechat", schema.ChannelDarkSocial},
		{iphone + " QQ/9.0.17.638 V1_IPH_SQ_9.0.17_1_APP_A", classInApp, "qq", schema.ChannelDarkSocial},
		{iphone + " Weibo (iPhone15,3__weibo__15.4.1__iphone__os18.4)", classInApp, "weibo", schema.ChannelSocial},
		{android + " Line/14.12.2/IAB", classInApp, "line", schema.ChannelDarkSocial},
		{android + " KAKAOTALK/25.4.3 (INAPP)", classInApp, "kakaotalk", schema.ChannelDarkSocial},
		{android + " Viber/11.9.5.8", classInApp, "viber", schema.ChannelDarkSocial},
		{android + " Telegram-Android/12.3.1 (Xiaomi; Android 9)", classInApp, "telegram", schema.ChannelDarkSocial},
		{android + " Zalo android/12120696 ZaloTheme/light", classInApp, "zalo", schema.ChannelDarkSocial},
		{iphone + " NAVER(inapp; search; 1000; 11.8.10; 13)", classInApp, "naver", schema.ChannelSearch},
		{android + " GSA/15.3.36.28.arm64", classInApp, "google_search", schema.ChannelSearch},
		{android + " baiduboxapp/13.56.0.11 (Baidu; P1 12)", classInApp, "baidu", schema.ChannelSearch},
		{chrome + " Slack/4.39.90 Electron/13.1.9", classInApp, "slack", schema.ChannelDarkSocial},
		{"Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) discord/1.0.9003 Chrome/91.0.4472.164 Electron/13.4.0 Safari/537.36", classInApp, "discord", schema.ChannelDarkSocial},
		{iphone + " TeamsMobile-iOS", classInApp, "teams", schema.ChannelDarkSocial},
		{android + " [WA4A/2.25.32.75;]", classInApp, "whatsapp", schema.ChannelDarkSocial},
		{android + " ChatGPT/1.2024.300", classInApp, "chatgpt", schema.ChannelAI},
		{"Mozilla/5.0 (X11; Linux x86_64; rv:78.0) Gecko/20100101 Thunderbird/78.13.0", classMail, "thunderbird", schema.ChannelDarkSocial},
		{"Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Trident/7.0; Microsoft Outlook 16.0.5056; ms-office; MSOffice 16)", classMail, "outlook", schema.ChannelDarkSocial},
		{"Mail/3731.600.7 CFNetwork/1408.0.4 Darwin/22.5.0", classMail, "apple_mail", schema.ChannelDarkSocial},
		{"K-9 Mail/5.600", classMail, "k9", schema.ChannelDarkSocial},
	} {
		a := table.classify([]byte(test.ua))
		if app := src.names[a.app]; a.class != test.class || app != test.app || a.channel != test.channel {
			t.Errorf("%q is %v %q %v, want %v %q %v", test.ua, a.class, app, a.channel, test.class, test.app, test.channel)
		}
	}
}

// TestAgentTraps holds what looks like something else and is a person's browser.
func TestAgentTraps(t *testing.T) {
	table, _ := agents(t)
	for _, ua := range []string{
		chrome, android, iphone,
		"Mozilla/5.0 (Linux; Android 6.0; CUBOT_NOTE_S Build/MRA58K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/64.0.3282.137 Mobile Safari/537.36",
		"Mozilla/5.0 (Linux; U; Android 4.2.2; fr-fr; CUBOT GT72E Build/JDQ39) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0 Mobile Safari/534.30",
		"Mozilla/5.0 (Linux; Andr0id 9; ATV R1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/77.0.3865.120 Safari/537.36 HbbTV/1.5.1 (+DRM;BOTECH;ATV R1;)",
		chrome + " Edg/97.0.1072.55/BotHg3zA-07",
		android + " CamScanner/6.35.0.2302240000",
		android + " SomethingElse",
		"Mozilla/5.0 (Linux; Android 7.0; Seoul MIX) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/85.0.4183.81 Mobile Safari/537.36",
		"Mozilla/5.0 (iPad; CPU OS 10_3_3 like Mac OS X) AppleWebKit/603.3.8 (KHTML, like Gecko) Mobile/14G60 Version/13.1 (Ecosia ios@4.1.10.875) Safari/604.1",
		"Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; .NET CLR 2.0.50727; ASP.NET; Tablet PC 2.0)",
		"Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0; chromeframe/19.0)",
		"Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko",
		"Mozilla/5.0 (compatible; Konqueror/4.3; Linux) KHTML/4.3.4 (like Gecko) Red Hat Enterprise Linux/4.3.4-19.el6",
		chrome + " LBBROWSER",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Ubuntu Chromium/32.0 Chrome/32.0 Safari/537.36",
		"Mozilla/5.0 (Linux; arm_64; Android 13; SM-A346N) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 YaSearchBrowser/23.78.1 BroPP/1.0 Mobile Safari/537.36",
		"Mozilla/5.0 (Linux; Android 11; 4K Google TV Stick Build/RTT0; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0 TV Safari/537.36",
		"Mozilla/5.0 (X11; Linux i686; en; rv:12.3) Gecko/2000000000 Ubuntu/dapper-security Epiphany/4.4.4 Firefox/8.8.8",
		"Opera/9.80 (Windows NT 6.1; U; en) Presto/2.12.388 Version/12.16",
		"Lynx/2.8.5rel.1 libwww-FM/2.15FC SSL-MM/1.4.1c OpenSSL/0.9.7e-dev",
		"Safari/9537.73.11 CFNetwork/673.0.3 Darwin/13.0.0 (x86_64) (MacBookPro8%2C1)",
		"Dalvik/2.1.0 (Linux; U; Android 9; SM-J330FN Build/PPR1.180610.011)",
		"UCWEB/2.0 (Java; U; MIDP-2.0; en-US; Nokia501) U2/1.0.0 UCBrowser/9.5.0.449 U2/1.0.0 Mobile",
		"LG-P760/P76010b Mozilla/5.0 (Linux; U; Android 4.0.4; en-us; LG-P760 Build/IMM76L) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0 Mobile Safari/534.30",
		"Mozilla/4.79 [en] (X11; U; Linux 2.4.18 i686)",
	} {
		if a := table.classify([]byte(ua)); a.class != classBrowser {
			t.Errorf("%q is %v %q, want browser", ua, a.class, a.name)
		}
	}
}

func TestAgentDevice(t *testing.T) {
	table, _ := agents(t)
	for _, test := range []struct {
		ua   string
		want schema.Device
	}{
		{chrome, schema.DeviceDesktop},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15", schema.DeviceDesktop},
		{"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36", schema.DeviceDesktop},
		{"Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; Tablet PC 2.0)", schema.DeviceDesktop},
		{android, schema.DeviceMobile},
		{iphone, schema.DeviceMobile},
		{"Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/52.0 Mobile Safari/537.36 Edge/15.15063", schema.DeviceMobile},
		{"Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1", schema.DeviceTablet},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Snapchat/13.60.1.0", schema.DeviceTablet},
		{"Mozilla/5.0 (Linux; Android 13; SM-T515) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36", schema.DeviceTablet},
		{"Mozilla/5.0 (Android 13; Tablet; rv:131.0) Gecko/131.0 Firefox/131.0", schema.DeviceTablet},
		{"Mozilla/5.0 (Linux; Android 9; BRAVIA 4K UR1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36", schema.DeviceOther},
		{"Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/94.0.4606.128 Safari/537.36", schema.DeviceOther},
		{"Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15", schema.DeviceOther},
		{"curl/8.5.0", schema.DeviceOther},
	} {
		if a := table.classify([]byte(test.ua)); a.device != test.want {
			t.Errorf("%q is %v, want %v", test.ua, a.device, test.want)
		}
	}
}

func TestAgentUserRules(t *testing.T) {
	table, src := agents(t,
		AgentRule{Class: "inapp", Tokens: []string{"AcmeTalk/"}, App: "acme_talk"},
		AgentRule{Class: "browser", Tokens: []string{"AcmeKiosk"}, Also: []string{"crawl"}},
		AgentRule{Class: "bot", Kind: "monitor", Tokens: []string{"CFNetwork/"}, Not: []string{"Safari"}, Name: "our app"},
		AgentRule{Class: "preview", Tokens: []string{"^Googlebot"}, App: "acme_talk", Scope: "private"},
	)
	for _, test := range []struct {
		ua, name, app string
		class         agentClass
	}{
		{android + " AcmeTalk/1.0", "AcmeTalk", "acme_talk", classInApp},
		{chrome + " AcmeTalk/1.0 (+https://acme.example)", "AcmeTalk", "acme_talk", classInApp},
		{"AcmeKiosk crawler", "AcmeKiosk", "other", classBrowser},
		{"AcmeKiosk", "nothing of a browser's", "other", classBot},
		{"Shop/1 CFNetwork/1408.0.4", "our app", "other", classBot},
		{"Googlebot/2.1", "Googlebot", "acme_talk", classPreview},
	} {
		a := table.classify([]byte(test.ua))
		if a.class != test.class || a.name != test.name || src.names[a.app] != test.app {
			t.Errorf("%q is %v %q %q, want %v %q %q", test.ua, a.class, a.name, src.names[a.app], test.class, test.name, test.app)
		}
	}
}

func TestAgentRuleErrors(t *testing.T) {
	for _, test := range []struct {
		rule AgentRule
		want string
	}{
		{AgentRule{Class: "robot", Tokens: []string{"x"}}, `class "robot"`},
		{AgentRule{Class: "bot"}, "no tokens"},
		{AgentRule{Class: "bot", Tokens: []string{"^"}}, `token "^" is empty`},
		{AgentRule{Class: "bot", Tokens: []string{strings.Repeat("x", 256)}}, "longer than 255"},
		{AgentRule{Class: "bot", Tokens: []string{"x"}, Not: []string{""}}, "is empty"},
		{AgentRule{Class: "bot", Tokens: []string{"x"}, Kind: "evil"}, `kind "evil"`},
		{AgentRule{Class: "bot", Tokens: []string{"x"}, App: "x"}, "not for class bot"},
		{AgentRule{Class: "inapp", Tokens: []string{"x"}}, `app ""`},
		{AgentRule{Class: "inapp", Tokens: []string{"x"}, App: "My App"}, `app "My App"`},
		{AgentRule{Class: "inapp", Tokens: []string{"x"}, App: "x", Channel: "dark"}, `channel "dark"`},
		{AgentRule{Class: "preview", Tokens: []string{"x"}, App: "x", Scope: "secret"}, `scope "secret"`},
	} {
		_, err := newAgentTable(newSources(), []AgentRule{test.rule})
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "agent rule 1") {
			t.Errorf("%+v: error %v, want %q", test.rule, err, test.want)
		}
	}
}

func TestAgentMatcher(t *testing.T) {
	for _, test := range []struct {
		token, s string
		want     bool
	}{
		{"bot", "robots", true},
		{"BOT", "a bot", true},
		{"bot|", "robots", false},
		{"bot|", "robot_1", true},
		{"|bot", "robot", false},
		{"|bot|", "x-bot/1", true},
		{"^bot", "bot", true},
		{"^bot", " bot", false},
		{"bot$", "a bot", true},
		{"bot$", "bot ", false},
		{"^bot$", "bot", true},
		{"^bot$", "botbot", false},
		{"*.net", "a.net", true},
		{"*.net", "; .net", false},
		{"*.net", ".net", false},
		{"été", "un été", true},
	} {
		m, err := newMatcher([]string{"obo", "t", test.token, "ob"})
		if err != nil {
			t.Fatal(err)
		}
		got := false
		var state uint16
		for i := range len(test.s) {
			if state = m.step(state, test.s[i]); state < m.accept {
				continue
			}
			for _, h := range m.at(state) {
				got = got || h.token == 2 && h.allows([]byte(test.s), i+1)
			}
		}
		if got != test.want {
			t.Errorf("token %q in %q: %v", test.token, test.s, got)
		}
	}
}
