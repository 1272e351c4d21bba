package accesslog

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

// A wire is what a client sends, and what must be read of it in the log. Real
// proxies write the log: how they escape is what they do, not what we believe.
type wire struct {
	raw                          string
	status                       int // 0: any
	method, target, agent, refer string
}

func hostileWires() []wire {
	get := func(target string, headers ...string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n" + strings.Join(headers, "") + "\r\n"
	}
	agents := []string{
		"curl/8", `a "b" c`, `a\b`, `back\`, `quote"`, `\"`, `" 200 1 "-" "evil`, "tab\there", "é", "\xff\xfe", "😀", `\x22`, `\u0022`, `{"a":1}`,
		"'", "$host", "%h", "a|b;c,d", strings.Repeat("x", 3000),
	}
	wires := []wire{
		{raw: get("/"), status: 200, method: "GET", target: "/"},
		{raw: get("/?utm_source=a%20b&c=%22"), status: 200, method: "GET", target: "/?utm_source=a%20b&c=%22"},
		{raw: get("/nothing\"here\\"), method: "GET", target: "/nothing\"here\\"},
		{raw: get("/no\xc3\xa9"), method: "GET", target: "/no\xc3\xa9"},
		{raw: get("http://a.example/"), status: 200, method: "GET", target: "http://a.example/"},
		{raw: "HEAD / HTTP/1.0\r\n\r\n", status: 200, method: "HEAD", target: "/"},
		{raw: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\"\\ \r\n\r\n", status: 400},
		{raw: "hello\r\n\r\n", status: 400},
	}
	for _, a := range agents {
		wires = append(wires, wire{raw: get("/", "User-Agent: "+a+"\r\nReferer: https://t.co/"+a+"\r\n"), method: "GET", target: "/", agent: a, refer: "https://t.co/" + a})
	}
	return wires
}

// send writes raw bytes to a server and reads until it closes the connection.
func send(t *testing.T, addr, raw string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, conn) // a reset is an answer too
}

// start runs a server in the foreground until the test ends, and waits until it
// listens.
func start(t *testing.T, addr, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Skipf("%s does not start: %v", name, err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait()
	})
	for range 200 {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	cancel()
	cmd.Wait()
	t.Skipf("%s does not listen: %s", name, out.String())
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skipf("no loopback: %v", err)
	}
	defer l.Close()
	return l.Addr().String()
}

func executable(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range []string{"", "/usr/sbin/", "/usr/local/sbin/"} {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// waitLines reads a log once it has n lines, and no more than these.
func waitLines(t *testing.T, path string, n int) [][]byte {
	t.Helper()
	lines := waitAtLeast(t, path, n)
	if len(lines) != n {
		t.Fatalf("%s has %d lines, want %d", path, len(lines), n)
	}
	return lines
}

func waitAtLeast(t *testing.T, path string, n int) [][]byte {
	t.Helper()
	var lines [][]byte
	for range 200 {
		data, _ := os.ReadFile(path)
		lines = bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
		if len(lines) >= n && len(data) > 0 {
			break
		}
		time.Sleep(25 * time.Millisecond)
	}
	return lines
}

// checkLog compares a log with what was sent.
func checkLog(t *testing.T, f *Format, lines [][]byte, wires []wire) {
	t.Helper()
	p := f.NewParser()
	var r Request
	for i, w := range wires {
		line := string(lines[i])
		if reason := p.Parse(lines[i], &r); reason != schema.ReasonNone {
			if p, ok := f.reader.(*program); ok && p.raw && strings.Count(line, `"`) > 0 && strings.Contains(w.raw, `"`) {
				continue // escape=none: refused rather than guessed
			}
			t.Errorf("%s\n%s", line, reason)
			continue
		}
		if age := time.Since(time.Unix(0, r.Time)); age < -2*time.Second || age > time.Minute || string(r.Client) != "127.0.0.1" {
			t.Errorf("%s\n got %s", line, show(&r))
		}
		if w.status != 0 && r.Status != w.status || string(r.Method) != w.method || string(r.Target) != w.target ||
			string(r.UserAgent) != w.agent || string(r.Referer) != w.refer {
			t.Errorf("%s\n got %s\nwant %+v", line, show(&r), w)
		}
	}
}

func TestNginx(t *testing.T) {
	nginx := executable(t, "nginx")
	dir, addr := t.TempDir(), freeAddr(t)
	const text = `'$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'`
	formats := []string{
		`log_format f0 ` + text + `;`,
		`log_format f1 escape=json ` + text + `;`,
		`log_format f2 escape=none ` + text + `;`,
		`log_format f3 escape=json '{"t":"$time_iso8601","c":"$remote_addr","r":"$request","s":$status,"f":"$http_referer","a":"$http_user_agent"}';`,
		`log_format f4 '{"t":"$msec","c":"$remote_addr","r":"$request","s":$status,"f":"$http_referer","a":"$http_user_agent"}';`,
		"log_format f5 '$remote_addr\t$msec\t$request\t$status\t$http_referer\t$http_user_agent';",
		`log_format f6 "$remote_addr \"$http_user_agent\" \"$http_referer\" $upstream_addr $connection:$connection_requests [$time_local] \"$request\" $status";`,
	}
	var logs strings.Builder
	for i := range formats {
		fmt.Fprintf(&logs, "access_log %s/f%d.log f%d;\n", dir, i, i)
	}
	config := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;
events {}
http {
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	large_client_header_buffers 8 32k;
	%[2]s
	%[3]s
	server { listen %[4]s; location / { return 404 x; } location = / { return 200 x; } }
}`, dir, strings.Join(formats, "\n"), logs.String(), addr)
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, addr, nginx, "-p", dir, "-c", path, "-e", filepath.Join(dir, "error.log"))

	users := []string{"bob", "bob the builder", "x [y", `x [01/Jan/2000:00:00:00 +0000] "GET /evil HTTP/1.1" 200 1 "-" "evil`}
	wires := hostileWires()
	for _, u := range users {
		auth := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(u+":p")) + "\r\n"
		wires = append(wires, wire{raw: "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n" + auth + "\r\n", status: 200, method: "GET", target: "/"})
		if strings.Contains(u, `"`) {
			wires[len(wires)-1].raw = strings.Replace(wires[len(wires)-1].raw, "a.example", `a"example`, 1) // marks it for escape=none
			wires[len(wires)-1].status = 0
		}
	}
	for _, w := range wires {
		send(t, addr, w.raw)
	}
	for i, format := range formats {
		t.Run(format, func(t *testing.T) {
			// The connection that start made sent nothing, and nginx logs nothing of it.
			checkLog(t, compile(t, format), waitLines(t, filepath.Join(dir, fmt.Sprintf("f%d.log", i)), len(wires)), wires)
		})
	}
	t.Run("detected", func(t *testing.T) {
		lines := waitLines(t, filepath.Join(dir, "f0.log"), len(wires))
		f, err := Detect(lines)
		if err != nil || f.Name() != "combined" {
			t.Fatalf("%v %v", f, err)
		}
		checkLog(t, f, lines, wires)
	})
}

func TestApache(t *testing.T) {
	apache := executable(t, "apache2")
	modules := "/usr/lib/apache2/modules"
	if _, err := os.Stat(filepath.Join(modules, "mod_mpm_prefork.so")); err != nil {
		t.Skipf("Apache's modules are not where Debian has them: %v", err)
	}
	dir, addr := t.TempDir(), freeAddr(t)
	formats := []string{
		`LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" f0`,
		`LogFormat "%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" f1`,
		`LogFormat "%a\t%{usec}t\t%r\t%s\t%{Referer}i\t%{User-agent}i" f2`,
		`LogFormat "\"%{User-Agent}i\" \"%{Referer}i\" %{%d/%b/%Y %T}t.%{msec_frac}t %{%z}t %a \"%r\" %D %X %>s" f3`,
	}
	var logs strings.Builder
	for i := range formats {
		fmt.Fprintf(&logs, "CustomLog %s/f%d.log f%d\n", dir, i, i)
	}
	config := fmt.Sprintf(`ServerRoot %[1]s
ServerName a.example
PidFile %[1]s/pid
ErrorLog %[1]s/error.log
DefaultRuntimeDir %[1]s
Mutex pthread
LoadModule mpm_prefork_module %[2]s/mod_mpm_prefork.so
Listen %[3]s
DocumentRoot %[1]s/www
%[4]s
%[5]s
`, dir, modules, addr, strings.Join(formats, "\n"), logs.String())
	if os.Geteuid() == 0 {
		config += "User www-data\nGroup www-data\n"
	}
	path := filepath.Join(dir, "apache.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "www"), 0o755); err != nil {
		t.Fatal(err)
	}
	start(t, addr, apache, "-X", "-f", path)

	// What it answers is not the matter here: there is no file to serve, and it
	// refuses more than nginx does.
	var wires []wire
	for _, w := range hostileWires() {
		w.status = 0
		wires = append(wires, w)
	}
	for _, w := range wires {
		send(t, addr, w.raw)
	}
	for i, format := range formats {
		t.Run(format, func(t *testing.T) {
			// Apache may log 408 for the connection of start, which sent nothing.
			var lines [][]byte
			for _, line := range waitAtLeast(t, filepath.Join(dir, fmt.Sprintf("f%d.log", i)), len(wires)) {
				if !bytes.Contains(line, []byte(" 408 ")) && !bytes.Contains(line, []byte("\t408\t")) && !bytes.HasSuffix(line, []byte(" 408")) {
					lines = append(lines, line)
				}
			}
			if len(lines) != len(wires) {
				t.Fatalf("%d lines, want %d", len(lines), len(wires))
			}
			checkLog(t, compile(t, format), lines, wires)
		})
	}
}
