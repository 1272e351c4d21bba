//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/config"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stream"
	"github.com/darkshare/darkshare/exporter/stream/envoyals"
	"github.com/darkshare/darkshare/exporter/stream/otlplogs"
	"github.com/darkshare/darkshare/exporter/stream/syslog"
)

// limitsPage returns docs/limits.md, and the rows of its first table by what they limit.
func limitsPage(t *testing.T) (text string, rows map[string][]string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "docs", "limits.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows = map[string][]string{}
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(strings.Trim(line, "| \n"), "|")
		if len(cells) != 6 || strings.HasPrefix(line, "|---") || strings.HasPrefix(cells[0], "what ") {
			continue
		}
		for i, c := range cells {
			cells[i] = strings.TrimSpace(c)
		}
		if !strings.HasPrefix(cells[0], "**") {
			rows[cells[0]] = cells
		}
	}
	return string(data), rows
}

// TestLimitsPage: every limit of the configuration stands in the table with its default,
// and so does every value by which a metric tells that one was met; the test of every row
// is there.
func TestLimitsPage(t *testing.T) {
	text, rows := limitsPage(t)
	if len(rows) < 40 {
		t.Fatalf("only %d rows were found", len(rows))
	}
	byOption := map[string][]string{}
	named := regexp.MustCompile("`([a-z0-9/]+) (Test[A-Za-z0-9]+)`")
	for what, row := range rows {
		byOption[strings.Trim(row[2], "`")] = row
		tests := named.FindAllStringSubmatch(row[5], -1)
		if len(tests) == 0 {
			t.Errorf("%s: no test", what)
		}
		for _, m := range tests {
			if !declared(t, filepath.Join("..", m[1]), m[2]) {
				t.Errorf("%s: there is no %s in exporter/%s", what, m[2], m[1])
			}
		}
	}
	notLimits := []string{"state.interval", "store.interval", "privacy.mask_digits", "privacy.mask_token"}
	options := 0
	var walk func(at string, typ reflect.Type)
	walk = func(at string, typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer:
			walk(at, typ.Elem())
			return
		case reflect.Slice:
			walk(at+"[]", typ.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		for i := range typ.NumField() {
			f := typ.Field(i)
			key, inline, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			option := strings.Trim(at+"."+key, ".")
			if inline != "" {
				option = at
			}
			if f.Tag.Get("range") != "" && !strings.Contains(strings.Join(notLimits, " "), option) {
				options++
				if row := byOption[option]; row == nil {
					t.Errorf("%s is not in the table", option)
				} else if row[1] != f.Tag.Get("default") {
					t.Errorf("%s is %s by default, not %s", option, f.Tag.Get("default"), row[1])
				}
			}
			walk(option, f.Type)
		}
	}
	walk("", reflect.TypeFor[config.Config]())
	if options < 15 {
		t.Errorf("only %d options were found", options)
	}
	alive := syslog.DefaultKeepAlive
	for what, value := range map[string]any{
		"syslog: how long a message, or a TLS handshake, may take": syslog.DefaultMessageTimeout,
		"syslog: how long a sender that is gone keeps its place":   alive.Idle + time.Duration(alive.Count)*alive.Interval,
		"Envoy: connections at a time":                             envoyals.DefaultConnections,
		"Envoy: streams at a time":                                 envoyals.DefaultStreams,
		"Envoy: a message, in bytes":                               envoyals.DefaultMessage,
		"OTLP: connections at a time, by gRPC and by HTTP":         otlplogs.DefaultConnections,
		"OTLP: requests at work":                                   otlplogs.DefaultRequests,
		"OTLP: a request, in bytes, uncompressed":                  otlplogs.DefaultMessage,
		"blocks of lines in use, of 256 KiB, for an input":         stream.DefaultBlocks,
	} {
		want := fmt.Sprint(value)
		if d, ok := value.(time.Duration); ok {
			want = regexp.MustCompile(`(\D)0[ms]0?s?$`).ReplaceAllString(d.String(), "$1")
		}
		if row := rows[what]; row == nil || row[1] != want {
			t.Errorf("%s: %s, in the table %v", what, want, row)
		}
	}
	words := append(schema.Words(schema.NumReasons)[1:], schema.Words(schema.NumCauses)...)
	words = append(words, schema.Words(stream.NumDropReasons)...)
	words = append(words, schema.Words(stream.NumErrorReasons)...)
	words = append(words, schema.LimitLower, schema.LimitUpper)
	for _, word := range words {
		if !strings.Contains(text, "`"+word+"`") {
			t.Errorf("%s is not in the tables", word)
		}
	}
}

// TestLimitsAreCounted: a darkshare with the smallest limits meets each of them, says so
// under its name, and every line is counted all the same.
func TestLimitsAreCounted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := time.Now().Add(-time.Minute)
	const agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
	var logs [4]strings.Builder
	lines := 0
	line := func(client int, host, target, referer, agent string) {
		r := record{
			at: at.Add(time.Duration(lines) * time.Millisecond), client: fmt.Sprintf("10.%d.%d.%d", client>>16&255, client>>8&255, client&255),
			user: "-", host: host, target: target, status: "200", referer: referer, agent: agent,
		}
		logs[client%len(logs)].WriteString(r.in(t, "vhost_combined") + "\n")
		lines++
	}
	for i := range 9_000 {
		page := fmt.Sprintf("/section%d/page%d", i%100, i)
		line(i, "shop.example", page, "-", agent)
		line(i, "shop.example", "/next", "https://shop.example"+page, agent)
		line(1<<20+i, "shop.example", page, "-", agent)
		line(2<<20+i*300, "shop.example", page, "-", "WhatsApp/2.24.1 A")
		line(3<<20+i, fmt.Sprintf("h%d.example", i), page, "-", agent)
	}
	logs[0].WriteString(strings.Repeat("x", 70_000) + "\n")
	lines++
	line(1, "shop.example", "/long", "-", agent+strings.Repeat("x", 1024))
	for i := range logs {
		write(t, filepath.Join(dir, fmt.Sprintf("%d.log", i)), logs[i].String())
	}
	conf := write(t, filepath.Join(dir, "darkshare.yaml"), `inputs: [{name: log, files: ["*.log"], format: vhost_combined, start_at: beginning}]
limits: {visitors: 5000, pending_landings: 1024, sites: 1, pages: 1, sections: 1, line_bytes: 1024, open_files: 1, scrapes: 1}
visits: {confirmation: on}
`)
	p := begin(t, nil, "--config", conf)
	p.holds(lines)
	table, _ := limitsPage(t)
	met := 0
	for _, s := range scrape(t, p.addr) {
		switch s.name {
		case "darkshare_limit_reached_total":
			met++
			if s.value == 0 {
				t.Errorf("the limit %s was met without a word", s.labels["limit"])
			}
			if !strings.Contains(table, "`darkshare_limit_reached_total` `"+s.labels["limit"]+"`") {
				t.Errorf("docs/limits.md does not have the limit %s", s.labels["limit"])
			}
		case "darkshare_log_errors_total":
			if want := map[string]float64{"too_long": 2}[s.labels["reason"]]; s.value != want {
				t.Errorf("%v lines are %s, not %v", s.value, s.labels["reason"], want)
			}
		case "darkshare_visitors":
			if s.value > 5000 {
				t.Errorf("%v visitors", s.value)
			}
		}
	}
	if met != 8 {
		t.Errorf("%d limits", met)
	}
	// The one scrape at a time.
	refused, done := 0, make(chan int)
	for range 20 {
		go func() {
			status := 0
			if r, err := http.Get("http://" + p.addr + "/metrics"); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				r.Body.Close()
				status = r.StatusCode
			}
			done <- status
		}()
	}
	for range 20 {
		switch status := <-done; status {
		case http.StatusServiceUnavailable:
			refused++
		case http.StatusOK:
		default:
			t.Errorf("a scrape was answered by %d", status)
		}
	}
	if refused == 20 {
		t.Error("no scrape of 20 was answered")
	}
}

// TestExplainHoldsBackSoMuch: a landing that nothing decides is decided once half a million
// lines wait behind it, while the log goes on.
func TestExplainHoldsBackSoMuch(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), tested(), "explain", "--format", "combined", "--site", "shop.example", "-")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := func(client, page string) string {
		return client + " - - [22/Nov/2026:10:00:00 +0000] \"GET " + page + " HTTP/1.1\" 200 1 \"-\" \"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\"\n"
	}
	written := make(chan error, 1)
	var end sync.Once
	defer end.Do(func() { stdin.Close() })
	go func() {
		w := bufio.NewWriter(stdin)
		fmt.Fprint(w, line("10.0.0.1", "/a"))
		for i := range 600_000 {
			fmt.Fprint(w, line(fmt.Sprintf("10.0.%d.2", i%200), "/a.css"))
		}
		written <- w.Flush()
	}()
	r := bufio.NewReader(stdout)
	first, err := r.ReadString('\n')
	if err != nil || !strings.Contains(first, `"kind":"landing"`) {
		t.Errorf("%q %v", first, err)
	}
	lines := 1
	go func() {
		if err := <-written; err != nil {
			t.Error(err)
		}
		end.Do(func() { stdin.Close() })
	}()
	for {
		if _, err := r.ReadString('\n'); err != nil {
			break
		}
		lines++
	}
	if err := cmd.Wait(); err != nil || lines != 600_001 {
		t.Errorf("%d lines, %v", lines, err)
	}
}
