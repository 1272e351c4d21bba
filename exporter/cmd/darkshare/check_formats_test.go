package main

import (
	"strings"
	"testing"
)

// TestCheckProxies: check tells the logs of other proxies, and says in the proxy's own
// words what to log.
func TestCheckProxies(t *testing.T) {
	const (
		haproxy = `192.0.2.1:33862 [14/Nov/2023:09:05:12.456] web~ app/s1 0/0/0/12/13 200 72 - - ---- 1/1/0/0/0 0/0 "GET / HTTP/1.1"` + "\n"
		iis     = "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time cs-method cs-uri-stem sc-status c-ip\n2023-11-14 08:05:12 GET / 200 192.0.2.1\n"
	)
	for _, c := range []struct {
		log  string
		args []string
		want []string
	}{
		{haproxy, nil, []string{"format    haproxy (told from the lines)", "add capture request header Referer len 1024", "\n    capture request header Referer len 1024\n", "\n    option httplog\n"}},
		{"Nov 22 05:32:00 lb1 haproxy[1]: " + haproxy, nil, []string{"format    haproxy (told from the lines)", "1 of the first 1 are access records"}},
		{haproxy, []string{"--format", "haproxy {Host|Referer}"}, []string{"format    haproxy (as configured)", "fields    time status client method target host referer\n", "\n    capture request header Host len 512\n"}},
		{iis, nil, []string{"format    w3c (told from the lines)", "fields    time status client method target\n", "1 of the first 3 are access records", `add <add logFieldName="cs(Sec-Fetch-Site)"`}},
		// What the log says of its fields is above what its name stands for.
		{iis, []string{"--format", "iis"}, []string{"(as configured)", "fields    time status client method target\n", "1 of the first 3 are access records"}},
	} {
		got := must(t, append([]string{"check", "--log", write(t, "access.log", []byte(c.log)), "--site", "a.example"}, c.args...)...)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%q\n%v: nothing of %q in\n%s", c.log, c.args, want, got)
			}
		}
	}
}
