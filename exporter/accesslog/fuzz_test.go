package accesslog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/darkshare/darkshare/exporter/schema"
)

// reference parses the format combined as slowly and as plainly as it can be
// done. It returns what show and the reason give.
func reference(line string) string {
	if len(line) > MaxLine {
		return "too_long"
	}
	line = strings.TrimSuffix(line, "\r")
	if len(bytes.TrimSpace([]byte(line))) == 0 {
		return "empty"
	}
	m := referenceLine.FindStringSubmatch(line)
	if m == nil {
		return "format"
	}
	client, head, request, status, referer, agent := m[1], m[2], m[3], m[4], m[6], m[7]
	head, ok := strings.CutSuffix(head, "] ")
	i := strings.LastIndex(head, " [")
	if !ok || i < 0 {
		return "format"
	}
	var r Request
	when, err := time.Parse("02/Jan/2006:15:04:05 -0700", strings.ReplaceAll(referenceUnescape(head[i+2:]), ":60 ", ":59 "))
	text := referenceUnescape(head[i+2:])
	// time.Parse takes zones of 24 hours and 60 minutes.
	timed := err == nil && len(text) == 26 && text[22:24] <= "23" && text[24:26] <= "59"
	if timed {
		r.Time = when.UnixNano()
		if strings.Contains(head[i+2:], ":60 ") {
			r.Time += int64(time.Second)
		}
	}
	if c := referenceValue(client); c != "" {
		r.Client = []byte(c)
	}
	if s := referenceValue(status); s != "" {
		n, err := strconv.ParseUint(s, 10, 16)
		if r.Status = int(n); s == "009" || s == "-1" {
			r.Status, err, n = 0, nil, 0
		}
		if err != nil || s[0] == '+' || len(s) > 3 || n != 0 && s != "009" && n < 100 {
			return "status"
		}
	}
	if method, rest, ok := strings.Cut(referenceValue(request), " "); ok && referenceToken.MatchString(method) {
		target := rest
		if i := strings.LastIndex(rest, " HTTP/"); i >= 0 {
			target = rest[:i]
		} else if strings.HasPrefix(rest, "HTTP/") || !strings.HasPrefix(rest, "/") && rest != "*" && !strings.Contains(rest, "://") {
			target = ""
		}
		if target != "" {
			r.Method, r.Target = []byte(method), []byte(target)
		}
	}
	r.Referer, r.UserAgent = []byte(referenceValue(referer)), []byte(referenceValue(agent))
	if !timed || r.Time <= 0 || when.Year() > 2261 || when.Year() < 1970 {
		return "time"
	}
	return show(&r)
}

var (
	referenceLine   = regexp.MustCompile(`(?s)^([^ ]*) - ((?:[^"\\]|\\.)*)"((?:[^"\\]|\\.)*)" ([^ ]*) ([^ ]*) "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"$`)
	referenceToken  = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
	referenceEscape = regexp.MustCompile(`(?s)\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\.`)
)

func referenceValue(s string) string {
	if s = referenceUnescape(s); s == "-" {
		return ""
	}
	return s
}

func referenceUnescape(s string) string {
	return referenceEscape.ReplaceAllStringFunc(s, func(e string) string {
		if e[1] == 'x' && len(e) == 4 {
			n, _ := strconv.ParseUint(e[2:], 16, 8)
			return string([]byte{byte(n)})
		}
		if e[1] == 'u' && len(e) > 2 {
			var out string
			if err := json.Unmarshal([]byte(`"`+e+`"`), &out); err != nil {
				panic(err)
			}
			return out
		}
		if i := strings.IndexByte(`"\/nrtbfva`, e[1]); i >= 0 {
			return "\"\\/\n\r\t\b\f\v\a"[i : i+1]
		}
		return e
	})
}

func FuzzParseCombined(f *testing.F) {
	for _, r := range benchRecords(8) {
		f.Add(r.combined())
	}
	for _, s := range []string{
		`1.2.3.4 - x [y] ` + at + ` "\x16\x03" 400 1 "a\"b" "\\"`, `::1 -  [-] "-" 000 - "" ""`, `1 - a ` + at + ` "GET /a b HTTP/1.1 HTTP/2" 009 1 "\u00e9\ud83d\ude00" "\q"` + "\r",
		`1 - - [14/Nov/2023:09:05:60 +0100] "GET HTTP/1.1" 200 1 "a" "b"`,
	} {
		f.Add(s)
	}
	format, err := Compile("combined")
	if err != nil {
		f.Fatal(err)
	}
	p := format.NewParser()
	f.Fuzz(func(t *testing.T, line string) {
		var r Request
		reason := p.Parse([]byte(line), &r)
		got, want := reason.String(), reference(line)
		if reason == schema.ReasonNone {
			got = show(&r)
		}
		if reason == schema.ReasonNotAccess {
			got = "format" // the proxy's own message: not a record in either case
		}
		if got != want {
			t.Errorf("%q\n got %s\nwant %s", line, got, want)
		}
	})
}

func FuzzCompile(f *testing.F) {
	for _, k := range knownText {
		f.Add(k.definition, `1.2.3.4 - - `+at+` "GET / HTTP/1.1" 200 1 "-" "-"`)
	}
	f.Add("capture request header Host len 9\ncapture request header Referer len 9\noption httplog", `1.2.3.4:5 [14/Nov/2023:09:05:12.345] a b/c 0/0/0/0/0 200 1 - - ---- 1/1/1/1/0 0/0 {a.b|x#22y} "GET / HTTP/1.1"`)
	f.Add(`log-format '{"t":%Ts,"u":"%[capture.req.hdr(0),json(utf8s)]","r":%{+Q,+E}r,"s":%ST}'`, `{"t":1,"u":"","r":"GET /","s":200}`)
	f.Add(`[%START_TIME(%Y-%m-%dT%H:%M:%S)%] %REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH):20% "%RESP(CONTENT-TYPE)%"`, `[2023-11-14T09:05:12] GET /a "text/html"`)
	f.Add(`{"a":{"b":"%REQ(USER-AGENT)%"},"s":"%RESPONSE_CODE%","m":"%REQ(:METHOD)%"}`, `{"a":{"b":"x"},"s":200,"m":"GET"}`)
	f.Add("#Fields: date time c-ip cs-method cs-uri-stem cs-uri-query sc-status cs(User-Agent) x-edge-location", "2023-11-14 09:05:12 1.2.3.4 GET /a b=c 200 a%20b X")
	f.Add(`accesslog.format = "%h %V %t \"%r\" %>s"`, "1.2.3.4 a.b "+at+` "GET / HTTP/1.1" 200`)
	for _, s := range []string{`log_format a escape=none '$host|$uri' '$args' # x` + "\n;", `LogFormat "%{%d/%b/%Y %T}t.%{msec_frac}t \"%!200{Referer}i\"" x`, `$msec|$host|$uri|$http_user_agent`, `{"a":"$host"}`, "%h\\t%{a}^ti%%", `${host}$request_uri`} {
		f.Add(s, `a|b|c|d`)
	}
	f.Fuzz(func(t *testing.T, definition, line string) {
		format, err := Compile(definition)
		if err != nil {
			return
		}
		if again, err := Compile(format.Definition()); err != nil || again.Fields() != format.Fields() {
			t.Errorf("%q compiles to %q, which compiles to something else: %v", definition, format.Definition(), err)
		}
		for _, recommended := range format.Recommend() {
			if format.proxies&(proxyCaddy|proxyTraefik|proxyIIS) != 0 {
				continue // lines of a configuration, not a definition
			}
			if _, err := Compile(recommended); err != nil {
				t.Errorf("%q: the recommendation %q: %v", definition, recommended, err)
			}
		}
		var r Request
		p := format.NewParser()
		if p.Parse([]byte(line), &r) != schema.ReasonNone {
			return
		}
		if extra := fieldsOf(&r) &^ format.Fields(); extra != 0 {
			t.Errorf("%q has %s and gives %s", definition, format.Fields(), extra)
		}
	})
}

// fieldsOf returns the fields that a request has.
func fieldsOf(r *Request) (f Fields) {
	if r.Time != 0 {
		f |= FieldTime
	}
	if r.Status != 0 {
		f |= FieldStatus
	}
	for i, v := range [][]byte{r.Client, r.ForwardedFor, r.Method, r.Target, r.Host, r.Referer, r.UserAgent, r.ContentType,
		r.SecFetchSite, r.SecFetchMode, r.SecFetchDest, r.SecFetchUser, r.Purpose, r.RequestedWith} {
		if len(v) > 0 {
			f |= FieldClient << i
		}
	}
	return f
}

// jsonReference flattens an object by encoding/json, as the scanner should see it:
// the last value of a path, an array's first element, numbers as they are written.
type jsonReference struct {
	dec    *json.Decoder
	values map[string]string
	deep   int
}

func (j *jsonReference) value(path string, depth int, keep bool) {
	j.deep = max(j.deep, depth)
	token, err := j.dec.Token()
	if err != nil {
		panic(err) // the text is valid
	}
	set := func(v string) {
		if keep {
			j.values[path] = v
		}
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			for j.dec.More() {
				name, err := j.dec.Token()
				if err != nil {
					panic(err)
				}
				j.value(fmt.Sprintf("%s/%q", path, name), depth+1, keep || path == "")
			}
		} else {
			set("")
			for first := true; j.dec.More(); first = false {
				var raw json.RawMessage
				if err := j.dec.Decode(&raw); err != nil {
					panic(err)
				}
				inner := &jsonReference{dec: json.NewDecoder(bytes.NewReader(raw)), values: map[string]string{}}
				inner.dec.UseNumber()
				inner.value("x", depth+1, true)
				j.deep = max(j.deep, inner.deep)
				if first && raw[0] != '[' && raw[0] != '{' {
					set(inner.values["x"])
				}
			}
		}
		if _, err := j.dec.Token(); err != nil {
			panic(err)
		}
	case string:
		set(token)
	case json.Number:
		set(token.String())
	default:
		set("")
	}
}

func FuzzParseJSON(f *testing.F) {
	for _, r := range benchRecords(4) {
		f.Add(r.nginxJSON())
		f.Add(r.caddy())
	}
	for _, s := range []string{
		`{"req":{"headers":{"ua":["a","b"]},"ref":null},"h":1.5e3,"req":{"ref":"\ud83d\ude00\u0000\/"}}`,
		`{"req":{"headers":{"ua":[["a"],[]]},"ref":[{}]},"h":[true]}`, `{"h":"a","h":{},"h":"-"}`, `[]`, `{"h":"\x22"}`,
		`{"a":[{"req":1}],"req":{"headers":{"ua":"\\"}}}`,
	} {
		f.Add(s)
	}
	format, err := CompileOptions("json", Options{JSON: map[string]string{"user_agent": "req.headers.ua", "referer": "req.ref", "host": "h"}})
	if err != nil {
		f.Fatal(err)
	}
	p := format.NewParser()
	f.Fuzz(func(t *testing.T, line string) {
		var r Request
		reason := p.Parse([]byte(line), &r)
		trimmed := strings.TrimLeft(line, " \t\r\n")
		if !json.Valid([]byte(line)) || !utf8.ValidString(line) || len(line) > MaxLine || !strings.HasPrefix(trimmed, "{") {
			return // what is let pass that JSON forbids, TestCaddy and TestJSON say
		}
		ref := &jsonReference{dec: json.NewDecoder(strings.NewReader(line)), values: map[string]string{}}
		ref.dec.UseNumber()
		ref.value("", 0, false)
		if ref.deep > maxDepth-1 {
			return
		}
		if reason == schema.ReasonJSON {
			t.Fatalf("%q is JSON and was refused", line)
		}
		for _, c := range []struct {
			path string
			got  []byte
		}{{`/"req"/"headers"/"ua"`, r.UserAgent}, {`/"req"/"ref"`, r.Referer}, {`/"h"`, r.Host}} {
			want := ref.values[c.path]
			if want == "-" {
				want = ""
			}
			if reason == schema.ReasonNone && string(c.got) != want {
				t.Errorf("%q: %s is %q, want %q", line, c.path, c.got, want)
			}
		}
	})
}

func FuzzDetect(f *testing.F) {
	for _, r := range benchRecords(2) {
		for _, s := range []string{r.combined(), r.vhost(), r.caddy(), r.nginxJSON(), r.combined() + ` "-"`} {
			f.Add([]byte(s + "\nbroken\n" + s + "\r\n"))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		lines := bytes.Split(data, []byte("\n"))
		format, err := Detect(lines)
		if !bytes.Equal(data, before) {
			t.Error("the lines were changed")
		}
		if err != nil {
			return
		}
		var r Request
		p := format.NewParser()
		for _, line := range lines {
			if p.Parse(line, &r) == schema.ReasonNone {
				return
			}
		}
		t.Errorf("%s was told from %q, none of which it reads", format.Name(), before)
	})
}
