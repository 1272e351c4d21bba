package simulate

import "github.com/darkshare/darkshare/exporter/schema"

// sender is who sends a visit: an app, a network, a search engine, or nobody.
type sender struct {
	name    string
	channel schema.Channel
	// loss is the share of its visits that come without a referrer; assumed, that
	// nobody has published how many of a public sender's do.
	loss    float64
	assumed bool
	// web is the share of the visits without a referrer that were clicked on a
	// web page, which Sec-Fetch-Site shows as cross-site; the others were opened
	// by an app outside the browser (none).
	web float64
	// refs are the referrers of the others; androidRef that of an Android app,
	// sent by the Android share of those that have a referrer.
	refs       []string
	androidRef string
	// phone is the share of its visits made on phones, 0 for the mix's.
	phone float64
	// inApp is the share of its visits on phones that stay in the app's own
	// browser, which has one of agents.
	inApp  float64
	agents []*agent
	// tags are queries, one of which the landing's URL has with chance tagged.
	tags   []string
	tagged float64
	// fetcher loads link previews, nil where there are none.
	fetcher *fetcher
	// reach is the mean number of visits that a share brings, for senders whose
	// visits come of shares; else 0.
	reach float64
}

// newSenders returns everyone who can send visits, by name. The losses of
// TikTok, Slack, Discord, Mastodon, WhatsApp, Messenger, Instagram messages,
// LinkedIn and Pinterest are SparkToro's measurement of 2023, those of WeChat are of a
// real log (DESIGN.md). All other numbers here are this simulator's assumptions: other
// public networks lose 5 % and more, search 2 %, sites 8 % (noreferrer), assistants 10 to
// 30 %; Options.PublishedLosses leaves these out. Webmail loses half, and apps that open
// the phone's browser everything.
func newSenders() map[string]*sender {
	const (
		private  = schema.ChannelDarkSocial
		public   = schema.ChannelSocial
		search   = schema.ChannelSearch
		ai       = schema.ChannelAI
		paid     = schema.ChannelPaid
		referral = schema.ChannelReferral
	)
	fb := inApp("com.facebook.katana",
		"[FBAN/FBIOS;FBAV/512.0.0.38.101;FBBV/731230462;FBDV/iPhone15,2;FBMD/iPhone;FBSN/iOS;FBSV/18.5;FBSS/3;FBCR/;FBID/phone;FBLC/en_US;FBOP/80]",
		"[FB_IAB/FB4A;FBAV/511.0.0.54.79;]")
	ig := inApp("com.instagram.android",
		"Instagram 382.0.0.37.84 (iPhone15,3; iOS 18_5; fr_FR; fr; scale=3.00; 1290x2796; 741345920)",
		"Instagram 381.1.0.53.84 Android (34/14; 450dpi; 1080x2115; samsung; SM-S918B; dm3q; qcom; de_DE; 732198761)")
	wechat := inApp("com.tencent.mm",
		"MicroMessenger/8.0.54(0x1800362b) NetType/WIFI Language/zh_CN",
		"XWEB/1300467 MMWEBSDK/20241202 MMWEBID/2247 MicroMessenger/8.0.56.2800(0x28003855) WeChat/arm64 Weixin NetType/5G Language/zh_CN ABI/arm64")
	all := []*sender{
		{name: "direct", channel: schema.ChannelDirect, loss: 1},

		// Private. What opens in the phone's browser carries nothing at all.
		{name: "whatsapp", channel: private, loss: 1, web: 0.10, phone: 0.90, reach: 4, fetcher: whatsappFetcher,
			tags: []string{"utm_source=whatsapp&utm_medium=social", "utm_source=whatsapp"}, tagged: 0.08},
		{name: "messenger", channel: private, loss: 0.75, web: 0.10, phone: 0.85, inApp: 0.8, reach: 3, fetcher: facebookFetcher,
			refs: []string{"https://l.messenger.com/", "https://www.messenger.com/", "https://l.facebook.com/"},
			agents: inApp("com.facebook.orca",
				"[FBAN/MessengerForiOS;FBAV/512.0.0.31.105;FBBV/728450913;FBDV/iPhone14,5;FBMD/iPhone;FBSN/iOS;FBSV/18.5;FBSS/3;FBCR/;FBID/phone;FBLC/fr_FR;FBOP/5]",
				"[FB_IAB/Orca-Android;FBAV/510.0.0.60.109;]")},
		{name: "telegram", channel: private, loss: 0.95, web: 0.15, phone: 0.75, reach: 5, fetcher: telegramFetcher,
			refs: []string{"https://web.telegram.org/"}, androidRef: "android-app://org.telegram.messenger/",
			tags: []string{"utm_source=telegram"}, tagged: 0.05},
		{name: "signal", channel: private, loss: 1, phone: 0.85, reach: 3, fetcher: signalFetcher},
		{name: "imessage", channel: private, loss: 1, phone: 0.88, reach: 2, fetcher: imessageFetcher},
		{name: "sms", channel: private, loss: 1, phone: 0.99, reach: 1.5},
		{name: "viber", channel: private, loss: 1, phone: 0.9, reach: 3},
		{name: "slack", channel: private, loss: 1, web: 0.25, phone: 0.15, reach: 3, fetcher: slackFetcher},
		{name: "teams", channel: private, loss: 0.9, web: 0.5, phone: 0.1, reach: 2.5, fetcher: teamsFetcher,
			refs: []string{"https://teams.microsoft.com/", "https://statics.teams.cdn.office.net/"}},
		{name: "discord", channel: private, loss: 1, web: 0.4, phone: 0.4, reach: 4, fetcher: discordFetcher},
		{name: "instagram_dm", channel: private, loss: 0.30, phone: 0.97, inApp: 0.9, reach: 2,
			refs: []string{"https://l.instagram.com/"}, agents: ig},
		{name: "line", channel: private, loss: 1, phone: 0.93, inApp: 0.8, reach: 3, fetcher: lineFetcher,
			agents: inApp("jp.naver.line.android", "Safari Line/15.8.0", "Line/15.8.1/IAB")},
		{name: "kakaotalk", channel: private, loss: 1, phone: 0.93, inApp: 0.8, reach: 3, fetcher: kakaoFetcher,
			agents: inApp("com.kakao.talk", "KAKAOTALK/25.5.1 (INAPP)", "KAKAOTALK 2425060 (INAPP)")},
		// In one real log 43 % of the visits with WeChat's own tag showed no app in
		// their agent, and one of 160 a referrer (DESIGN.md). That half the links
		// lose the tag is assumed.
		{name: "wechat", channel: private, loss: 0.994, phone: 0.97, inApp: 0.57, reach: 5, agents: wechat,
			refs: []string{"https://servicewechat.com/"},
			tags: []string{"from=singlemessage&isappinstalled=0", "from=groupmessage&isappinstalled=0", "from=groupmessage"}, tagged: 0.5},
		{name: "qq", channel: private, loss: 0.95, phone: 0.9, inApp: 0.7, reach: 3, refs: []string{"https://mail.qq.com/"},
			agents: inApp("com.tencent.mobileqq", "QQ/9.1.60.614 V1_IPH_SQ_9.1.60_1_APP_A Pixel/1125 MiniAppEnable SimpleUISwitch/0 QQTheme/1000 Core/WKWebView",
				"V1_AND_SQ_9.1.60_9388_YYB_D QQ/9.1.60.24370 NetType/WIFI WebP/0.3.0 AppId/537275636 Pixel/1080")},
		// Personal mail: no tag, one reader or a few.
		{name: "gmail", channel: private, loss: 0.5, web: 0.4, reach: 1.3, refs: []string{"https://mail.google.com/"}, androidRef: "android-app://com.google.android.gm/"},
		{name: "outlook", channel: private, loss: 0.6, web: 0.4, phone: 0.25, reach: 1.3,
			refs: []string{"https://outlook.live.com/", "https://outlook.office.com/", "https://outlook.office365.com/"}},
		{name: "orange", channel: private, loss: 0.3, web: 0.6, reach: 1.3, refs: []string{"https://messagerie.orange.fr/", "https://mail01.orange.fr/"}},
		{name: "gmx", channel: private, loss: 0.3, web: 0.6, reach: 1.3, refs: []string{"https://deref-gmx.net/", "https://bap.navigator.gmx.net/"}},
		{name: "apple_mail", channel: private, loss: 1, phone: 0.7, reach: 1.3},

		// Public.
		{name: "facebook", channel: public, loss: 0.05, assumed: true, web: 0.5, phone: 0.85, inApp: 0.85, agents: fb, fetcher: facebookFetcher,
			refs: []string{"https://l.facebook.com/", "https://lm.facebook.com/", "https://m.facebook.com/", "https://www.facebook.com/", "http://m.facebook.com/"},
			tags: []string{"fbclid=IwAR2x7Qk0yJ3Z8vTg5mWbN1dRfLpE6sUaHc9", "fbclid=IwY2xjawKq3ZleHRuA2FlbQIxMABicmlkETFkWm"}, tagged: 0.75},
		{name: "twitter", channel: public, loss: 0.05, assumed: true, web: 0.5, phone: 0.7, inApp: 0.6, refs: []string{"https://t.co/"}, fetcher: twitterFetcher,
			agents: inApp("com.twitter.android", "Twitter for iPhone/11.14", "TwitterAndroid")},
		{name: "instagram", channel: public, loss: 0.05, assumed: true, phone: 0.97, inApp: 0.93, agents: ig, refs: []string{"https://l.instagram.com/"},
			tags: []string{"utm_source=ig&utm_medium=social&utm_content=link_in_bio"}, tagged: 0.4},
		{name: "threads", channel: public, loss: 0.05, assumed: true, phone: 0.95, inApp: 0.8, refs: []string{"https://l.threads.com/", "https://l.threads.net/"},
			agents: inApp("com.instagram.barcelona", "Barcelona 382.0.0.31.84 (iPhone15,2; iOS 18_5; en_US; en; scale=3.00; 1179x2556; 740911200)",
				"Barcelona 381.0.0.39.109 Android (34/14; 420dpi; 1080x2209; Google/google; Pixel 8; shiba; shiba; en_US; 736120311)")},
		{name: "linkedin", channel: public, loss: 0.14, web: 0.3, phone: 0.6, inApp: 0.7, fetcher: linkedinFetcher,
			refs: []string{"https://www.linkedin.com/", "https://lnkd.in/"}, androidRef: "android-app://com.linkedin.android/",
			agents: inApp("com.linkedin.android", "[LinkedInApp]/9.31.1543", "[LinkedInApp]")},
		{name: "pinterest", channel: public, loss: 0.12, web: 0.3, phone: 0.85, inApp: 0.8, refs: []string{"https://www.pinterest.com/", "https://www.pinterest.fr/"},
			agents: inApp("com.pinterest", "[Pinterest/iOS]", "[Pinterest/Android]")},
		{name: "reddit", channel: public, loss: 0.05, assumed: true, web: 0.5, phone: 0.6, refs: []string{"https://www.reddit.com/", "https://old.reddit.com/"}, androidRef: "android-app://com.reddit.frontpage/", fetcher: redditFetcher},
		{name: "tiktok", channel: public, loss: 1, phone: 0.98, inApp: 0.95,
			agents: inApp("com.zhiliaoapp.musically", "musical_ly_39.5.0 JsSdk/2.0 NetType/WIFI Channel/App Store ByteLocale/en Region/US BytedanceWebview/d8a21c6",
				"trill_390503 JsSdk/1.0 NetType/WIFI Channel/googleplay AppName/musical_ly app_version/39.5.3 ByteLocale/fr ByteFullLocale/fr Region/FR BytedanceWebview/d8a21c6")},
		{name: "mastodon", channel: public, loss: 1, web: 0.7, phone: 0.5, fetcher: mastodonFetcher},
		{name: "bluesky", channel: public, loss: 0.2, assumed: true, web: 0.3, phone: 0.55, refs: []string{"https://go.bsky.app/", "https://bsky.app/"}, fetcher: blueskyFetcher},
		{name: "youtube", channel: public, loss: 0.1, assumed: true, web: 0.5, phone: 0.6, refs: []string{"https://www.youtube.com/", "https://m.youtube.com/"}},
		{name: "weibo", channel: public, loss: 0.3, assumed: true, phone: 0.9, inApp: 0.9, refs: []string{"https://weibo.com/", "https://m.weibo.cn/"},
			agents: inApp("com.sina.weibo", "Weibo (iPhone15,2__weibo__15.6.1__iphone__os18.5)", "Weibo (samsung-SM-S918B__weibo__15.6.1__android__android14)")},
		{name: "wechat_moments", channel: public, loss: 0.99, phone: 0.98, inApp: 0.9, agents: wechat, refs: []string{"https://mp.weixin.qq.com/"},
			tags: []string{"from=timeline&isappinstalled=0", "from=timeline"}, tagged: 0.7},

		{name: "google", channel: search, loss: 0.02, assumed: true, web: 0.5, refs: []string{"https://www.google.com/", "https://www.google.com/", "https://www.google.com/", "https://www.google.fr/", "https://www.google.de/", "https://www.google.co.uk/"},
			androidRef: "android-app://com.google.android.googlequicksearchbox/"},
		{name: "bing", channel: search, loss: 0.02, assumed: true, web: 0.5, phone: 0.2, refs: []string{"https://www.bing.com/"}},
		{name: "duckduckgo", channel: search, loss: 0.04, assumed: true, web: 0.5, refs: []string{"https://duckduckgo.com/"}},
		{name: "yahoo", channel: search, loss: 0.02, assumed: true, refs: []string{"https://search.yahoo.com/", "https://fr.search.yahoo.com/"}},
		{name: "ecosia", channel: search, loss: 0.02, assumed: true, refs: []string{"https://www.ecosia.org/"}},
		{name: "baidu", channel: search, loss: 0.03, assumed: true, web: 0.5, phone: 0.7, refs: []string{"https://www.baidu.com/", "https://m.baidu.com/"}},
		{name: "yandex", channel: search, loss: 0.02, assumed: true, refs: []string{"https://yandex.ru/", "https://ya.ru/"}},

		{name: "chatgpt", channel: ai, loss: 0.3, assumed: true, web: 0.3, phone: 0.4, refs: []string{"https://chatgpt.com/"}, tags: []string{"utm_source=chatgpt.com"}, tagged: 0.85},
		{name: "perplexity", channel: ai, loss: 0.1, assumed: true, web: 0.3, phone: 0.3, refs: []string{"https://www.perplexity.ai/"}, tags: []string{"utm_source=perplexity"}, tagged: 0.1},
		{name: "gemini", channel: ai, loss: 0.1, assumed: true, web: 0.3, refs: []string{"https://gemini.google.com/"}},
		{name: "claude", channel: ai, loss: 0.2, assumed: true, web: 0.8, phone: 0.2, refs: []string{"https://claude.ai/"}},
		{name: "copilot", channel: ai, loss: 0.1, assumed: true, web: 0.3, phone: 0.2, refs: []string{"https://copilot.microsoft.com/"}, tags: []string{"utm_source=copilot.com"}, tagged: 0.5},

		// Untagged newsletters are what Mix.Tagged leaves of them; see session.channel.
		{name: newsletter, channel: schema.ChannelEmail, loss: 0.65, web: 0.35, phone: 0.55,
			refs: []string{"https://mail.google.com/", "https://outlook.live.com/", "https://mail.yahoo.com/", "https://messagerie.orange.fr/"},
			tags: []string{"utm_source=newsletter&utm_medium=email&utm_campaign=weekly", "utm_source=brevo&utm_medium=email&utm_campaign=digest",
				"mc_cid=4f1c2a9b7e&mc_eid=8d2b64c1f0", "utm_medium=email&utm_source=mailchimp&mc_cid=91b0ce77aa"}},
		{name: "google_ads", channel: paid, loss: 0.15, assumed: true, web: 0.3, refs: []string{"https://www.google.com/", "https://www.googleadservices.com/", "https://googleads.g.doubleclick.net/"},
			tags: []string{"gclid=EAIaIQobChMI8r2Zk9vYhQMVq5KDBx3kTQbNEAAYASAAEgKq7_D_BwE",
				"utm_source=google&utm_medium=cpc&utm_campaign=brand&gclid=Cj0KCQjwir2xBhC_ARIsAMTXk84", "gbraid=0AAAAADp3kQx7mJ4bWl&gad_source=1"}, tagged: 0.97},
		{name: "meta_ads", channel: paid, loss: 0.1, assumed: true, phone: 0.93, inApp: 0.85, agents: append(append([]*agent{}, fb...), ig...),
			refs: []string{"https://l.facebook.com/", "https://lm.facebook.com/", "https://l.instagram.com/", "http://m.facebook.com/"},
			tags: []string{"utm_source=facebook&utm_medium=paid_social&utm_campaign=launch", "utm_source=ig&utm_medium=paid&utm_campaign=reach&fbclid=PAZXh0bgNhZW0BMABh"}, tagged: 0.95},
		{name: "sites", channel: referral, loss: 0.08, assumed: true, web: 1, refs: []string{
			"https://en.wikipedia.org/", "https://www.lemonde.fr/", "https://forum.example.net/", "https://www.wired.com/", "https://medium.com/",
			"https://www.heise.de/", "https://substack.com/", "https://someones-blog.example.org/", "https://www.theguardian.com/", "https://www.nature.com/"}},
		{name: "hackernews", channel: referral, loss: 0.05, assumed: true, web: 0.7, phone: 0.4, refs: []string{"https://news.ycombinator.com/"}},
		{name: "github", channel: referral, loss: 0.03, assumed: true, web: 1, phone: 0.1, refs: []string{"https://github.com/"}},
		{name: "stackoverflow", channel: referral, loss: 0.03, assumed: true, web: 1, phone: 0.1, refs: []string{"https://stackoverflow.com/"}},
	}
	byName := make(map[string]*sender, len(all))
	for _, s := range all {
		byName[s.name] = s
	}
	return byName
}

// newsletter is the name of the sender whose tags the mix and the events decide.
const newsletter = "newsletter"
