package deploy

import (
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/darkshare/darkshare/exporter/config"
)

// The chart itself is checked by the module helm/check, with Helm's own code. Its golden
// files, what it has of the repository, and what its pods make darkshare do are checked here.

// TestChartLinks: the chart has every rule file and dashboard of the repository, as links
// so that they never differ. helm package puts the files in their place.
func TestChartLinks(t *testing.T) {
	for of, in := range map[string]string{
		"../dashboards/rules/*.yaml":     "helm/darkshare/rules",
		"../dashboards/darkshare-*.json": "helm/darkshare/dashboards",
		"nginx/rotate.sh":                "helm/darkshare/files",
	} {
		want, err := filepath.Glob(of)
		if err != nil || len(want) == 0 {
			t.Fatalf("no %s: %v", of, err)
		}
		for _, file := range want {
			link := filepath.Join(in, filepath.Base(file))
			target, err := filepath.EvalSymlinks(link)
			if err != nil {
				t.Errorf("%s: %v: ln -s there", file, err)
				continue
			}
			if target != filepath.Clean(file) {
				t.Errorf("%s is %s", link, target)
			}
		}
		if links, _ := filepath.Glob(in + "/*"); len(links) != len(want) {
			t.Errorf("%s has %d files, want %d", in, len(links), len(want))
		}
	}
}

// An object is what the tests ask of a manifest.
type object struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
}

func objects(t *testing.T, name string) (all []object) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(read(t, name)))
	for {
		var o object
		if err := d.Decode(&o); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
}

// TestChartConfig: darkshare takes the configuration that the chart makes of its values,
// and reads from where the mode says.
func TestChartConfig(t *testing.T) {
	for name, want := range map[string]func(in []config.Input) bool{
		"daemonset": func(in []config.Input) bool {
			return len(in) == 1 && in[0].Files[0] == "/var/log/pods/ingress-nginx_ingress-nginx-controller-*/controller/*.log" && in[0].Wrapping == "cri"
		},
		"syslog": func(in []config.Input) bool {
			return len(in) == 2 && in[0].Syslog.Listen == "udp://0.0.0.0:5140" && in[1].Syslog.Listen == "tcp://0.0.0.0:5140"
		},
		"syslog-tls": func(in []config.Input) bool {
			return len(in) == 1 && in[0].Syslog.Listen == "tls://0.0.0.0:6514" && in[0].Syslog.TLS.CertFile == "/etc/darkshare-tls/tls.crt" &&
				in[0].Syslog.TLS.KeyFile == "/etc/darkshare-tls/tls.key" && in[0].Syslog.TLS.ClientCAFile == "/etc/darkshare-tls/client-ca.crt"
		},
		"sidecar": func(in []config.Input) bool {
			return len(in) == 1 && in[0].Files[0] == "/var/log/darkshare/access.log"
		},
		"sidecar-syslog": func(in []config.Input) bool {
			return len(in) == 1 && in[0].Syslog.Listen == "udp://127.0.0.1:5140"
		},
	} {
		t.Run(name, func(t *testing.T) {
			var text, script string
			for _, o := range objects(t, "helm/check/testdata/"+name+".golden.yaml") {
				if o.Kind == "ConfigMap" && o.Metadata.Name == "darkshare-config" {
					text, script = o.Data["darkshare.yaml"], o.Data["rotate.sh"]
				}
			}
			c, err := config.Parse("darkshare.yaml", []byte(text))
			if err != nil || text == "" {
				t.Fatalf("%v in\n%s", err, text)
			}
			if !want(c.Inputs) {
				t.Errorf("the inputs are %+v", c.Inputs)
			}
			if c.State.File != "/var/lib/darkshare/state" || len(c.Sites) != 1 {
				t.Errorf("the state is %q, the sites are %+v", c.State.File, c.Sites)
			}
			if name == "sidecar" && strings.TrimSpace(script) != strings.TrimSpace(read(t, "nginx/rotate.sh")) {
				t.Errorf("the chart's rotate.sh is another:\n%s", script)
			}
		})
	}
}

// TestIngressNginx: the controller logs what docs/proxies/nginx-ingress.md says, to where
// the sidecar listens.
func TestIngressNginx(t *testing.T) {
	var v struct {
		Controller struct{ Config map[string]string }
	}
	if err := yaml.Unmarshal([]byte(read(t, "helm/examples/ingress-nginx.yaml")), &v); err != nil {
		t.Fatal(err)
	}
	_, page, _ := strings.Cut(read(t, "../docs/proxies/nginx-ingress.md"), "```yaml configmap\n")
	page, _, _ = strings.Cut(page, "```")
	var want struct{ Data map[string]string }
	if err := yaml.Unmarshal([]byte(page), &want); err != nil {
		t.Fatal(err)
	}
	c := v.Controller.Config
	if c["log-format-upstream"] == "" || c["log-format-upstream"] != want.Data["log-format-upstream"] {
		t.Errorf("the format is %q\nwant %q", c["log-format-upstream"], want.Data["log-format-upstream"])
	}
	if c["enable-syslog"] != "true" || c["syslog-host"]+":"+c["syslog-port"] != "127.0.0.1:5140" {
		t.Errorf("it logs to %v", c)
	}
}
