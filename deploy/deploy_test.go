// Package deploy holds the deployments that people copy against the programs that read
// them, and against the rest of the repository.
package deploy

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/darkshare/darkshare/exporter/config"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// program returns the path of a program, or skips the test.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("not installed: ", name)
	}
	return path
}

// says runs a program that has to succeed, and returns what it wrote.
func says(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program(t, name), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// A service is what the tests ask of one in compose.yaml.
type service struct {
	Image       string
	User        string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	Restart     string
	Command     []string
	Ports       []string
	Volumes     []string
	MemLimit    string `yaml:"mem_limit"`
	Environment map[string]string
	Healthcheck *struct{ Test []string }
	Build       *struct{ Context, Dockerfile string }
}

func services(t *testing.T) map[string]service {
	t.Helper()
	var file struct{ Services map[string]service }
	if err := yaml.Unmarshal([]byte(read(t, "compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Services) != 6 {
		t.Fatalf("%d services, want 6", len(file.Services))
	}
	return file.Services
}

// TestCompose: what compose.yaml mounts is in the repository, images have versions, and
// only this machine reaches the ports.
func TestCompose(t *testing.T) {
	release := regexp.MustCompile(`:v?\d+\.\d+\.\d+(-alpine)?$`)
	for name, s := range services(t) {
		if s.Build == nil && !release.MatchString(s.Image) {
			t.Errorf("%s: the image %q has no version", name, s.Image)
		}
		if s.Restart != "unless-stopped" || !slices.Contains(s.SecurityOpt, "no-new-privileges") {
			t.Errorf("%s: is not started again, or may gain privileges", name)
		}
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s: the port %s is open to others", name, port)
			}
		}
		for _, arg := range s.Command {
			if url, ok := strings.CutPrefix(arg, "--web.external-url=http://"); ok && !strings.HasPrefix(s.Ports[0], url+":") {
				t.Errorf("%s: its links go to %s, its port is %s", name, url, s.Ports[0])
			}
		}
		for _, volume := range s.Volumes {
			source, rest, _ := strings.Cut(volume, ":")
			if !strings.HasPrefix(source, ".") {
				continue
			}
			if !strings.HasSuffix(rest, ":ro") {
				t.Errorf("%s: %s is writable", name, source)
			}
			if source == "../plugin/dist" {
				continue // what the first command makes, see TestPlugin
			}
			if info, err := os.Stat(source); err != nil || info.IsDir() {
				t.Errorf("%s: %s is no file of the repository", name, source)
			}
		}
	}
	d := services(t)["darkshare"]
	if !d.ReadOnly || d.User != "65532:65532" || !slices.Equal(d.CapDrop, []string{"ALL"}) {
		t.Errorf("darkshare may more than it has to: %+v", d)
	}
	image := read(t, filepath.Join(d.Build.Context, d.Build.Dockerfile))
	if !strings.Contains(image, "USER "+d.User) || !strings.Contains(image, fmt.Sprintf("HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD [%q, %q]", d.Healthcheck.Test[1], d.Healthcheck.Test[2])) {
		t.Error("the image has another user or another health check")
	}
}

// TestPlugin: compose.yaml allows the plugin that mage makes, and has its dashboards
// where the plugin has them.
func TestPlugin(t *testing.T) {
	var plugin struct{ ID string }
	if err := yaml.Unmarshal([]byte(read(t, "../plugin/src/plugin.json")), &plugin); err != nil {
		t.Fatal(err)
	}
	home := "/var/lib/grafana/plugins/" + plugin.ID
	g := services(t)["grafana"]
	if !slices.Contains(g.Volumes, "../plugin/dist:"+home+":ro") {
		t.Error("the plugin is not mounted in a folder of its name")
	}
	for key, want := range map[string]string{
		"GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS": plugin.ID,
		"DARKSHARE_DASHBOARDS":                      home + "/dashboards",
		"DARKSHARE_URL":                             "http://prometheus:9090",
	} {
		if g.Environment[key] != want {
			t.Errorf("%s is %q, want %q", key, g.Environment[key], want)
		}
	}
	if !strings.Contains(read(t, "../Magefile.go"), `"plugin/dist`) {
		t.Error("mage makes no plugin/dist")
	}
	provisioning := read(t, "../dashboards/provisioning/datasources/darkshare.yaml") + read(t, "../dashboards/provisioning/dashboards/darkshare.yaml")
	for _, key := range []string{"$DARKSHARE_URL", "$DARKSHARE_DASHBOARDS"} {
		if !strings.Contains(provisioning, key) {
			t.Errorf("the provisioning does not ask for %s", key)
		}
	}
}

// TestComposeConfig has docker-compose read compose.yaml.
func TestComposeConfig(t *testing.T) {
	program(t, "docker-compose")
	if out := says(t, "docker-compose", "-f", "compose.yaml", "config", "--services"); len(strings.Fields(out)) != 6 {
		t.Errorf("the services are %q", out)
	}
}

// TestDarkshare: darkshare takes its configuration, and reads the file that nginx writes.
func TestDarkshare(t *testing.T) {
	c, err := config.Parse("darkshare.yaml", []byte(read(t, "darkshare/darkshare.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	if log := c.Inputs[0].Files[0]; !strings.Contains(read(t, "nginx/darkshare.conf"), "\naccess_log "+log+" darkshare;") {
		t.Errorf("nginx does not write %s", log)
	}
}

// TestFormat: nginx logs what docs/proxies/nginx.md says.
func TestFormat(t *testing.T) {
	format := regexp.MustCompile(`(?s)log_format darkshare .*?;`)
	got, want := format.FindString(read(t, "nginx/darkshare.conf")), format.FindString(read(t, "../docs/proxies/nginx.md"))
	if got == "" || got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// nginxConf writes a configuration of nginx that answers everything and keeps its files
// in dir, with what conf has.
func nginxConf(t *testing.T, dir, conf, address string) (file string) {
	t.Helper()
	return write(t, filepath.Join(dir, "nginx.conf"), fmt.Sprintf(`
pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
daemon off;
events {}
http {
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  %[2]s
  server { listen %[3]s; return 200 ok; }
}`, dir, conf, address))
}

// TestRotate runs nginx with the log that compose.yaml gives it, and rotates it under
// load: every request is in one of the files, once.
func TestRotate(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	const address = "127.0.0.1:9670"
	conf := strings.ReplaceAll(read(t, "nginx/darkshare.conf"), "/var/log/darkshare", dir)
	run(t, "nginx", "-c", nginxConf(t, dir, conf, address), "-p", dir)
	log := filepath.Join(dir, "access.log")
	run(t, "sh", "nginx/rotate.sh", log, filepath.Join(dir, "nginx.pid"), "1000", "2")

	seen := map[string]int{}
	gather := func(name string) {
		text, err := os.ReadFile(name)
		if err != nil {
			return
		}
		for line := range bytes.Lines(text) {
			if fields := strings.Fields(string(line)); len(fields) > 6 {
				seen[fields[6]]++
			}
		}
	}
	sent := 0
	size := func(name string) int64 {
		if info, err := os.Stat(name); err == nil {
			return info.Size()
		}
		return 0
	}
	// Until both have lines, and so before the next renaming.
	rotated := func() bool { return size(log+".1") > 0 && size(log) > 0 }
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && !rotated(); {
		resp, err := http.Get("http://" + address + "/" + strconv.Itoa(sent))
		if err != nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		sent++
		time.Sleep(2 * time.Millisecond)
	}
	if !rotated() {
		t.Fatalf("the log was not rotated\n%s", read(t, filepath.Join(dir, "error.log")))
	}
	gather(log + ".1")
	gather(log)
	if len(seen) != sent {
		t.Errorf("%d requests are in the files, %d were sent", len(seen), sent)
	}
	for path, n := range seen {
		if n != 1 {
			t.Errorf("%s is there %d times", path, n)
		}
	}
}

// prometheus lays out /etc/prometheus as compose.yaml mounts it.
func prometheus(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, volume := range services(t)["prometheus"].Volumes {
		parts := strings.Split(volume, ":")
		if rest, ok := strings.CutPrefix(parts[1], "/etc/prometheus/"); ok {
			write(t, filepath.Join(dir, rest), read(t, parts[0]))
		}
	}
	return dir
}

// TestPrometheus has promtool check the scrape configuration with every rule file.
func TestPrometheus(t *testing.T) {
	out := says(t, "promtool", "check", "config", filepath.Join(prometheus(t), "prometheus.yml"))
	rules, err := filepath.Glob("../dashboards/rules/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range rules {
		if !strings.Contains(out, filepath.Join("rules", filepath.Base(file))) {
			t.Errorf("%s is not among the rule files\n%s", file, out)
		}
	}
	if !strings.Contains(out, "4 rule files found") {
		t.Error(out)
	}
}

// TestAlertmanager has amtool check the configuration, as it stands and with its
// examples, and say whom alerts go to.
func TestAlertmanager(t *testing.T) {
	const file = "alertmanager/alertmanager.yml"
	says(t, "amtool", "check-config", file)
	examples := regexp.MustCompile(`(?m)^    # `).ReplaceAllString(read(t, file), "    ")
	// amtool looks whether the password is there.
	password := write(t, filepath.Join(t.TempDir(), "password"), "secret")
	examples = strings.ReplaceAll(examples, "/etc/alertmanager/mail-password", password)
	if strings.Count(examples, "\n    webhook_configs:")+strings.Count(examples, "\n    email_configs:") != 2 {
		t.Fatalf("the examples are\n%s", examples)
	}
	says(t, "amtool", "check-config", write(t, filepath.Join(t.TempDir(), "alertmanager.yml"), examples))
	for _, audience := range []string{"platform", "marketing"} {
		if out := says(t, "amtool", "config", "routes", "test", "--config.file", file, "audience="+audience); !strings.HasSuffix("\n"+strings.TrimSpace(out), "\n"+audience) {
			t.Errorf("alerts for %s go to %s", audience, out)
		}
	}
	if !strings.Contains(read(t, "../dashboards/rules/alerts.yaml"), "DarkshareSectionShareShifted") {
		t.Error("no such alert as the one that is inhibited")
	}
}

// TestCollector: each pipeline of the Collector is made of components that are there,
// and no component is there for nothing.
func TestCollector(t *testing.T) {
	var c struct {
		Receivers, Processors, Exporters, Extensions map[string]any
		Service                                      struct {
			Extensions []string
			Pipelines  map[string]struct{ Receivers, Processors, Exporters []string }
		}
	}
	d := yaml.NewDecoder(strings.NewReader(read(t, "otel-collector/config.yaml")))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil {
		t.Fatal(err)
	}
	used := func(kind string, there map[string]any, names ...string) {
		for _, name := range names {
			if _, ok := there[name]; !ok {
				t.Errorf("%s: %s is not defined", kind, name)
			}
		}
		for name := range there {
			if !slices.Contains(names, name) {
				t.Errorf("%s: %s is not used", kind, name)
			}
		}
	}
	// OTLP's default is HTTP, which a gRPC port answers with what HTTP cannot read.
	http := c.Receivers["otlp"].(map[string]any)["protocols"].(map[string]any)["http"].(map[string]any)["endpoint"].(string)
	for _, file := range []string{"otel-collector/config.yaml", "../docs/deploy.md"} {
		_, port, _ := strings.Cut(http, ":")
		if got := regexp.MustCompile(`OTEL_EXPORTER_OTLP_ENDPOINT=(.*)`).FindStringSubmatch(read(t, file)); got == nil || got[1] != "http://otel-collector:"+port {
			t.Errorf("%s: darkshare pushes to %v, and by HTTP the Collector takes it at %s", file, got, http)
		}
	}
	p := c.Service.Pipelines["metrics"]
	if len(c.Service.Pipelines) != 1 || len(p.Receivers) == 0 || len(p.Exporters) == 0 {
		t.Errorf("the pipelines are %v", c.Service.Pipelines)
	}
	used("receivers", c.Receivers, p.Receivers...)
	used("processors", c.Processors, p.Processors...)
	used("exporters", c.Exporters, p.Exporters...)
	used("extensions", c.Extensions, c.Service.Extensions...)
	if p.Processors[0] != "memory_limiter" {
		t.Error("memory_limiter has to be the first, to refuse")
	}
	// darkshare.visits without its suffixes is no metric that a dashboard asks for.
	write, _ := c.Exporters["prometheus_remote_write"].(map[string]any)
	if write["translation_strategy"] != "UnderscoreEscapingWithSuffixes" || write["disable_scope_info"] != true {
		t.Errorf("the metrics get other names or labels than at /metrics: %v", write)
	}
}
