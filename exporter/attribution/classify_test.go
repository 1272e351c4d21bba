package attribution

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/schema"
)

// FuzzClassify looks for requests that break what every verdict promises.
func FuzzClassify(f *testing.F) {
	add := func(target, host, ref, ua, ctype, site, dest, with string, status int) {
		f.Add([]byte(target), []byte(host), []byte(ref), []byte(ua), []byte(ctype), []byte(site), []byte(dest), []byte(with), status)
	}
	add("/", "example.com", "https://www.google.com/", uaChrome, "text/html", "cross-site", "document", "", 200)
	add("/a@b?utm_source=x&utm_medium=%", "EXAMPLE.com:80", "https://example.com//a%40b", uaWechat, "", "", "", "com.whatsapp", 304)
	add("http://[::1]:8/x;jsessionid=1?from=singlemessage", "", "android-app://", uaFacebook, "", "none", "image", "", 206)
	add("/../${jndi:", ".", "http://.", "", "application/json;", "", "", "", 404)
	add("https://?", "a..b", "https://a..b./", uaWhatsapp, "", "", "", "", 0)
	add("*", "xn--", "http://co.uk/", uaOutlook, "", "same-site", "", ".", 101)
	rules := newRules(f, testSites)
	used := rules.NewClassifier()
	add("/a/../b", "a..", "https://[a.]/", uaChrome, "", "", "", "", 200)
	f.Fuzz(func(t *testing.T, target, host, ref, ua, ctype, site, dest, with []byte, status int) {
		req := &accesslog.Request{
			Status: status, Method: []byte("GET"), Target: target, Host: host, Referer: ref, UserAgent: ua,
			ContentType: ctype, SecFetchSite: site, SecFetchDest: dest, RequestedWith: with,
		}
		var first, again, fresh Verdict
		used.Reset(used.scratch)
		used.Classify(req, -1, &first)
		used.Classify(req, -1, &again)
		rules.NewClassifier().Classify(req, -1, &fresh)
		if !reflect.DeepEqual(first, again) || !reflect.DeepEqual(first, fresh) {
			t.Errorf("three times the same request: %+v, %+v, %+v", first, again, fresh)
		}
		v := &first
		switch {
		case v.Kind >= schema.NumKinds || v.Kind == schema.KindReload:
			t.Errorf("kind %v", v.Kind)
		case v.Channel >= schema.NumChannels || v.Evidence >= schema.NumEvidence || v.Scope >= schema.NumScopes || v.Device >= schema.NumDevices:
			t.Errorf("out of range: %+v", v)
		case v.Rule == ruleNone || v.Rule >= numRules:
			t.Errorf("rule %d", v.Rule)
		case int(v.Source) >= len(rules.Sources()) || int(v.App) >= len(rules.Sources()):
			t.Errorf("source %d, app %d", v.Source, v.App)
		case v.Evidence > schema.EvidenceLink:
			t.Errorf("evidence %v is for package visit to give", v.Evidence)
		case v.Evidence != schema.EvidenceNone && v.Kind != schema.KindLanding:
			t.Errorf("a %v with evidence", v.Kind)
		case (v.Kind == schema.KindLanding || v.Kind == schema.KindInternal) && v.Page == nil:
			t.Errorf("a %v without a page", v.Kind)
		}
		if v.Page != nil {
			checkPage(t, v.Page)
			if s := rules.Section(v.Page, v.Site); len(s) == 0 {
				t.Errorf("%q has no section", v.Page)
			}
			if v.PageHash != HashPage(v.Page) {
				t.Errorf("%q: hash %x, want %x", v.Page, v.PageHash, HashPage(v.Page))
			}
		}
		if rules.Why(v, req) == "" {
			t.Error("no reason")
		}
	})
}

// mix returns requests as a site sees them: 60 % assets with the site's own
// referrer, 20 % pages, 20 % bots, by 2,000 user agents.
func mix(n int) (requests []accesslog.Request, size int) {
	r := rand.New(rand.NewPCG(1, 2))
	referrers := []string{
		"", "", "", "https://www.google.com/", "https://www.google.fr/", "https://t.co/abc", "https://l.facebook.com/",
		"https://www.example.com/blog/a-page", "https://www.example.com/", "https://web.whatsapp.com/", "https://mail.google.com/",
	}
	queries := []string{"", "", "", "", "?utm_source=newsletter&utm_medium=email&utm_campaign=may", "?page=2", "?fbclid=IwAR0abcdefghijklmnop"}
	for range n {
		q := accesslog.Request{Status: 200, Method: []byte("GET"), Host: []byte("www.example.com")}
		agent := int(float64(2000) * r.Float64() * r.Float64())
		q.UserAgent = fmt.Appendf(nil, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.%d.0 Safari/537.36", 100+agent%40, agent)
		page := fmt.Sprintf("/blog/%d/a-title-of-some-words-%d", r.IntN(20), r.IntN(500))
		switch p := r.IntN(100); {
		case p < 60:
			q.Target = fmt.Appendf(nil, "/assets/img/picture-%d.jpg", r.IntN(2000))
			q.Referer = []byte("https://www.example.com" + page)
		case p < 80:
			q.Target = []byte(page + queries[r.IntN(len(queries))])
			q.Referer = []byte(referrers[r.IntN(len(referrers))])
		default:
			q.Target = []byte(page)
			q.UserAgent = fmt.Appendf(nil, "Mozilla/5.0 (compatible; Somebot/%d.%d; +http://bot.example/)", agent%7, agent%50)
		}
		size += len(q.Target) + len(q.Host) + len(q.Referer) + len(q.UserAgent) + len(q.Method)
		requests = append(requests, q)
	}
	return requests, size
}

// TestClassifyAll: many at once are what they are one by one, also where the caches are
// too small for a bunch.
func TestClassifyAll(t *testing.T) {
	for _, entries := range []int{1, 64, 4096} {
		o := testSites
		o.CacheEntries = entries
		rules := newRules(t, o)
		requests, _ := mix(3000)
		bunches, single := rules.NewClassifier(), rules.NewClassifier()
		var got [Bunch]Verdict
		for n := 1; len(requests) > 0; n = n%Bunch + 1 {
			n = min(n, len(requests))
			bunches.ClassifyAll(requests, -1, got[:n])
			for i := range n {
				var want Verdict
				single.Classify(&requests[i], -1, &want)
				if !reflect.DeepEqual(got[i], want) {
					t.Fatalf("%d entries, %d of %d: got %+v, want %+v", entries, i, n, got[i], want)
				}
			}
			requests = requests[n:]
		}
	}
}

func TestClassifyDoesNotAllocate(t *testing.T) {
	c := newRules(t, testSites).NewClassifier()
	requests, _ := mix(30 * Bunch)
	var vs [Bunch]Verdict
	all := func() {
		for i := 0; i < len(requests); i += Bunch {
			c.ClassifyAll(requests[i:], -1, vs[:])
		}
		c.Reset(c.scratch)
	}
	for range 5 { // until the caches have what comes again
		all()
	}
	if n := testing.AllocsPerRun(3, all); n != 0 {
		t.Errorf("%v allocations for %d requests", n, len(requests))
	}
}

func BenchmarkClassify(b *testing.B) {
	c := newRules(b, Options{Sites: []Site{{Name: "example", Hosts: []string{"example.com"}}}}).NewClassifier()
	requests, size := mix(1 << 11)
	var kinds [schema.NumKinds]int
	var vs [Bunch]Verdict
	bunch := func(i int) {
		c.ClassifyAll(requests[i&(len(requests)-1):], -1, vs[:])
	}
	for i := range 3 * len(requests) / Bunch {
		bunch(i * Bunch)
	}
	b.SetBytes(int64(size / len(requests)))
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += Bunch {
		bunch(i)
		for _, v := range vs {
			kinds[v.Kind]++
		}
		if i&1023 == 0 {
			c.Reset(c.scratch)
		}
	}
	if b.N > 1000 && (kinds[schema.KindAsset] == 0 || kinds[schema.KindLanding] == 0 || kinds[schema.KindBot] == 0) {
		b.Fatal(kinds)
	}
}

func BenchmarkPage(b *testing.B) {
	p := pager{digits: 10, token: 20}
	for _, path := range []string{"/blog/2024/01/a-title-of-some-words", "/reset/3f2504e04f8911d39a0c0305e82c3301/jane%40example.com"} {
		b.Run(path[1:5], func(b *testing.B) {
			buf, line := make([]byte, 0, 4096), []byte(path)
			b.SetBytes(int64(len(path)))
			b.ReportAllocs()
			for b.Loop() {
				if label, _ := p.label(buf, line); len(label) == 0 {
					b.Fatal("no label")
				}
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAttack(b *testing.B) {
	r := newRules(b, Options{})
	target := []byte("/blog/12/a-title-of-some-words-77?utm_source=newsletter&utm_medium=email&utm_campaign=may")
	b.SetBytes(int64(len(target)))
	b.ReportAllocs()
	for b.Loop() {
		if r.attacks.is(target, true) {
			b.Fatal("no attack")
		}
	}
}
