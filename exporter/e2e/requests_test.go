package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const site = "shop.example"

// The visitors, by their user agents. One has all that a log's escapes are for.
const (
	phone   = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
	desktop = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
	quoting = `Mozilla/5.0 (X11; "Linux" x86_64; {a|b} #22 \x22 100%25 +1 \) Gecko/20100101 Firefox/140.0`
	insta   = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 380.0.0.28.94 (iPhone15,2; iOS 18_5; en_US)"
)

// A request is one that a client sends through the proxy. Each visitor has an address
// of its own in 127.0.0.0/8.
type request struct {
	visitor int
	target  string
	agent   string
	headers string // lines, each with its end
	method  string // "": GET
}

// navigation are the fetch metadata of a page that is opened from elsewhere.
func navigation(from string) string {
	return "Sec-Fetch-Site: " + from + "\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"
}

func referer(url string) string { return "Referer: " + url + "\r\n" }

// style is the asset by which a page's visitor shows itself as a browser.
func style(visitor int, agent, page string) request {
	return request{visitor, "/style.css", agent, referer("http://"+site+page) + "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: style\r\n", ""}
}

// requests are all that is sent through every proxy.
var requests = []request{
	// A link in a search engine's results, then on to another page.
	{2, "/articles/one", phone, referer("https://www.google.com/") + navigation("cross-site"), ""},
	style(2, phone, "/articles/one"),
	{2, "/articles/two", phone, referer("http://"+site+"/articles/one") + navigation("same-origin"), ""},
	// A link in WhatsApp Web, with a query that needs no escapes and a value that does.
	{3, "/articles/one?q=a%20b&x=1", desktop, referer("https://web.whatsapp.com/") + navigation("cross-site"), ""},
	style(3, desktop, "/articles/one"),
	// An app's own browser.
	{4, "/articles/one", insta, navigation("cross-site"), ""},
	style(4, insta, "/articles/one"),
	// A link on a page that hides itself, a page nobody types, a home page.
	{5, "/articles/deep/page-5", desktop, navigation("cross-site"), ""},
	style(5, desktop, "/articles/deep/page-5"),
	{6, "/articles/deep/page-6", phone, navigation("none"), ""},
	style(6, phone, "/articles/deep/page-6"),
	{7, "/", desktop, navigation("none"), ""},
	style(7, desktop, "/"),
	// A newsletter's tags.
	{8, "/articles/one?utm_source=newsletter&utm_medium=email", desktop, navigation("none"), ""},
	style(8, desktop, "/articles/one"),
	// A user agent and a referrer with all that has to be escaped.
	{9, "/articles/two", quoting, referer(`https://t.co/"x\`) + navigation("cross-site"), ""},
	style(9, quoting, "/articles/two"),
	// No page views by people.
	{10, "/articles/one", "WhatsApp/2.23.20.0 A", "", ""},
	{11, "/articles/one", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "", ""},
	{12, "/articles/two", desktop, navigation("none") + "Sec-Purpose: prefetch\r\n", ""},
	{12, "/nothing/here", desktop, navigation("none"), ""},
	{12, "/moved", desktop, navigation("none"), ""},
	{12, "/data", desktop, "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n" + referer("http://"+site+"/"), ""},
	{12, "/order", desktop, navigation("same-origin") + referer("http://"+site+"/"), "POST"},
}

// want is what darkshare must have counted of them.
var want = map[string]float64{
	"lines":                               24,
	"kind landing":                        8, // of the visitors 2 to 9
	"kind asset":                          8,
	"kind internal":                       1,
	"kind preview":                        1,
	"kind bot":                            1,
	"kind prefetch":                       1,
	"kind error":                          1,
	"kind redirect":                       1,
	"kind api":                            2,
	"visit search google referrer mobile": 1,
	"visit dark_social whatsapp referrer desktop": 1,
	"visit social instagram app mobile":           1,
	"visit dark_social other link desktop":        1,
	"visit dark_social other deep_link mobile":    1,
	"visit direct other entry_page desktop":       1,
	"visit email newsletter tag desktop":          1,
	"visit social twitter referrer desktop":       1,
}

// upstream is the application behind the proxy.
func upstream(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/style.css":
			w.Header().Set("Content-Type", "text/css")
		case r.URL.Path == "/moved":
			w.Header().Set("Location", "/articles/one")
			w.WriteHeader(http.StatusMovedPermanently)
			return
		case r.URL.Path == "/data":
			w.Header().Set("Content-Type", "application/json")
		case strings.HasPrefix(r.URL.Path, "/nothing/"):
			http.Error(w, "nothing here", http.StatusNotFound)
			return
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
		}
		w.Header().Set("Cache-Control", "no-store")
		fmt.Fprintln(w, "hello")
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// send sends the requests to the proxy, one after the other, byte by byte as they stand
// here: no client of ours may mend a header.
func send(t *testing.T, proxy string) {
	t.Helper()
	for _, r := range requests {
		method := r.method
		if method == "" {
			method = "GET"
		}
		d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(r.visitor))}}
		conn, err := d.Dial("tcp", proxy)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n", method, r.target, site, r.agent, r.headers)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s %s: %v", method, r.target, err)
		}
		response.Body.Close()
		conn.Close()
	}
}
