package accesslog

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/darkshare/darkshare/exporter/schema"
)

func TestDetect(t *testing.T) {
	const (
		head    = `1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1`
		full    = head + ` "-" "x"`
		message = `{"level":"info","ts":1699949112.25,"msg":"serving initial configuration"}`
		access  = `{"ts":1699949112.25,"logger":"http.log.access","msg":"handled request","request":{"method":"GET","uri":"/"},"status":200}`
		flat    = `{"time_iso8601":"2023-11-14T09:05:12+01:00","request_uri":"/","status":200,"http_user_agent":"x"}`
	)
	for _, c := range []struct {
		lines []string
		name  string
		field Fields
	}{
		{[]string{full}, "combined", FieldUserAgent},
		{[]string{full + "\r", "", full}, "combined", FieldUserAgent},
		{[]string{"broken", full, full, `1.2.3.4 - - ` + at + ` "GET / HT`, full}, "combined", FieldUserAgent},
		{[]string{`2022/01/24 16:33:06 [error] 334#334: *338`, `2022/01/24 16:33:06 [error] 334#334: *339`, full}, "combined", FieldUserAgent},
		{[]string{head, head}, "common", FieldStatus},
		{[]string{full + ` "-"`, full + ` "1.1.1.1"`}, "nginx_main", FieldForwardedFor},
		{[]string{full + ` 12 34`}, "combinedio", FieldUserAgent},
		{[]string{full + ` "-" 0.003 .`}, "combined_extra", FieldUserAgent},
		{[]string{"a.b:443 " + full, "a.b:443 " + full}, "vhost_combined", FieldHost},
		{[]string{"a.b " + full}, "vhost_combined", FieldHost},
		{[]string{"a.b " + head}, "vhost_common", FieldHost},
		{[]string{"1.2.3.4 - a b " + full[12:]}, "combined", FieldUserAgent},
		{[]string{message, message, message, access}, "caddy", FieldUserAgent},
		{[]string{flat, flat, flat[:40]}, "json", FieldTime | FieldTarget | FieldStatus | FieldUserAgent},
		{[]string{full, "a.b:443 " + full, full, full, head}, "combined", FieldUserAgent},
	} {
		var lines [][]byte
		for _, l := range c.lines {
			lines = append(lines, []byte(l))
		}
		f, err := Detect(lines)
		if err != nil {
			t.Errorf("%q: %v", c.lines, err)
			continue
		}
		if f.Name() != c.name || !f.Fields().Has(c.field) {
			t.Errorf("%q: got %s with %s, want %s", c.lines, f.Name(), f.Fields(), c.name)
		}
		if f.Name() == "json" && f.Fields() != c.field {
			t.Errorf("%q: fields %s, of which some were not there", c.lines, f.Fields())
		}
		for i, l := range c.lines {
			if string(lines[i]) != l {
				t.Errorf("line %q was changed to %q", l, lines[i])
			}
		}
	}
}

func TestDetectErrors(t *testing.T) {
	for _, c := range []struct{ lines, want string }{
		{"", "no line"},
		{" \n\t\n", "no line"},
		{"hello\nworld", `the first is "hello"; name a known format`},
		{`1.2.3.4 - - ` + at + ` "GET / HTTP/1.1" 200 1 "-" "x"` + "\na\nb\nc", "1 of them look like combined"},
		{`{"when":1} "`, "the keys when: name"},
		{`{"when":1,"what":{"page":"/"}}`, "JSON objects with the keys when, what, page"},
		{`{"v":1,"time":1795348800123456,"log":"0000beef","kind":"asset","status":200,"visitor":"92ba87c08c977586"}`, "records that a darkshare has forwarded"},
	} {
		f, err := Detect(bytes.Split([]byte(c.lines), []byte("\n")))
		if err == nil {
			t.Errorf("%q: no error, but %s", c.lines, f.Name())
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: the error is %q, which says nothing of %q", c.lines, err, c.want)
		}
	}
}

// corpus returns the lines of a file of the corpora, or skips the test.
func corpus(t *testing.T, name string) [][]byte {
	t.Helper()
	dir := os.Getenv("DARKSHARE_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpora")
	}
	file, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		t.Skipf("the corpora are not here (DARKSHARE_CORPORA): %v", err)
	}
	defer file.Close()
	var r io.Reader = file
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(file); err != nil {
			t.Fatal(err)
		}
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
}

// TestCorpora reads logs that no one on this project wrote.
func TestCorpora(t *testing.T) {
	const npm = `[$time_local] $status - $request_method $scheme $host "$request_uri" [Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] "$http_user_agent" "$http_referer"`
	for _, c := range []struct {
		file, format string // an empty format is told from the lines
		name         string
		want         map[schema.Reason]int
	}{
		{"logs/semicomplete_2015.log.gz", "", "combined", map[schema.Reason]int{schema.ReasonNone: 9999}},
		{"logs/farmfresh_2024_25.log.gz", "", "combined", map[schema.Reason]int{schema.ReasonNone: 21743}},
		{"formats/apache2-logs.log", "", "combined", map[schema.Reason]int{schema.ReasonNone: 4, schema.ReasonFormat: 3, schema.ReasonNotAccess: 2}},
		{"formats/apache2-logs.log", "vhost_combined", "vhost_combined", map[schema.Reason]int{schema.ReasonNone: 1, schema.ReasonFormat: 6, schema.ReasonNotAccess: 2}},
		{"formats/apache2-malformed.log", "", "combined", map[schema.Reason]int{schema.ReasonNone: 11}},
		{"formats/caddy-logs.log", "", "caddy", map[schema.Reason]int{schema.ReasonNone: 10, schema.ReasonNotAccess: 1, schema.ReasonEmpty: 1}},
		{"formats/nginx-proxy-manager-logs.log", npm, "nginx", map[schema.Reason]int{schema.ReasonNone: 5, schema.ReasonFormat: 7, schema.ReasonNotAccess: 2}},
		{"formats/nginx-proxy-manager-logs.log", "", "nginx_proxy_manager", map[schema.Reason]int{schema.ReasonNone: 6, schema.ReasonFormat: 6, schema.ReasonNotAccess: 2}},
		{"formats/traefik_clf.log", "", "traefik", map[schema.Reason]int{schema.ReasonNone: 7, schema.ReasonEmpty: 2}},
		{"formats/traefik_json.log", "", "traefik_json", map[schema.Reason]int{schema.ReasonNone: 6, schema.ReasonJSON: 1}},
		{"formats/haproxy-logs.log", "", "haproxy", map[schema.Reason]int{schema.ReasonNone: 2, schema.ReasonNotAccess: 3}},
		{"formats/aws-alb-logs.log", "", "aws_alb", map[schema.Reason]int{schema.ReasonNone: 14}},
		{"formats/aws-cloudfront-logs.log", "", "cloudfront", map[schema.Reason]int{schema.ReasonNone: 2}},
	} {
		t.Run(c.file, func(t *testing.T) {
			lines := corpus(t, c.file)
			f, err := Detect(lines)
			if c.format != "" {
				f, err = Compile(c.format)
			}
			if err != nil {
				t.Fatal(err)
			}
			if f.Name() != c.name {
				t.Errorf("the format is %s, want %s", f.Name(), c.name)
			}
			got := map[schema.Reason]int{}
			p := f.NewParser()
			var r Request
			for _, line := range lines {
				reason := p.Parse(bytes.Clone(line), &r)
				got[reason]++
				if reason == schema.ReasonNone && (r.Time == 0 || len(r.Client) == 0 || len(r.Method) == 0 != (len(r.Target) == 0)) {
					t.Errorf("%s\n got %s", line, show(&r))
				}
			}
			for reason := range schema.NumReasons {
				if got[reason] != c.want[reason] {
					t.Errorf("%s: %d lines, want %d", reason, got[reason], c.want[reason])
				}
			}
		})
	}
}
