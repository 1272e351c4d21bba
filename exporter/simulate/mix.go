package simulate

import "fmt"

// Weight is a sender's part of the visits.
type Weight struct {
	// Sender is the name of an app, a network, a search engine …, or "direct".
	Sender string
	// Visits is its share of the visits, in any unit.
	Visits float64
}

// Mix says who comes to a site, with what, and how they behave.
type Mix struct {
	Name string
	// Site is the kind of site that the mix is of.
	Site SiteKind
	// Senders are the visits by who sends them.
	Senders []Weight
	// Phones is the share of visits on phones, for senders without their own.
	Phones float64
	// Returning is the share of visits by people who were here before and come
	// with a cache.
	Returning float64
	// Office is the share of desktop visits from behind one address with one
	// agent, Carrier that of phones behind a carrier's NAT, IPv6 that of the rest.
	Office, Carrier, IPv6 float64
	// OldBrowsers is the share of browsers from before fetch metadata.
	OldBrowsers float64
	// Hidden is the share of visits by clients that send no referrer at all.
	Hidden float64
	// Silent is the share of visits that show nothing but their landing:
	// everything is in the cache, or the visitor is gone before anything loads.
	Silent float64
	// TypedDeep is the share of the visits without a referrer to deep pages that
	// were really typed or bookmarked. [Run] takes up to 0.5.
	TypedDeep float64
	// Tagged is the share of newsletter visits with a campaign tag.
	Tagged float64
	// CopiedTags is the share of private shares whose URL was copied with someone
	// else's tag in it.
	CopiedTags float64
	// Beacons is the share of page views that report to the site's own API.
	Beacons float64
	// Weekend is the traffic of a Saturday or Sunday over that of a weekday.
	Weekend float64
	// Scanners is the share of bot lines that come with a browser's agent; the
	// others say what they are.
	Scanners float64
}

// Mixes returns the six mixes that the classifier is evaluated on. Their
// numbers are assumptions, in the range of what publishers report: Chartbeat's
// 20 to 40 % of external article traffic for news, less for others.
func Mixes() []Mix {
	news := Mix{
		Name: "news", Site: NewsSite, Phones: 0.68, Returning: 0.35, Office: 0.10, Carrier: 0.25, IPv6: 0.35,
		OldBrowsers: 0.05, Hidden: 0.015, Silent: 0.08, TypedDeep: 0.05, Tagged: 0.9, CopiedTags: 0.01, Beacons: 0.3, Weekend: 0.85, Scanners: 0.3,
		Senders: []Weight{
			{"direct", 16}, {"google", 37}, {"bing", 2}, {"duckduckgo", 1}, {"yahoo", 0.5}, {"ecosia", 0.3},
			{"facebook", 8}, {"twitter", 3}, {"instagram", 1.5}, {"threads", 0.3}, {"linkedin", 0.8}, {"reddit", 1.2}, {"pinterest", 0.2},
			{"tiktok", 0.4}, {"mastodon", 0.3}, {"bluesky", 0.4}, {"youtube", 0.2},
			{"whatsapp", 8}, {"messenger", 1.5}, {"telegram", 2}, {"signal", 0.7}, {"imessage", 2.5}, {"sms", 0.8}, {"viber", 0.2},
			{"gmail", 1}, {"outlook", 0.6}, {"orange", 0.2}, {"gmx", 0.2}, {"apple_mail", 0.5}, {"slack", 0.8}, {"teams", 0.6},
			{"discord", 0.5}, {"instagram_dm", 0.4}, {"line", 0.1},
			{newsletter, 3.5}, {"chatgpt", 0.6}, {"perplexity", 0.2}, {"gemini", 0.2}, {"copilot", 0.1}, {"google_ads", 0.5}, {"meta_ads", 0.3}, {"sites", 4.5},
		},
	}
	shop := Mix{
		Name: "shop", Site: ShopSite, Phones: 0.62, Returning: 0.30, Office: 0.05, Carrier: 0.22, IPv6: 0.35,
		OldBrowsers: 0.06, Hidden: 0.01, Silent: 0.08, TypedDeep: 0.08, Tagged: 0.95, CopiedTags: 0.02, Beacons: 0.5, Weekend: 1.1, Scanners: 0.4,
		Senders: []Weight{
			{"direct", 20}, {"google", 34}, {"bing", 3}, {"duckduckgo", 1}, {"yahoo", 0.5}, {"google_ads", 10}, {"meta_ads", 5}, {newsletter, 6},
			{"facebook", 3}, {"instagram", 3}, {"pinterest", 2}, {"tiktok", 1}, {"youtube", 0.5},
			{"whatsapp", 3}, {"messenger", 0.8}, {"imessage", 1.5}, {"sms", 0.5}, {"gmail", 0.6}, {"outlook", 0.3}, {"telegram", 0.3},
			{"instagram_dm", 0.6}, {"signal", 0.2}, {"kakaotalk", 0.1}, {"chatgpt", 0.8}, {"gemini", 0.2}, {"sites", 5},
		},
	}
	blog := Mix{
		Name: "blog", Site: BlogSite, Phones: 0.45, Returning: 0.2, Office: 0.12, Carrier: 0.2, IPv6: 0.4,
		OldBrowsers: 0.03, Hidden: 0.03, Silent: 0.14, TypedDeep: 0.1, Tagged: 0.7, CopiedTags: 0.01, Beacons: 0, Weekend: 0.6, Scanners: 0.4,
		Senders: []Weight{
			{"direct", 10}, {"google", 38}, {"bing", 3}, {"duckduckgo", 3}, {"ecosia", 0.5}, {"twitter", 4}, {"reddit", 3}, {"mastodon", 1.2},
			{"bluesky", 1}, {"linkedin", 3}, {"facebook", 1.5}, {"hackernews", 4}, {"github", 1}, {"sites", 5},
			{"slack", 3}, {"discord", 2}, {"telegram", 2}, {"whatsapp", 3}, {"signal", 1}, {"imessage", 1.5}, {"teams", 1.5},
			{"gmail", 1.5}, {"outlook", 0.5}, {"apple_mail", 0.5}, {newsletter, 3}, {"chatgpt", 1.5}, {"perplexity", 0.5}, {"claude", 0.4}, {"copilot", 0.2},
		},
	}
	docs := Mix{
		Name: "docs", Site: DocsSite, Phones: 0.12, Returning: 0.5, Office: 0.3, Carrier: 0.1, IPv6: 0.3,
		OldBrowsers: 0.02, Hidden: 0.03, Silent: 0.18, TypedDeep: 0.1, Tagged: 0.8, CopiedTags: 0, Beacons: 0.1, Weekend: 0.35, Scanners: 0.25,
		Senders: []Weight{
			{"direct", 15}, {"google", 50}, {"bing", 4}, {"duckduckgo", 3}, {"chatgpt", 3}, {"perplexity", 0.8}, {"claude", 0.8}, {"copilot", 0.7},
			{"github", 5}, {"stackoverflow", 3}, {"sites", 3}, {"reddit", 1}, {"twitter", 0.5},
			{"slack", 4}, {"teams", 3}, {"discord", 2}, {"gmail", 1}, {"outlook", 1}, {"whatsapp", 0.5}, {"telegram", 0.4},
		},
	}
	wechat := Mix{
		Name: "wechat-heavy", Site: BlogSite, Phones: 0.8, Returning: 0.2, Office: 0.08, Carrier: 0.4, IPv6: 0.3,
		OldBrowsers: 0.06, Hidden: 0.01, Silent: 0.1, TypedDeep: 0.05, Tagged: 0.8, CopiedTags: 0.01, Beacons: 0.1, Weekend: 0.9, Scanners: 0.4,
		Senders: []Weight{
			{"direct", 12}, {"baidu", 20}, {"google", 4}, {"bing", 4}, {"wechat", 30}, {"wechat_moments", 12}, {"qq", 3}, {"weibo", 4},
			{"telegram", 0.5}, {"whatsapp", 0.8}, {"gmail", 0.4}, {"chatgpt", 0.3}, {"sites", 5},
		},
	}
	ridden := shop
	ridden.Name, ridden.Scanners, ridden.Hidden, ridden.Beacons, ridden.Silent = "scanner-ridden", 0.85, 0.02, 0, 0.12
	ridden.Senders = []Weight{
		{"direct", 22}, {"google", 44}, {"bing", 4}, {"duckduckgo", 1.5}, {"facebook", 5}, {"instagram", 2}, {"pinterest", 1},
		{"whatsapp", 5}, {"messenger", 1}, {"imessage", 2}, {"sms", 0.6}, {"gmail", 1}, {"outlook", 0.5}, {"telegram", 0.4}, {"signal", 0.3},
		{newsletter, 3}, {"chatgpt", 0.7}, {"sites", 5},
	}
	return []Mix{news, shop, blog, docs, wechat, ridden}
}

// MixByName returns the mix of that name.
func MixByName(name string) (Mix, error) {
	var names []string
	for _, m := range Mixes() {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return Mix{}, fmt.Errorf("simulate: unknown mix %q: want one of %q", name, names)
}
