package config

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(got)) {
		t.Errorf("%s is not what it should be (-update writes it anew); got:\n%s", path, got)
	}
}

func TestReference(t *testing.T) {
	golden(t, "../../docs/configuration.md", Reference())
}

// Every key has a comment, a known form, and an expectation in words.
func TestReferenceIsComplete(t *testing.T) {
	docs := comments(declarations)
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for _, f := range fieldsOf(typ) {
			if docs[f.owner.Name()+"."+f.name] == "" {
				t.Errorf("%s.%s has no comment", f.owner.Name(), f.name)
			}
			if f.key == "" || strings.ToLower(f.key) != f.key {
				t.Errorf("%s.%s: key %q", f.owner.Name(), f.name, f.key)
			}
			if name, ok := f.tag.Lookup("form"); ok && forms[name].parse == nil {
				t.Errorf("%s.%s: no form %q", f.owner.Name(), f.name, name)
			}
			if e := element(f.typ); e.Kind() == reflect.Struct {
				walk(e)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
}

// The example loads, has every key there is, and the lines that claim to be the
// default are, those and no others: without such a line the configuration is the same.
func TestExample(t *testing.T) {
	whole, err := Parse("example.yaml", []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(example, "\n")
	for i, line := range lines {
		text, comment, _ := strings.Cut(strings.TrimSpace(line), " # ")
		if !strings.Contains(text, ": ") || strings.HasPrefix(text, "#") || strings.HasPrefix(text, "-") {
			continue
		}
		says := comment == "default"
		c, err := Parse("example.yaml", []byte(strings.Join(slices.Concat(lines[:i], lines[i+1:]), "")))
		if is := err == nil && reflect.DeepEqual(c, whole); is != says {
			t.Errorf("line %d, %q: is a default: %v, says so: %v", i+1, strings.TrimSpace(line), is, says)
		}
	}
}

func TestExampleHasEveryKey(t *testing.T) {
	present := presentKeys(t, example)
	var walk func(reflect.Type, string)
	walk = func(typ reflect.Type, prefix string) {
		for _, f := range fieldsOf(typ) {
			if at := join(prefix, f.key); !present[at] {
				t.Errorf("the example does not show %s", at)
			} else if e := element(f.typ); e.Kind() == reflect.Struct {
				walk(e, at)
			}
		}
	}
	walk(reflect.TypeFor[Config](), "")
}

// presentKeys returns the paths of the values in a file, without their indices.
func presentKeys(t *testing.T, text string) map[string]bool {
	t.Helper()
	m := &mistakes{lines: 1}
	root, _ := parseYAML(m, readText(m, []byte(text)))
	var c Config
	d := newDecoder(m)
	d.value(root, reflect.ValueOf(&c).Elem(), "", "")
	present := map[string]bool{}
	for path := range d.lines {
		var b strings.Builder
		for part := range strings.SplitSeq(path, "[") {
			if _, after, ok := strings.Cut(part, "]"); ok {
				part = after
			}
			b.WriteString(part)
		}
		present[b.String()] = true
	}
	return present
}
