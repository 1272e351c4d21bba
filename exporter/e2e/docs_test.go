package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/darkshare/darkshare/exporter/config"
)

var root = filepath.Join("..", "..")

// blocks returns the code blocks of a proxy's page that have a name behind their
// language, by both: "nginx file" is what stands behind ```nginx file.
func blocks(t *testing.T, page string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "proxies", page+".md"))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]string{}
	parts := strings.Split(string(text), "```")
	if len(parts)%2 == 0 {
		t.Fatalf("%s.md: a code block is not closed", page)
	}
	for i := 1; i < len(parts); i += 2 {
		info, body, _ := strings.Cut(parts[i], "\n")
		if !strings.Contains(info, " ") {
			continue
		}
		if named[info] != "" {
			t.Fatalf("%s.md has two blocks named %q", page, info)
		}
		named[info] = body
	}
	return named
}

// TestPages: every configuration of every page is one without mistakes, and the index
// has every page.
func TestPages(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(root, "docs", "proxies", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs", "proxies", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, name := range pages {
		page := strings.TrimSuffix(filepath.Base(name), ".md")
		if page != "README" && !strings.Contains(string(index), "("+page+".md)") {
			t.Errorf("the index does not have %s.md", page)
		}
		for info, block := range blocks(t, page) {
			if !strings.HasPrefix(block, "inputs:") {
				continue
			}
			checked++
			if _, err := config.Load(write(t, filepath.Join(t.TempDir(), "darkshare.yaml"), block)); err != nil {
				t.Errorf("%s.md, %s: %v", page, info, err)
			}
		}
	}
	if checked < len(pages) {
		t.Errorf("only %d configurations in %d pages", checked, len(pages))
	}
}
