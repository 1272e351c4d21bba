package accesslog

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRealHAProxy holds the encoding of captures and requests against HAProxy's own.
func TestRealHAProxy(t *testing.T) {
	haproxy := executable(t, "haproxy")
	dir, addr := t.TempDir(), freeAddr(t)
	log := filepath.Join(dir, "log")
	const captures = "capture request header Referer len 8192\n  capture request header User-Agent len 8192\n  "
	for _, format := range []string{
		"option httplog",
		"option httplog clf",
		`log-format "%ci %trl %{+Q}r %ST %{+Q}hrl"`,
		`log-format '{"c":"%ci","t":"%trl","m":"%HM","u":"%HU","s":%ST,"f":"%[capture.req.hdr(0),json(utf8s)]","a":"%[capture.req.hdr(1),json(utf8s)]"}'`,
	} {
		t.Run(format, func(t *testing.T) {
			wires := hostileWires()
			if strings.Contains(format, "json") {
				// json(utf8s) drops what is not UTF-8, and a request line has no quotes to tell its end by.
				wires = append(wires[:2:2], wires[8:16]...)
			}
			path := filepath.Join(dir, "haproxy.cfg")
			config := fmt.Sprintf(`defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend web
  bind %s
  log stdout len 65535 format raw local0
  option dontlognull
  option accept-invalid-http-request
  %s%s
  http-request return status 200 content-type text/plain string x
`, addr, captures, format)
			if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(log, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			start(t, addr, "/bin/sh", "-c", "exec "+haproxy+" -db -f "+path+" >>"+log)
			for i, w := range wires {
				send(t, addr, w.raw)
				waitAtLeast(t, log, i+1) // its threads write in no order
			}
			lines := waitLines(t, log, len(wires))
			f := compile(t, captures+format)
			for i := range wires {
				wires[i].status = 0 // it refuses other requests than nginx does
				if bytes.Contains(lines[i], []byte("<BADREQ>")) {
					wires[i].method, wires[i].target, wires[i].agent, wires[i].refer = "", "", "", ""
				}
			}
			checkLog(t, f, lines, wires)
		})
	}
}

// TestRealLighttpd holds lighttpd's escapes against ours.
func TestRealLighttpd(t *testing.T) {
	lighttpd := executable(t, "lighttpd")
	dir, addr := t.TempDir(), freeAddr(t)
	log := filepath.Join(dir, "log")
	const format = `accesslog.format = "%h %V %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\""`
	_, port, _ := strings.Cut(addr, ":")
	path := filepath.Join(dir, "lighttpd.conf")
	config := fmt.Sprintf("server.modules = ( \"mod_accesslog\" )\nserver.bind = \"127.0.0.1\"\nserver.port = %s\nserver.document-root = %q\n"+
		"server.max-request-field-size = 65535\nserver.http-parseopts = ( \"header-strict\" => \"disable\", \"host-strict\" => \"disable\", \"url-normalize\" => \"disable\" )\n"+
		"accesslog.filename = %q\n%s\n", port, dir, log, format)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, addr, lighttpd, "-D", "-f", path)
	var wires []wire
	for _, w := range hostileWires() {
		if strings.HasPrefix(w.raw, "GET ") && !strings.Contains(w.raw, "http://a.example/") {
			w.status = 0
			wires = append(wires, w) // what it refuses it logs in several ways
		}
	}
	for _, w := range wires {
		send(t, addr, w.raw)
	}
	checkLog(t, compile(t, format), waitLines(t, log, len(wires)), wires)
}
