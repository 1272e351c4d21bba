package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestEveryOption: of whatever option has a wrong value, the error names the file, the line,
// the option, the value and what was expected.
func TestEveryOption(t *testing.T) {
	kinds := map[string]int{}
	for _, o := range options(reflect.TypeFor[Config](), "", 0) {
		for _, wrong := range o.wrong() {
			kinds[wrong.kind]++
			text, line := o.document(wrong.yaml)
			_, err := Parse("darkshare.yaml", []byte(text))
			var all *Errors
			if !errors.As(err, &all) {
				t.Errorf("%s: %s is let pass:\n%s", o.path, wrong.yaml, text)
				continue
			}
			path := o.path + wrong.below
			found := ""
			for _, m := range all.Mistakes {
				if m.Path == path && m.Line == line {
					found = m.Message
				}
			}
			switch {
			case found == "":
				t.Errorf("%s: no error for %s in line %d:\n%v", path, wrong.yaml, line, err)
			case !strings.Contains(err.Error(), fmt.Sprintf("darkshare.yaml:%d: %s: %s", line, path, found)):
				t.Errorf("%s: not printed whole: %v", path, err)
			case !strings.HasPrefix(found, "expected "+wrong.expected) || !strings.HasSuffix(found, "got "+wrong.got):
				t.Errorf("%s: %s; want what was expected (%s), and %s", path, found, wrong.expected, wrong.got)
			}
		}
	}
	for _, kind := range []string{"number", "duration", "truth", "word", "text", "list", "mapping", "element", "nothing"} {
		if kinds[kind] == 0 {
			t.Errorf("no option of the kind %s was tried", kind)
		}
	}
}

// An option is a key of the configuration. The first element stands for those of a list.
type option struct {
	path  string
	depth int
	field field
	above []string // the lines before it
}

// options lists the options of a structure, those of the structures in it included.
func options(t reflect.Type, at string, depth int, above ...string) (all []option) {
	for _, f := range fieldsOf(t) {
		o := option{join(at, f.key), depth, f, above}
		all = append(all, o)
		inside := append(above[:len(above):len(above)], strings.Repeat("  ", depth)+f.key+":")
		path, below := o.path, depth+1
		if f.typ.Kind() == reflect.Slice {
			inside, path, below = append(inside, strings.Repeat("  ", depth+1)+"-"), path+"[0]", depth+2
		}
		if e := element(f.typ); e.Kind() == reflect.Struct {
			all = append(all, options(e, path, below, inside...)...)
		}
	}
	return all
}

// document is a file in which the option has that value, and the line that it is in.
func (o option) document(value string) (text string, line int) {
	lines := append(o.above[:len(o.above):len(o.above)], strings.Repeat("  ", o.depth)+o.field.key+": "+value)
	return strings.Join(lines, "\n") + "\n", len(lines)
}

type wrongValue struct {
	kind, yaml, below string
	expected, got     string
}

// wrong returns values that the option cannot have.
func (o option) wrong() (all []wrongValue) {
	f := o.field
	add := func(kind, yaml, got string) {
		all = append(all, wrongValue{kind: kind, yaml: yaml, expected: expected(f.typ, f.tag), got: got})
	}
	switch k := element(f.typ).Kind(); {
	case f.typ.Kind() == reflect.Slice:
		add("list", "nonsense", `"nonsense"`)
		add("list", "{a: b}", "a mapping")
		inner := wrongValue{"element", "[[nonsense]]", "[0]", expected(f.typ.Elem(), f.tag), "a list"}
		all = append(all, inner)
		return all
	case k == reflect.Struct, k == reflect.Map:
		add("mapping", "nonsense", `"nonsense"`)
		add("mapping", "[a]", "a list")
		return all
	case f.typ == reflect.TypeFor[time.Duration]():
		add("duration", "soon", `"soon"`)
		add("duration", "9999h", `"9999h"`)
	case closedSets[f.typ] != nil || f.tag.Get("oneof") != "":
		add("word", "nonsense", `"nonsense"`)
		add("word", "true", `"true"`)
	case k == reflect.Int:
		add("number", "many", `"many"`)
		add("number", "-1", `"-1"`)
		add("number", "1.5", `"1.5"`)
	case k == reflect.Bool:
		add("truth", "yes", `"yes"`)
		add("truth", "1", `"1"`)
	default:
		// What a text must be in full, its form says in more words.
		all = append(all, wrongValue{kind: "text", yaml: `""`, expected: strings.Fields(expected(f.typ, f.tag))[0], got: `""`})
	}
	add("nothing", "~", "nothing")
	add("list", "[a]", "a list")
	add("mapping", "{a: b}", "a mapping")
	return all
}
