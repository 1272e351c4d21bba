package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/darkshare/darkshare/exporter/config"
)

// yamlBlock is one whose first key is a section of darkshare's configuration.
var yamlBlock = regexp.MustCompile("(?ms)^```yaml[^\n]*\n((?:(?:#[^\n]*)?\n)*(?:inputs|sites|other_sites|rules|limits|visits|privacy|state|store|forward|otlp|log):.*?)^```")

// TestConfigurations: every piece of a configuration in these pages is one without
// mistakes. Those of the proxies' pages are held by package e2e.
func TestConfigurations(t *testing.T) {
	checked := 0
	for _, page := range pages(t) {
		if strings.HasPrefix(page, "docs/proxies/") || !strings.HasPrefix(page, "docs/") && page != "README.md" {
			continue
		}
		for _, m := range yamlBlock.FindAllStringSubmatch(read(t, page), -1) {
			checked++
			name := filepath.Join(t.TempDir(), "darkshare.yaml")
			if err := os.WriteFile(name, []byte(m[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := config.Load(name); err != nil {
				t.Errorf("%s: %v in\n%s", page, err, m[1])
			}
		}
	}
	if checked < 3 {
		t.Errorf("only %d pieces of configuration were found", checked)
	}
}
