package rules_test

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/darkshare/darkshare/dashboards/rules"
	"github.com/darkshare/darkshare/exporter/schema"
)

// TestPromtool has Debian's promtool check the file.
func TestPromtool(t *testing.T) {
	bin, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool here: ", err)
	}
	out, err := exec.Command(bin, "check", "rules", "--lint=all", "--lint-fatal", rules.Recording).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "SUCCESS: 6 rules found") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestNames holds each rule to level:metric:operation: the metric is one of the
// schema, the level lists its labels in the schema's order, the operation says what
// the expression does.
func TestNames(t *testing.T) {
	b, err := rules.Files.ReadFile(rules.Recording)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name, Interval string
			Rules          []struct{ Record, Expr string }
		}
	}
	if err := yaml.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	expr := regexp.MustCompile(`^sum without \(job, instance\) \(increase\((\w+)\[(\w+)\]\)\)$`)
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			m := expr.FindStringSubmatch(r.Expr)
			if m == nil {
				t.Errorf("%s: %s", r.Record, r.Expr)
				continue
			}
			i := slices.IndexFunc(schema.Metrics, func(s *schema.Metric) bool { return s.Name == m[1] })
			if i < 0 || schema.Metrics[i].Type != schema.Counter {
				t.Errorf("%s: no counter %s", r.Record, m[1])
				continue
			}
			want := strings.Join(schema.Metrics[i].Labels, "_") + ":" + strings.TrimSuffix(m[1], "_total") + ":increase" + m[2]
			if r.Record != want || m[2] != g.Interval {
				t.Errorf("%s every %s, want %s", r.Record, g.Interval, want)
			}
		}
	}
}
