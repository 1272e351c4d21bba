// Package check holds the Helm chart against Helm's own code and Kubernetes' own types.
// It is a module of its own, so that darkshare does not depend on either.
package check

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"flag"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	dir      = "../darkshare"
	examples = "../examples"
)

// values are the examples for the chart; the others in that folder are manifests and the
// values of other charts.
var values = []string{"daemonset", "syslog", "syslog-tls", "sidecar", "sidecar-syslog"}

// object makes an empty object of every kind that the chart has.
var object = map[string]func() any{
	"ConfigMap":             func() any { return new(corev1.ConfigMap) },
	"DaemonSet":             func() any { return new(appsv1.DaemonSet) },
	"Deployment":            func() any { return new(appsv1.Deployment) },
	"NetworkPolicy":         func() any { return new(networkingv1.NetworkPolicy) },
	"PersistentVolumeClaim": func() any { return new(corev1.PersistentVolumeClaim) },
	"PodDisruptionBudget":   func() any { return new(policyv1.PodDisruptionBudget) },
	"PodMonitor":            func() any { return new(monitoringv1.PodMonitor) },
	"PrometheusRule":        func() any { return new(monitoringv1.PrometheusRule) },
	"Service":               func() any { return new(corev1.Service) },
	"ServiceAccount":        func() any { return new(corev1.ServiceAccount) },
	"ServiceMonitor":        func() any { return new(monitoringv1.ServiceMonitor) },
}

func load(t *testing.T) *chart.Chart {
	t.Helper()
	log.SetOutput(io.Discard) // Helm names each link that it follows
	c, err := loader.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func example(t *testing.T, name string) map[string]any {
	t.Helper()
	v, err := chartutil.ReadValues(read(t, filepath.Join(examples, name+".yaml")))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// render does what helm template does: the manifests, by the order of their files.
func render(c *chart.Chart, v map[string]any) (string, error) {
	all, err := chartutil.ToRenderValues(c, v, chartutil.ReleaseOptions{
		Name: "darkshare", Namespace: "web", IsInstall: true, Revision: 1,
	}, nil)
	if err != nil {
		return "", err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return "", err
	}
	names := make([]string, 0, len(files))
	for name := range files {
		if strings.HasSuffix(name, ".yaml") && strings.TrimSpace(files[name]) != "" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var out strings.Builder
	for _, name := range names {
		out.WriteString("---\n# " + strings.TrimPrefix(name, "darkshare/") + "\n" + strings.TrimPrefix(strings.TrimSpace(files[name]), "---\n") + "\n")
	}
	return out.String(), nil
}

// decode returns the objects of manifests, each decoded without a key that its type has not.
func decode(t *testing.T, manifests string) (all []any) {
	t.Helper()
	reader := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(manifests)))
	for {
		doc, err := reader.Read()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		var head struct {
			Kind string `json:"kind"`
		}
		if err := yaml.Unmarshal(doc, &head); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		if head.Kind == "" {
			continue
		}
		make, ok := object[head.Kind]
		if !ok {
			t.Fatalf("the kind %q is not known here", head.Kind)
		}
		o := make()
		if err := yaml.UnmarshalStrict(doc, o); err != nil {
			t.Errorf("%s: %v in\n%s", head.Kind, err, doc)
		}
		all = append(all, o)
	}
}

// TestLint: helm lint --strict says nothing but that there is no icon.
func TestLint(t *testing.T) {
	load(t)
	for _, name := range values {
		for _, m := range lint.AllWithKubeVersion(dir, example(t, name), "web", nil).Messages {
			if m.Severity > support.InfoSev {
				t.Errorf("%s: %v", name, m)
			}
		}
	}
}

// TestTemplate holds what the examples become to golden files, without the rules and
// dashboards, which TestContents has.
func TestTemplate(t *testing.T) {
	for _, name := range values {
		t.Run(name, func(t *testing.T) {
			v := example(t, name)
			delete(v, "rules")
			delete(v, "dashboards")
			got, err := render(load(t), v)
			if err != nil {
				t.Fatal(err)
			}
			decode(t, got)
			golden := filepath.Join("testdata", name+".golden.yaml")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(read(t, golden)), got); diff != "" {
				t.Errorf("-update writes it anew: %s", diff)
			}
		})
	}
}

// TestContents: the rules and dashboards come out of the chart as they went in, each in
// an object that a cluster takes.
func TestContents(t *testing.T) {
	v := example(t, "daemonset")
	v["dashboards"].(map[string]any)["languages"] = []any{"en", "fr"}
	got, err := render(load(t), v)
	if err != nil {
		t.Fatal(err)
	}
	rules, dashboards := 0, 0
	for _, o := range decode(t, got) {
		switch o := o.(type) {
		case *monitoringv1.PrometheusRule:
			rules++
			file := strings.TrimPrefix(o.Name, "darkshare-") + ".yaml"
			var want monitoringv1.PrometheusRuleSpec
			if err := yaml.UnmarshalStrict(read(t, filepath.Join("../../../dashboards/rules", file)), &want); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			if diff := cmp.Diff(want, o.Spec); diff != "" {
				t.Errorf("%s: %s", file, diff)
			}
		case *corev1.ConfigMap:
			for name, text := range o.Data {
				if !strings.HasSuffix(name, ".json") {
					continue
				}
				dashboards++
				if o.Labels["grafana_dashboard"] != "1" {
					t.Errorf("%s has the labels %v", name, o.Labels)
				}
				if len(text) >= corev1.MaxSecretSize {
					t.Errorf("%s has %d bytes, more than an object may", name, len(text))
				}
				if want := string(read(t, filepath.Join("../../../dashboards", name))); strings.TrimSpace(text) != strings.TrimSpace(want) {
					t.Errorf("%s is not the dashboard's file", name)
				}
			}
		}
	}
	files, _ := filepath.Glob("../../../dashboards/darkshare-*.json")
	if rules != 4 || dashboards != len(files) || dashboards == 0 {
		t.Errorf("%d rules and %d dashboards, want 4 and %d", rules, dashboards, len(files))
	}
}

// TestReleaseSize: Helm keeps chart and manifests in one Secret, gzipped and in base64,
// and everything together fits.
func TestReleaseSize(t *testing.T) {
	c, v := load(t), example(t, "daemonset")
	v["dashboards"].(map[string]any)["languages"] = []any{"en", "fr"}
	manifest, err := render(c, v)
	if err != nil {
		t.Fatal(err)
	}
	release, err := json.Marshal(struct {
		Chart    *chart.Chart   `json:"chart"`
		Config   map[string]any `json:"config"`
		Manifest string         `json:"manifest"`
	}{c, v, manifest})
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write(release)
	w.Close()
	size := base64.StdEncoding.EncodedLen(packed.Len())
	t.Logf("%d bytes of at most %d", size, corev1.MaxSecretSize)
	if size > corev1.MaxSecretSize/2 {
		t.Errorf("the release takes %d bytes of at most %d", size, corev1.MaxSecretSize)
	}
}

// TestHardened: every container of the chart and of the manifests may do nothing that
// Kubernetes' restricted profile forbids, and has a memory limit. The daemonset reads
// one folder of the node and writes to its own, which a container that may do nothing
// else gives to its user.
func TestHardened(t *testing.T) {
	pods := map[string]corev1.PodSpec{}
	add := func(name, manifests string) {
		for _, o := range decode(t, manifests) {
			switch o := o.(type) {
			case *appsv1.DaemonSet:
				pods[name] = o.Spec.Template.Spec
			case *appsv1.Deployment:
				pods[name] = o.Spec.Template.Spec
			}
		}
	}
	for _, name := range values {
		got, err := render(load(t), example(t, name))
		if err != nil {
			t.Fatal(err)
		}
		add(name, got)
	}
	add("nginx", string(read(t, filepath.Join(examples, "nginx.yaml"))))
	ingress := struct {
		Controller struct {
			ExtraContainers    []corev1.Container         `json:"extraContainers"`
			ExtraVolumes       []corev1.Volume            `json:"extraVolumes"`
			PodSecurityContext *corev1.PodSecurityContext `json:"podSecurityContext"`
			Config             map[string]string          `json:"config"`
		} `json:"controller"`
	}{}
	if err := yaml.UnmarshalStrict(read(t, filepath.Join(examples, "ingress-nginx.yaml")), &ingress); err != nil {
		t.Fatal(err)
	}
	no := false
	pods["ingress-nginx"] = corev1.PodSpec{
		Containers: ingress.Controller.ExtraContainers, Volumes: ingress.Controller.ExtraVolumes,
		SecurityContext: ingress.Controller.PodSecurityContext, AutomountServiceAccountToken: &no,
	}
	if len(pods) != 5 {
		t.Errorf("%d pods, want 5", len(pods))
	}
	for name, pod := range pods {
		var host []string
		for _, v := range pod.Volumes {
			if v.HostPath != nil {
				host = append(host, v.HostPath.Path)
			}
		}
		want := map[string][]string{"daemonset": {"/var/lib/darkshare/web-darkshare", "/var/log/pods"}}[name]
		if diff := cmp.Diff(want, host); diff != "" {
			t.Errorf("%s: folders of the node: %s", name, diff)
		}
		if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken || pod.HostNetwork || pod.HostPID {
			t.Errorf("%s: has a token, or is in the node's namespaces", name)
		}
		if len(pod.Containers) == 0 {
			t.Errorf("%s: no containers", name)
		}
		for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
			for _, m := range c.VolumeMounts {
				if name == "daemonset" && strings.HasPrefix(m.MountPath, "/var/log") && !m.ReadOnly {
					t.Errorf("%s, %s: may write to the node's %s", name, c.Name, m.MountPath)
				}
			}
			if name == "daemonset" && c.Name == "chown" {
				if c.Resources.Limits.Memory().IsZero() || !*c.SecurityContext.ReadOnlyRootFilesystem || *c.SecurityContext.AllowPrivilegeEscalation ||
					!slices.Equal(c.SecurityContext.Capabilities.Drop, []corev1.Capability{"ALL"}) || !slices.Equal(c.SecurityContext.Capabilities.Add, []corev1.Capability{"CHOWN"}) ||
					len(c.VolumeMounts) != 1 {
					t.Errorf("%s: chown may more than chown: %v", name, c.SecurityContext)
				}
				continue
			}
			s, p := c.SecurityContext, pod.SecurityContext
			switch {
			case s == nil || p == nil:
				t.Errorf("%s, %s: no security context", name, c.Name)
			case s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation,
				s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem,
				s.RunAsUser == nil || *s.RunAsUser == 0,
				(s.RunAsNonRoot == nil || !*s.RunAsNonRoot) && (p.RunAsNonRoot == nil || !*p.RunAsNonRoot),
				s.SeccompProfile == nil && p.SeccompProfile == nil,
				s.Capabilities == nil || len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" || len(s.Capabilities.Add) > 0:
				t.Errorf("%s, %s: may too much: %v, %v", name, c.Name, s, p)
			}
			if c.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s, %s: no limit of memory", name, c.Name)
			}
		}
	}
}

// TestSchema: a mistake in the values is said before anything is installed.
func TestSchema(t *testing.T) {
	for name, test := range map[string]struct {
		values string
		want   string
	}{
		"a mode that is not there":      {`mode: cronjob`, "mode"},
		"a key that is not there":       {`mod: syslog`, "mod"},
		"inputs are the mode's":         {`config: {inputs: [{stdin: true}]}`, "inputs"},
		"a path in place of a name":     {`daemonset: {containers: [/var/log/pods/a_b_c/d]}`, "containers"},
		"a port that needs a right":     {`syslog: {port: 514}`, "port"},
		"a protocol of its own":         {`syslog: {protocols: [sctp]}`, "protocols"},
		"a sidecar that nobody finds":   {`{mode: sidecar, monitor: {enabled: true}}`, "sidecar.podLabels"},
		"a rule file that is not there": {`rules: {files: [mine]}`, "files"},
		"TLS without a certificate":     {`{mode: syslog, syslog: {protocols: [tls]}}`, "syslog.tls.secretName"},
		"a certificate without TLS":     {`{mode: syslog, syslog: {tls: {secretName: darkshare-syslog}}}`, "syslog.protocols"},
		"client certificates alone":     {`{mode: syslog, syslog: {tls: {clientCASecretName: darkshare-syslog}}}`, "syslog.protocols"},
		"a state that is nowhere":       {`daemonset: {state: {type: memory}}`, "type"},
		"a node's root":                 {`daemonset: {state: {path: /}}`, "path"},
		"two pods that count each line": {`daemonset: {updateStrategy: {rollingUpdate: {maxSurge: 1}}}`, "maxSurge"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := chartutil.ReadValues([]byte(test.values))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := render(load(t), v); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error about %s", err, test.want)
			}
		})
	}
}
