package attribution

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A labelledAgent is a row of the corpus of user agents.
type labelledAgent struct{ ua, kind, app, scope string }

// corpusAgents reads user_agents.tsv, or skips the test where there is none.
func corpusAgents(tb testing.TB) []labelledAgent {
	tb.Helper()
	dir := os.Getenv("DARKSHARE_CORPORA")
	if dir == "" {
		dir = "../../../shared/corpora"
	}
	f, err := os.Open(filepath.Join(dir, "user_agents.tsv"))
	if err != nil {
		tb.Skipf("no corpora (set DARKSHARE_CORPORA): %v", err)
	}
	defer f.Close()
	var rows []labelledAgent
	lines := bufio.NewScanner(f)
	lines.Scan() // the header
	for lines.Scan() {
		c := strings.Split(lines.Text(), "\t")
		if len(c) != 4 {
			tb.Fatalf("a row of %d columns: %q", len(c), lines.Text())
		}
		rows = append(rows, labelledAgent{c[0], c[1], c[2], c[3]})
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	if len(rows) < 1000 {
		tb.Fatalf("only %d rows", len(rows))
	}
	return rows
}

// corpusApps says in our words what the corpus calls otherwise. UC Browser with a
// part of Alibaba's in it is a browser still, as most of its kind are in the corpus.
var corpusApps = map[string]string{
	"ArenaUnfurlBot":      "arena",
	"ClickUpLinkUnfurler": "clickup",
	"CodaBot":             "coda",
	"EvernoteRichLinkBot": "evernote",
	"KAKAOSTORY":          "kakaostory",
	"Klarna":              "klarna",
	"LoomlyBot":           "loomly",
	"Yahoo! Japan":        "yahoo_japan",
	"UCBrowser":           "other",
	"generic_webview":     "other",
	"shared_infra":        "mixed",
}

func ours(label string) string {
	if name, ok := corpusApps[label]; ok {
		return name
	}
	return label
}

func TestAgentCorpus(t *testing.T) {
	rows := corpusAgents(t)
	table, src := agents(t)

	type cell struct {
		kind  string
		class agentClass
	}
	var (
		confusion = map[cell]int{}
		total     = map[string]int{}
		hits      = map[string]int{}
		// A person's agent taken for a bot is the worst mistake: list them.
		lost []string
	)
	for _, r := range rows {
		kind := r.kind
		if kind == "scanner" {
			kind = "bot"
		}
		a := table.classify([]byte(r.ua))
		app := src.names[a.app]
		confusion[cell{kind, a.class}]++
		total[kind]++
		switch kind {
		case "bot":
			if a.class == classBot {
				hits["bot"]++
			}
		case "browser":
			if a.class == classBot {
				hits["browser as bot"]++
				lost = append(lost, a.name+": "+r.ua)
			}
		case "inapp":
			if a.class == classBot {
				hits["inapp as bot"]++
				lost = append(lost, a.name+": "+r.ua)
			}
			if app == ours(r.app) {
				hits["inapp app"]++
			}
		case "preview":
			if a.class == classPreview && app == ours(r.app) && a.scope.String() == ours(r.scope) {
				hits["preview"]++
			} else {
				t.Errorf("preview of %s (%s) is %v of %s (%v): %q", r.app, r.scope, a.class, app, a.scope, r.ua)
			}
		case "mailclient":
			if a.class == classMail {
				hits["mail"]++
			}
		}
	}

	var text strings.Builder
	fmt.Fprintf(&text, "%-12s", "")
	for _, name := range agentClassNames {
		fmt.Fprintf(&text, "%9s", name)
	}
	for _, kind := range []string{"browser", "inapp", "preview", "mailclient", "bot"} {
		fmt.Fprintf(&text, "\n%-12s", kind)
		for c := range numAgentClasses {
			fmt.Fprintf(&text, "%9d", confusion[cell{kind, c}])
		}
	}
	t.Logf("labels by row, classes by column:\n%s", text.String())
	slices.Sort(lost)
	t.Logf("people taken for bots:\n%s", strings.Join(lost, "\n"))

	for _, test := range []struct {
		what, of  string
		low, high float64
	}{
		{"bot", "bot", 0.98, 1},
		{"browser as bot", "browser", 0, 0.005},
		{"inapp as bot", "inapp", 0, 0.002},
		{"inapp app", "inapp", 0.97, 1},
		{"preview", "preview", 1, 1},
		{"mail", "mailclient", 0.85, 1},
	} {
		share := float64(hits[test.what]) / float64(total[test.of])
		t.Logf("%-14s %5d of %5d %s: %6.2f %%", test.what, hits[test.what], total[test.of], test.of, 100*share)
		if share < test.low || share > test.high {
			t.Errorf("%s: %.4f, want from %.3f to %.3f", test.what, share, test.low, test.high)
		}
	}
}
