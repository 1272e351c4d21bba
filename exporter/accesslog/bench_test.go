package accesslog

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/simulate"
)

// The log of the benchmarks: what a shop's visitors, bots and apps ask for, over
// three minutes, in the proportions and the line lengths of real logs.
var (
	benchAgents = []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Linux; Android 13; SM-S911B; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/119.0.6045.66 Mobile Safari/537.36",
		"Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0",
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
		"WhatsApp/2.23.20.0 A", "facebookexternalhit/1.1", "-",
	}
	benchReferers = []string{
		"-", "-", "https://www.google.com/", "https://shop.example.com/", "https://shop.example.com/women/shoes?page=2",
		"https://t.co/", "https://www.facebook.com/",
	}
	benchTargets = []string{
		"/", "/women/shoes/ankle-boots-in-brown-leather-8123", "/static/app.3f2a1c.css", "/static/app.91be02.js",
		"/images/products/8123/front-600x800.webp", "/search?q=rain+coat&page=%d", "/landing?utm_source=whatsapp&utm_medium=share&id=%d",
		"/api/cart/items", "/blog/2023/how-to-waterproof-your-boots",
	}
)

type benchRecord struct {
	addr, host, method, target, referer, agent string
	time                                       time.Time
	status, size                               int
}

func benchRecords(n int) []benchRecord {
	rnd := rand.New(rand.NewPCG(1, 2))
	now := time.Date(2023, 11, 14, 9, 0, 0, 0, time.FixedZone("", 3600))
	records := make([]benchRecord, n)
	for i := range records {
		now = now.Add(time.Duration(rnd.IntN(400)) * time.Millisecond)
		target := benchTargets[rnd.IntN(len(benchTargets))]
		if bytes.Contains([]byte(target), []byte("%d")) {
			target = fmt.Sprintf(target, rnd.IntN(1000))
		}
		records[i] = benchRecord{
			addr:   fmt.Sprintf("%d.%d.%d.%d", 1+rnd.IntN(223), rnd.IntN(256), rnd.IntN(256), rnd.IntN(256)),
			host:   "shop.example.com",
			method: []string{"GET", "GET", "GET", "GET", "POST"}[rnd.IntN(5)], target: target,
			referer: benchReferers[rnd.IntN(len(benchReferers))], agent: benchAgents[rnd.IntN(len(benchAgents))],
			time: now, status: []int{200, 200, 200, 304, 301, 404}[rnd.IntN(6)], size: rnd.IntN(100000),
		}
	}
	return records
}

func (r benchRecord) combined() string {
	return fmt.Sprintf(`%s - - [%s] "%s %s HTTP/1.1" %d %d "%s" "%s"`, r.addr, r.time.Format("02/Jan/2006:15:04:05 -0700"),
		r.method, r.target, r.status, r.size, r.referer, r.agent)
}

func (r benchRecord) vhost() string { return r.host + ":443 " + r.combined() }

func (r benchRecord) nginxJSON() string {
	return fmt.Sprintf(`{"time_iso8601":"%s","remote_addr":"%s","request_method":"%s","request_uri":"%s","host":"%s","status":%d,`+
		`"body_bytes_sent":%d,"request_time":0.012,"http_referer":"%s","http_user_agent":"%s","http_sec_fetch_site":"none",`+
		`"http_sec_fetch_mode":"navigate","http_sec_fetch_dest":"document"}`, r.time.Format(time.RFC3339), r.addr, r.method,
		r.target, r.host, r.status, r.size, r.referer, r.agent)
}

func (r benchRecord) caddy() string {
	return fmt.Sprintf(`{"level":"info","ts":%d.%06d,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"%s",`+
		`"remote_port":"46944","client_ip":"%s","proto":"HTTP/2.0","method":"%s","host":"%s","uri":"%s","headers":{"User-Agent":["%s"],`+
		`"Accept":["text/html,application/xhtml+xml,*/*;q=0.8"],"Accept-Language":["en-GB,en;q=0.5"],"Accept-Encoding":["gzip, deflate, br"],`+
		`"Sec-Ch-Ua":["\"Chromium\";v=\"120\", \"Not?A_Brand\";v=\"24\""],"Referer":["%s"],"Sec-Fetch-Dest":["document"],"Sec-Fetch-Mode":["navigate"],`+
		`"Sec-Fetch-Site":["none"]},"tls":{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2","server_name":"%s"}},"bytes_read":0,`+
		`"user_id":"","duration":0.000782,"size":%d,"status":%d,"resp_headers":{"Server":["Caddy"],"Content-Type":["text/html; charset=utf-8"],`+
		`"Etag":["\"s5bnz3edi\""]}}`, r.time.Unix(), r.time.Nanosecond()/1000, r.addr, r.addr, r.method, r.host, r.target, r.agent, r.referer,
		r.host, r.size, r.status)
}

func (r benchRecord) haproxy() string {
	return fmt.Sprintf(`%s:46944 [%s.%03d] web~ app/s1 0/0/1/12/13 %d %d - - ---- 12/12/3/1/0 0/0 {%s|%s|%s|none|navigate|document} {text/html} "%s %s HTTP/1.1"`,
		r.addr, r.time.Format("02/Jan/2006:15:04:05"), r.time.Nanosecond()/1e6, r.status, r.size, r.host, r.referer, r.agent, r.method, r.target)
}

func (r benchRecord) envoy() string {
	return fmt.Sprintf(`[%s] "%s %s HTTP/2" %d - 0 %d 12 11 "%s" "%s" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "%s" "10.0.2.1:80"`,
		r.time.UTC().Format("2006-01-02T15:04:05.000Z"), r.method, r.target, r.status, r.size, r.addr, r.agent, r.host)
}

func (r benchRecord) traefikJSON() string {
	return fmt.Sprintf(`{"ClientAddr":"%s:46944","ClientHost":"%s","ClientPort":"46944","ClientUsername":"-","DownstreamContentSize":%d,"DownstreamStatus":%d,"Duration":357313,`+
		`"OriginStatus":%d,"RequestAddr":"%s","RequestHost":"%s","RequestMethod":"%s","RequestPath":"%s","RequestProtocol":"HTTP/2.0","RequestScheme":"https","RouterName":"a@file",`+
		`"StartLocal":"%s","StartUTC":"%s","entryPointName":"web","level":"info","msg":"","request_Referer":"%s","request_User-Agent":"%s","time":"%s"}`,
		r.addr, r.addr, r.size, r.status, r.status, r.host, r.host, r.method, r.target, r.time.Format(time.RFC3339Nano), r.time.UTC().Format(time.RFC3339Nano), r.referer, r.agent, r.time.Format(time.RFC3339))
}

func (r benchRecord) iis() string {
	path, query, _ := strings.Cut(r.target, "?")
	if query == "" {
		query = "-"
	}
	return fmt.Sprintf(`%s 10.0.0.1 %s %s %s 443 - %s %s %s %d 0 0 15`, r.time.UTC().Format("2006-01-02 15:04:05"), r.method, path, query, r.addr,
		strings.ReplaceAll(r.agent, " ", "+"), r.referer, r.status)
}

func benchLines(write func(benchRecord) string) (lines [][]byte, size int64) {
	for _, r := range benchRecords(1000) {
		line := []byte(write(r))
		lines = append(lines, line)
		size += int64(len(line))
	}
	return lines, size / int64(len(lines))
}

func benchmarkParse(b *testing.B, name string, write func(benchRecord) string) {
	lines, size := benchLines(write)
	f, err := Compile(name)
	if err != nil {
		b.Fatal(err)
	}
	p := f.NewParser()
	var r Request
	for _, line := range lines {
		if reason := p.Parse(line, &r); reason != schema.ReasonNone {
			b.Fatalf("%s: %s", reason, line)
		}
	}
	b.SetBytes(size)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if p.Parse(lines[i%len(lines)], &r) != schema.ReasonNone {
			b.Fatal("a line was refused")
		}
	}
}

func BenchmarkParseCombined(b *testing.B)  { benchmarkParse(b, "combined", benchRecord.combined) }
func BenchmarkParseVhost(b *testing.B)     { benchmarkParse(b, "vhost_combined", benchRecord.vhost) }
func BenchmarkParseNginxJSON(b *testing.B) { benchmarkParse(b, "json", benchRecord.nginxJSON) }

func BenchmarkParseHAProxy(b *testing.B) {
	benchmarkParse(b, "haproxy {Host|Referer|User-Agent|Sec-Fetch-Site|Sec-Fetch-Mode|Sec-Fetch-Dest} {Content-Type}", benchRecord.haproxy)
}
func BenchmarkParseEnvoy(b *testing.B) { benchmarkParse(b, "envoy", benchRecord.envoy) }
func BenchmarkParseTraefikJSON(b *testing.B) {
	benchmarkParse(b, "traefik_json", benchRecord.traefikJSON)
}

// BenchmarkParseIIS copies the lines, which are rewritten in a way that cannot be read again.
func BenchmarkParseIIS(b *testing.B) {
	lines, size := benchLines(benchRecord.iis)
	p := compile(b, "iis").NewParser()
	var (
		r   Request
		buf []byte
	)
	b.SetBytes(size)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		buf = append(buf[:0], lines[i%len(lines)]...)
		if reason := p.Parse(buf, &r); reason != schema.ReasonNone {
			b.Fatalf("%s: %s", reason, lines[i%len(lines)])
		}
		p.Reset(p.Reset(nil))
	}
}

// BenchmarkParseCaddy undoes no escapes from the second round on: none of the
// values that are kept has any.
func BenchmarkParseCaddy(b *testing.B) { benchmarkParse(b, "caddy", benchRecord.caddy) }

// BenchmarkSplit is the floor: a combined line cut into its nine fields and no more.
func BenchmarkSplit(b *testing.B) {
	lines, size := benchLines(benchRecord.combined)
	b.SetBytes(size)
	b.ReportAllocs()
	var fields [9][]byte
	for i := range b.N {
		if !splitCombined(lines[i%len(lines)], &fields) {
			b.Fatal("a line was refused")
		}
	}
}

// splitCombined is how one writes it by hand for lines that are known to be good.
func splitCombined(line []byte, fields *[9][]byte) bool {
	cut := func(f int, c byte, skip int) bool {
		i := bytes.IndexByte(line, c)
		if i < 0 || i+skip > len(line) {
			return false
		}
		fields[f], line = line[:i], line[i+skip:]
		return true
	}
	return cut(0, ' ', 1) && cut(1, ' ', 1) && cut(2, ' ', 2) && cut(3, ']', 3) && cut(4, '"', 2) &&
		cut(5, ' ', 1) && cut(6, ' ', 2) && cut(7, '"', 3) && cut(8, '"', 1)
}

// benchLog returns lines of the log by which the whole of darkshare is measured:
// so many that neither they nor what the processor learns of them stays in a cache.
func benchLog(b *testing.B) (lines [][]byte, size int64) {
	const n = 60_000
	var log bytes.Buffer
	if err := simulate.WriteBenchLog(&log, n); err != nil {
		b.Fatal(err)
	}
	size = int64(log.Len() / n)
	for line := range bytes.Lines(log.Bytes()) {
		lines = append(lines, bytes.TrimSuffix(line, []byte("\n")))
	}
	return lines, size
}

// BenchmarkParseBenchLog and BenchmarkSplitBenchLog read the same lines, of which
// one in a hundred is broken.
func BenchmarkParseBenchLog(b *testing.B) {
	lines, size := benchLog(b)
	p := compile(b, "combined").NewParser()
	var r Request
	b.SetBytes(size)
	b.ReportAllocs()
	read, i := 0, 0
	for b.Loop() {
		if p.Parse(lines[i], &r) == schema.ReasonNone {
			read++
		}
		if i++; i == len(lines) {
			i = 0
		}
	}
	if read == 0 {
		b.Fatal("no line was read")
	}
}

func BenchmarkSplitBenchLog(b *testing.B) {
	lines, size := benchLog(b)
	var fields [9][]byte
	b.SetBytes(size)
	b.ReportAllocs()
	read, i := 0, 0
	for b.Loop() {
		if splitCombined(lines[i], &fields) {
			read++
		}
		if i++; i == len(lines) {
			i = 0
		}
	}
	if read == 0 {
		b.Fatal("no line was read")
	}
}
