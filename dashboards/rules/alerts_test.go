package rules_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/darkshare/darkshare/dashboards/rules"
	"github.com/darkshare/darkshare/exporter/schema"
)

// alertFiles are beside what is embedded: the store evaluates no alerts.
var alertFiles = []string{"alerts.yaml", "operations.yaml"}

// alerts parses the alerting rules as Prometheus 3 does.
func alerts(t *testing.T) []rulefmt.Rule {
	t.Helper()
	var all []rulefmt.Rule
	for _, name := range alertFiles {
		groups, errs := rulefmt.ParseFile(name, false, model.UTF8Validation, parser.NewParser(parser.Options{}), nil)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		for _, g := range groups.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

// TestAlertsByPromtool has Debian's promtool check the rules, and tell them stories.
func TestAlertsByPromtool(t *testing.T) {
	bin, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool here: ", err)
	}
	out, err := exec.Command(bin, append([]string{"check", "rules", "--lint=all", "--lint-fatal"}, alertFiles...)...).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	stories, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(stories) == 0 {
		t.Fatal("no stories: ", err)
	}
	for _, story := range stories {
		t.Run(filepath.Base(story), func(t *testing.T) {
			t.Parallel()
			if out, err := exec.Command(bin, "test", "rules", story).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestAlertsAreTested: there is a story in which each alert is silent, fires, and is
// silent again.
func TestAlertsAreTested(t *testing.T) {
	stories, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tested := map[string]string{} // of each alert, the checks in order
	for _, story := range stories {
		b, err := os.ReadFile(story)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Tests []struct {
				Checks []struct {
					Alert string           `yaml:"alertname"`
					At    string           `yaml:"eval_time"`
					Want  []map[string]any `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		if err := yaml.Unmarshal(b, &file); err != nil {
			t.Fatal(err)
		}
		for _, test := range file.Tests {
			last := map[string]model.Duration{}
			for _, c := range test.Checks {
				at, err := model.ParseDuration(c.At)
				if err != nil || at < last[c.Alert] {
					t.Errorf("%s: %s at %s is not in order: %v", story, c.Alert, c.At, err)
				}
				last[c.Alert] = at
				if len(c.Want) == 0 {
					tested[c.Alert] += "silent "
				} else {
					tested[c.Alert] += "fires "
				}
			}
			for alert := range last {
				tested[alert] += "| "
			}
		}
	}
	whole := regexp.MustCompile(`silent (fires )+silent`)
	for _, r := range alerts(t) {
		if !whole.MatchString(tested[r.Alert]) {
			t.Errorf("%s: %q", r.Alert, tested[r.Alert])
		}
		delete(tested, r.Alert)
	}
	for alert := range tested {
		t.Errorf("there is no alert %s", alert)
	}
}

// TestAlertsAskForWhatThereIs: a misspelled metric or label would be an alert that
// never fires.
func TestAlertsAskForWhatThereIs(t *testing.T) {
	known := map[string][]string{"up": {"job", "instance"}}
	for _, m := range schema.Metrics {
		known[m.Name] = append([]string{"job", "instance"}, m.Labels...)
	}
	b, err := rules.Files.ReadFile(rules.Shift)
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Groups []struct{ Rules []struct{ Record string } }
	}
	if err := yaml.Unmarshal(b, &recorded); err != nil {
		t.Fatal(err)
	}
	for _, g := range recorded.Groups {
		for _, r := range g.Rules {
			known[r.Record] = []string{"site", "section"}
		}
	}
	p := parser.NewParser(parser.Options{})
	queried := regexp.MustCompile(`printf "([^"]*)"`)
	for _, r := range alerts(t) {
		exprs := []string{r.Expr}
		for _, text := range r.Annotations {
			for _, m := range queried.FindAllStringSubmatch(text, -1) {
				exprs = append(exprs, strings.ReplaceAll(m[1], "%q", `"x"`))
			}
		}
		for _, e := range exprs {
			expr, err := p.ParseExpr(e)
			if err != nil {
				t.Fatal(err)
			}
			parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
				switch n := n.(type) {
				case *parser.VectorSelector:
					labels, ok := known[n.Name]
					if !ok {
						t.Errorf("%s: there is no %s", r.Alert, n.Name)
					}
					for _, m := range n.LabelMatchers {
						if m.Name != model.MetricNameLabel && !slices.Contains(labels, m.Name) {
							t.Errorf("%s: %s has no label %s", r.Alert, n.Name, m.Name)
						}
					}
				case *parser.AggregateExpr:
					for _, l := range n.Grouping {
						if !slices.ContainsFunc(schema.Metrics, func(m *schema.Metric) bool { return slices.Contains(m.Labels, l) }) && l != "job" && l != "instance" {
							t.Errorf("%s: nothing has a label %s", r.Alert, l)
						}
					}
				}
				return nil
			})
		}
	}
}

// TestAlertsLead: each alert says how bad it is and whom it is for, and leads to a
// dashboard that has the variables it sets, and to words on what to do.
func TestAlertsLead(t *testing.T) {
	const docs = "https://github.com/darkshare/darkshare/blob/main/"
	variable := regexp.MustCompile(`var-(\w+)=`)
	heading := regexp.MustCompile(`(?m)^#+ (.*)$`)
	for _, r := range alerts(t) {
		if s := r.Labels["severity"]; !slices.Contains([]string{"critical", "warning", "info"}, s) {
			t.Errorf("%s: severity %q", r.Alert, s)
		}
		if a := r.Labels["audience"]; !slices.Contains([]string{"marketing", "platform"}, a) {
			t.Errorf("%s: audience %q", r.Alert, a)
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s has no words", r.Alert)
		}

		uid, link := r.Annotations["dashboard_uid"], r.Annotations["dashboard"]
		if path, _, _ := strings.Cut(link, "?"); path != "/d/"+uid {
			t.Errorf("%s: %s is not %s", r.Alert, link, uid)
		}
		var board struct {
			UID        string
			Templating struct{ List []struct{ Name string } }
		}
		b, err := os.ReadFile(filepath.Join("..", uid+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &board); err != nil || board.UID != uid {
			t.Errorf("%s: %q, %v", uid, board.UID, err)
		}
		for _, m := range variable.FindAllStringSubmatch(link, -1) {
			if !slices.ContainsFunc(board.Templating.List, func(v struct{ Name string }) bool { return v.Name == m[1] }) {
				t.Errorf("%s: %s has no variable %s", r.Alert, uid, m[1])
			}
		}

		path, anchor, _ := strings.Cut(strings.TrimPrefix(r.Annotations["runbook_url"], docs), "#")
		page, err := os.ReadFile(filepath.Join("..", "..", path))
		if err != nil {
			t.Fatal(err)
		}
		if anchor != strings.ToLower(r.Alert) || !slices.ContainsFunc(heading.FindAllStringSubmatch(string(page), -1), func(m []string) bool { return m[1] == r.Alert }) {
			t.Errorf("%s: %s has no heading for it", r.Alert, path)
		}
	}
}
