package accesslog

import (
	"strings"
	"testing"
)

func TestCompile(t *testing.T) {
	const combinedFields = "time status client method target referer user_agent"
	for _, c := range []struct {
		definition string
		options    Options
		name       string
		fields     string
	}{
		{"combined", Options{}, "combined", combinedFields},
		{" Combined ", Options{}, "combined", combinedFields},
		{"nginx", Options{}, "combined", combinedFields},
		{"apache", Options{}, "combined", combinedFields},
		{"common", Options{}, "common", "time status client method target"},
		{"main", Options{}, "nginx_main", "time status client forwarded_for method target referer user_agent"},
		{"combinedio", Options{}, "combinedio", combinedFields},
		{"vhost_common", Options{}, "vhost_common", "time status client method target host"},
		{"vhost_combined", Options{}, "vhost_combined", "time status client method target host referer user_agent"},
		{"combined", Options{JSON: map[string]string{}}, "combined", combinedFields},
		{"caddy", Options{}, "caddy", strings.Join(fieldNames[:], " ")},
		{"json", Options{}, "json", strings.Join(fieldNames[:], " ")},
		{"nginx_json", Options{}, "json", strings.Join(fieldNames[:], " ")},
		{"", Options{JSON: map[string]string{"host": "h"}}, "json", strings.Join(fieldNames[:], " ")},
		{"$remote_addr $status", Options{}, "nginx", "status client"},
		{"$http_cookie $cookie_a $arg_b $sent_http_etag", Options{}, "nginx", ""},
		{"%h %>s", Options{}, "apache", "status client"},
		{"LogFormat\t\"%h \\\n %>s\" x", Options{}, "apache", "status client"},
		{"%{%Y}t %{msec_frac}t", Options{}, "apache", ""}, // a year is no time
	} {
		f, err := CompileOptions(c.definition, c.options)
		if err != nil {
			t.Errorf("%s: %v", c.definition, err)
			continue
		}
		if f.Name() != c.name || f.Fields().String() != c.fields {
			t.Errorf("%s: got %s with %s, want %s with %s", c.definition, f.Name(), f.Fields(), c.name, c.fields)
		}
		again, err := CompileOptions(f.Definition(), c.options)
		if err != nil || again.Fields() != f.Fields() || again.Definition() != f.Definition() {
			t.Errorf("%s: its definition %s gives another format: %v", c.definition, f.Definition(), err)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	for _, c := range []struct {
		definition string
		options    Options
		want       string // what the error must speak of
	}{
		{"", Options{}, "empty"},
		{"combind", Options{}, "known are aws_alb, caddy, cloudfront, combined"},
		{"combined", Options{Escape: "yes"}, `escape is "yes"`},
		{"combined", Options{JSON: map[string]string{"host": "h"}}, "such as json and caddy"},
		{"json", Options{JSON: map[string]string{"hots": "h"}}, `no field "hots"; the fields are time, status`},
		{"json", Options{JSON: map[string]string{"host": "a..b"}}, "empty key"},
		{"json", Options{JSON: map[string]string{"host": "a", "referer": "a"}}, "that of host already"},
		{"$", Options{}, "no variable's name"},
		{"${host", Options{}, "has no }"},
		{"log_format main", Options{}, "needs a name and a string"},
		{"log_format main '$host", Options{}, "not closed"},
		{"log_format main escape=xml '$host';", Options{}, "escape=xml"},
		{"log_format main escape=json;", Options{}, "no variable"},
		{`LogFormat "%h`, Options{}, "not closed"},
		{`CustomLog access.log combined`, Options{}, "no format in quotes"},
		{"%h %", Options{}, "no directive"},
		{"%h %{Referer", Options{}, "has no }"},
		{"%h %Z", Options{}, "%Z is not known"},
		{"%h %{%Q}t", Options{}, "%Q is not supported"},
		{"%h %{X}^t", Options{}, "not complete"},
		{strings.Repeat("$host ", 300), Options{}, "more than 256"},
		{"$host" + strings.Repeat(" ", MaxLine) + "$host", Options{}, "longer than"},
	} {
		f, err := CompileOptions(c.definition, c.options)
		if err == nil {
			t.Errorf("%s: no error, but the format %s", clip(c.definition), f.Name())
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: the error is %q, which says nothing of %q", clip(c.definition), err, c.want)
		}
	}
}

func TestAdvise(t *testing.T) {
	for _, c := range []struct{ definition, add, recommend string }{
		{"caddy", "", ""},
		{`$remote_addr [$time_local] "$request" $status "$http_referer" "$http_user_agent" "$host" "$http_sec_fetch_site" "$http_sec_fetch_mode" "$http_sec_fetch_dest" "$sent_http_content_type" "$http_x_requested_with" "$http_sec_purpose"`,
			`"$http_x_forwarded_for"`,
			`log_format darkshare '$remote_addr [$time_local] "$request" $status "$http_referer" "$http_user_agent" "$host" "$http_sec_fetch_site" "$http_sec_fetch_mode" "$http_sec_fetch_dest" "$sent_http_content_type" "$http_x_requested_with" "$http_sec_purpose" "$http_x_forwarded_for"';`},
		{"combined", `"$host" (nginx), \"%V\" (Apache) | "$http_sec_fetch_site" (nginx), \"%{Sec-Fetch-Site}i\" (Apache) | "$http_sec_fetch_mode" (nginx), \"%{Sec-Fetch-Mode}i\" (Apache) | ` +
			`"$http_sec_fetch_dest" (nginx), \"%{Sec-Fetch-Dest}i\" (Apache) | "$sent_http_content_type" (nginx), \"%{Content-Type}o\" (Apache) | ` +
			`"$http_x_requested_with" (nginx), \"%{X-Requested-With}i\" (Apache) | "$http_sec_purpose" (nginx), \"%{Sec-Purpose}i\" (Apache) | ` +
			`"$http_x_forwarded_for" (nginx), \"%{X-Forwarded-For}i\" (Apache)`,
			`log_format darkshare '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$host" "$http_sec_fetch_site" "$http_sec_fetch_mode" "$http_sec_fetch_dest" "$sent_http_content_type" "$http_x_requested_with" "$http_sec_purpose" "$http_x_forwarded_for"';` + "\n" +
				`LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\" \"%V\" \"%{Sec-Fetch-Site}i\" \"%{Sec-Fetch-Mode}i\" \"%{Sec-Fetch-Dest}i\" \"%{Content-Type}o\" \"%{X-Requested-With}i\" \"%{Sec-Purpose}i\" \"%{X-Forwarded-For}i\"" darkshare`},
		{`log_format j escape=json '{"t":"$time_iso8601","r":"$request","s":$status,"c":"$remote_addr","h":"$host","f":"$http_x_forwarded_for","ua":"$http_user_agent","ref":"$http_referer","ct":"$sent_http_content_type","rw":"$http_x_requested_with","p":"$http_purpose","m":"$http_sec_fetch_mode","d":"$http_sec_fetch_dest"}';`,
			`"http_sec_fetch_site":"$http_sec_fetch_site"`,
			`log_format darkshare escape=json '{"t":"$time_iso8601","r":"$request","s":$status,"c":"$remote_addr","h":"$host","f":"$http_x_forwarded_for","ua":"$http_user_agent","ref":"$http_referer","ct":"$sent_http_content_type","rw":"$http_x_requested_with","p":"$http_purpose","m":"$http_sec_fetch_mode","d":"$http_sec_fetch_dest","http_sec_fetch_site":"$http_sec_fetch_site"}';`},
	} {
		f := compile(t, c.definition)
		var add []string
		for _, a := range f.Advise() {
			add = append(add, a.Add)
			if a.Cost == "" || f.Fields().Has(a.Field) {
				t.Errorf("%s: advice %+v", c.definition, a)
			}
		}
		if got := strings.Join(add, " | "); got != c.add {
			t.Errorf("%s: add\n got %s\nwant %s", c.definition, got, c.add)
		}
		if got := strings.Join(f.Recommend(), "\n"); got != c.recommend {
			t.Errorf("%s: recommend\n got %s\nwant %s", c.definition, got, c.recommend)
		}
	}
}

// TestRecommendIsEnough: whoever follows the advice gets no more of it.
func TestRecommendIsEnough(t *testing.T) {
	for _, definition := range []string{
		"combined", "common", "nginx_main", "combined_extra", "combinedio", "vhost_common", "vhost_combined", "$status", "%s",
		`%t "%{X}i" \"%{Referer}i\"`, `log_format a escape=none '$status it''s "$host"';`, `{"s":$status}`, `log_format a '{"x":"$x"}';`, "'{}' '$host\t'",
	} {
		for _, line := range compile(t, definition).Recommend() {
			f, err := Compile(line)
			if err != nil {
				t.Errorf("%s: %s: %v", definition, line, err)
				continue
			}
			if left := f.Advise(); len(left) > 0 {
				t.Errorf("%s: %s still lacks %v", definition, line, left)
			}
		}
	}
}
