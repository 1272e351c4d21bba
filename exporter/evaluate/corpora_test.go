package evaluate

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"go.yaml.in/yaml/v3"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/attribution"
	"github.com/darkshare/darkshare/exporter/pipeline"
	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/stream"
)

// corpus opens a file of the corpora, or skips the test where there are none.
func corpus(t *testing.T, name string) *os.File {
	t.Helper()
	dir := os.Getenv("DARKSHARE_CORPORA")
	if dir == "" {
		dir = "../../../shared/corpora"
	}
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		t.Skipf("no corpora (set DARKSHARE_CORPORA): %v", err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// A matrix counts what was found of what a list says.
type matrix map[string]*[schema.NumChannels + 1]int

// none is the column of what is no sign of a sender.
const none = schema.NumChannels

func (m matrix) add(list string, c schema.Channel) {
	if m[list] == nil {
		m[list] = &[schema.NumChannels + 1]int{}
	}
	m[list][c]++
}

func (m matrix) String() string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "list\t")
	for c := range schema.NumChannels {
		fmt.Fprintf(w, "%v\t", c)
	}
	fmt.Fprintln(w, "none\t")
	for _, list := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprint(w, list+"\t")
		for _, n := range m[list] {
			fmt.Fprintf(w, "%d\t", n)
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	return out.String()
}

// channel classifies a landing on the target from the referrer.
func channel(t *testing.T, c *attribution.Classifier, target, referer string) schema.Channel {
	t.Helper()
	var v attribution.Verdict
	c.Classify(&accesslog.Request{
		Method: []byte("GET"), Status: 200, Host: []byte(host), Target: []byte(target), Referer: []byte(referer), UserAgent: []byte(desktop),
	}, 0, &v)
	if v.Kind != schema.KindLanding {
		t.Fatalf("%s from %s is no landing but %v", target, referer, v.Kind)
	}
	if v.Evidence == schema.EvidenceNone {
		return none
	}
	return v.Channel
}

func classifier(t *testing.T) *attribution.Classifier {
	t.Helper()
	rules, err := attribution.New(attribution.Options{Sites: []attribution.Site{{Name: host, Hosts: []string{host}}}})
	if err != nil {
		t.Fatal(err)
	}
	return rules.NewClassifier()
}

// TestAccuracyReferrers prints the channels that the hosts of the public lists get.
// docs/attribution.md has every host that differs from its list, and package
// attribution the test that these are all.
func TestAccuracyReferrers(t *testing.T) {
	c, m := classifier(t), matrix{}
	var found func(list string, node *yaml.Node)
	found = func(list string, node *yaml.Node) {
		if node.Kind == yaml.MappingNode {
			for i := 0; i < len(node.Content); i += 2 {
				if key := node.Content[i].Value; key != "params" && key != "backlink" && key != "charsets" && key != "hiddenkeyword" {
					found(list, node.Content[i+1])
				}
			}
			return
		}
		for _, child := range node.Content {
			found(list, child)
		}
		if name, _, _ := strings.Cut(node.Value, "/"); node.Kind == yaml.ScalarNode && strings.Contains(name, ".") && !strings.HasPrefix(name, "com.") && !strings.HasPrefix(name, "org.") {
			name = strings.NewReplacer("{}.", "fr.", ".{}", ".de", "{}", "fr").Replace(name)
			m.add(list, channel(t, c, "/page", "https://"+name+"/"))
		}
	}
	for list, file := range map[string]string{"Matomo: search": "SearchEngines.yml", "Matomo: social": "Socials.yml", "Matomo: assistants": "AIAssistants.yml"} {
		var root yaml.Node
		if err := yaml.NewDecoder(corpus(t, "referrers/"+file)).Decode(&root); err != nil {
			t.Fatal(err)
		}
		found(list, &root)
	}
	rows, err := csv.NewReader(corpus(t, "referrers/ga4_source_categories.csv")).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		if name := row[0]; strings.Contains(name, ".") && !strings.Contains(name, "/") {
			kind := strings.ToLower(strings.TrimPrefix(row[1], "SOURCE_CATEGORY_"))
			m.add("GA4: "+kind, channel(t, c, "/page", "https://"+name+"/"))
		}
	}
	t.Logf("hosts by list, channels by column:\n\n%s", m)
	for list, want := range map[string]schema.Channel{"Matomo: search": schema.ChannelSearch, "Matomo: social": schema.ChannelSocial,
		"Matomo: assistants": schema.ChannelAI, "GA4: search": schema.ChannelSearch, "GA4: social": schema.ChannelSocial} {
		all := 0
		for _, n := range m[list] {
			all += n
		}
		if right := m[list][want]; right*10 < all*9 {
			t.Errorf("%s: %d of %d hosts are %v", list, right, all, want)
		}
	}
}

// TestAccuracyTags prints the channels of the parameters that name an app or a kind
// of sending.
func TestAccuracyTags(t *testing.T) {
	c, m := classifier(t), matrix{}
	lines := bufio.NewScanner(corpus(t, "referrers/query_markers.tsv"))
	lines.Scan() // the header
	for lines.Scan() {
		cols := strings.Split(lines.Text(), "\t")
		kind := "other"
		for _, k := range []string{"ad click", "private", "public", "mail", "shopping"} {
			if strings.Contains(cols[3], k) {
				kind = k
				break
			}
		}
		for _, param := range strings.Split(cols[0], "|") {
			for _, value := range strings.Split(strings.ReplaceAll(cols[1], "*", "x1"), "|") {
				m.add(kind, channel(t, c, "/page?"+param+"="+value, ""))
			}
		}
	}
	t.Logf("parameters by what the list says of them, channels by column:\n\n%s", m)
	if ads := m["ad click"]; ads == nil || ads[schema.ChannelPaid] == 0 {
		t.Errorf("no click id of an advertisement is paid")
	}
}

// TestAccuracyRealLogs prints the dark share of real logs beside the plain rule.
// Nobody knows the truth about them; how many of the landings are people's is what
// the plain rule does not ask.
func TestAccuracyRealLogs(t *testing.T) {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "log\tlandings\tplain rule\tvisits\tplain rule of these\tknown\testimate\t95 %\tadjusted\tceiling\t")
	for _, real := range []struct {
		name  string
		hosts []string
	}{
		{"semicomplete_2015", []string{"semicomplete.com"}},
		{"farmfresh_2024_25", []string{"farmfreshsoftware.com", "farmwork.app"}},
	} {
		name, hosts := real.name, real.hosts
		log, err := gzip.NewReader(corpus(t, "logs/"+name+".log.gz"))
		if err != nil {
			t.Fatal(err)
		}
		r := &result{found: map[uint64]finding{}}
		format, err := accesslog.Compile("combined")
		if err != nil {
			t.Fatal(err)
		}
		engine, err := pipeline.New(pipeline.Options{
			Rules:    attribution.Options{Sites: []attribution.Site{{Name: hosts[0], Hosts: hosts}}},
			Observer: observer{r.found},
		})
		if err != nil {
			t.Fatal(err)
		}
		engine.AddInput(pipeline.Input{Name: name, Format: format, Site: hosts[0]})
		blocks := make(chan *stream.Block)
		go func() {
			defer close(blocks)
			_ = stream.Reader(log, stream.Options{}).Run(context.Background(), blocks)
		}()
		if err := engine.Run(context.Background(), blocks); err != nil {
			t.Fatal(err)
		}
		var landings, plain, plainVisits float64
		for _, f := range r.found {
			if !f.resolved {
				continue
			}
			landings++
			if f.plain {
				plain++
				if f.outcome.Visit {
					plainVisits++
				}
			}
		}
		d := engine.Report().DarkShare
		fmt.Fprintf(w, "%s\t%.0f\t%.1f %%\t%d\t%.1f %%\t%.1f %%\t%.1f %%\t%.1f to %.1f\t%.1f %%\t%.1f %%\t\n", name, landings, 100*plain/landings, d.Visits,
			100*plainVisits/float64(d.Visits), 100*d.Known, 100*d.Estimate, 100*d.Interval[0], 100*d.Interval[1], 100*d.Adjusted, 100*d.Ceiling)
		if d.Visits == 0 || d.Known > d.Adjusted || d.Adjusted > d.Estimate || d.Estimate > d.Ceiling {
			t.Errorf("%s: %+v", name, d)
		}
	}
	w.Flush()
	t.Logf("real logs:\n\n%s", out.String())
}
