package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkshare/darkshare/exporter/schema"
	"github.com/darkshare/darkshare/exporter/simulate"
)

var update = flag.Bool("update", false, "write the outputs of the examples into the documentation, and the simulated log")

// root is the top of the project.
var root = filepath.Join("..", "..", "..")

// TestSimulatedLog: testdata/news.log.gz is what the simulator says it is: six
// hours of a small news site.
func TestSimulatedLog(t *testing.T) {
	mix, err := simulate.MixByName("news")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	_, err = simulate.Run(simulate.Options{
		Seed: 2012, Start: time.Date(2026, 10, 12, 8, 0, 0, 0, time.UTC), Duration: 6 * time.Hour, Visits: 150, Bots: 0.3,
		Mix: mix, Site: simulate.Site{Host: "www.example.com"}, Format: simulate.Combined,
		Events: []simulate.Event{{Kind: simulate.Viral, After: 2 * time.Hour, Duration: 3 * time.Hour, Visits: 60, Sender: "whatsapp"}},
	}, &log)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(root, "testdata", "news.log.gz")
	if *update {
		var z bytes.Buffer
		w, _ := gzip.NewWriterLevel(&z, gzip.BestCompression)
		_, _ = w.Write(log.Bytes())
		_ = w.Close()
		if err := os.WriteFile(name, z.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, log.Bytes()) {
		t.Error("testdata/news.log.gz is not what the simulator writes; go test -update ./exporter/cmd/darkshare writes it anew")
	}
}

// TestDocumentedCommands runs every `$ darkshare ...` in the console blocks of the
// documentation, from the project's top, and compares what it prints.
func TestDocumentedCommands(t *testing.T) {
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	ran := 0
	for _, doc := range append(docs, filepath.Join(root, "README.md")) {
		doc, err := filepath.Rel(root, doc)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(string(text), "```")
		for i := 1; i < len(parts); i += 2 {
			block, ok := strings.CutPrefix(parts[i], "console\n$ darkshare ")
			if !ok {
				continue
			}
			arguments, want, _ := strings.Cut(block, "\n")
			got := must(t, strings.Fields(arguments)...)
			ran++
			if *update {
				parts[i] = "console\n$ darkshare " + arguments + "\n" + got
			} else if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: darkshare %s (-documented +printed):\n%s", doc, arguments, diff)
			}
		}
		if *update {
			if err := os.WriteFile(doc, []byte(strings.Join(parts, "```")), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if ran == 0 {
		t.Error("no documented command was found")
	}
}

// TestDocumentedFlags: the commands in the sh blocks of the documentation are ones that
// darkshare takes. What they do other tests show.
func TestDocumentedFlags(t *testing.T) {
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	proxies, _ := filepath.Glob(filepath.Join(root, "docs", "proxies", "*.md"))
	checked := 0
	for _, doc := range slices.Concat(docs, proxies, []string{filepath.Join(root, "README.md")}) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(string(text), "```")
		for i := 1; i < len(parts); i += 2 {
			block, ok := strings.CutPrefix(parts[i], "sh\n")
			if !ok {
				continue
			}
			for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", " ")) {
				line, _, _ = strings.Cut(line, " #")
				_, arguments, ok := strings.Cut(line, "darkshare ")
				if !ok || strings.HasPrefix(line, "#") {
					continue
				}
				checked++
				cmd, args, err := rootCommand().Find(words(arguments))
				if err == nil {
					err = cmd.ParseFlags(args)
				}
				if err == nil {
					err = errors.Join(cmd.ValidateArgs(cmd.Flags().Args()), cmd.ValidateFlagGroups())
				}
				if err != nil {
					t.Errorf("%s: darkshare %s: %v", doc, arguments, err)
				}
			}
		}
	}
	if checked == 0 {
		t.Error("no documented command was found")
	}
}

// words splits a shell's line where it has no more than quotes.
func words(line string) (all []string) {
	var quote rune
	for _, f := range strings.FieldsFunc(line, func(r rune) bool {
		switch {
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		case r == quote:
			quote = 0
		}
		return quote == 0 && (r == ' ' || r == '\n')
	}) {
		all = append(all, strings.Trim(f, `'"`))
	}
	return all
}

// TestMetricsReference: docs/metrics.md lists the metrics as package schema has them.
func TestMetricsReference(t *testing.T) {
	var b strings.Builder
	b.WriteString("\n| metric | type | labels | OpenTelemetry | |\n|---|---|---|---|---|\n")
	for _, m := range schema.Metrics {
		kind := "counter"
		if m.Type == schema.Gauge {
			kind = "gauge"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s`, `%s` | %s |\n", m.Name, kind, strings.Join(m.Labels, ", "), m.OTel, m.Unit, m.Help)
	}
	name := filepath.Join(root, "docs", "metrics.md")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), "it anew -->\n")
	old, after, ok2 := strings.Cut(rest, "<!-- end -->")
	if !ok || !ok2 {
		t.Fatal("docs/metrics.md has lost the marks of its generated part")
	}
	if *update {
		text := before + "it anew -->\n" + b.String() + "\n<!-- end -->" + after
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(old, b.String()+"\n"); diff != "" {
		t.Errorf("docs/metrics.md (-documented +schema):\n%s", diff)
	}
}
