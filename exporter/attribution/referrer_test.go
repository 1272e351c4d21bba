package attribution

import (
	"bufio"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/darkshare/darkshare/exporter/schema"
)

// referrerCorpus returns a file of the corpora's referrers, or skips the test.
func referrerCorpus(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("DARKSHARE_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpora")
	}
	path := filepath.Join(dir, "referrers", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no corpora: %v (set DARKSHARE_CORPORA)", err)
	}
	return path
}

// lookUp says which channel and source a referrer from the host has.
func lookUp(r *Rules, host string) string {
	_, suffix := registrable([]byte(host))
	s, ok := r.senders.find([]byte(host), suffix)
	if !ok {
		return "unknown host"
	}
	return s.channel().String() + " " + r.SourceName(s.source)
}

// differs lists the hosts and names whose channel is not that of the lists.
// docs/attribution.md has the reasons.
var differs = map[string]string{
	// An assistant is an assistant also where it is listed as a search engine.
	"chatgpt.com": "ai", "chat.openai.com": "ai", "www.perplexity.ai": "ai", "you.com": "ai",
	// A network is one, too.
	"www.facebook.com": "social", "digg.com": "social", "friendfeed.com": "social",
	// Only the path would tell Grok from X, and referrers have none.
	"x.com": "social",
	// A sign-in page and a news site, by now.
	"login.live.com": "referral", "www.cnn.com": "referral", "cnn": "referral",
	// Private messengers win.
	"discord.com": "dark_social", "discord.gg": "dark_social", "discordapp.com": "dark_social",
	"web.telegram.org": "dark_social", "t.me": "dark_social", "wechat.com": "dark_social", "open.weixin.qq.com": "dark_social",
	"wechat": "dark_social", "whatsapp": "dark_social", "whatsapp.com": "dark_social", "messenger": "dark_social",
	"messenger.com": "dark_social", "l.messenger.com": "dark_social", "line": "dark_social", "line.me": "dark_social",
	"kakao": "dark_social", "kakao.com": "dark_social", "kakaocorp.com": "dark_social", "zalo": "dark_social",
	"chat.zalo.me": "dark_social", "skype": "dark_social", "web.skype.com": "dark_social", "messages.google.com": "dark_social",
	"snapchat": "social",
	// So does webmail.
	"email.seznam.cz": "dark_social", "mail.rambler.ru": "dark_social", "mail.yandex.ru": "dark_social", "secureurl.ukr.net": "dark_social",
	// A shortener is no network.
	"bit.ly": "referral", "goo.gl": "referral", "is.gd": "referral", "tinyurl": "referral", "tinyurl.com": "referral", "awe.sm": "referral",
	// Video sites that are networks by Matomo.
	"youtube": "social", "youtube.com": "social", "m.youtube.com": "social", "music.youtube.com": "social",
	"vimeo": "social", "vimeo.com": "social", "player.vimeo.com": "social", "viadeo.journaldunet.com": "social",
}

// TestReferrerCorpus compares the tables with the lists they are from.
func TestReferrerCorpus(t *testing.T) {
	r := newRules(t, Options{})
	compare := func(t *testing.T, host, want string) {
		t.Helper()
		if d, ok := differs[host]; ok {
			want = d
		}
		if got, _, _ := strings.Cut(lookUp(r, host), " "); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
	matomo := func(t *testing.T, urls []string, want string) (n int) {
		t.Helper()
		for _, u := range urls {
			host, _, _ := strings.Cut(u, "/")
			switch {
			case host == "android-app", host == "linkedin.android", strings.HasPrefix(host, "com."), strings.HasPrefix(host, "org."):
				continue // apps' packages
			}
			for _, country := range []string{"de", "co.uk", "com.br"} {
				h := strings.ReplaceAll(host, ".{}", "."+country)
				h = strings.ReplaceAll(h, "{}.", "fr.")
				if !strings.HasPrefix(host, "{}.") && !strings.HasSuffix(host, ".{}") {
					h = strings.ReplaceAll(host, "{}", "fr")
				}
				compare(t, h, want)
				n++
				if !strings.Contains(host, "{}") {
					break
				}
			}
		}
		return n
	}
	t.Run("SearchEngines", func(t *testing.T) {
		var list map[string][]struct {
			URLs []string `yaml:"urls"`
		}
		readYAML(t, referrerCorpus(t, "SearchEngines.yml"), &list)
		n := 0
		for _, entries := range list {
			for _, e := range entries {
				n += matomo(t, e.URLs, "search")
			}
		}
		if n < 600 {
			t.Errorf("only %d hosts", n)
		}
	})
	for name, want := range map[string]string{"Socials.yml": "social", "AIAssistants.yml": "ai"} {
		t.Run(name, func(t *testing.T) {
			var list map[string][]string
			readYAML(t, referrerCorpus(t, name), &list)
			for _, urls := range list {
				matomo(t, urls, want)
			}
		})
	}
	t.Run("GA4", func(t *testing.T) {
		f, err := os.Open(referrerCorpus(t, "ga4_source_categories.csv"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		channels := map[string]string{
			"SOURCE_CATEGORY_SEARCH": "search", "SOURCE_CATEGORY_SOCIAL": "social",
			"SOURCE_CATEGORY_SHOPPING": "referral", "SOURCE_CATEGORY_VIDEO": "referral",
		}
		for _, row := range rows[1:] {
			name, want := strings.ToLower(row[0]), channels[row[1]]
			if d, ok := differs[name]; ok {
				want = d
			}
			// As a campaign's source, and where it is a host, as a referrer.
			s, ok := r.tags.name([]byte(name))
			if !ok || s.channel().String() != want {
				t.Errorf("utm_source=%s: %v %v, want %s", name, s.channel(), ok, want)
			}
			if strings.Contains(name, ".") {
				compare(t, name, want)
			}
		}
	})
	t.Run("Android", func(t *testing.T) {
		f, err := os.Open(referrerCorpus(t, "android_packages.tsv"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		// Where the list has a medium, the app has a channel that goes with it.
		mediums := map[string]string{"social": "social dark_social", "search": "search", "email": "dark_social email"}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			cols := strings.Split(lines.Text(), "\t")
			want, ok := mediums[cols[2]]
			if !ok {
				continue
			}
			if s, ok := r.senders.android([]byte(cols[0])); !ok || !strings.Contains(want, s.channel().String()) {
				t.Errorf("%s: %v %v, want %s", cols[0], s.channel(), ok, want)
			}
		}
	})
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestSourcesAreFew(t *testing.T) {
	r := newRules(t, Options{})
	seen := map[string]bool{}
	for i, name := range r.Sources() {
		if !isSourceName(name) || seen[name] || r.SourceName(Source(i)) != name {
			t.Errorf("source %d: %q", i, name)
		}
		seen[name] = true
	}
	if n := len(seen); n > 400 {
		t.Errorf("%d sources", n)
	}
	if got := r.SourceName(Source(60000)); got != schema.SourceOther {
		t.Errorf("a source out of range is %q", got)
	}
}

func TestSplitReferrer(t *testing.T) {
	for _, row := range []struct {
		referrer string
		form     referrerForm
		host     string
		path     string
	}{
		{"https://a.com/x?y#z", referrerWeb, "a.com", "/x?y#z"},
		{"HTTP://A.com:80", referrerWeb, "a.com", ""},
		{"https://a.com?x=/", referrerWeb, "a.com", "?x=/"},
		{"https://u:p@a.com/", referrerWeb, "a.com", "/"},
		{`https://a.com\@b.com/`, referrerWeb, "a.com", `\@b.com/`},
		{"https://[2001:DB8::1]:8443/", referrerWeb, "2001:db8::1", "/"},
		{"https://xn--bcher-kva.example./", referrerWeb, "xn--bcher-kva.example", "/"},
		{"https://a_b.example/", referrerWeb, "a_b.example", "/"},
		{"https://[zz::]/", referrerWeb, "", "/"},
		{"https://a b.com/", referrerWeb, "", "/"},
		{"https://a.com../", referrerWeb, "", "/"},
		{"https://" + strings.Repeat("a", 300) + "/", referrerWeb, "", "/"},
		{"https:///x", referrerNone, "", ""},
		{"https://", referrerNone, "", ""},
		{"android-app://com.a.b/", referrerAndroid, "com.a.b", "/"},
		{"ftp://a.com/", referrerNone, "", ""},
		{"a.com/x", referrerNone, "", ""},
		{"-", referrerNone, "", ""},
	} {
		form, authority, path := splitReferrer([]byte(row.referrer))
		name, _ := appendHost(nil, authority)
		if form != row.form || string(name) != row.host || string(path) != row.path {
			t.Errorf("%.60s: %v %q %q, want %v %q %q", row.referrer, form, name, path, row.form, row.host, row.path)
		}
	}
}

func TestRegistrable(t *testing.T) {
	for _, row := range []struct{ name, domain, suffix string }{
		{"www.example.com", "example.com", "com"},
		{"example.co.uk", "example.co.uk", "co.uk"},
		{"a.b.example.co.uk", "example.co.uk", "co.uk"},
		{"co.uk", "co.uk", ""},
		{"me.github.io", "me.github.io", ""},
		{"a.me.github.io", "me.github.io", ""},
		{"localhost", "localhost", ""},
		{"192.0.2.1", "192.0.2.1", ""},
		{"2001:db8::1", "2001:db8::1", ""},
		{"2001:db8::.", "2001:db8::.", ""}, // of "[2001:db8::.]"
		{"printer.lan", "printer.lan", ""},
		{"a.printer.lan", "printer.lan", ""},
	} {
		domain, suffix := registrable([]byte(row.name))
		if string(domain) != row.domain || string(suffix) != row.suffix {
			t.Errorf("%s: %s under %s, want %s under %s", row.name, domain, suffix, row.domain, row.suffix)
		}
	}
}
