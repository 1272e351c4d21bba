package attribution

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/darkshare/darkshare/exporter/schema"
)

var update = flag.Bool("update", false, "make the embedded tables of the YAML files")

// TestTables holds the embedded tables and the YAML files together.
func TestTables(t *testing.T) {
	for _, f := range agentFiles {
		current(t, f)
	}
	for _, f := range senderFiles {
		current(t, f)
	}
	current(t, androidFile)
	current(t, tagsFile)
	current(t, attacksFile)
	yamls, err := filepath.Glob("data/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	jsons, err := filepath.Glob("tables/*.json")
	if err != nil || len(jsons) != len(yamls) {
		t.Errorf("%d tables are embedded, and %d written: %v", len(jsons), len(yamls), err)
	}
}

func current[T any](t *testing.T, f dataFile[T]) {
	t.Helper()
	text, err := os.ReadFile(f.name)
	if err != nil {
		t.Fatal(err)
	}
	var file T
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		t.Fatalf("%s: %v", f.name, err)
	}
	want, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	name := "tables/" + strings.TrimSuffix(filepath.Base(f.name), ".yaml") + ".json"
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what %s says: run go generate ./exporter/attribution (%v)", name, f.name, err)
	}
}

// UnmarshalYAML takes the packages of nobody, which are listed without a source, too.
func (f *packageFile) UnmarshalYAML(node *yaml.Node) error {
	var file map[string]yaml.Node
	if err := node.Decode(&file); err != nil {
		return err
	}
	*f = packageFile{}
	for key, section := range file {
		bySource := map[string][]string{}
		var err error
		if key == sections[sectionNone].name {
			var list []string
			err = section.Decode(&list)
			bySource[schema.SourceOther] = list
		} else {
			err = section.Decode(&bySource)
		}
		if err != nil {
			return err
		}
		(*f)[key] = bySource
	}
	return nil
}
