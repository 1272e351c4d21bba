package syslog

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/darkshare/darkshare/exporter/stream"
)

// The programs that send to the listener in these tests are real, from Debian. What
// each request was must arrive, whatever they put before it.

func TestNginx(t *testing.T) {
	nginx := executable(t, "nginx")
	for name, c := range map[string]struct{ listen, options string }{
		"UDP":             {"udp://127.0.0.1:0", ""},
		"UDP, nohostname": {"udp://127.0.0.1:0", ",nohostname"},
		"UDP, tag":        {"udp://127.0.0.1:0", ",facility=local7,tag=shop_1,severity=info"},
		"unix":            {"unix://" + socketPath(t), ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := listen(t, Options{Listen: c.listen})
			server := r.Addr().String()
			if r.network == "unix" {
				server = "unix:" + server
			}
			dir, port := t.TempDir(), freePort(t)
			conf := filepath.Join(dir, "nginx.conf")
			ok(t, os.WriteFile(conf, fmt.Appendf(nil, `
daemon off; master_process off; pid %[1]s/pid; error_log stderr;
events {}
http {
  client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
  log_format plain '$request_uri|$http_referer|$http_user_agent';
  access_log syslog:server=%[2]s%[3]s plain;
  server { listen 127.0.0.1:%[4]s; return 204; }
}`, dir, server, c.options, port), 0o600))
			run(t, port, nginx, "-c", conf, "-p", dir)
			requests(t, r, port)
		})
	}
}

func TestHAProxy(t *testing.T) {
	haproxy := executable(t, "haproxy")
	for name, c := range map[string]struct{ listen, format, global string }{
		"UDP, local":                {"udp://127.0.0.1:0", "local", ""},
		"UDP, with the host":        {"udp://127.0.0.1:0", "rfc3164", "log-send-hostname lb.example"},
		"UDP, rfc5424":              {"udp://127.0.0.1:0", "rfc5424", ""},
		"UDP, rfc5424 with a host":  {"udp://127.0.0.1:0", "rfc5424", "log-send-hostname lb.example"},
		"UDP, priority":             {"udp://127.0.0.1:0", "priority", ""},
		"UDP, short":                {"udp://127.0.0.1:0", "short", ""},
		"UDP, timed":                {"udp://127.0.0.1:0", "timed", ""},
		"UDP, raw":                  {"udp://127.0.0.1:0", "raw", ""},
		"unix, local":               {"unix://" + socketPath(t), "local", ""},
		"TCP, counted":              {"tcp://127.0.0.1:0", "rfc5424", "octet-count"},
		"TCP, counted, rfc3164":     {"tcp://127.0.0.1:0", "rfc3164", "octet-count"},
		"TCP, lines":                {"tcp://127.0.0.1:0", "rfc3164", "legacy"},
		"TCP, lines without header": {"tcp://127.0.0.1:0", "raw", "legacy"},
	} {
		t.Run(name, func(t *testing.T) {
			r := listen(t, Options{Listen: c.listen})
			// By TCP HAProxy logs through a ring, which has the format.
			target, ring, global := r.Addr().String()+" format "+c.format, "", c.global
			if r.network == "tcp" {
				target, global = "ring@logs", ""
				ring = fmt.Sprintf("ring logs\n format %s\n maxlen 8192\n size 65536\n timeout connect 5s\n timeout server 10s\n server s %s log-proto %s\n",
					c.format, r.Addr(), c.global)
			}
			dir, port := t.TempDir(), freePort(t)
			conf := filepath.Join(dir, "haproxy.cfg")
			ok(t, os.WriteFile(conf, fmt.Appendf(nil, `
%sglobal
  log %s local0
  %s
  nbthread 1
defaults
  mode http
  option dontlognull
  log global
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend fe
  bind 127.0.0.1:%s
  http-request capture req.hdr(referer) len 200
  http-request capture req.hdr(user-agent) len 200
  log-format "%%HU|%%[capture.req.hdr(0)]|%%[capture.req.hdr(1)]"
  http-request return status 204
`, ring, target, global, port), 0o600))
			run(t, port, haproxy, "-db", "-q", "-f", conf)
			requests(t, r, port)
		})
	}
}

func TestRsyslog(t *testing.T) {
	rsyslogd := executable(t, "rsyslogd")
	for name, c := range map[string]struct{ listen, protocol, more string }{
		"UDP":                   {"udp://127.0.0.1:0", "udp", ""},
		"UDP, traditional":      {"udp://127.0.0.1:0", "udp", `template="RSYSLOG_TraditionalForwardFormat"`},
		"TCP, lines":            {"tcp://127.0.0.1:0", "tcp", `TCP_Framing="traditional"`},
		"TCP, counted":          {"tcp://127.0.0.1:0", "tcp", `TCP_Framing="octet-counted"`},
		"TCP, counted, RFC5424": {"tcp://127.0.0.1:0", "tcp", `TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format"`},
	} {
		t.Run(name, func(t *testing.T) {
			r := listen(t, Options{Listen: c.listen})
			dir, port := t.TempDir(), freePort(t)
			host, to, _ := net.SplitHostPort(r.Addr().String())
			conf := filepath.Join(dir, "rsyslog.conf")
			ok(t, os.WriteFile(conf, fmt.Appendf(nil, `
global(workDirectory="%s")
module(load="imtcp")
input(type="imtcp" port="%s" address="127.0.0.1")
action(type="omfwd" target="%s" port="%s" protocol="%s" %s)
`, dir, port, host, to, c.protocol, c.more), 0o600))
			run(t, port, rsyslogd, "-n", "-f", conf, "-i", dir+"/pid")
			forwarded(t, r, port)
		})
	}
}

func TestSyslogNG(t *testing.T) {
	syslogNG := executable(t, "syslog-ng")
	for name, c := range map[string]struct{ listen, destination string }{
		"UDP":                  {"udp://127.0.0.1:0", `network("%s" port(%s) transport("udp"))`},
		"TCP":                  {"tcp://127.0.0.1:0", `network("%s" port(%s) transport("tcp"))`},
		"TCP, ISO, fractions":  {"tcp://127.0.0.1:0", `network("%s" port(%s) transport("tcp") ts-format(iso) frac-digits(3))`},
		"TCP, years":           {"tcp://127.0.0.1:0", `network("%s" port(%s) transport("tcp") ts-format(full))`},
		"TCP, RFC5424 counted": {"tcp://127.0.0.1:0", `syslog("%s" port(%s) transport("tcp"))`},
		"UDP, RFC5424":         {"udp://127.0.0.1:0", `syslog("%s" port(%s) transport("udp"))`},
	} {
		t.Run(name, func(t *testing.T) {
			r := listen(t, Options{Listen: c.listen})
			dir, port := t.TempDir(), freePort(t)
			host, to, _ := net.SplitHostPort(r.Addr().String())
			conf := filepath.Join(dir, "syslog-ng.conf")
			ok(t, os.WriteFile(conf, fmt.Appendf(nil, `
@version: 3.38
options { stats-freq(0); };
source s { network(ip("127.0.0.1") port(%s) transport("tcp")); };
destination d { `+c.destination+`; };
log { source(s); destination(d); };
`, port, host, to), 0o600))
			run(t, port, syslogNG, "-F", "--no-caps", "-f", conf, "-R", dir+"/persist", "-p", dir+"/pid", "-c", dir+"/control")
			forwarded(t, r, port)
		})
	}
}

// requests sends HTTP requests, and wants what the proxy logs of them.
func requests(t *testing.T, r *receiver, port string) {
	t.Helper()
	var want []string
	for i := range 20 {
		uri, referer, agent := fmt.Sprintf("/page/%d?a=b: c", i), "https://t.co/x", "Mozilla/5.0 (X11; Linux x86_64) nginx: [a]"
		uri = strings.ReplaceAll(uri, " ", "%20")
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1:"+port+uri, nil)
		ok(t, err)
		req.Header.Set("Referer", referer)
		req.Header.Set("User-Agent", agent)
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		ok(t, err)
		resp.Body.Close()
		want = append(want, uri+"|"+referer+"|"+agent)
	}
	r.want(want...)
}

// forwarded sends records as nginx would to a forwarder that listens there by TCP,
// and wants them from it.
func forwarded(t *testing.T, r *receiver, port string) {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	ok(t, err)
	defer conn.Close()
	var want []string
	for i := range 20 {
		record := fmt.Sprintf("%d %s", i, combined)
		if i%2 == 0 {
			record = combined + fmt.Sprint(i)
		}
		_, err := io.WriteString(conn, "<190>"+time.Now().Format(time.Stamp)+" web1 nginx: "+record+"\n")
		ok(t, err)
		want = append(want, record)
	}
	r.want(want...)
}

// run runs a program in the foreground until the test ends, and waits until it
// listens.
func run(t *testing.T, port, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	ok(t, cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); cmd.Wait() }()
	t.Cleanup(func() { cancel(); <-ended })
	eventually(t, func() string {
		select {
		case <-ended:
			t.Fatalf("%s has ended: %s", name, out.String())
		default:
		}
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			return err.Error()
		}
		conn.Close()
		return ""
	})
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

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	ok(t, err)
	return port
}

// TestSendersComeBack: a forwarder that has lost its place to another connection notices and
// comes back, and loses at most the record by which it notices.
func TestSendersComeBack(t *testing.T) {
	for name, start := range map[string]func(t *testing.T, dir, port, host, to string){
		"rsyslog": func(t *testing.T, dir, port, host, to string) {
			rsyslogd, conf := executable(t, "rsyslogd"), filepath.Join(dir, "rsyslog.conf")
			ok(t, os.WriteFile(conf, fmt.Appendf(nil, `
global(workDirectory="%s")
module(load="imtcp")
input(type="imtcp" port="%s" address="127.0.0.1")
action(type="omfwd" target="%s" port="%s" protocol="tcp")
`, dir, port, host, to), 0o600))
			run(t, port, rsyslogd, "-n", "-f", conf, "-i", dir+"/pid")
		},
		"syslog-ng": func(t *testing.T, dir, port, host, to string) {
			syslogNG, conf := executable(t, "syslog-ng"), filepath.Join(dir, "syslog-ng.conf")
			ok(t, os.WriteFile(conf, fmt.Appendf(nil, `
@version: 3.38
options { stats-freq(0); time-reopen(1); };
source s { network(ip("127.0.0.1") port(%s) transport("tcp")); };
destination d { network("%s" port(%s) transport("tcp")); };
log { source(s); destination(d); };
`, port, host, to), 0o600))
			run(t, port, syslogNG, "-F", "--no-caps", "-f", conf, "-R", dir+"/persist", "-p", dir+"/pid", "-c", dir+"/control")
		},
	} {
		t.Run(name, func(t *testing.T) {
			const silence = 300 * time.Millisecond
			r := listen(t, Options{Listen: "tcp://127.0.0.1:0", Connections: 1, Silence: silence})
			port := freePort(t)
			host, to, _ := net.SplitHostPort(r.Addr().String())
			start(t, t.TempDir(), port, host, to)
			forwarded(t, r, port)
			before := len(r.got())

			time.Sleep(silence)
			other := r.dial()
			send(t, other, "other\n")
			r.counts(stream.ErrorLimit, 1, "the one that was silent the longest was closed")
			eventually(t, func() string {
				if got := r.got(); got[len(got)-1] != "other" {
					return "the other one has no place"
				}
				return ""
			})
			ok(t, other.Close())

			conn, err := net.Dial("tcp", "127.0.0.1:"+port)
			ok(t, err)
			defer conn.Close()
			sent := 0
			eventually(t, func() string {
				sent++
				fmt.Fprintf(conn, "<190>%s web1 nginx: again %d\n", time.Now().Format(time.Stamp), sent)
				time.Sleep(20 * time.Millisecond)
				if got := r.got(); len(got) == before+1 || got[len(got)-1] != fmt.Sprint("again ", sent) {
					return "it does not come back"
				}
				return ""
			})
			if lost := before + 1 + sent - len(r.got()); lost > 1 {
				t.Errorf("%d records of %d were lost", lost, sent)
			} else {
				t.Logf("%d records of %d were lost", lost, sent)
			}
		})
	}
}
