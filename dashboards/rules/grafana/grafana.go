// Package grafana writes darkshare's alerting rules as Grafana's own, for its file
// provisioning, so that the two cannot differ.
package grafana

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// DataSource is the environment variable in which Grafana looks for the uid of the
// Prometheus data source that the rules ask
// (https://grafana.com/docs/grafana/latest/administration/provisioning/#using-environment-variables).
const DataSource = "DARKSHARE_PROMETHEUS_UID"

// A ruleFile is what is read of a Prometheus rule file.
type ruleFile struct {
	Groups []struct {
		Name     string
		Interval string
		Rules    []struct {
			Alert         string
			Expr          string
			For           string
			KeepFiringFor string `yaml:"keep_firing_for"`
			Labels        map[string]string
			Annotations   map[string]string
		}
	}
}

// The shape of a provisioning file
// (https://grafana.com/docs/grafana/latest/alerting/set-up/provision-alerting-resources/file-provisioning/).
type (
	provisioned struct {
		APIVersion int     `yaml:"apiVersion"`
		Groups     []group `yaml:"groups"`
	}
	group struct {
		OrgID    int    `yaml:"orgId"`
		Name     string `yaml:"name"`
		Folder   string `yaml:"folder"`
		Interval string `yaml:"interval"`
		Rules    []rule `yaml:"rules"`
	}
	rule struct {
		UID           string            `yaml:"uid"`
		Title         string            `yaml:"title"`
		Condition     string            `yaml:"condition"`
		Data          []query           `yaml:"data"`
		NoDataState   string            `yaml:"noDataState"`
		ExecErrState  string            `yaml:"execErrState"`
		For           string            `yaml:"for"`
		KeepFiringFor string            `yaml:"keepFiringFor,omitempty"`
		Labels        map[string]string `yaml:"labels"`
		Annotations   map[string]string `yaml:"annotations"`
	}
	query struct {
		RefID      string     `yaml:"refId"`
		Range      *timeRange `yaml:"relativeTimeRange"`
		DataSource string     `yaml:"datasourceUid"`
		Model      model      `yaml:"model"`
	}
	timeRange struct {
		From int `yaml:"from"`
		To   int `yaml:"to"`
	}
	model struct {
		RefID      string `yaml:"refId"`
		Expr       string `yaml:"expr,omitempty"`
		Instant    bool   `yaml:"instant,omitempty"`
		Type       string `yaml:"type,omitempty"`
		Expression string `yaml:"expression,omitempty"`
	}
)

// Provision translates the alerting rules of a Prometheus rule file. Its annotations
// may use $labels and, exactly so, since Grafana says it otherwise,
//
//	{{ $value | FORMAT }}
//	{{ if gt $value 0.0 }}WORD{{ else }}WORD{{ end }}
//	{{ with printf "NAME{label=%q}" $labels.label | query }}{{ . | first | value | FORMAT }}{{ end }}
//
// The last shows another series of the same labels. Grafana's templates cannot query:
// it becomes a query of the rule.
func Provision(file []byte) ([]byte, error) {
	var in ruleFile
	if err := yaml.Unmarshal(file, &in); err != nil {
		return nil, err
	}
	out := provisioned{APIVersion: 1}
	for _, g := range in.Groups {
		to := group{OrgID: 1, Name: g.Name, Folder: "darkshare", Interval: g.Interval}
		for _, r := range g.Rules {
			if r.Alert == "" {
				return nil, fmt.Errorf("group %s has a rule that is no alert", g.Name)
			}
			t := rule{
				UID: uid(r.Alert), Title: r.Alert, Condition: "condition",
				Data: []query{ask("A", strings.TrimSpace(r.Expr))},
				// A rule that gives nothing is a rule that has nothing to say.
				NoDataState: "OK", ExecErrState: "Error",
				For: r.For, KeepFiringFor: r.KeepFiringFor,
				Labels: r.Labels, Annotations: map[string]string{},
			}
			if t.For == "" {
				t.For = "0s"
			}
			for name, text := range r.Annotations {
				text, queries, err := annotation(text)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", r.Alert, name, err)
				}
				t.Annotations[name] = text
				t.Data = append(t.Data, queries...)
			}
			// Prometheus's alert is on when there is a series, whatever its value;
			// Grafana's when the value is not 0.
			t.Data = append(t.Data, query{
				RefID: "condition", Range: &timeRange{}, DataSource: "__expr__",
				Model: model{RefID: "condition", Type: "math", Expression: "is_number($A)"},
			})
			to.Rules = append(to.Rules, t)
		}
		out.Groups = append(out.Groups, to)
	}
	var b bytes.Buffer
	fmt.Fprintln(&b, "# Generated from the Prometheus rules; go test -update ./dashboards/rules/grafana writes it anew.")
	fmt.Fprintln(&b, "# Grafana 12 or later. "+DataSource+" in its environment is the uid of the data source.")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(out); err != nil {
		return nil, err
	}
	return b.Bytes(), e.Close()
}

func ask(ref, expr string) query {
	return query{
		RefID: ref, Range: &timeRange{From: 600}, DataSource: "$" + DataSource,
		Model: model{RefID: ref, Expr: expr, Instant: true},
	}
}

var (
	other    = regexp.MustCompile(`\{\{ with printf "([\w:]+)\{[^"]*\}"(?: \$labels\.\w+)+ \| query \}\}\{\{ \. \| first \| value \| (\w+) \}\}\{\{ end \}\}`)
	value    = regexp.MustCompile(`\{\{ \$value \| (\w+) \}\}`)
	sign     = regexp.MustCompile(`\{\{ if gt \$value 0\.0 \}\}(\w+(?:\{\{ else \}\}\w+)?)\{\{ end \}\}`)
	action   = regexp.MustCompile(`\{\{.*?\}\}`)
	querying = regexp.MustCompile(`\{\{[^}]*\bquery\b`)
)

// annotation returns the text with Grafana's names for what Prometheus calls $labels
// and $value, and the queries that it needs besides. It has no dollar: whether
// provisioning takes one in an annotation for an environment variable depends on
// Grafana's version.
func annotation(text string) (string, []query, error) {
	var queries []query
	text = other.ReplaceAllStringFunc(text, func(m string) string {
		parts := other.FindStringSubmatch(m)
		ref := parts[1][strings.LastIndex(parts[1], ":")+1:]
		queries = append(queries, ask(ref, parts[1]))
		return fmt.Sprintf("{{ with .Values.%s }}{{ .Value | %s }}{{ end }}", ref, parts[2])
	})
	// Of a rule that gives nothing, the words are written all the same.
	text = sign.ReplaceAllString(text, "{{ with .Values.A }}{{ if gt .Value 0.0 }}$1{{ end }}{{ end }}")
	text = value.ReplaceAllString(text, "{{ with .Values.A }}{{ .Value | $1 }}{{ end }}")
	text = action.ReplaceAllStringFunc(text, func(m string) string { return strings.ReplaceAll(m, "$labels", ".Labels") })
	if strings.Contains(text, "$") || querying.MatchString(text) {
		return "", nil, fmt.Errorf("cannot be said in Grafana: %s", text)
	}
	return text, queries, nil
}

// uid turns an alert's name into words with dashes; Grafana allows 40 characters.
func uid(name string) string {
	var b strings.Builder
	for i, c := range name {
		if unicode.IsUpper(c) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
