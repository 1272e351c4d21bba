package grafana_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/darkshare/darkshare/dashboards/rules/grafana"
)

var update = flag.Bool("update", false, "write the provisioning files anew")

// TestFiles holds the provisioning files to the rules that they are made from.
func TestFiles(t *testing.T) {
	for _, name := range []string{"alerts.yaml", "operations.yaml"} {
		in, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := grafana.Provision(in)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(name, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is not what the rules say (-update writes it anew): %s", name, diff)
		}
	}
}

// TestProvision shows the translation of one rule in full.
func TestProvision(t *testing.T) {
	got, err := grafana.Provision([]byte(`
groups:
  - name: g
    interval: 1m
    rules:
      - alert: ShareShifted
        expr: points and score != 0
        for: 5m
        keep_firing_for: 1h
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.site }} {{ if gt $value 0.0 }}up{{ else }}down{{ end }} by {{ $value | humanizePercentage }}'
          description: 'usual: {{ with printf "site:share:expected{site=%q}" $labels.site | query }}{{ . | first | value | humanizePercentage }}{{ end }}'
`))
	if err != nil {
		t.Fatal(err)
	}
	const want = `apiVersion: 1
groups:
  - orgId: 1
    name: g
    folder: darkshare
    interval: 1m
    rules:
      - uid: share-shifted
        title: ShareShifted
        condition: condition
        data:
          - refId: A
            relativeTimeRange:
              from: 600
              to: 0
            datasourceUid: $DARKSHARE_PROMETHEUS_UID
            model:
              refId: A
              expr: points and score != 0
              instant: true
          - refId: expected
            relativeTimeRange:
              from: 600
              to: 0
            datasourceUid: $DARKSHARE_PROMETHEUS_UID
            model:
              refId: expected
              expr: site:share:expected
              instant: true
          - refId: condition
            relativeTimeRange:
              from: 0
              to: 0
            datasourceUid: __expr__
            model:
              refId: condition
              type: math
              expression: is_number($A)
        noDataState: OK
        execErrState: Error
        for: 5m
        keepFiringFor: 1h
        labels:
          severity: warning
        annotations:
          description: 'usual: {{ with .Values.expected }}{{ .Value | humanizePercentage }}{{ end }}'
          summary: '{{ .Labels.site }} {{ with .Values.A }}{{ if gt .Value 0.0 }}up{{ else }}down{{ end }}{{ end }} by {{ with .Values.A }}{{ .Value | humanizePercentage }}{{ end }}'
`
	if diff := cmp.Diff(want, withoutComments(got)); diff != "" {
		t.Error(diff)
	}
}

func withoutComments(b []byte) string {
	for bytes.HasPrefix(b, []byte("#")) {
		_, b, _ = bytes.Cut(b, []byte("\n"))
	}
	return string(b)
}

// TestRefused: what Grafana could not say is an error, not an alert with a hole in it.
func TestRefused(t *testing.T) {
	for name, rule := range map[string]string{
		"a recording rule":        "{record: a, expr: b}",
		"another query":           `{alert: A, expr: b, annotations: {summary: '{{ query "b" }}'}}`,
		"another template's name": `{alert: A, expr: b, annotations: {summary: '{{ $externalURL }}'}}`,
	} {
		if out, err := grafana.Provision([]byte("groups: [{name: g, rules: [" + rule + "]}]")); err == nil {
			t.Errorf("%s: %s", name, out)
		}
	}
}

// TestUnique: Grafana refuses a file in which two rules have one uid, or a long one.
func TestUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range []string{"alerts.yaml", "operations.yaml"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Groups []struct {
				Rules []struct {
					UID         string
					Annotations map[string]string
				}
			}
		}
		if err := yaml.Unmarshal(b, &file); err != nil {
			t.Fatal(err)
		}
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				if seen[r.UID] || len(r.UID) > 40 || !strings.HasPrefix(r.UID, "darkshare-") {
					t.Errorf("uid %q", r.UID)
				}
				seen[r.UID] = true
			}
		}
	}
	if len(seen) != 24 {
		t.Errorf("%d rules, want 24", len(seen))
	}
}
