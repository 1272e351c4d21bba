package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// A hit is a request with what a proxy knows of it when it is over.
type hit struct {
	at      time.Time
	client  string
	request *http.Request
	status  int
	kind    string // the response's content type
}

// hits are the requests with the application's answers.
func hits(t *testing.T) []hit {
	t.Helper()
	backend := upstream(t)
	var all []hit
	for i, r := range requests {
		method := r.method
		if method == "" {
			method = http.MethodGet
		}
		q := httptest.NewRequest(method, "http://"+backend+r.target, nil)
		q.RequestURI, q.Host = "", site
		q.Header.Set("User-Agent", r.agent)
		for line := range strings.Lines(r.headers) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			q.Header.Set(name, value)
		}
		response, err := http.DefaultTransport.RoundTrip(q)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		q.RequestURI = r.target
		all = append(all, hit{time.Now().Add(time.Duration(i) * time.Millisecond), fmt.Sprint("127.0.0.", r.visitor), q, response.StatusCode, response.Header.Get("Content-Type")})
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	return all
}

func (h *hit) header(name string) string { return h.request.Header.Get(name) }

// dash writes what proxies write of nothing.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// nginxLine writes a line as nginx does, by a log_format's string.
func nginxLine(format string, h *hit) string {
	return regexp.MustCompile(`\$[a-z_]+`).ReplaceAllStringFunc(format, func(name string) string {
		name = name[1:]
		value := map[string]string{
			"remote_addr": h.client, "time_local": h.at.Format("02/Jan/2006:15:04:05 -0700"), "status": fmt.Sprint(h.status), "body_bytes_sent": "6",
			"request": h.request.Method + " " + h.request.RequestURI + " HTTP/1.1", "host": site, "sent_http_content_type": h.kind,
			"request_method": h.request.Method, "scheme": "http", "request_uri": h.request.RequestURI, "upstream_status": fmt.Sprint(h.status), "server": "app",
		}[name]
		if header, ok := strings.CutPrefix(name, "http_"); ok {
			value = h.header(strings.ReplaceAll(header, "_", "-"))
		}
		var b strings.Builder
		for i := range len(value) {
			if c := value[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
				fmt.Fprintf(&b, `\x%02X`, c)
			} else {
				b.WriteByte(c)
			}
		}
		return dash(b.String())
	})
}

// envoyLine writes a line as Envoy does, by a json_format.
func envoyLine(t *testing.T, format map[string]string, h *hit) string {
	t.Helper()
	object := map[string]any{}
	for key, operator := range format {
		var value any
		switch name, argument, _ := strings.Cut(strings.Trim(operator, "%"), "("); {
		case operator == "%START_TIME%":
			value = h.at.UTC().Format("2006-01-02T15:04:05.000Z")
		case operator == "%RESPONSE_CODE%":
			value = h.status
		case operator == "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%":
			value = h.client
		case operator == "%REQ(:METHOD)%":
			value = h.request.Method
		case operator == "%REQ(:AUTHORITY)%":
			value = site
		case strings.HasSuffix(operator, ":PATH)%"):
			value = h.request.RequestURI
		case operator == "%RESP(CONTENT-TYPE)%":
			value = h.kind
		case name == "REQ":
			value = h.header(strings.TrimSuffix(argument, ")"))
		default:
			t.Fatalf("what does Envoy write for %s?", operator)
		}
		if value == "" {
			value = nil
		}
		object[key] = value
	}
	return marshal(t, object)
}

// traefikLine writes a line as Traefik does, with the headers that are kept.
func traefikLine(t *testing.T, keep map[string]string, h *hit) string {
	t.Helper()
	object := map[string]any{
		"ClientAddr": h.client + ":4711", "ClientHost": h.client, "ClientPort": "4711", "ClientUsername": "-", "DownstreamContentSize": 6,
		"DownstreamStatus": h.status, "Duration": 357313, "OriginStatus": h.status, "Overhead": 32644, "RequestAddr": site, "RequestHost": site, "RequestMethod": h.request.Method,
		"RequestPath": h.request.RequestURI, "RequestPort": "-", "RequestProtocol": "HTTP/1.1", "RequestScheme": "http", "RouterName": "app@file",
		"ServiceURL": map[string]any{"Scheme": "http", "Host": "app"}, "StartLocal": h.at.Format(time.RFC3339Nano), "StartUTC": h.at.UTC().Format(time.RFC3339Nano),
		"entryPointName": "web", "level": "info", "msg": "", "time": h.at.Format(time.RFC3339),
	}
	for name := range keep {
		if v := h.header(name); v != "" {
			object["request_"+name] = v
		}
		if name == "Content-Type" && h.kind != "" {
			object["downstream_Content-Type"], object["origin_Content-Type"] = h.kind, h.kind
		}
	}
	return marshal(t, object)
}

func marshal(t *testing.T, object map[string]any) string {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// w3cLine writes a line of a W3C extended log.
func w3cLine(fields []string, sep string, escape func(string) string, h *hit) string {
	path, query, _ := strings.Cut(h.request.RequestURI, "?")
	var values []string
	for _, f := range fields {
		value := map[string]string{
			"date": h.at.UTC().Format("2006-01-02"), "time": h.at.UTC().Format("15:04:05"), "c-ip": h.client, "cs-method": h.request.Method,
			"cs-uri-stem": path, "cs-uri-query": query, "sc-status": fmt.Sprint(h.status), "cs-host": site, "x-host-header": site,
			"sc(Content-Type)": h.kind, "sc-content-type": h.kind,
		}[f]
		if header, ok := strings.CutPrefix(f, "cs("); ok && f != "cs(Host)" {
			value = h.header(strings.TrimSuffix(header, ")"))
		}
		if !strings.HasPrefix(f, "cs-uri") {
			value = escape(value) // URLs have their own escapes
		}
		values = append(values, dash(value))
	}
	return strings.Join(values, sep)
}

// albLine writes a line as an ALB does.
func albLine(h *hit) string {
	return fmt.Sprintf(`http %s app/lb/4 %s:2817 10.0.0.1:80 0.000 0.001 0.000 %d %d 34 366 "%s http://%s:80%s HTTP/1.1" "%s" - - arn:aws:x "Root=1-5" "-" "-" 0 %[1]s "forward" "-" "-" "10.0.0.1:80" "%[3]d" "-" "-" TID_1`,
		h.at.UTC().Format("2006-01-02T15:04:05.000000Z"), h.client, h.status, h.status, h.request.Method, site, h.request.RequestURI,
		strings.NewReplacer(`\`, `\x5C`, `"`, `\x22`).Replace(h.header("User-Agent")))
}

// dig returns the map of strings at the keys of a YAML text, through lists.
func dig(t *testing.T, text string, keys ...string) map[string]string {
	t.Helper()
	var at any
	if err := yaml.Unmarshal([]byte(text), &at); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if list, ok := at.([]any); ok {
			at = list[0]
		}
		at = at.(map[string]any)[key]
	}
	found := map[string]string{}
	for key, value := range at.(map[string]any) {
		found[key] = value.(string)
	}
	return found
}

// quoted returns the string that a log_format's pieces make.
func quoted(text string) string {
	var b strings.Builder
	for _, piece := range regexp.MustCompile(`'([^']*)'`).FindAllStringSubmatch(text, -1) {
		b.WriteString(piece[1])
	}
	return b.String()
}

// withoutMetadata is what can be counted without Sec-Fetch-* and Sec-Purpose: a hidden
// link is a page that nobody types, and what was fetched ahead a landing of somebody
// who asked for data in its turn.
func withoutMetadata(more float64) map[string]float64 {
	w := maps.Clone(want)
	w["lines"] += more
	if more > 0 {
		w["error not_access"] = more
	}
	delete(w, "visit dark_social other link desktop")
	delete(w, "kind prefetch")
	w["kind landing"]++
	w["visit dark_social other deep_link desktop"] = 2
	return w
}

// TestWritten holds the pages of proxies that do not run here against lines as those
// write them, by the pages' own definitions.
func TestWritten(t *testing.T) {
	all := hits(t)
	heads := func(n float64) map[string]float64 {
		w := maps.Clone(want)
		w["lines"] += n
		w["error not_access"] = n
		return w
	}
	plus := strings.NewReplacer(" ", "+").Replace
	tests := []struct {
		page, way, log string
		lines          func(page map[string]string) (head string, line func(*hit) string)
		want           map[string]float64
	}{
		{"envoy", "file", "/var/log/envoy/access.log", func(page map[string]string) (string, func(*hit) string) {
			format := dig(t, page["envoy file"], "access_log", "typed_config", "log_format", "json_format")
			return "", func(h *hit) string { return envoyLine(t, format, h) }
		}, want},
		{"traefik", "file", "/var/log/traefik/access.log", func(page map[string]string) (string, func(*hit) string) {
			keep := dig(t, page["traefik file"], "accessLog", "fields", "headers", "names")
			return "", func(h *hit) string { return traefikLine(t, keep, h) }
		}, want},
		{"nginx-ingress", "file", "/var/log/pods/ingress-nginx_ingress-nginx-controller-*/controller/*.log", func(page map[string]string) (string, func(*hit) string) {
			format := dig(t, page["yaml configmap"], "data")["log-format-upstream"]
			return "", func(h *hit) string { return h.at.Format(time.RFC3339Nano) + " stdout F " + nginxLine(format, h) }
		}, want},
		{"nginx-proxy-manager", "file", "/data/logs/darkshare_access.log", func(page map[string]string) (string, func(*hit) string) {
			return "", func(h *hit) string { return nginxLine(quoted(page["nginx log"]), h) }
		}, want},
		{"nginx-proxy-manager", "own", "/data/logs/proxy-host-*_access.log", func(map[string]string) (string, func(*hit) string) {
			const format = `[$time_local] $upstream_cache_status $upstream_status $status - $request_method $scheme $host "$request_uri" [Client $remote_addr] ` +
				`[Length $body_bytes_sent] [Gzip $gzip_ratio] [Sent-to $server] "$http_user_agent" "$http_referer"`
			return "", func(h *hit) string { return nginxLine(format, h) }
		}, func() map[string]float64 {
			w := withoutMetadata(0)
			w["kind api"], w["kind internal"] = 1, 2 // nor does it say what the response was
			return w
		}()},
		{"iis", "file", "/logs/W3SVC1/u_ex*.log", func(page map[string]string) (string, func(*hit) string) {
			fields := strings.Fields("date time cs-method cs-uri-stem cs-uri-query c-ip cs(User-Agent) cs(Referer) cs-host sc-status")
			for _, m := range regexp.MustCompile(`logFieldName="([^"]*)"`).FindAllStringSubmatch(page["xml file"], -1) {
				fields = append(fields, m[1])
			}
			head := "#Software: Microsoft Internet Information Services 10.0\r\n#Version: 1.0\r\n#Date: 2026-11-22 00:00:00\r\n#Fields: " + strings.Join(fields, " ") + "\r\n"
			return head, func(h *hit) string { return w3cLine(fields, " ", plus, h) + "\r" }
		}, heads(4)},
		{"cloudfront", "file", "/var/lib/darkshare/cloudfront/*.log", func(page map[string]string) (string, func(*hit) string) {
			fields := strings.Fields("date time c-ip cs-method cs-uri-stem cs-uri-query sc-status cs(Referer) cs(User-Agent) x-host-header x-edge-result-type sc-content-type x-forwarded-for")
			escape := strings.NewReplacer("%", "%25", " ", "%20", `"`, "%22", `\`, "%5C").Replace
			return "#Version: 1.0\n#Fields: " + strings.Join(fields, " ") + "\n", func(h *hit) string { return w3cLine(fields, "\t", escape, h) }
		}, withoutMetadata(2)},
		{"aws-alb", "file", "/var/lib/darkshare/alb/*.log", func(map[string]string) (string, func(*hit) string) { return "", albLine }, nil},
	}
	for _, c := range tests {
		t.Run(c.page+"/"+c.way, func(t *testing.T) {
			t.Parallel()
			page, dir := blocks(t, c.page), t.TempDir()
			log := filepath.Join(dir, "written.log")
			config := page["yaml "+c.way]
			if !strings.Contains(config, c.log) {
				t.Fatalf("%s.md does not name %s", c.page, c.log)
			}
			write(t, log, "")
			d := serve(t, nil, "--config", write(t, filepath.Join(dir, "darkshare.yaml"), strings.ReplaceAll(config, c.log, log)))
			head, line := c.lines(page)
			var b strings.Builder
			b.WriteString(head)
			for i := range all {
				b.WriteString(line(&all[i]) + "\n")
			}
			if err := os.WriteFile(log, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
			lines := float64(strings.Count(b.String(), "\n"))
			await(t, fmt.Sprint(lines, " lines"), func() bool { return d.counts()["lines"] >= lines })
			got := d.counts()
			if c.want == nil {
				// No referrers: nothing but that each line is a request can be asked.
				for key := range got {
					if strings.HasPrefix(key, "error ") {
						t.Errorf("%s: %v", key, got[key])
					}
				}
				if got["kind preview"] != 1 || got["kind bot"] != 1 || got["kind error"] != 1 || got["kind redirect"] != 1 {
					t.Errorf("%v", got)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +counted)\n%s", diff)
			}
		})
	}
}
