//go:build linux

package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	data "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	als "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/tsdb/wlog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/darkshare/darkshare/exporter/accesslog"
)

// personal is what the requests of the test have of people, in lower case: names, addresses
// and mail addresses, tokens, ids, passwords, sessions, agents, what was searched for.
var personal = []string{
	"zqsecret", "203.0.113.", "2001:db8:", "198.51.100.", "31337313373133731337", "9b2f8c3e-1d4a", "c0ffee0123456789", "eyjhbgci",
	"+33612345678", "33612345678", "tenant-of-jane", "intranet.jane",
}

// public is the page that every visitor sees, too: it is found wherever pages are, so that
// the search is known to find something.
const public = "/public/article"

// targets are addresses of pages that say something of who asked for them.
var targets = []string{
	public, public, public, public, // so that it is among the few of the page for people
	"/account?name=zqsecretname&mail=zqsecret@zqsecret.example&token=zqsecrettoken&utm_source=zqsecretsource&utm_campaign=zqsecretcampaign&fbclid=zqsecretclick",
	"/mail/zqsecretlocal@zqsecret.example/inbox", "/mail/zqsecretlocal%40zqsecret.example", "/mail/zqsecretlocal%2540zqsecret.example/x",
	"/reset/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ6cXNlY3JldCJ9.c2lnbmF0dXJlc2lnbmF0dXJl",
	"/order/31337313373133731337", "/call/+33612345678", "/user/9b2f8c3e-1d4a-4f6b-8a7c-0e1d2c3b4a5f/edit", "/share/c0ffee0123456789abcdef0123456789",
	"/cart;jsessionid=ZQSECRETSESSION/pay", "/thanks?order=zqsecretorder", "/page#zqsecretfragment", "/missing/zqsecret@zqsecret.example",
}

// people are requests of people who can be told by them: everyone lands, fetches a style
// sheet and goes on, so that the landings are visits and their pages have series.
func people(from time.Time) (all []record) {
	referers := []string{
		"-", "https://mail.google.com/mail/u/0/?zqsecretmailbox", "https://www.google.com/search?q=zqsecretsearch", "https://intranet.jane.example/zqsecretpath?u=zqsecret",
		"https://shop.example/mail/zqsecret@zqsecret.example?zqsecret", "android-app://com.zqsecret.app/",
	}
	agents := []string{
		"Mozilla/5.0 (X11; Linux x86_64; ZQSECRETdevice) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X; zqsecretphone) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/22F76 Instagram 380.0.0.28.84 zqsecret",
		"WhatsApp/2.24.1 A zqsecret", "zqsecretbot/1.0 (+https://zqsecret.example; zqsecret@zqsecret.example)",
	}
	n := 0
	for _, target := range targets {
		for _, referer := range referers {
			r := record{
				client: fmt.Sprintf("203.0.113.%d", n%250), user: "zqsecretuser", host: "shop.example", target: target, status: "200", referer: referer,
				agent: agents[n%len(agents)], cookie: "session=zqsecretcookie",
			}
			if n%5 == 0 {
				r.client = fmt.Sprintf("2001:db8:%d::1", n)
			}
			if n%11 == 0 {
				r.host = "tenant-of-jane.zqsecret.example"
			}
			if strings.HasPrefix(target, "/missing") {
				r.status = "404"
			}
			for i, page := range []string{target, "/style.css?zqsecretversion", "/next/zqsecret@zqsecret.example"} {
				r.at = from.Add(time.Duration(n)*time.Second + time.Duration(i)*100*time.Millisecond)
				if i > 0 {
					r.target, r.referer = page, "https://"+r.host+strings.SplitN(target, "#", 2)[0]
				}
				all = append(all, r)
			}
			n++
		}
	}
	return all
}

// A seen has what was said to somebody, by where.
type seen struct {
	mu   sync.Mutex
	text map[string][]byte
}

func (s *seen) add(where string, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text == nil {
		s.text = map[string][]byte{}
	}
	s.text[where] = append(s.text[where], text...)
}

// holdsNobody looks for what is personal everywhere, and for the public page in those
// places where pages are.
func (s *seen) holdsNobody(t *testing.T, pages ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for where, text := range s.text {
		lower := bytes.ToLower(text)
		for _, what := range personal {
			if i := bytes.Index(lower, []byte(what)); i >= 0 {
				t.Errorf("%s has %q: …%q…", where, what, text[max(0, i-150):min(len(text), i+100)])
			}
		}
	}
	for _, where := range pages {
		if !bytes.Contains(s.text[where], []byte(public)) {
			t.Errorf("%s has not even the page that it should have, in %d bytes", where, len(s.text[where]))
		}
	}
}

// get takes down an answer.
func (s *seen) get(t *testing.T, addr, path string, header ...string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("%s: %s %.200s %v", path, answer.Status, body, err)
	}
	where, _, _ := strings.Cut(path, "?")
	s.add(where, body)
	s.add(where, fmt.Append(nil, answer.Header))
}

// files takes down the bytes of all files below the directory, and of a write-ahead log
// what is compressed in it.
func (s *seen) files(t *testing.T, where, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		s.add(where, append([]byte(d.Name()), text...))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"wal", "chunks_head"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil || name != "wal" {
			continue
		}
		segments, err := wlog.NewSegmentsReader(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		r := wlog.NewReader(segments)
		for r.Next() {
			s.add(where+", uncompressed", r.Record())
		}
		segments.Close()
		if r.Err() != nil {
			t.Error(r.Err())
		}
	}
}

// ServeHTTP takes down what is pushed, by OTLP or by remote write.
func (s *seen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	switch r.Header.Get("Content-Encoding") {
	case "gzip":
		if z, e := gzip.NewReader(bytes.NewReader(body)); e == nil {
			body, err = io.ReadAll(z)
		}
	case "snappy":
		body, err = snappy.Decode(nil, body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.add("pushed to "+r.URL.Path, append(fmt.Append(nil, r.Header), body...))
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// torn returns what becomes of a line that is cut off, and of one with something before it.
func torn(line string) string { return line[:len(line)*2/3] + "\n" + "zqsecret? " + line + "\n" }

// TestPrivacy: people who can be told by every part of their requests, in every format and
// by every way in, whole, cut off and malformed, are found nowhere: not in the metrics, the
// API, the page, what is pushed, the own log with everything that it can say, nor in any
// file. docs/privacy.md says what is.
func TestPrivacy(t *testing.T) {
	t.Parallel()
	var (
		s        = &seen{}
		dir      = t.TempDir()
		store    = filepath.Join(dir, "store")
		pushed   = free(t)
		requests = people(time.Now().Add(-4 * time.Minute).Truncate(time.Second))
		lines    = 0
		inputs   strings.Builder
		whole    strings.Builder
	)
	serveAt(t, pushed, s)
	for _, name := range accesslog.Names() {
		var log strings.Builder
		for _, r := range requests {
			log.WriteString(r.in(t, name) + "\n")
		}
		lines += len(requests)
		if name == "vhost_combined" {
			whole.WriteString(log.String())
		}
		for _, r := range requests[:30] {
			log.WriteString(torn(r.in(t, name)))
			lines += 2
		}
		format := fmt.Sprintf("format: %s, ", name)
		if name == "darkshare" { // has that name where it is told from the lines only
			format = ""
		}
		fmt.Fprintf(&inputs, "- {name: %s, %sfiles: [%q], start_at: beginning, site: shop}\n", name, format, write(t, filepath.Join(dir, name+".log"), log.String()))
	}
	var cri strings.Builder
	for _, r := range requests {
		fmt.Fprintf(&cri, "%s stdout F %s\n", r.at.UTC().Format(time.RFC3339Nano), r.in(t, "combined"))
	}
	lines += len(requests)
	syslog, otlp, envoy := free(t), free(t), free(t)
	fmt.Fprintf(&inputs, "- {name: cri, format: combined, wrapping: cri, files: [%q], start_at: beginning, site: shop}\n", write(t, filepath.Join(dir, "cri.log"), cri.String()))
	fmt.Fprintf(&inputs, "- {name: syslog, format: combined, site: shop, syslog: {listen: \"tcp://%s\", max_message: 1024}}\n", syslog)
	fmt.Fprintf(&inputs, "- {name: otlp, otlp: {http: %q}}\n- {name: als, envoy_als: {listen: %q}}\n", otlp, envoy)
	conf := write(t, filepath.Join(dir, "darkshare.yaml"), "inputs:\n"+inputs.String()+
		"sites: [{name: shop, hosts: [shop.example], goals: [{name: order, path: /thanks}]}]\nlog: {level: debug}\n"+
		fmt.Sprintf("store: {dir: %q, interval: 5s}\n", store))
	p := begin(t, pushing("http://"+pushed), "--config", conf)

	lines += sendSyslog(t, syslog, requests) + sendOTLP(t, otlp, requests) + sendALS(t, envoy, requests)
	p.holds(lines)
	for name, n := range p.requests(t) {
		if n < float64(len(requests)) {
			t.Errorf("%s: %.0f of %d lines are requests", name, n, len(requests))
		}
	}
	time.Sleep(time.Second) // and a push
	for _, accept := range []string{"text/plain", "application/openmetrics-text; version=1.0.0", "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"} {
		s.get(t, p.addr, "/metrics", "Accept", accept)
	}
	for _, path := range []string{
		"/api/v1/series?match[]=%7B__name__%3D~%22.%2B%22%7D", "/api/v1/labels", "/api/v1/label/page/values", "/api/v1/status/tsdb?limit=1000", "/api/v1/status/runtimeinfo",
		"/api/v1/status/buildinfo", "/api/v1/rules", "/api/v1/metadata", "/-/healthy", "/-/ready",
	} {
		s.get(t, p.addr, path)
	}
	// The page asks the store, which has the newest counts some seconds later.
	await(t, "the page has the visits", func() bool {
		shown := &seen{}
		shown.get(t, p.addr, "/")
		return bytes.Contains(shown.text["/"], []byte(public))
	})
	for _, language := range []string{"en", "fr"} {
		s.get(t, p.addr, "/", "Accept-Language", language)
	}
	// What is on the disk while it runs, after it was killed, and after it has ended.
	s.files(t, "the store", store)
	p.signal(syscall.SIGKILL)
	_ = p.cmd.Wait()
	s.files(t, "the store", store)
	s.add("the log", []byte(p.errs.String()))
	p = begin(t, pushing("http://"+pushed), "--config", conf)
	p.signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
	s.files(t, "the store", store)
	s.add("the log", []byte(p.errs.String()))

	// The same people, long ago.
	old := write(t, filepath.Join(dir, "old.log"), strings.ReplaceAll(whole.String(), time.Now().UTC().Format("/2006:"), time.Now().UTC().AddDate(-1, 0, 0).Format("/2006:")))
	for _, args := range [][]string{
		{"--store", filepath.Join(dir, "blocks")}, {"--remote-write", "http://" + pushed + "/api/v1/write", "--state", filepath.Join(dir, "state")},
		{"--openmetrics", filepath.Join(dir, "openmetrics")}, {"--output", "json", "--top", "1000"},
	} {
		out, err := exec.Command(tested(), append([]string{"replay", "--format", "vhost_combined", "--site", "shop.example", old}, args...)...).CombinedOutput()
		if err != nil {
			t.Errorf("replay %s: %v %s", args, err, out)
		}
		s.add("the report", out)
	}
	s.files(t, "the blocks", filepath.Join(dir, "blocks"))
	for _, name := range []string{"state", "openmetrics"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		}
		s.add(name, text)
	}
	s.holdsNobody(t, "/metrics", "/api/v1/series", "/api/v1/label/page/values", "/", "the store", "the store, uncompressed", "the blocks", "the report", "openmetrics",
		"pushed to /v1/metrics", "pushed to /api/v1/write")
}

// TestPagesCanBeLeftOut: where addresses of pages have names or short numbers in them, which
// no program can tell, there are three ways to have no labels of them.
func TestPagesCanBeLeftOut(t *testing.T) {
	t.Parallel()
	requests := people(time.Now().Add(-4 * time.Minute))
	for i := range requests {
		if requests[i].target == public {
			requests[i].target = []string{"/people/jane-doe", "/orders/4711", "/share/a1b2c3d4"}[i/3%3]
		}
	}
	for options, want := range map[string][3]bool{ // whether a label has the name, the number, the token
		"":                                    {true, true, true},
		"limits: {pages: 0, sections: 0}":     {false, false, false},
		"other_sites: {exclude: [/people/*]}": {false, true, true},
		"privacy: {mask_digits: 4}":           {true, false, true},
		"privacy: {mask_digits: 4, mask_token: 8}": {true, false, false},
	} {
		dir := t.TempDir()
		var log strings.Builder
		for _, r := range requests {
			log.WriteString(r.in(t, "vhost_combined") + "\n")
		}
		conf := write(t, filepath.Join(dir, "darkshare.yaml"), fmt.Sprintf("inputs: [{files: [%q], format: vhost_combined, start_at: beginning}]\n%s\n",
			write(t, filepath.Join(dir, "access.log"), log.String()), options))
		p := begin(t, nil, "--config", conf)
		p.holds(len(requests))
		s := &seen{}
		s.get(t, p.addr, "/metrics")
		for i, what := range []string{"/jane-doe", "/4711", "/a1b2c3d4"} { // a time may have the number in it, too
			if got := bytes.Contains(s.text["/metrics"], []byte(what)); got != want[i] {
				at := bytes.Index(s.text["/metrics"], []byte(what))
				t.Errorf("%q: %s is shown: %v …%s…", options, what, got, s.text["/metrics"][max(0, at-100):max(0, at)+100])
			}
		}
	}
}

// requests returns how many lines of each input are requests.
func (p *process) requests(t *testing.T) map[string]float64 {
	t.Helper()
	n := map[string]float64{}
	for _, s := range scrape(t, p.addr) {
		switch s.name {
		case "darkshare_log_lines_total":
			n[s.labels["input"]] += s.value
		case "darkshare_log_errors_total":
			n[s.labels["input"]] -= s.value
		}
	}
	return n
}

// sendSyslog sends the requests, and messages that are too long, or none.
func sendSyslog(t *testing.T, addr string, requests []record) (lines int) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, r := range requests {
		fmt.Fprintf(c, "<190>%s zqsecret-host nginx: %s\n", r.at.Format("Jan _2 15:04:05"), r.in(t, "combined"))
	}
	fmt.Fprint(c, strings.Repeat("zqsecret ", 2000)+"\n<999>zqsecret\n9999 zqsecret\n")
	return len(requests) + 3
}

// sendOTLP sends the requests, and what is none.
func sendOTLP(t *testing.T, addr string, requests []record) (lines int) {
	t.Helper()
	post := func(body string, want int) {
		t.Helper()
		r, err := http.Post("http://"+addr+"/v1/logs", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if answer, _ := io.ReadAll(r.Body); r.StatusCode != want {
			t.Errorf("%s %s", r.Status, answer)
		}
	}
	for _, r := range requests {
		path, query, _ := strings.Cut(r.target, "?")
		var attributes []string
		for _, a := range [][2]string{
			{"http.request.method", "GET"}, {"url.path", path}, {"url.query", query}, {"client.address", r.client}, {"user_agent.original", r.agent}, {"http.host", r.host},
			{"http.request.header.referer", r.referer}, {"http.request.header.cookie", r.cookie}, {"enduser.id", r.user}, {"http.response.status_code", r.status},
		} {
			attributes = append(attributes, fmt.Sprintf(`{"key":%q,"value":{"stringValue":%q}}`, a[0], a[1]))
		}
		post(fmt.Sprintf(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"%d","body":{"stringValue":""},"attributes":[%s]}]}]}]}`,
			r.at.UnixNano(), strings.Join(attributes, ",")), http.StatusOK)
	}
	post(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"zqsecret"}]}]}]}`, http.StatusBadRequest)
	post(`{"resourceLogs": zqsecret@zqsecret.example}`, http.StatusBadRequest)
	return len(requests)
}

// sendALS sends the requests as Envoy does.
func sendALS(t *testing.T, addr string, requests []record) (lines int) {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream, err := als.NewAccessLogServiceClient(conn).StreamAccessLogs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		err := stream.Send(&als.StreamAccessLogsMessage{LogEntries: &als.StreamAccessLogsMessage_HttpLogs{HttpLogs: &als.StreamAccessLogsMessage_HTTPAccessLogEntries{
			LogEntry: []*data.HTTPAccessLogEntry{{
				CommonProperties: &data.AccessLogCommon{
					StartTime: timestamppb.New(r.at), RouteName: "zqsecretroute", CustomTags: map[string]string{"user": r.user},
					DownstreamRemoteAddress: &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{Address: r.client}}},
				},
				Request: &data.HTTPRequestProperties{
					RequestMethod: core.RequestMethod_GET, Authority: r.host, Path: r.target, UserAgent: r.agent, Referer: r.referer, ForwardedFor: r.client,
					RequestId: "zqsecretid", RequestHeaders: map[string]string{"cookie": r.cookie, "authorization": "Bearer zqsecret"},
				},
				Response: &data.HTTPResponseProperties{ResponseCode: wrapperspb.UInt32(200), ResponseHeaders: map[string]string{"set-cookie": r.cookie}},
			}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := stream.CloseAndRecv(); err != nil {
		t.Error(err)
	}
	return len(requests)
}
