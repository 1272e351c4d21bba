package config

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
)

//go:embed config.go
var declarations string

//go:embed example.yaml
var example string

const introduction = `# Configuration

<!-- Generated from exporter/config/config.go: go test ./exporter/config -run TestReference -update -->

darkshare reads one YAML file, ` + "`--config`" + `. Every section may be left out, and every key that
is not said to be required.

- The file is checked as a whole, and every mistake is reported with its line and with what was
  expected: ` + "`darkshare check`" + ` does only that. A reload with a mistake changes nothing.
- Durations are written with their unit (` + "`90s`, `30m`, `24h`" + `), sizes and limits as plain numbers.
- In paths, ` + "`*`" + ` stands for any text within a part (between two slashes), ` + "`**`" + ` for any text at all.
- Environment variables are not expanded: the definitions of logs are full of dollar signs.
- Anchors, aliases and merge keys (` + "`<<`" + `) work. A file has at most 1 MiB, and is UTF-8.
- The address of ` + "`/metrics`" + `, its TLS and its passwords are not here, but in flags, as for all
  Prometheus exporters: ` + "`--web.listen-address`" + ` and
  [` + "`--web.config.file`" + `](https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md).
`

// Reference returns the description of every key as Markdown, made from the
// comments and tags of this package's types.
func Reference() string {
	r := reference{docs: comments(declarations)}
	r.WriteString(introduction)
	for _, f := range fieldsOf(reflect.TypeFor[Config]()) {
		fmt.Fprintf(&r, "\n## %s\n\n%s\n", f.key, r.docs[f.owner.Name()+"."+f.name])
		r.WriteString("\n| key | value | default | |\n|---|---|---|---|\n")
		r.rows(element(f.typ), "")
	}
	fmt.Fprintf(&r, "\n## Example\n\nEvery key, and its default where it has one:\n\n```yaml\n%s```\n", example)
	return r.String()
}

type reference struct {
	strings.Builder
	docs map[string]string
}

// rows describes the keys of a struct, those of the structs in it indented by their path.
func (r *reference) rows(t reflect.Type, prefix string) {
	for _, f := range fieldsOf(t) {
		value, within, inside := expected(f.typ, f.tag), element(f.typ), "."
		if within.Kind() == reflect.Struct {
			if value = "a mapping"; f.typ.Kind() == reflect.Slice {
				value, inside = "a list", "[]."
			}
		}
		initial := f.tag.Get("default")
		switch {
		case f.required():
			initial = "required"
		case initial != "":
			initial = "`" + initial + "`"
		}
		cells := []string{"`" + prefix + f.key + "`", value, initial, r.docs[f.owner.Name()+"."+f.name]}
		for i, c := range cells {
			cells[i] = strings.NewReplacer("|", `\|`, "\n", " ").Replace(c)
		}
		fmt.Fprintf(r, "| %s |\n", strings.Join(cells, " | "))
		if within.Kind() == reflect.Struct {
			r.rows(within, prefix+f.key+inside)
		}
	}
}

// element returns what a list has or a pointer is to, and any other type itself.
func element(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// comments returns the comments of the fields in a Go file by Type.Field.
func comments(file string) map[string]string {
	parsed, err := parser.ParseFile(token.NewFileSet(), "config.go", file, parser.ParseComments)
	if err != nil {
		panic(err) // the file was compiled
	}
	docs := map[string]string{}
	for _, decl := range parsed.Decls {
		types, ok := decl.(*ast.GenDecl)
		if !ok || types.Tok != token.TYPE {
			continue
		}
		for _, spec := range types.Specs {
			name := spec.(*ast.TypeSpec).Name.Name
			for _, f := range spec.(*ast.TypeSpec).Type.(*ast.StructType).Fields.List {
				for _, n := range f.Names {
					docs[name+"."+n.Name] = strings.TrimSpace(f.Doc.Text())
				}
			}
		}
	}
	return docs
}
