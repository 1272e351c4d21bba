package simulate

import "strings"

// agent is a user agent and what its client does.
type agent struct {
	text string
	// metadata is true for clients that send Sec-Fetch-* headers: Chrome 76,
	// Firefox 90, Safari 16.4 and newer (MDN).
	metadata bool
	android  bool
	ios      bool
	// iconReferrer is true for Chromium, which asks for the favicon with a
	// referrer; the others ask without.
	iconReferrer bool
	// requestedWith is the package name that an Android WebView of the time sends.
	requestedWith string
}

// newAgent reads off the text what its client does.
func newAgent(text string, metadata bool) *agent {
	return &agent{
		text: text, metadata: metadata,
		android:      strings.Contains(text, "Android"),
		ios:          strings.Contains(text, "iPhone") || strings.Contains(text, "iPad"),
		iconReferrer: strings.Contains(text, "Chrome/"),
	}
}

// expand returns the template once for each version in place of its "{v}".
func expand(template string, versions ...string) []string {
	if !strings.Contains(template, "{v}") {
		return []string{template}
	}
	var out []string
	for _, v := range versions {
		out = append(out, strings.ReplaceAll(template, "{v}", v))
	}
	return out
}

// family is browsers that differ by their version alone, newest first.
type family struct {
	template string
	versions []string
	weight   float64
}

var (
	chromes  = []string{"147", "146", "145", "144", "142", "138", "131", "120", "109"}
	firefoxs = []string{"149.0", "148.0", "147.0", "140.0", "128.0", "115.0"}
	safaris  = []string{"26.1", "26.0", "18.6", "18.5", "18.3", "17.6", "17.4", "16.6"}
)

// The shares are near StatCounter's of 2025. Chrome freezes platform and minor
// version, iOS 26 freezes the system's version at 18_6: thousands of phones
// have the very same agent.
var desktopFamilies = []family{
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36", chromes, 44},
	{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36", chromes, 13},
	{"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36", chromes, 4},
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36 Edg/{v}.0.0.0", chromes, 14},
	{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{v} Safari/605.1.15", safaris, 12},
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{v}) Gecko/20100101 Firefox/{v}", firefoxs, 7},
	{"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:{v}) Gecko/20100101 Firefox/{v}", firefoxs, 3},
	{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:{v}) Gecko/20100101 Firefox/{v}", firefoxs, 1},
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36 OPR/{v}.0.0.0", chromes, 2},
}

var phoneFamilies = []family{
	{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{v} Mobile/15E148 Safari/604.1", []string{"26.1", "26.0"}, 28},
	{"Mozilla/5.0 (iPhone; CPU iPhone OS {v} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1", []string{"18_5", "18_3_2", "18_1_1"}, 9},
	{"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Mobile Safari/537.36", chromes, 40},
	{"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/{v}.0.0.0 Mobile Safari/537.36", []string{"136", "130", "121"}, 7},
	{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/{v}.0.7680.40 Mobile/15E148 Safari/604.1", chromes[:4], 6},
	{"Mozilla/5.0 (iPad; CPU OS {v} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1", []string{"17_7", "17_6"}, 2},
	{"Mozilla/5.0 (Android 14; Mobile; rv:{v}) Gecko/{v} Firefox/{v}", firefoxs[:4], 1.5},
	{"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36", chromes[:5], 2},
}

// oldFamilies are from before fetch metadata.
var oldFamilies = []family{
	{"Mozilla/5.0 (iPhone; CPU iPhone OS {v} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.6 Mobile/15E148 Safari/604.1", []string{"15_8_3", "15_7", "15_6_1"}, 5},
	{"Mozilla/5.0 (iPhone; CPU iPhone OS 12_5_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1.2 Mobile/15E148 Safari/604.1", nil, 1},
	{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_13_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{v} Safari/605.1.15", []string{"13.1.2", "12.1.2"}, 2},
	{"Mozilla/5.0 (Windows NT 6.1; Win64; x64; rv:{v}) Gecko/20100101 Firefox/{v}", []string{"78.0", "68.0"}, 2},
	{"Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko", nil, 1},
	{"Mozilla/5.0 (Linux; Android 7.0; SM-G930F) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.3626.121 Mobile Safari/537.36", []string{"72", "69"}, 2},
}

// agentPool picks browsers by their share.
type agentPool struct {
	agents []*agent
	by     choice
}

func newAgentPool(families []family, metadata bool) *agentPool {
	p := &agentPool{}
	var weights []float64
	for _, f := range families {
		texts := expand(f.template, f.versions...)
		// Most people have the newest versions, by far.
		spread := zipf(len(texts), 1.3)
		var sum float64
		for _, w := range spread {
			sum += w
		}
		for i, text := range texts {
			p.agents = append(p.agents, newAgent(text, metadata))
			weights = append(weights, f.weight*spread[i]/sum)
		}
	}
	p.by = newChoice(weights)
	return p
}

func (p *agentPool) pick(r *random) *agent { return p.agents[p.by.pick(r)] }

// The stems of in-app browsers: WKWebView drops "Version" and "Safari" from the
// phone's agent, a WebView adds "wv" and "Version/4.0" to it.
const (
	iosWeb     = "Mozilla/5.0 (iPhone; CPU iPhone OS {v} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
	androidWeb = "Mozilla/5.0 (Linux; Android {v}; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/146.0.7680.65 Mobile Safari/537.36"
)

var (
	iosVersions     = []string{"18_6_2", "18_5", "18_3_1", "17_6_1", "26_1"}
	androidVersions = []string{
		"14; SM-S918B Build/UP1A.231005.007", "15; Pixel 8 Build/AP4A.250205.002", "13; 2201117TG Build/TKQ1.221114.001",
		"12; M2101K6G Build/SKQ1.210908.001", "14; SM-A546B Build/UP1A.231005.007",
	}
)

// inApp returns the agents of an app's own browser: the phones' stems with what
// the app adds to them.
func inApp(androidPackage, iosSuffix, androidSuffix string) []*agent {
	var out []*agent
	if iosSuffix != "" {
		for _, text := range expand(iosWeb, iosVersions...) {
			out = append(out, newAgent(text+" "+iosSuffix, true))
		}
	}
	if androidSuffix != "" {
		for _, text := range expand(androidWeb, androidVersions...) {
			a := newAgent(text+" "+androidSuffix, true)
			a.requestedWith = androidPackage
			out = append(out, a)
		}
	}
	return out
}
