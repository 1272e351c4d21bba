package e2e

import (
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A setting is what a proxy is started in.
type setting struct {
	t       *testing.T
	dir     string
	listen  string                   // the proxy's address
	backend string                   // the application's
	block   func(name string) string // the block of the proxy's page, with this setting's paths and ports
	stdout  io.Writer                // where its standard output goes; nil where it goes nowhere
}

// A proxy is one that runs here, with its page and the paths in it.
type proxy struct {
	page  string
	start func(s *setting)
	logs  string   // the file that the page names
	ways  []string // the names of the blocks
}

var proxies = []proxy{
	{"nginx", nginx, "/var/log/nginx/access.log", []string{"file", "syslog", "stdout"}},
	{"apache", apache, "/var/log/apache2/access.log", []string{"file", "syslog", "stdout"}},
	{"haproxy", haproxy, "/var/log/haproxy.log", []string{"syslog", "tcp", "stdout", "file"}},
	{"caddy", caddy, "/var/log/caddy/access.log", []string{"file", "syslog", "stdout"}},
	{"varnish", varnish, "/var/log/varnish/varnishncsa.log", []string{"file", "syslog", "stdout"}},
	{"lighttpd", lighttpd, "/var/log/lighttpd/access.log", []string{"file", "syslog", "stdout"}},
}

// TestProxies: the same requests give the same counts through every proxy, by every way
// that its page tells of.
func TestProxies(t *testing.T) {
	backend := upstream(t)
	for _, p := range proxies {
		page := blocks(t, p.page)
		for _, way := range p.ways {
			t.Run(p.page+"/"+way, func(t *testing.T) {
				t.Parallel()
				through(t, p, way, page, backend)
			})
		}
	}
}

func through(t *testing.T, p proxy, way string, page map[string]string, backend string) {
	dir, err := os.MkdirTemp("/tmp", "e2e") // short: sockets have a path in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	_ = os.Chmod(dir, 0o755)
	logs := filepath.Join(dir, "logs")
	if err := os.Mkdir(logs, 0o777); err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(logs, 0o777)
	log, syslog := filepath.Join(logs, "access.log"), free(t)
	_, port, _ := strings.Cut(syslog, ":")
	// A log that is there already, as mostly, is followed sooner than one that is to come.
	write(t, log, "")
	_ = os.Chmod(log, 0o666)
	here := strings.NewReplacer(p.logs, log, "127.0.0.1:5140", syslog, "--port 5140", "--port "+port)
	s := &setting{t: t, dir: dir, listen: free(t), backend: backend, block: func(name string) string { return here.Replace(page[name]) }}

	var d *darkshare
	args := []string{"--log", "-"}
	if config := s.block("yaml " + way); config != "" {
		args = []string{"--config", write(t, filepath.Join(dir, "darkshare.yaml"), config)}
	}
	if way == "stdout" {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		d = serve(t, r, args...)
		s.stdout = w
		p.start(s)
	} else {
		d = serve(t, nil, args...)
		p.start(s)
	}
	listening(t, s.listen)
	send(t, s.listen)

	await(t, fmt.Sprintf("%d lines", len(requests)), func() bool { return d.counts()["lines"] >= float64(len(requests)) })
	got := d.counts()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +counted)\n%s", diff)
	}
}

// log returns the lines of the page that say what is logged and how.
func (s *setting) log(language, way string) string {
	return s.block(language+" log") + s.block(language+" "+way)
}

// way returns the way of the test.
func (s *setting) way() string { return s.t.Name()[strings.LastIndexByte(s.t.Name(), '/')+1:] }

// account returns a user that the server may become, where it insists on one.
func account() (name, group string) {
	for _, n := range []string{"www-data", "nobody"} {
		if u, err := user.Lookup(n); err == nil {
			if g, err := user.LookupGroupId(u.Gid); err == nil {
				return n, g.Name
			}
		}
	}
	return "root", "root"
}

func nginx(s *setting) {
	path := write(s.t, filepath.Join(s.dir, "nginx.conf"), fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr;
events {}
http {
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	%[2]s
	server { listen %[3]s; location / { proxy_pass http://%[4]s; proxy_set_header Host $host; } }
}`, s.dir, s.log("nginx", s.way()), s.listen, s.backend))
	run(s.t, s.stdout, nil, program(s.t, "nginx"), "-p", s.dir, "-c", path, "-e", "stderr")
}

func apache(s *setting) {
	modules := "/usr/lib/apache2/modules"
	if _, err := os.Stat(filepath.Join(modules, "mod_mpm_event.so")); err != nil {
		s.t.Skipf("Apache's modules are not where Debian has them: %v", err)
	}
	name, group := account()
	path := write(s.t, filepath.Join(s.dir, "apache.conf"), fmt.Sprintf(`ServerRoot %[1]s
ServerName %[5]s
PidFile %[1]s/pid
ErrorLog /dev/stderr
DefaultRuntimeDir %[1]s
Mutex pthread
User %[6]s
Group %[7]s
LoadModule mpm_event_module %[2]s/mod_mpm_event.so
LoadModule authz_core_module %[2]s/mod_authz_core.so
LoadModule proxy_module %[2]s/mod_proxy.so
LoadModule proxy_http_module %[2]s/mod_proxy_http.so
Listen %[3]s
ProxyPreserveHost On
ProxyPass / http://%[4]s/
%[8]s
`, s.dir, modules, s.listen, s.backend, site, name, group, s.log("apache", s.way())))
	run(s.t, s.stdout, nil, program(s.t, "apache2"), "-D", "FOREGROUND", "-f", path)
}

func haproxy(s *setting) {
	way := s.way()
	if way == "file" {
		// rsyslog writes the file, as Debian sets it up.
		s.rsyslog()
		way = "syslog"
	}
	path := write(s.t, filepath.Join(s.dir, "haproxy.cfg"), fmt.Sprintf(`%[1]s
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend web
  bind %[2]s
  %[3]s
  default_backend app
backend app
  server app %[4]s
`, s.block("haproxy "+way+"-ring"), s.listen, indent(s.log("haproxy", way)), s.backend))
	run(s.t, s.stdout, nil, program(s.t, "haproxy"), "-db", "-f", path)
}

// rsyslog writes what comes by syslog into the file, and has what is said of HAProxy's.
func (s *setting) rsyslog() {
	addr := free(s.t)
	_, port, _ := strings.Cut(addr, ":")
	path := write(s.t, filepath.Join(s.dir, "rsyslog.conf"), fmt.Sprintf(`module(load="imudp")
global(workDirectory="%[1]s" maxMessageSize="64k")
input(type="imudp" address="127.0.0.1" port="%[2]s")
local0.* %[1]s/logs/access.log
`, s.dir, port))
	run(s.t, nil, nil, program(s.t, "rsyslogd"), "-n", "-f", path, "-i", filepath.Join(s.dir, "rsyslog.pid"))
	inner := s.block
	s.block = func(name string) string {
		return strings.NewReplacer("127.0.0.1:"+s.syslogPort(inner), addr).Replace(inner(name))
	}
	await(s.t, "rsyslog listens", func() bool { return bound("udp", addr, "07") })
}

// syslogPort returns the port that the page's lines were given.
func (s *setting) syslogPort(block func(string) string) string {
	_, rest, _ := strings.Cut(block("haproxy syslog"), "127.0.0.1:")
	port, _, _ := strings.Cut(rest, " ")
	return port
}

func caddy(s *setting) {
	path := write(s.t, filepath.Join(s.dir, "Caddyfile"), fmt.Sprintf(`{
	admin off
	auto_https off
}
http://:%[3]s {
	bind 127.0.0.1
	reverse_proxy %[2]s
	%[1]s
}
`, indent(s.block("caddyfile "+s.way())), s.backend, port(s.listen)))
	// Caddy keeps its state in the home.
	run(s.t, s.stdout, nil, "/usr/bin/env", "HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir, "XDG_DATA_HOME="+s.dir, program(s.t, "caddy"), "run", "--adapter", "caddyfile", "--config", path)
}

func port(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

func varnish(s *setting) {
	varnishd, command := program(s.t, "varnishd"), s.block("sh "+s.way())
	host, backendPort, _ := strings.Cut(s.backend, ":")
	path := write(s.t, filepath.Join(s.dir, "default.vcl"), fmt.Sprintf("vcl 4.1;\nbackend default { .host = \"%s\"; .port = \"%s\"; }\n", host, backendPort))
	work := filepath.Join(s.dir, "v")
	run(s.t, nil, nil, varnishd, "-F", "-n", work, "-f", path, "-a", s.listen, "-s", "malloc,16m", "-j", "none")
	listening(s.t, s.listen)
	// The page's command, but for the instance, and with darkshare's end of the pipe here.
	command = strings.Replace(command, "varnishncsa ", "varnishncsa -n "+work+" ", 1)
	command = strings.Replace(command, "| darkshare serve --log -", "", 1)
	run(s.t, s.stdout, nil, "/bin/sh", "-c", command)
	await(s.t, "varnishncsa reads Varnish's memory", func() bool { return mapped("varnishncsa", work+"/_.vsm_child/_.Log") })
}

func lighttpd(s *setting) {
	host, backendPort, _ := strings.Cut(s.backend, ":")
	path := write(s.t, filepath.Join(s.dir, "lighttpd.conf"), fmt.Sprintf(`server.modules = ( "mod_proxy" )
server.bind = "127.0.0.1"
server.port = %[2]s
server.document-root = "%[1]s"
proxy.server = ( "" => ( ( "host" => "%[3]s", "port" => %[4]s ) ) )
%[5]s
`, s.dir, port(s.listen), host, backendPort, s.log("lighttpd", s.way())))
	program(s.t, "lighttpd")
	// The page's command, but for the paths, and with darkshare's end of the pipe here.
	run(s.t, s.stdout, nil, "/bin/sh", "-c", "exec lighttpd -D -f "+path+" 3>&1")
}

// mapped reports whether a running program of that name has mapped a file whose path
// begins so.
func mapped(name, path string) bool {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		comm, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil || strings.TrimSpace(string(comm)) != name {
			continue
		}
		if maps, err := os.ReadFile(filepath.Join(dir, "maps")); err == nil && strings.Contains(string(maps), path) {
			return true
		}
	}
	return false
}

func indent(s string) string { return strings.ReplaceAll(s, "\n", "\n  ") }
