package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxValues bounds the values that a file stands for once its aliases are
// followed, so that a few lines of aliases of aliases cannot take all memory.
const maxValues = 100_000

// A decoder fills the types of config.go from YAML nodes, as their tags say. It
// never stops at a mistake: what is wrong keeps its default, and the rest is read.
type decoder struct {
	*mistakes
	// lines has the line of every value that was given, by its path: that of the alias
	// where one brought it. texts has the words of those that are neither list nor mapping.
	lines map[string]int
	texts map[string]string
	// wrong has the paths of the values that were given and not understood.
	wrong map[string]bool
	// left counts down from maxValues.
	left int
	// alias is the line of the alias that the values come by, 0 for none.
	alias int
}

func newDecoder(m *mistakes) *decoder {
	return &decoder{mistakes: m, lines: map[string]int{}, texts: map[string]string{}, wrong: map[string]bool{}, left: maxValues}
}

// ok reports whether the value at path was given and understood.
func (d *decoder) ok(path string) bool { return d.given(path) && !d.wrong[path] }

func (d *decoder) given(path string) bool { return d.lines[path] > 0 }

// shown shows the value at path as it stands in the file, which may be more than one way to
// write it; other where there is none, or a list or a mapping.
func (d *decoder) shown(path, other string) string {
	if text, ok := d.texts[path]; ok {
		return quote(text)
	}
	return other
}

func (d *decoder) mistake(line int, path, format string, args ...any) {
	d.wrong[path] = true
	d.add(line, path, format, args...)
}

// value decodes n into v, which holds its default already.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string, tag reflect.StructTag) {
	if !d.spend(n, path) {
		return
	}
	line := n.Line
	if n.Kind == yaml.AliasNode {
		n = n.Alias
		defer d.by(line)()
	}
	if d.given(path) {
		// A duplicate key. Its first value stays; this one is only checked.
		first, again := d, newDecoder(d.mistakes)
		again.left, again.alias = first.left, first.alias
		defer func() { first.left = again.left }()
		d, v = again, reflect.New(v.Type()).Elem()
	}
	d.lines[path] = cmp.Or(d.alias, line)
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, line, path)
	case reflect.Pointer: // to a structure that may be left out
		v.Set(reflect.New(v.Type().Elem()))
		setDefaults(v.Elem())
		d.structure(n, v.Elem(), line, path)
	case reflect.Slice:
		d.list(n, v, line, path, tag)
	case reflect.Map:
		d.table(n, v, line, path, tag)
	default:
		if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
			d.mistake(line, path, "expected %s, got %s", expected(v.Type(), tag), describe(n))
			return
		}
		d.texts[path] = n.Value
		if err := parseText(n.Value, v, tag); err != nil {
			d.mistake(line, path, "%s", err)
		}
	}
}

// by notes that the values to come, until the function is called that it returns, come by
// an alias in that line; one within another does not count.
func (d *decoder) by(line int) (done func()) {
	if d.alias > 0 || line == 0 {
		return func() {}
	}
	d.alias = line
	return func() { d.alias = 0 }
}

// spend takes one from what is left, and reports whether there was any. The
// mistake is said once.
func (d *decoder) spend(n *yaml.Node, path string) bool {
	if d.left == 0 {
		return false
	}
	if d.left--; d.left == 0 {
		d.add(n.Line, path, "more than %d values: do aliases repeat aliases?", maxValues)
	}
	return d.left > 0
}

// structure decodes a mapping of known keys.
func (d *decoder) structure(n *yaml.Node, v reflect.Value, line int, path string) {
	if isNull(n) && !strings.ContainsAny(path, ".[") {
		return // a section whose keys are all commented out
	}
	if n.Kind != yaml.MappingNode {
		d.mistake(line, path, "expected %s, got %s", expected(v.Type(), ""), describe(n))
		return
	}
	fields := fieldsOf(v.Type())
	for _, e := range d.entries(n, path, nil) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == e.key.Value })
		if i < 0 {
			d.add(e.key.Line, path, "unknown key %s: %s", quote(e.key.Value), suggest(e.key.Value, keys(fields)))
			continue
		}
		done := d.by(e.merged)
		d.value(e.value, v.FieldByIndex(fields[i].index), join(path, fields[i].key), fields[i].tag)
		done()
	}
	for _, f := range fields {
		at := join(path, f.key)
		if d.left == 0 {
			return // what seems to be missing may only not be read
		}
		if f.required() && !d.given(at) {
			d.add(line, path, "missing key %q: expected %s", f.key, expected(f.typ, f.tag))
		} else if f.required() && d.ok(at) && isEmptyList(v.FieldByIndex(f.index)) {
			d.mistake(d.lines[at], at, "expected at least one")
		}
	}
}

// list decodes a sequence. An element that is wrong stays in as its default, so
// that the indices remain those of the file.
func (d *decoder) list(n *yaml.Node, v reflect.Value, line int, path string, tag reflect.StructTag) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.mistake(line, path, "expected %s, got %s", expected(v.Type(), tag), describe(n))
		return
	}
	for i, item := range n.Content {
		if d.left == 0 {
			return
		}
		element := reflect.New(v.Type().Elem()).Elem()
		setDefaults(element)
		d.value(item, element, fmt.Sprintf("%s[%d]", path, i), tag)
		v.Set(reflect.Append(v, element))
	}
}

// table decodes a mapping of texts by texts. Keys that the tag does not allow are
// left out.
func (d *decoder) table(n *yaml.Node, v reflect.Value, line int, path string, tag reflect.StructTag) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.mistake(line, path, "expected %s, got %s", expected(v.Type(), tag), describe(n))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	allowed := keySets[tag.Get("keys")]
	for _, e := range d.entries(n, path, nil) {
		key, at := e.key.Value, join(path, e.key.Value)
		if !slices.Contains(allowed, key) {
			d.add(e.key.Line, at, "unknown field %s: %s", quote(key), suggest(key, allowed))
			continue
		}
		duplicate := d.given(at)
		element := reflect.New(v.Type().Elem()).Elem()
		done := d.by(e.merged)
		d.value(e.value, element, at, tag)
		if done(); d.ok(at) && !duplicate {
			v.SetMapIndex(reflect.ValueOf(key), element)
		}
	}
}

// An entry is a key of a mapping with its value, and the line in which it was merged, 0
// where it was not.
type entry struct {
	key, value *yaml.Node
	merged     int
}

// entries lists a mapping's own entries, then those that it merges (<<: *anchor)
// and does not have itself. Duplicate keys are mistakes, but stay in the list.
func (d *decoder) entries(n *yaml.Node, path string, merging []*yaml.Node) []entry {
	if slices.Contains(merging, n) {
		d.add(n.Line, path, "merges itself")
		return nil
	}
	var own []entry
	var merged []*yaml.Node
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !d.spend(n.Content[i], path) {
			return own
		}
		key, value := follow(n.Content[i]), n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			d.add(n.Content[i].Line, path, "expected a key, got %s", describe(key))
		case key.ShortTag() == "!!merge":
			merged = append(merged, value)
		case first[key.Value] > 0:
			d.add(key.Line, path, "duplicate key %s: it is in line %d already", quote(key.Value), first[key.Value])
			own = append(own, entry{key: key, value: value})
		default:
			first[key.Value] = key.Line
			own = append(own, entry{key: key, value: value})
		}
	}
	for _, value := range merged {
		from := []*yaml.Node{value}
		if s := follow(value); s.Kind == yaml.SequenceNode {
			from = s.Content
		}
		for _, m := range from {
			m = follow(m)
			if m.Kind != yaml.MappingNode {
				d.add(value.Line, path, "expected a mapping to merge, got %s", describe(m))
				continue
			}
			for _, e := range d.entries(m, path, append(merging, n)) {
				if first[e.key.Value] == 0 {
					first[e.key.Value] = e.key.Line
					e.merged = value.Line
					own = append(own, e)
				}
			}
		}
	}
	return own
}

// A field is a key of a mapping: a field of a struct, those of embedded structs included.
type field struct {
	key   string
	index []int
	name  string // in Go
	owner reflect.Type
	typ   reflect.Type
	tag   reflect.StructTag
}

func (f field) required() bool { return f.tag.Get("required") == "true" }

func fieldsOf(t reflect.Type) (fields []field) {
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous {
			continue
		}
		owner := t
		if len(f.Index) > 1 {
			owner = t.FieldByIndex(f.Index[:len(f.Index)-1]).Type
		}
		fields = append(fields, field{f.Tag.Get("yaml"), f.Index, f.Name, owner, f.Type, f.Tag})
	}
	return fields
}

func keys(fields []field) (names []string) {
	for _, f := range fields {
		names = append(names, f.key)
	}
	return names
}

// setDefaults gives the fields of a struct, and of the structs in it, what their
// tags say.
func setDefaults(v reflect.Value) {
	if v.Kind() != reflect.Struct {
		return
	}
	for _, f := range fieldsOf(v.Type()) {
		at := v.FieldByIndex(f.index)
		if text, ok := f.tag.Lookup("default"); !ok {
			setDefaults(at)
		} else if err := parseText(text, at, f.tag); err != nil {
			panic("config: the default of " + f.key + ": " + err.Error())
		}
	}
}

// describe says what a node is, for the end of a message.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "nothing"
	}
	return quote(n.Value)
}

func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func isEmptyList(v reflect.Value) bool { return v.Kind() == reflect.Slice && v.Len() == 0 }

func join(path, key string) string {
	if path == "" {
		return key
	}
	if !plainKey(key) {
		return path + "[" + strconv.Quote(key) + "]"
	}
	return path + "." + key
}

func plainKey(key string) bool {
	for _, r := range key {
		if !('a' <= r && r <= 'z' || r == '_' || '0' <= r && r <= '9') {
			return false
		}
	}
	return key != ""
}
