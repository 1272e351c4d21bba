package overview

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/darkshare/darkshare/exporter/schema"
)

// hostile is what a log may have as a page or host.
var hostile = []string{
	`/"><script>alert(1)</script>`,
	`/' onmouseover='alert(1)`,
	`/</title></style></svg><img src=x onerror=alert(1)>`,
	`/{{.CSS}}{{template "bars"}}`,
	"/`code`%[1]s%s",
	"/a\x00b\xff\n\u202egpj.exe",
	`/"}[1h])) or vector(1e9) # \`,
	"/" + strings.Repeat("very-long-", 200),
}

// TestHostileNames has names do nothing but be shown, in the page and in PromQL.
func TestHostileNames(t *testing.T) {
	w := &world{}
	for i, name := range hostile {
		rate := daily(float64(10 + i))
		w.add(schema.Visits, rate, name, "dark_social", name, "tag", "mobile")
		w.add(schema.Visits, rate, name, name, name, name, name)
		w.add(schema.PageVisits, rate, name, name, "dark_social")
		w.add(schema.PageLinkPreviews, rate, name, name)
		w.add(schema.LinkPreviews, rate, name, name, "private")
		w.add(schema.Requests, rate, name, "landing")
	}
	for _, c := range w.counters {
		for i, l := range c.labels {
			// Label values are UTF-8 wherever they are stored.
			c.labels[i] = strings.ToValidUTF8(l, "\ufffd")
		}
	}
	w.run(t, 2*day)
	for _, stored := range []bool{true, false} {
		o := w.options()
		if !stored {
			o.Query, o.Range = nil, nil
		}
		h := New(o)
		for _, site := range hostile {
			site = strings.ToValidUTF8(site, "\ufffd")
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.URL.RawQuery = "range=24h&site=" + escape(site)
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			if rec.Code != http.StatusOK {
				t.Fatalf("%q: %d %s", site, rec.Code, rec.Body)
			}
			elements := parsed(t, rec.Body.String())
			shown := strings.ReplaceAll(site, "\x00", "\ufffd")
			if got := elements.text("bdi"); !slices.Contains(got, shown) {
				t.Errorf("stored %v: the page %q is not there: %q", stored, site, got)
			}
			if got := elements.text("h1"); len(got) != 1 || !strings.Contains(got[0], shown) {
				t.Errorf("the headline of %q: %q", site, got)
			}
		}
	}
}

func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// elements are those of a page.
type elements []*html.Node

// allowed are the elements that the template has.
var allowed = strings.Fields(`html head meta title link style body a header p strong span nav ul li main h1 div section h2 small
	svg rect line text path desc details summary table thead tr th tbody td bdi footer code`)

// parsed parses a page as a browser does and finds what the template does not have:
// elements, event handlers, addresses elsewhere, style attributes.
func parsed(t *testing.T, page string) elements {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var all elements
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		all = append(all, n)
		if !slices.Contains(allowed, n.Data) {
			t.Errorf("element %s", n.Data)
		}
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "src", a.Key == "srcset":
				t.Errorf("%s %s=%q", n.Data, a.Key, a.Val)
			case a.Key == "href" && !regexp.MustCompile(`^(\?|/[^/]|#main|data:image/svg)`).MatchString(a.Val):
				t.Errorf("%s leads to %q", n.Data, a.Val)
			}
		}
	}
	return all
}

// text returns the texts of the elements of a name.
func (e elements) text(name string) (texts []string) {
	for _, n := range e {
		if n.Data == name {
			var b strings.Builder
			for d := range n.Descendants() {
				if d.Type == html.TextNode {
					b.WriteString(d.Data)
				}
			}
			texts = append(texts, b.String())
		}
	}
	return texts
}

// TestEmpty has the page say what to do where there are no numbers.
func TestEmpty(t *testing.T) {
	family := func(m *schema.Metric, v float64, labels ...string) schema.Family {
		f := schema.Family{Metric: m}
		f.Add(v, clock, labels...)
		return f
	}
	landings := family(schema.Requests, 40, news, "landing")
	for _, c := range []struct {
		families []schema.Family
		lang     string
		want     string
	}{
		{nil, "en", "No line has been read yet"},
		{nil, "fr", "Aucune ligne n’a encore été lue"},
		{[]schema.Family{family(schema.LogLines, 0, "a.log")}, "en", "<code>darkshare check --log FILE</code>"},
		{[]schema.Family{family(schema.LogLines, 1200, "a.log"), family(schema.LogErrors, 1200, "a.log", "format")}, "en", "1,200 lines were read, and none"},
		{[]schema.Family{family(schema.LogLines, 1200, "a.log"), family(schema.LogErrors, 200, "a.log", "format"), landings, family(schema.PendingLandings, 7)},
			"en", "1,000 requests were read. A visit counts once its browser has shown itself, which takes a moment: 7 are being waited for."},
	} {
		got := get(t, New(Options{Snapshot: func() []schema.Family { return c.families }}), "/?lang="+c.lang)
		if got.Code != http.StatusOK || !strings.Contains(got.Body.String(), c.want) {
			t.Errorf("%d, want %q in:\n%s", got.Code, c.want, got.Body)
		}
		parsed(t, got.Body.String())
	}
}

// TestFirstMinutes shows what was counted until the store has two samples.
func TestFirstMinutes(t *testing.T) {
	w := aWorld().run(t, 0)
	for _, c := range w.counters {
		c.total = 1000
	}
	page := get(t, New(w.options()), "/").Body.String()
	for _, want := range []string{"15,000 visits", "The chart begins once there is an hour of visits"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in %s", want, page)
		}
	}
}

func TestRequests(t *testing.T) {
	h := New(aWorld().run(t, 2*day).options())
	for _, c := range []struct {
		request string
		status  int
		want    string // in the body
	}{
		{"GET /", 200, "<h1>How much of news.example is shared"},
		{"GET /?site=shop.example", 200, "<h1>How much of shop.example is shared"},
		{"GET /?site=nobody.example", 404, "No site of that name has been counted. This is news.example."},
		{"GET /?lang=fr&site=shop.example&range=24h", 200, `<a href="?lang=fr&amp;range=7d&amp;site=shop.example">7 jours</a>`},
		{"GET /?lang=fr&evil=x", 200, `<a href="?lang=en" lang="en" hreflang="en">English</a>`},
		{"GET /?range=28d", 200, `aria-current="page">28 days`},
		{"GET /?range=1y", 200, `aria-current="page">7 days`},
		{"HEAD /", 200, ""},
		{"POST /", 405, "Method Not Allowed"},
	} {
		method, address, _ := strings.Cut(c.request, " ")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, address, nil))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) || method == "HEAD" && w.Body.Len() > 0 {
			t.Errorf("%s: %d, no %q in:\n%s", c.request, w.Code, c.want, w.Body)
		}
		if c.status == http.StatusMethodNotAllowed {
			continue
		}
		for name, want := range map[string]string{
			"Content-Type":            "text/html; charset=utf-8",
			"Content-Security-Policy": "default-src 'none'; style-src 'sha256-",
			"Vary":                    "Accept-Language",
			"X-Content-Type-Options":  "nosniff",
		} {
			if got := w.Header().Get(name); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s: %q", c.request, name, got)
			}
		}
	}
}

// TestStyleIsAllowed holds the policy's hash against the style as it is sent.
func TestStyleIsAllowed(t *testing.T) {
	got := get(t, New(Options{Snapshot: func() []schema.Family { return nil }}), "/")
	_, rest, _ := strings.Cut(got.Body.String(), "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	if want := "'" + hashOf(style) + "'"; !strings.Contains(got.Header().Get("Content-Security-Policy"), want) {
		t.Errorf("%s has no %s", got.Header().Get("Content-Security-Policy"), want)
	}
}
