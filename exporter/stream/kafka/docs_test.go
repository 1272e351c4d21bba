package kafka

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/darkshare/darkshare/exporter/config"
)

// The documented configuration is one that darkshare takes.
func TestDocumented(t *testing.T) {
	docs := filepath.Join("..", "..", "..", "docs")
	for _, page := range []string{"kafka.md", filepath.Join("proxies", "envoy.md")} {
		text, err := os.ReadFile(filepath.Join(docs, page))
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(string(text), "```")
		n := 0
		for i := 1; i < len(parts); i += 2 {
			info, body, _ := strings.Cut(parts[i], "\n")
			if name, ok := strings.CutPrefix(info, "yaml "); ok {
				n++
				if _, err := config.Parse(name, []byte(body)); err != nil {
					t.Errorf("%s: %v", page, err)
				}
			}
		}
		if n == 0 {
			t.Errorf("%s has no configuration", page)
		}
	}
}
